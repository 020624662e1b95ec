//! Who asks, and what they may.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use contract::{Environment, ModelName};
use jiff::Timestamp;
use pipeline::access::{Action, Decision, Object, decide, refusal};
use service::{ApiError, Open, Secret, shown_bearer};

use super::keys::{Key, Keys, NoKey};

/// What is needed to know who may ask.
#[derive(Debug)]
pub(crate) struct Access {
    /// What our own processes show.
    token: Secret,
    /// What needs no key.
    pub(crate) open: Open,
    pub(crate) keys: Keys,
}

/// Somebody who asks.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// They show nothing.
    Nobody,
    /// A process of ours, which has looked at who asks it.
    Ours,
    /// Who shows a key.
    Key(Known),
}

/// A key that somebody showed.
#[derive(Debug, Clone)]
pub(crate) struct Known(Arc<Key>);

impl Access {
    pub(crate) fn new(token: Secret, open: Open, keys: Keys) -> Self {
        Self { token, open, keys }
    }

    /// Who asks. What is shown and lets nobody in is a 401, also where nothing need be shown.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let Some(shown) = shown_bearer(headers) else { return Ok(Caller::Nobody) };
        if self.token.matches(shown.as_bytes()) {
            return Ok(Caller::Ours);
        }
        match self.keys.find(shown) {
            Ok(key) => Ok(Caller::Key(Known(key))),
            Err(NoKey::Unknown) => Err(unknown()),
            Err(NoKey::NoList) => {
                let detail = "no backend has told this server yet which keys there are; try again shortly";
                let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "keys_unknown", detail);
                Err(error.with_header(header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
        }
    }

    /// Whether somebody may do something with a model; none: with everything.
    pub(crate) fn allows(&self, caller: &Caller, action: &Action, model: Option<&ModelName>) -> bool {
        match caller {
            Caller::Nobody => false,
            Caller::Ours => true,
            Caller::Key(Known(key)) => {
                let repo = model.filter(|_| key.by_repo).and_then(|model| self.keys.owner(model));
                let object = Object { repo, model: model.cloned() };
                decide(&key.grants, action, &object, Timestamp::now()) == Decision::Allowed
            }
        }
    }

    /// Whether somebody may know what is served in an environment: who may see it, or ask it for predictions.
    pub(crate) fn shows(&self, caller: &Caller, model: Option<&ModelName>, environment: &Environment) -> bool {
        self.allows(caller, &Action::See, model) || self.allows(caller, &Action::Predict(Some(environment.clone())), model)
    }
}

impl Caller {
    /// Why they may not: 401 for who shows nothing, 403 for who shows too little, which names the role that is needed.
    pub(crate) fn refused(&self, action: &Action, model: Option<&ModelName>) -> ApiError {
        match self {
            Self::Nobody => unknown(),
            Self::Ours | Self::Key(_) => {
                let object = Object { repo: None, model: model.cloned() };
                ApiError::new(StatusCode::FORBIDDEN, "forbidden", refusal(action, &object))
            }
        }
    }
}

/// 401, which says what to show.
fn unknown() -> ApiError {
    let error = ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", "send a key: Authorization: Bearer mlsys_…");
    error.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"mlsys\""))
}
