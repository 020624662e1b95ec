//! A gate's tokens → its condition, by recursive descent.
//!
//! Numbers and truths share one grammar, because only what follows an opening parenthesis tells whether it groups
//! arithmetic or conditions; each operator then checks that its operands are of the kind it needs.

use super::{
    GateError,
    condition::{Comparison, Condition, Sign, Term, Value},
    lexer::{Spanned, Token, error_at, tokens},
};

/// The longest gate, in bytes.
const MAX_LENGTH: usize = 1000;
/// How deep parentheses, `not` and minus signs may nest: the parser and all who walk its tree recurse that deep.
const MAX_DEPTH: usize = 32;

/// A gate's condition.
pub(super) fn parse(source: &str) -> Result<Condition, GateError> {
    if source.len() > MAX_LENGTH {
        let short = source.chars().take(80).chain("…".chars()).collect::<String>();
        return Err(error_at(&short, 0, format!("a gate has at most {MAX_LENGTH} bytes; split it into several")));
    }
    if source.is_empty() {
        return Err(error_at(source, 0, "the gate is empty; write a comparison such as accuracy >= 0.8"));
    }
    let mut parser = Parser { source, tokens: tokens(source)?, next: 0, depth: 0 };
    let node = parser.either()?;
    if let Some(extra) = parser.tokens.get(parser.next) {
        let message = match extra.token {
            Token::Close => "this parenthesis was never opened",
            _ => "an operator is missing before this; join comparisons with `and` or `or`",
        };
        return Err(parser.error(extra.start, message));
    }
    let condition = parser.truth(node)?;
    if condition.reads_a_metric() {
        Ok(condition)
    } else {
        Err(error_at(source, 0, "the gate names no metric of the new model"))
    }
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Spanned>,
    next: usize,
    depth: usize,
}

/// A part of the gate and the bytes it covers.
struct Node {
    kind: Kind,
    start: usize,
    end: usize,
}

enum Kind {
    Value(Value),
    Truth(Condition),
}

impl Parser<'_> {
    fn error(&self, offset: usize, message: impl Into<String>) -> GateError {
        error_at(self.source, offset, message)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|spanned| &spanned.token)
    }

    /// Where the next token starts, or the gate ends.
    fn start(&self) -> usize {
        self.tokens.get(self.next).map_or(self.source.len(), |spanned| spanned.start)
    }

    /// Where the last token ended.
    fn end(&self) -> usize {
        self.next.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |spanned| spanned.end)
    }

    fn eat(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.next += usize::from(found);
        found
    }

    fn nested<T>(&mut self, parse: fn(&mut Self) -> Result<T, GateError>) -> Result<T, GateError> {
        if self.depth == MAX_DEPTH {
            return Err(
                self.error(self.start(), format!("nested deeper than {MAX_DEPTH} levels; split the gate into several"))
            );
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn truth(&self, node: Node) -> Result<Condition, GateError> {
        match node.kind {
            Kind::Truth(condition) => Ok(condition),
            Kind::Value(_) => {
                let text = &self.source[node.start..node.end];
                Err(self.error(
                    node.start,
                    format!("a comparison is needed, `{text}` is only a number; write e.g. {text} >= 0.8"),
                ))
            }
        }
    }

    fn value(&self, node: Node) -> Result<Value, GateError> {
        match node.kind {
            Kind::Value(value) => Ok(value),
            Kind::Truth(_) => {
                Err(self.error(node.start, "a number is needed, this is a condition; join conditions with `and` or `or`"))
            }
        }
    }

    fn either(&mut self) -> Result<Node, GateError> {
        self.joined(&Token::Or, Self::both, Condition::Any)
    }

    fn both(&mut self) -> Result<Node, GateError> {
        self.joined(&Token::And, Self::negation, Condition::All)
    }

    fn joined(
        &mut self,
        by: &Token,
        part: fn(&mut Self) -> Result<Node, GateError>,
        join: fn(Vec<Condition>) -> Condition,
    ) -> Result<Node, GateError> {
        let first = part(self)?;
        if self.peek() != Some(by) {
            return Ok(first);
        }
        let start = first.start;
        let mut conditions = vec![self.truth(first)?];
        while self.eat(by) {
            let next = part(self)?;
            conditions.push(self.truth(next)?);
        }
        Ok(Node { kind: Kind::Truth(join(conditions)), start, end: self.end() })
    }

    fn negation(&mut self) -> Result<Node, GateError> {
        let start = self.start();
        if !self.eat(&Token::Not) {
            return self.comparison();
        }
        let operand = self.nested(Self::negation)?;
        let condition = Condition::Not(Box::new(self.truth(operand)?));
        Ok(Node { kind: Kind::Truth(condition), start, end: self.end() })
    }

    fn comparison(&mut self) -> Result<Node, GateError> {
        let left = self.sum()?;
        let Some(&Token::Compare(operator)) = self.peek() else { return Ok(left) };
        self.next += 1;
        let right = self.sum()?;
        if let Some(Token::Compare(_)) = self.peek() {
            return Err(self.error(self.start(), "comparisons cannot be chained; write a < b and b < c"));
        }
        let (start, end) = (left.start, right.end);
        let (left, right) = (self.term(left)?, self.term(right)?);
        let mut comparison = Comparison { left, operator, right };
        self.name_champion(&mut comparison, start)?;
        Ok(Node { kind: Kind::Truth(Condition::Compare(comparison)), start, end })
    }

    fn term(&self, node: Node) -> Result<Term, GateError> {
        let text = self.source[node.start..node.end].to_owned();
        Ok(Term { value: self.value(node)?, text })
    }

    /// Finds the metric that a lone `champion` stands for: the only one its comparison names.
    fn name_champion(&self, comparison: &mut Comparison, start: usize) -> Result<(), GateError> {
        let alone = |spanned: &&Spanned| spanned.start >= start && spanned.token == Token::Champion(String::new());
        let Some(alone) = self.tokens[..self.next].iter().find(alone) else { return Ok(()) };
        let names = comparison.metrics().into_iter().map(str::to_owned).collect::<Vec<_>>();
        match names.as_slice() {
            [metric] => {
                comparison.left.value.name_champion(metric);
                comparison.right.value.name_champion(metric);
                Ok(())
            }
            [] => Err(self.error(
                alone.start,
                "`champion` stands for the metric named in the same comparison, and none is; write e.g. rmse < champion",
            )),
            [one, ..] => Err(self.error(
                alone.start,
                format!("`champion` could stand for {}; say which, e.g. champion.{one}", names.join(" or ")),
            )),
        }
    }

    fn sum(&mut self) -> Result<Node, GateError> {
        self.chain(&[Sign::Plus, Sign::Minus], Self::product)
    }

    fn product(&mut self) -> Result<Node, GateError> {
        self.chain(&[Sign::Times, Sign::Over], Self::factor)
    }

    fn chain(&mut self, signs: &[Sign], part: fn(&mut Self) -> Result<Node, GateError>) -> Result<Node, GateError> {
        let mut node = part(self)?;
        while let Some(&Token::Sign(sign)) = self.peek()
            && signs.contains(&sign)
        {
            self.next += 1;
            let right = part(self)?;
            let (start, end) = (node.start, right.end);
            let value = Value::Arithmetic(Box::new(self.value(node)?), sign, Box::new(self.value(right)?));
            node = Node { kind: Kind::Value(value), start, end };
        }
        Ok(node)
    }

    fn factor(&mut self) -> Result<Node, GateError> {
        let start = self.start();
        if !self.eat(&Token::Sign(Sign::Minus)) {
            return self.atom();
        }
        let operand = self.nested(Self::factor)?;
        let value = Value::Negative(Box::new(self.value(operand)?));
        Ok(Node { kind: Kind::Value(value), start, end: self.end() })
    }

    fn atom(&mut self) -> Result<Node, GateError> {
        let start = self.start();
        let kind = match self.peek().cloned() {
            Some(Token::Number(number)) => Kind::Value(Value::Number(number)),
            Some(Token::Metric(name)) => Kind::Value(Value::Metric(name)),
            Some(Token::Champion(name)) => Kind::Value(Value::Champion(name)),
            Some(Token::Open) => return self.parenthesised(start),
            _ => return Err(self.error(start, "a number or a metric is missing here")),
        };
        self.next += 1;
        if self.peek() == Some(&Token::Open) {
            return Err(self.error(self.start(), "functions are not supported"));
        }
        Ok(Node { kind, start, end: self.end() })
    }

    fn parenthesised(&mut self, start: usize) -> Result<Node, GateError> {
        self.next += 1;
        let inside = self.nested(Self::either)?;
        if self.eat(&Token::Close) {
            Ok(Node { kind: inside.kind, start, end: self.end() })
        } else {
            Err(self.error(self.start(), "a closing parenthesis is missing"))
        }
    }
}
