//! The names that a statement binds or deletes in the notebook's own namespace, however deep inside it.

use ruff_python_ast::{
    Comprehension, ExceptHandler, Expr, Identifier, Pattern, Stmt,
    visitor::{
        Visitor, walk_body, walk_except_handler, walk_expr, walk_pattern, walk_stmt,
    },
};
use ruff_text_size::Ranged;

use super::assignment::Assignment;

/// The names that a statement binds or deletes. A name has a value if the statement is an assignment of all of it.
pub(super) fn bound(statement: &Stmt) -> Vec<Assignment<'_>> {
    let mut bindings = Bindings { found: Vec::new(), is_local: false };
    match statement {
        Stmt::Assign(assign) => {
            assign.targets.iter().for_each(|target| bindings.assign(target, &assign.value));
        }
        Stmt::AnnAssign(assign) => {
            if let Some(value) = &assign.value {
                bindings.assign(&assign.target, value);
            }
        }
        _ => bindings.visit_stmt(statement),
    }
    bindings.found
}

struct Bindings<'a> {
    found: Vec<Assignment<'a>>,
    /// Whether this is the body of a function or class, whose names are its own.
    is_local: bool,
}

impl<'a> Bindings<'a> {
    fn assign(&mut self, target: &'a Expr, value: &'a Expr) {
        match target {
            Expr::Name(name) => {
                self.found.push(Assignment { name: name.id.as_str(), value: Some(value), at: name.start() });
            }
            _ => self.visit_expr(target),
        }
        self.visit_expr(value);
    }

    fn bind(&mut self, name: &'a str, at: &impl Ranged) {
        if !self.is_local {
            self.found.push(Assignment { name, value: None, at: at.start() });
        }
    }

    fn bind_identifier<'b: 'a>(&mut self, name: impl IntoIterator<Item = &'b Identifier>) {
        name.into_iter().for_each(|name| self.bind(name.as_str(), name));
    }

    fn locally(&mut self, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.is_local, true);
        visit(self);
        self.is_local = outer;
    }
}
