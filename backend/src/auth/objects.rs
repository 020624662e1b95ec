//! What a request is about, as far as it must be known: whoever may do something with everything is not held up by it.

use std::{
    collections::HashMap,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{FromRequestParts, Query, RawPathParams},
    http::{Uri, request::Parts},
};
use contract::{Environment, ModelName};
use pipeline::access::{Action, Object};
use serde::Deserialize;
use service::ApiError;

use super::{Caller, Of};
use crate::{Backend, error::from_store};

/// How long a model is taken to serve where it did.
const KEPT: Duration = Duration::from_secs(1);
/// Of how many models it is kept where they serve.
const MOST: usize = 4096;

/// Where a model serves, and with which versions.
type Served = Arc<[(Environment, u64)]>;

/// Where the models that were asked lately serve.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<ModelName, (Instant, Served)>>);

impl Places {
    /// Where a model serves. One that serves nowhere is asked for again each time: it may by now.
    async fn of(&self, backend: &Backend, model: &ModelName) -> Result<Served, ApiError> {
        let known = {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get(model).map(|(at, served)| (at.elapsed() < KEPT, Arc::clone(served)))
        };
        if let Some((true, served)) = known {
            return Ok(served);
        }
        let served: Served = match (backend.store.access.model_places(model).await, known) {
            (Ok(served), _) => served.into(),
            // Predictions don't need the database.
            (Err(_), Some((_, served))) => return Ok(served),
            (Err(error), None) => return Err(from_store(error)),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.retain(|_, (at, _)| at.elapsed() < KEPT);
        }
        if served.is_empty() {
            kept.remove(model);
        } else if kept.len() < MOST {
            kept.insert(model.clone(), (Instant::now(), Arc::clone(&served)));
        }
        Ok(served)
    }
}

/// The environment that a prediction was let in for. No other may answer: a model-server may know of a newer deployment.
#[derive(Debug, Clone)]
pub(crate) struct Answering(pub(crate) Environment);

/// Which version a prediction asks for.
#[derive(Debug, Default, Deserialize)]
struct Choice {
    env: Option<Environment>,
    version: Option<u64>,
}

/// The environment that answers a prediction: the one that is named, else the one that most depends on it of those that have
/// the version. None where that is not known.
pub(super) async fn answering(backend: &Backend, model: &ModelName, uri: &Uri) -> Result<Option<Environment>, ApiError> {
    // What the model-server would refuse is not known to be open.
    let Ok(Query(Choice { env, version })) = Query::<Choice>::try_from_uri(uri) else { return Ok(None) };
    if env.is_some() {
        return Ok(env);
    }
    let served = backend.auth.places.of(backend, model).await?;
    let there = served.iter().filter(|(_, served)| version.is_none_or(|version| *served == version));
    Ok(there.map(|(environment, _)| environment).max_by_key(|environment| environment.rank()).cloned())
}

/// What a model belongs to, for this caller: the repository only if one of their rights is for one.
pub(crate) async fn object_of_model(backend: &Backend, caller: &Caller, model: &ModelName) -> Result<Object, ApiError> {
    let scoped = caller.grants.iter().any(|grant| grant.repo.is_some());
    if scoped { owned(backend, model).await } else { Ok(Object { repo: None, model: Some(model.clone()) }) }
}

/// A model, and the repository that its name belongs to.
pub(crate) async fn owned(backend: &Backend, model: &ModelName) -> Result<Object, ApiError> {
    let repo = backend.store.serving.owner(model).await.map_err(from_store)?;
    Ok(Object { repo, model: Some(model.clone()) })
}

/// What a request is about, as far as its path says. What there is not is about nothing.
pub(super) async fn object(backend: &Backend, of: Of, parts: &mut Parts) -> Result<Object, ApiError> {
    let found = match of {
        Of::Everything | Of::Later => None,
        Of::Model => match named(parts, "name").await {
            Some(model) => Some(owned(backend, &model).await?),
            None => None,
        },
        Of::Pipeline => match named(parts, "id").await {
            Some(id) => backend.store.access.pipeline_subject(id).await.map_err(from_store)?,
            None => None,
        }
        .map(|found| Object { repo: Some(found.repo), model: found.model }),
        Of::Repo => match named(parts, "id").await {
            Some(id) => backend.store.intake.repo(id).await.map_err(from_store)?,
            None => None,
        }
        .map(|found| Object { repo: Some(found.full_name), model: None }),
    };
    Ok(found.unwrap_or_else(Object::everything))
}

/// What a parameter of the path names, if it can name anything.
async fn named<T: FromStr>(parts: &mut Parts, name: &str) -> Option<T> {
    parameter(parts, name).await?.parse().ok()
}

/// Whether the caller may do this with what the request is about. Who may not do it with everything is refused what there is
/// not, and does not learn that.
pub(super) async fn allowed(
    backend: &Backend,
    caller: &Caller,
    (action, of): (&Action, Of),
    parts: &mut Parts,
) -> Result<bool, ApiError> {
    if caller.may_everywhere(action) {
        return Ok(true);
    }
    // Who may nothing of the kind is refused without a look at the store.
    if of == Of::Later || !caller.may_anywhere(action) {
        return Ok(caller.may_anywhere(action));
    }
    Ok(caller.may(action, &object(backend, of, parts).await?))
}

/// A parameter of the path.
pub(super) async fn parameter(parts: &mut Parts, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}
