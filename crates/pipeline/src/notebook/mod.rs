//! The notebook contract, checked statically: nothing of the notebook is run.
//!
//! `text` (bytes → JSON without outputs) → `document` (JSON → cells) → `tag` (which cells are whose) → `magics`, `depth`, `code`
//! (source → syntax tree) → `rules`, `config`, `script` (what must hold, what is declared) → [`Contract`], or every
//! [`Violation`] at once. `parameters` goes the first half of that way for one cell.

mod assignment;
mod binding;
mod cell;
mod code;
mod config;
mod contract;
mod depth;
mod document;
mod literal;
mod magics;
mod parameters;
mod rules;
mod script;
mod tag;
mod text;
mod violation;

pub use contract::Contract;
pub use parameters::parameters;
pub use text::without_outputs;
pub use violation::Violation;

/// What a notebook's bytes are.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// A notebook without any tag of ours: exploration, not to be run.
    Skipped,
    /// Not in order: everything that is wrong, in the order of the cells.
    Invalid(Vec<Violation>),
    /// In order.
    Valid(Box<Contract>),
}

/// Checks a notebook file. `file_name` is only used to name it in messages. Never panics, whatever the bytes.
pub fn validate(bytes: &[u8], file_name: &str) -> Verdict {
    let document = match document::read(bytes, file_name) {
        Ok(document) => document,
        Err(violation) => return Verdict::Invalid(vec![violation]),
    };
    match rules::check(&document) {
        None if document.violations.is_empty() => Verdict::Skipped,
        None => Verdict::Invalid(document.violations),
        Some(Ok(contract)) => Verdict::Valid(Box::new(contract)),
        Some(Err(violations)) => Verdict::Invalid(violations),
    }
}
