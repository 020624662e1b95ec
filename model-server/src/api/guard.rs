//! What stands before each route: finds out who asks, and lets them through or does not.

use axum::{
    Router,
    extract::{FromRequestParts, Query, RawPathParams, Request, State},
    http::{Uri, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use contract::{Environment, ModelName};
use pipeline::access::Action;
use service::ApiError;

use super::{Serving, rest::Choice};
use crate::access::Caller;

/// Whom a route lets in. It is said where the route is registered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// Who may see what is served, or ask it for predictions: the model that `{name}` names, else everything.
    Look,
    /// Who may ask the model that `{name}` names for predictions; anybody, where the environment that answers is open.
    Predict,
    /// Who asks for numbers: those who may see everything, or all if the settings say so.
    Numbers,
}

/// Somebody who was let in.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    pub(super) caller: Caller,
    /// The environment that they were let in for; none: any. No other may answer.
    pub(super) environment: Option<Environment>,
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
    let access = &serving.access;
    let caller = access.caller(&parts.headers)?;
    // A name that can't be one is about no model: who may ask about everything is told that there is none.
    let model: Option<ModelName> = match rule {
        Rule::Numbers => None,
        Rule::Look | Rule::Predict => parameter(parts, "name").await.and_then(|name| name.parse().ok()),
    };
    let model = model.as_ref();
    let environment = match rule {
        Rule::Numbers if access.open.metrics || access.allows(&caller, &Action::See, None) => None,
        Rule::Numbers => return Err(caller.refused(&Action::See, None)),
        Rule::Look => {
            let mut environments = Environment::all();
            if !environments.any(|environment| access.shows(&caller, model, &environment)) {
                return Err(caller.refused(&Action::See, model));
            }
            None
        }
        Rule::Predict => may_predict(serving, &caller, (model, &parts.uri))?,
    };
    Ok(Admitted { caller, environment })
}

/// The environment that a prediction is let in for; none: any.
fn may_predict(
    serving: &Serving,
    caller: &Caller,
    (model, uri): (Option<&ModelName>, &Uri),
) -> Result<Option<Environment>, ApiError> {
    let access = &serving.access;
    if access.allows(caller, &Action::Predict(None), model) {
        return Ok(None);
    }
    // What can't be read is not known to be open.
    let choice = Query::<Choice>::try_from_uri(uri).ok();
    let environment = model
        .zip(choice)
        .and_then(|(model, Query(choice))| choice.env.or_else(|| serving.loader.environment(model, choice.version)));
    if environment.as_ref().is_some_and(|environment| access.open.predictions.contains(environment)) {
        return Ok(environment);
    }
    let action = Action::Predict(environment.clone());
    if access.allows(caller, &action, model) { Ok(environment) } else { Err(caller.refused(&action, model)) }
}

/// A parameter of the path.
async fn parameter(parts: &mut Parts, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}
