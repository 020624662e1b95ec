//! The names that a cell's statements assign.

use ruff_python_ast::{
    Expr, Stmt,
    visitor::{Visitor, walk_expr, walk_stmt},
};
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

/// The names that a statement assigns in the notebook's namespace, also by `+=`, `:=` and within blocks of whatever depth. What
/// `for`, `with`, `import` and the like bind beside is not assigned.
pub(super) fn assigned_within(statement: &Stmt) -> Vec<&str> {
    let mut names = Names { found: Vec::new() };
    names.visit_stmt(statement);
    names.found
}

struct Names<'a> {
    found: Vec<&'a str>,
}

impl<'a> Visitor<'a> for Names<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::Delete(_) => {}
            Stmt::AnnAssign(declaration) if declaration.value.is_none() => {}
            Stmt::For(each) => {
                self.visit_expr(&each.iter);
                self.visit_body(&each.body);
                self.visit_body(&each.orelse);
            }
            Stmt::With(with) => {
                with.items.iter().for_each(|item| self.visit_expr(&item.context_expr));
                self.visit_body(&with.body);
            }
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if name.ctx.is_store() => self.found.push(name.id.as_str()),
            Expr::Lambda(_) | Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {}
            _ => walk_expr(self, expression),
        }
    }
}
