//! The names that a statement binds or deletes in the notebook's own namespace, however deep inside it.

use ruff_python_ast::{
    Alias, Comprehension, ExceptHandler, Expr, Identifier, Pattern, Stmt,
    visitor::{Visitor, walk_except_handler, walk_expr, walk_pattern, walk_stmt},
};
use ruff_text_size::{Ranged, TextSize};

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

    fn bind(&mut self, name: &'a str, at: TextSize) {
        if !self.is_local {
            self.found.push(Assignment { name, value: None, at });
        }
    }

    fn bind_identifier(&mut self, name: Option<&'a Identifier>) {
        if let Some(name) = name {
            self.bind(name.as_str(), name.start());
        }
    }

    fn locally(&mut self, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.is_local, true);
        visit(self);
        self.is_local = outer;
    }
}

impl<'a> Visitor<'a> for Bindings<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.bind_identifier(Some(&function.name));
                function.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                self.visit_parameters(&function.parameters);
                self.locally(|inner| inner.visit_body(&function.body));
            }
            Stmt::ClassDef(class) => {
                self.bind_identifier(Some(&class.name));
                class.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                class.arguments.iter().for_each(|arguments| self.visit_arguments(arguments));
                self.locally(|inner| inner.visit_body(&class.body));
            }
            // What a function does to these names, it does to the notebook's.
            Stmt::Global(global) => {
                let names = global.names.iter();
                self.found.extend(names.map(|name| Assignment { name: name.as_str(), value: None, at: name.start() }));
            }
            Stmt::AnnAssign(declaration) if declaration.value.is_none() => {}
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if !name.ctx.is_load() => self.bind(name.id.as_str(), name.start()),
            Expr::Lambda(lambda) => {
                lambda.parameters.iter().for_each(|parameters| self.visit_parameters(parameters));
                self.locally(|inner| inner.visit_expr(&lambda.body));
            }
            _ => walk_expr(self, expression),
        }
    }

    /// The target of a comprehension is its own.
    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        self.visit_expr(&comprehension.iter);
        comprehension.ifs.iter().for_each(|condition| self.visit_expr(condition));
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        let (package, _) = alias.name.split_once('.').unwrap_or((&alias.name, ""));
        self.bind(alias.asname.as_ref().map_or(package, Identifier::as_str), alias.start());
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(named) = handler;
        self.bind_identifier(named.name.as_ref());
        walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::MatchAs(capture) => self.bind_identifier(capture.name.as_ref()),
            Pattern::MatchStar(capture) => self.bind_identifier(capture.name.as_ref()),
            Pattern::MatchMapping(mapping) => self.bind_identifier(mapping.rest.as_ref()),
            _ => {}
        }
        walk_pattern(self, pattern);
    }
}
