//! What a handler says of its change, for the audit log. What it does not say is known from the request.

use std::{
    convert::Infallible,
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{extract::FromRequestParts, http::request::Parts};
use pipeline::access::Object;

/// What was changed. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail(Arc<Mutex<Said>>);

/// What was said so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub object: Option<String>,
    pub about: Option<Object>,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Trail {
    /// What it is done with.
    pub(crate) fn object(&self, object: impl Display) {
        self.with(|said| said.object = Some(object.to_string()));
    }

    /// The repository and the model that this belongs to, where the path does not say it: who may see the entry.
    pub(crate) fn about(&self, about: &Object) {
        self.with(|said| said.about = Some(about.clone()));
    }

    /// How it was before.
    pub(crate) fn before(&self, before: impl Display) {
        self.with(|said| said.before = Some(before.to_string()));
    }

    /// How it is now, or what was asked for.
    pub(crate) fn after(&self, after: impl Display) {
        self.with(|said| said.after = Some(after.to_string()));
    }

    /// All that was said.
    pub(super) fn said(&self) -> Said {
        let mut all = Said::default();
        self.with(|said| all = said.clone());
        all
    }

    fn with(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// That of the request; where nobody reads it, one of its own.
impl<S: Sync> FromRequestParts<S> for Trail {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
