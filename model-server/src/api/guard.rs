//! What stands before each route: finds out who asks, and lets them through or does not.

use std::time::Instant;

use axum::{
    Router,
    extract::{FromRequestParts, RawPathParams, Request, State},
    http::{HeaderMap, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use contract::{Environment, ModelName};
use pipeline::access::Action;
use service::ApiError;

use super::{Serving, choice::Choice, deadline};
use crate::access::{Access, Caller};

/// Whom a route lets in. It is said where the route is registered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// Who may see what is served, or ask it for predictions: the model that `{name}` names, else everything.
    Look,
    /// Who may ask the model that `{name}` names for predictions; anybody, where the environment that answers is open.
    Predict,
    /// Whom either of these lets in.
    Know,
    /// Who may ask some model; which one the message says, by which the handler asks again ([`let_in`]).
    Some,
    /// Who shows something that is good, whatever it is good for.
    Anyone,
    /// Who asks for numbers: those who may see everything, or all if the settings say so.
    Numbers,
}

/// Somebody who was let in.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    pub(super) caller: Caller,
    /// The environment that they were let in for; none: any. No other may answer.
    pub(super) environment: Option<Environment>,
    /// When they stop waiting for predictions.
    pub(super) deadline: Option<Instant>,
}

impl Rule {
    /// A method of a path, behind this rule.
    pub(super) fn before(self, serving: &Serving, method: MethodRouter<Serving>) -> MethodRouter<Serving> {
        method.route_layer(middleware::from_fn_with_state((serving.clone(), self), guard))
    }

    /// All paths of a router, behind this rule.
    pub(super) fn before_all(self, serving: &Serving, router: Router<Serving>) -> Router<Serving> {
        router.route_layer(middleware::from_fn_with_state((serving.clone(), self), guard))
    }
}

async fn guard(State((serving, rule)): State<(Serving, Rule)>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&serving, rule, &mut parts).await {
        Ok(admitted) => {
            parts.extensions.insert(admitted);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refused) => refused.into_response(),
    }
}

/// Who asks, if they may.
async fn admit(serving: &Serving, rule: Rule, parts: &mut Parts) -> Result<Admitted, ApiError> {
    let caller = caller(serving, &parts.headers)?;
    let deadline = if matches!(rule, Rule::Predict) { deadline::of(&parts.headers)? } else { None };
    // A name that can't be one is about no model: who may ask about everything is told that there is none.
    let (model, choice) = match rule {
        Rule::Numbers | Rule::Anyone | Rule::Some => (None, Choice::default()),
        Rule::Look => (parameter(parts, "name").await, Choice::default()),
        Rule::Predict | Rule::Know => (parameter(parts, "name").await, Choice::from_request_parts(parts, &()).await?),
    };
    let model: Option<ModelName> = model.and_then(|name| name.parse().ok());
    Ok(Admitted { deadline, ..let_in(serving, (caller, rule), model.as_ref(), &choice)? })
}

/// Somebody, if a rule lets them in to a model, or a version of it.
pub(super) fn let_in(
    serving: &Serving,
    (caller, rule): (Caller, Rule),
    model: Option<&ModelName>,
    choice: &Choice,
) -> Result<Admitted, ApiError> {
    let access = &serving.access;
    let environment = match rule {
        Rule::Numbers if access.open.metrics || access.allows(&caller, &Action::See, None) => None,
        Rule::Numbers => return Err(caller.refused(&Action::See, None)),
        Rule::Look | Rule::Know if looks(access, &caller, model) => None,
        Rule::Look => return Err(caller.refused(&Action::See, model)),
        Rule::Predict | Rule::Know => may_predict(serving, &caller, (model, choice))?,
        Rule::Some if matches!(caller, Caller::Nobody) && access.open.predictions.is_empty() => {
            return Err(caller.refused(&Action::Predict(None), None));
        }
        Rule::Anyone if matches!(caller, Caller::Nobody) => return Err(caller.refused(&Action::See, None)),
        Rule::Anyone | Rule::Some => None,
    };
    Ok(Admitted { caller, environment, deadline: None })
}

/// Who asks.
fn caller(serving: &Serving, headers: &HeaderMap) -> Result<Caller, ApiError> {
    if serving.ours { Ok(Caller::Ours) } else { serving.access.caller(headers) }
}

/// Who asks a model for predictions, if they may.
pub(super) fn admit_prediction(
    serving: &Serving,
    headers: &HeaderMap,
    name: &ModelName,
    choice: &Choice,
) -> Result<Admitted, ApiError> {
    let caller = caller(serving, headers)?;
    let environment = may_predict(serving, &caller, (Some(name), choice))?;
    Ok(Admitted { caller, environment, deadline: deadline::of(headers)? })
}

/// Whether somebody may know of a model, in any environment.
fn looks(access: &Access, caller: &Caller, model: Option<&ModelName>) -> bool {
    Environment::all().any(|environment| access.shows(caller, model, &environment))
}

/// The environment that a prediction is let in for; none: any.
fn may_predict(
    serving: &Serving,
    caller: &Caller,
    (model, choice): (Option<&ModelName>, &Choice),
) -> Result<Option<Environment>, ApiError> {
    let access = &serving.access;
    if access.allows(caller, &Action::Predict(None), model) {
        return Ok(None);
    }
    // What can't be a model's name is not known to be open.
    let environment =
        model.and_then(|model| choice.env.clone().or_else(|| serving.loader.environment(model, choice.version)));
    if environment.as_ref().is_some_and(|environment| access.open.predictions.contains(environment)) {
        return Ok(environment);
    }
    let action = Action::Predict(environment.clone());
    if access.allows(caller, &action, model) { Ok(environment) } else { Err(caller.refused(&action, model)) }
}

/// A parameter of the path.
pub(super) async fn parameter(parts: &mut Parts, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}
