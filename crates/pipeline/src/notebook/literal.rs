//! Python literals → values.

use ruff_python_ast::{Expr, Number, UnaryOp};
use serde_json::{Map, Value};

/// How deep lists and dictionaries may nest and still be read.
const MAX_DEPTH: usize = 32;

/// A string literal's text. Literals side by side (`"a" "b"`) are one literal, as in Python.
pub(super) fn string(expression: &Expr) -> Option<&str> {
    expression.as_string_literal_expr().map(|literal| literal.value.to_str())
}

/// The JSON form of a literal; `None` for anything that would have to be run, and for what JSON cannot say (bytes,
/// complex numbers, whole numbers beyond 64 bits, keys that are not text).
pub(super) fn json(expression: &Expr) -> Option<Value> {
    json_within(expression, MAX_DEPTH)
}

fn json_within(expression: &Expr, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let list = |elements: &[Expr]| elements.iter().map(|element| json_within(element, depth)).collect::<Option<Vec<_>>>();
    match expression {
        Expr::NoneLiteral(_) => Some(Value::Null),
        Expr::BooleanLiteral(literal) => Some(literal.value.into()),
        Expr::NumberLiteral(literal) => number(&literal.value),
        Expr::UnaryOp(unary) if unary.op == UnaryOp::USub => match unary.operand.as_ref() {
            Expr::NumberLiteral(literal) => negative(&literal.value),
            _ => None,
        },
        Expr::StringLiteral(_) => string(expression).map(Value::from),
        Expr::List(literal) => list(&literal.elts).map(Value::Array),
        Expr::Tuple(literal) => list(&literal.elts).map(Value::Array),
        Expr::Dict(literal) => {
            let entry = |item: &ruff_python_ast::DictItem| {
                Some((string(item.key.as_ref()?)?.to_owned(), json_within(&item.value, depth)?))
            };
            literal.items.iter().map(entry).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        _ => None,
    }
}

fn number(number: &Number) -> Option<Value> {
    match number {
        Number::Int(int) => int.as_i64().map(Value::from),
        Number::Float(float) => serde_json::Number::from_f64(*float).map(Value::Number),
        Number::Complex { .. } => None,
    }
}

fn negative(number: &Number) -> Option<Value> {
    match number {
        Number::Int(int) => int.as_i64().map(|int| Value::from(-int)),
        Number::Float(float) => serde_json::Number::from_f64(-float).map(Value::Number),
        Number::Complex { .. } => None,
    }
}

/// What an expression is, for people.
pub(super) fn describe(expression: &Expr) -> &'static str {
    match expression {
        Expr::FString(_) => "an f-string",
        Expr::TString(_) => "a template string",
        Expr::StringLiteral(_) => "a string",
        Expr::BytesLiteral(_) => "a bytes literal",
        Expr::NumberLiteral(_) => "a number",
        Expr::BooleanLiteral(_) => "a truth value",
        Expr::NoneLiteral(_) => "None",
        Expr::Name(_) => "a variable",
        Expr::Attribute(_) => "an attribute",
        Expr::Call(_) => "a call",
        Expr::BinOp(_) | Expr::UnaryOp(_) => "a computation",
        Expr::List(_) => "a list",
        Expr::Tuple(_) => "a tuple",
        Expr::Dict(_) => "a dictionary",
        Expr::Set(_) => "a set",
        Expr::Subscript(_) => "a subscript",
        Expr::IpyEscapeCommand(_) => "a shell command",
        _ => "an expression",
    }
}
