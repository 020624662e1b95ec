//! A code cell that bears a tag of the contract.

use ruff_text_size::TextSize;

use super::{code::Code, tag::Tag, violation::Violation};

/// A code cell that bears a tag of the contract.
pub(super) struct Tagged<'a> {
    pub(super) index: usize,
    pub(super) source: &'a str,
    pub(super) tags: Vec<Tag>,
    pub(super) code: Code,
}

impl Tagged<'_> {
    /// Something wrong with the cell as a whole.
    pub(super) fn violation(&self, problem: impl Into<String>, fix: impl Into<String>) -> Violation {
        Violation::of_cell(self.index, problem, fix)
    }

    /// Something wrong at an offset of its code.
    pub(super) fn violation_at(&self, at: TextSize, problem: impl Into<String>, fix: impl Into<String>) -> Violation {
        self.violation(problem, fix).at_line(self.code.line(at), self.source)
    }
}
