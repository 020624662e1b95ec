//! The texts that a statement is given, while it is put together.

use crate::db::database::Query;

/// Texts, and the parameters that stand for them: those that follow so many others.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    others: usize,
    texts: Vec<String>,
}

impl Texts {
    /// None yet, after so many other parameters.
    pub(crate) fn after(others: usize) -> Self {
        Self { others, texts: Vec::new() }
    }

    /// The parameter that stands for one more text.
    pub(crate) fn place(&mut self, text: String) -> String {
        self.texts.push(text);
        format!("${}", self.others + self.texts.len())
    }

    /// The parameter that comes after all of these.
    pub(crate) fn next(&self) -> String {
        format!("${}", self.others + self.texts.len() + 1)
    }

    /// Gives them to the statement, after the other parameters.
    pub(crate) fn bind(self, query: Query<'_>) -> Query<'_> {
        self.texts.into_iter().fold(query, Query::bind)
    }
}
