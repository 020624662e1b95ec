//! What a route asks for. It is said where the route is registered, which can't be done without.

use axum::{Router, http::Method, middleware, routing::MethodRouter};
use pipeline::access::Action;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::enforce::enforce;
use crate::Backend;

/// What a route asks for.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(super) whom: Whom,
    /// Whether what it does is written down.
    pub(super) noted: bool,
    /// Whether it changes something though its method says that it only looks.
    pub(super) changes: bool,
}

/// Whom a route lets in.
#[derive(Debug, Clone)]
pub(super) enum Whom {
    /// Anybody.
    Anybody,
    /// Anybody who is known.
    Known,
    /// Who asks for numbers: those who may see, or all if the settings say so.
    Numbers,
    /// Who asks a model.
    Predicts,
    /// Who may do this.
    May(Action, Of),
}

/// What a route is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Everything.
    Everything,
    /// The pipeline that `{id}` names.
    Pipeline,
    /// The model that `{name}` names.
    Model,
    /// The repository that `{id}` names.
    Repo,
    /// Only the handler knows, and asks [`super::Caller::require`]: the body names it, or whose it is decides. Or it is a list,
    /// of [`super::Caller::scope`].
    Later,
}

impl Rule {
    /// For who may do this. What it does is written down, unless it only looks.
    pub(crate) fn may(action: Action, of: Of) -> Self {
        let noted = !matches!(action, Action::See | Action::Audit);
        Self { whom: Whom::May(action, of), noted, changes: false }
    }

    /// For who may see it.
    pub(crate) fn see(of: Of) -> Self {
        Self::may(Action::See, of)
    }

    /// For anybody who is known: it is about themselves.
    pub(crate) fn known() -> Self {
        Self { whom: Whom::Known, noted: true, changes: false }
    }

    /// For anybody. Whatever it lets in it has to look at by itself.
    pub(crate) fn anybody() -> Self {
        Self { whom: Whom::Anybody, noted: false, changes: false }
    }

    /// For who asks a model: its environment may be open.
    pub(crate) fn predict() -> Self {
        Self { whom: Whom::Predicts, noted: false, changes: false }
    }

    /// For who asks for numbers.
    pub(crate) fn numbers() -> Self {
        Self { whom: Whom::Numbers, noted: false, changes: false }
    }

    /// The same for a route that changes nothing, whatever its method.
    pub(crate) fn only_looks(self) -> Self {
        Self { noted: false, ..self }
    }

    /// The same for a route that changes something, whatever its method.
    pub(crate) fn changes(self) -> Self {
        Self { changes: true, ..self }
    }

    /// Whether a request by a method is written down.
    pub(super) fn notes(&self, method: &Method) -> bool {
        self.noted && (self.changes || !method.is_safe())
    }

    /// A method of a path, behind this rule.
    pub(crate) fn before(self, method: MethodRouter<Backend>) -> MethodRouter<Backend> {
        if matches!(self.whom, Whom::Anybody) {
            return method;
        }
        method.route_layer(middleware::from_fn(move |request, next| enforce(self.clone(), request, next)))
    }

    /// All paths of a router, behind this rule.
    pub(crate) fn before_all<S: Clone + Send + Sync + 'static>(self, router: Router<S>) -> Router<S> {
        router.route_layer(middleware::from_fn(move |request, next| enforce(self.clone(), request, next)))
    }
}

/// Routes, each with its rule.
pub(crate) struct Routes(OpenApiRouter<Backend>);

impl Routes {
    /// None yet; the description has this much.
    pub(crate) fn new(description: utoipa::openapi::OpenApi) -> Self {
        Self(OpenApiRouter::with_openapi(description))
    }

    /// One more, which the description names.
    pub(crate) fn add(self, rule: Rule, (schemas, paths, method): UtoipaMethodRouter<Backend>) -> Self {
        Self(self.0.routes((schemas, paths, rule.before(method))))
    }

    /// One more, which it does not name.
    pub(crate) fn add_unnamed(self, rule: Rule, path: &str, method: MethodRouter<Backend>) -> Self {
        Self(self.0.route(path, rule.before(method)))
    }

    /// All of them.
    pub(crate) fn done(self) -> OpenApiRouter<Backend> {
        self.0
    }
}
