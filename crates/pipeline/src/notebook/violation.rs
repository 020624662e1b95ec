//! One thing wrong with a notebook.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest source line that is quoted, in characters.
const MAX_TEXT: usize = 200;

/// One thing wrong with a notebook, where, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The cell's index (from 0); `None` when it concerns the whole notebook.
    pub cell: Option<usize>,
    /// The line in the cell's source (from 1).
    pub line: Option<usize>,
    /// That line, cut to 200 characters.
    pub text: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
}

impl Violation {
    /// Something wrong with the notebook as a whole.
    pub(super) fn of_notebook(problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { cell: None, line: None, text: None, problem: problem.into(), fix: fix.into() }
    }

    /// Something wrong with a cell as a whole.
    pub(super) fn of_cell(cell: usize, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { cell: Some(cell), ..Self::of_notebook(problem, fix) }
    }

    /// Puts it at a line (from 1) of its cell's source.
    pub(super) fn at_line(mut self, line: usize, source: &str) -> Self {
        let text = source.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim_end();
        let mut short: String = text.chars().take(MAX_TEXT).collect();
        if short.len() < text.len() {
            short.pop();
            short.push('…');
        }
        self.line = Some(line);
        self.text = Some(short);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.cell, self.line) {
            (Some(cell), Some(line)) => write!(f, "cell {cell}, line {line}: ")?,
            (Some(cell), None) => write!(f, "cell {cell}: ")?,
            (None, _) => {}
        }
        let stop = if self.fix.ends_with(['.', '?']) { "" } else { "." };
        write!(f, "{}. Fix: {}{stop}", self.problem, self.fix)
    }
}
