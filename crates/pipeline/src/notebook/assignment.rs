//! The names that a cell's top-level statements assign.

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

/// A name that a statement assigns.
pub(super) struct Assignment<'a> {
    pub(super) name: &'a str,
    /// The value, when the name gets the whole of it; `None` in `a, b = …`, `a += …`, imports and the like.
    pub(super) value: Option<&'a Expr>,
    /// Where the name stands in the source.
    pub(super) at: TextSize,
}

/// The names that a statement assigns (`=`, also with a type or by unpacking); none for other statements.
pub(super) fn assigned(statement: &Stmt) -> Vec<Assignment<'_>> {
    let mut found = Vec::new();
    match statement {
        Stmt::Assign(assign) => {
            assign.targets.iter().for_each(|target| collect(target, Some(&assign.value), &mut found));
        }
        Stmt::AnnAssign(assign) => {
            if let Some(value) = &assign.value {
                collect(&assign.target, Some(value), &mut found);
            }
        }
        _ => {}
    }
    found
}

fn collect<'a>(target: &'a Expr, value: Option<&'a Expr>, found: &mut Vec<Assignment<'a>>) {
    match target {
        Expr::Name(name) => found.push(Assignment { name: name.id.as_str(), value, at: name.start() }),
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|target| collect(target, None, found)),
        Expr::List(list) => list.elts.iter().for_each(|target| collect(target, None, found)),
        Expr::Starred(starred) => collect(&starred.value, None, found),
        _ => {}
    }
}
