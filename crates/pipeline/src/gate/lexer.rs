//! A gate's text → tokens.

use super::{
    GateError,
    condition::{Operator, Sign},
};

/// A word or sign of a gate.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Metric(String),
    /// `champion.metric`; alone, the name is empty.
    Champion(String),
    And,
    Or,
    Not,
    Compare(Operator),
    Sign(Sign),
    Open,
    Close,
}

/// A token and the bytes it covers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// An error at a byte offset of `source`.
pub(super) fn error_at(source: &str, offset: usize, message: impl Into<String>) -> GateError {
    let column = source.char_indices().take_while(|(at, _)| *at < offset).count() + 1;
    GateError { source: source.to_owned(), column, message: message.into() }
}

/// All tokens of a gate.
pub(super) fn tokens(source: &str) -> Result<Vec<Spanned>, GateError> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.at += lexer.rest().len() - lexer.rest().trim_start().len();
        let start = lexer.at;
        let Some(first) = lexer.rest().chars().next() else { return Ok(tokens) };
        let token = lexer.token(first)?;
        tokens.push(Spanned { token, start, end: lexer.at });
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

/// Signs by their text; longer ones first.
const SIGNS: &[(&str, Result<Token, &str>)] = &[
    ("**", Err("powers are not supported; multiply instead")),
    ("//", Err("whole division is not supported; write `/`")),
    ("<=", Ok(Token::Compare(Operator::LessOrEqual))),
    (">=", Ok(Token::Compare(Operator::GreaterOrEqual))),
    ("==", Ok(Token::Compare(Operator::Equal))),
    ("!=", Ok(Token::Compare(Operator::NotEqual))),
    ("=<", Err("write `<=`")),
    ("=>", Err("write `>=`")),
    ("<>", Err("write `!=`")),
    ("&&", Err("write `and`")),
    ("||", Err("write `or`")),
    ("<", Ok(Token::Compare(Operator::Less))),
    (">", Ok(Token::Compare(Operator::Greater))),
    ("=", Err("write `==` to compare")),
    ("≤", Err("write `<=`")),
    ("≥", Err("write `>=`")),
    ("≠", Err("write `!=`")),
    ("!", Err("write `not`")),
    ("&", Err("write `and`")),
    ("|", Err("write `or`")),
    ("%", Err("percent is not supported; write the fraction, 0.8 for 80 percent")),
    ("+", Ok(Token::Sign(Sign::Plus))),
    ("-", Ok(Token::Sign(Sign::Minus))),
    ("*", Ok(Token::Sign(Sign::Times))),
    ("/", Ok(Token::Sign(Sign::Over))),
    ("(", Ok(Token::Open)),
    (")", Ok(Token::Close)),
];

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn error(&self, message: impl Into<String>) -> GateError {
        error_at(self.source, self.at, message)
    }

    fn token(&mut self, first: char) -> Result<Token, GateError> {
        let is_number = first.is_ascii_digit() || self.rest().strip_prefix('.').is_some_and(|rest| rest.starts_with(digit));
        match first {
            _ if is_number => self.number(),
            _ if is_word_start(first) => self.word(),
            '"' | '\'' | '`' => self.quoted(first).map(Token::Metric),
            _ => self.sign(first),
        }
    }

    fn sign(&mut self, first: char) -> Result<Token, GateError> {
        match SIGNS.iter().find(|(text, _)| self.rest().starts_with(text)) {
            Some((text, Ok(token))) => {
                self.at += text.len();
                Ok(token.clone())
            }
            Some((text, Err(advice))) => Err(self.error(format!("`{text}` is not part of the gate language: {advice}"))),
            None => Err(self.error(format!("{first:?} is not part of the gate language"))),
        }
    }

    fn number(&mut self) -> Result<Token, GateError> {
        let start = self.at;
        self.skip(digit);
        if self.rest().starts_with('.') {
            self.at += 1;
            self.skip(digit);
        }
        if let Some(exponent) = self.rest().strip_prefix(['e', 'E']) {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.starts_with(digit) {
                self.at = self.source.len() - digits.len();
                self.skip(digit);
            }
        }
        if self.rest().starts_with(|c| is_word(c) || c == '.') {
            return Err(error_at(
                self.source,
                start,
                "a number cannot run into a name; quote a metric that starts with a digit",
            ));
        }
        match self.source[start..self.at].parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Token::Number(number)),
            _ => Err(error_at(self.source, start, "the number is too large")),
        }
    }

    fn word(&mut self) -> Result<Token, GateError> {
        let start = self.at;
        self.skip(is_word);
        let is_champion = &self.source[start..self.at] == "champion";
        while let Some(after) = self.rest().strip_prefix('.') {
            self.at += 1;
            match after.chars().next() {
                Some(quote @ ('"' | '\'' | '`')) if is_champion && self.at == start + "champion.".len() => {
                    return self.quoted(quote).map(Token::Champion);
                }
                Some(c) if is_word_start(c) => self.skip(is_word),
                _ => return Err(self.error("a name must follow the dot")),
            }
        }
        let word = &self.source[start..self.at];
        Ok(match word {
            "and" => Token::And,
            "or" => Token::Or,
            "not" => Token::Not,
            _ if is_champion => Token::Champion(word.strip_prefix("champion.").unwrap_or_default().to_owned()),
            _ => Token::Metric(word.to_owned()),
        })
    }

    fn quoted(&mut self, quote: char) -> Result<String, GateError> {
        let inside = &self.rest()[1..];
        let Some((name, _)) = inside.split_once(quote) else {
            return Err(self.error(format!("the name is not closed: {quote} is missing")));
        };
        if name.trim().is_empty() {
            return Err(self.error("a metric's name cannot be empty"));
        }
        self.at += name.len() + 2;
        Ok(name.to_owned())
    }

    fn skip(&mut self, matches: fn(char) -> bool) {
        self.at = self.source.len() - self.rest().trim_start_matches(matches).len();
    }
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
