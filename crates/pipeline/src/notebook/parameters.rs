//! The parameters that a notebook takes, for a form that asks for their values.
//! Source of the comments' form: papermill's `inspect`, which reads `name: type = value  # type: type  help`.

use contract::{Parameter, ParameterType};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;
use serde_json::Value;

use super::{
    assignment::{Assignment, assigned},
    code::Code,
    document, literal,
    tag::Tag,
};

/// More parameters are no form that a person fills in.
const MAX_PARAMETERS: usize = 1000;
/// The whole numbers up to here every JSON reader holds exactly.
const MAX_INT: u64 = (1 << 53) - 1;

/// The parameters that the cell tagged `parameters` assigns, in its order; none without such a cell, or where it cannot be
/// read. Nothing is run, and no bytes make this panic.
pub fn parameters(bytes: &[u8]) -> Vec<Parameter> {
    let Ok(document) = document::read(bytes, "the notebook") else { return Vec::new() };
    let has_tag = |cell: &&document::Cell| cell.is_code && cell.tags.iter().any(|tag| tag == Tag::Parameters.as_str());
    let Some(source) = document.cells.iter().find(has_tag).and_then(|cell| cell.source.as_deref()) else {
        return Vec::new();
    };
    let code = Code::parse(source);
    let mut found: Vec<Parameter> = Vec::new();
    let assignments =
        code.statements().flat_map(|statement| assigned(statement).into_iter().map(move |one| (statement, one)));
    for (statement, assignment) in assignments.take(MAX_PARAMETERS) {
        let Some(parameter) = parameter(&code, statement, &assignment) else { continue };
        // The last assignment counts, at the place of the first.
        match found.iter_mut().find(|known| known.name == parameter.name) {
            Some(known) => *known = parameter,
            None => found.push(parameter),
        }
    }
    found
}

fn parameter(code: &Code, statement: &Stmt, assignment: &Assignment<'_>) -> Option<Parameter> {
    let (value, annotation) = match statement {
        Stmt::Assign(assign) => (&assign.value, None),
        Stmt::AnnAssign(assign) => (assign.value.as_ref()?, Some(code.text(assign.annotation.range()))),
        _ => return None,
    };
    let (commented_type, help) = comment(code.comment_behind(statement.end()).unwrap_or_default());
    let is_float = annotation.or(commented_type).is_some_and(|name| name.trim_matches(['"', '\'']) == "float");
    let (parameter_type, default) =
        assignment.value.map_or((ParameterType::Other, Value::Null), |value| read(value, is_float));
    let source = code.text(value.range()).to_owned();
    Some(Parameter { name: assignment.name.to_owned(), parameter_type, default, source, help })
}

/// What a value is, and its JSON form.
fn read(value: &Expr, is_float: bool) -> (ParameterType, Value) {
    let value = literal::json(value);
    let parameter_type = match &value {
        None => ParameterType::Other,
        Some(Value::Null) => ParameterType::Null,
        Some(Value::Bool(_)) => ParameterType::Bool,
        Some(Value::Number(number)) if number.is_f64() || is_float => ParameterType::Float,
        Some(Value::Number(number)) if number.as_i64().is_some_and(|int| int.unsigned_abs() <= MAX_INT) => {
            ParameterType::Int
        }
        Some(Value::Number(_)) => return (ParameterType::Other, Value::Null),
        Some(Value::String(_)) => ParameterType::Str,
        Some(Value::Array(_)) => ParameterType::List,
        Some(Value::Object(_)) => ParameterType::Dict,
    };
    (parameter_type, value.unwrap_or_default())
}

/// The type that a comment names, and what else it says.
fn comment(text: &str) -> (Option<&str>, Option<String>) {
    let text = text.trim_start_matches('#').trim();
    let (named, help) = match text.strip_prefix("type:").map(str::trim_start) {
        Some(rest) => {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (Some(&rest[..end]), rest[end..].trim())
        }
        None => (None, text),
    };
    (named, Some(help.to_owned()).filter(|help| !help.is_empty()))
}
