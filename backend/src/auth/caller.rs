//! Somebody who is known.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use contract::{Grant, PersonId, Role, Scope, SessionId};
use jiff::{SignedDuration, Timestamp};
use pipeline::access::{Action, Decision, Object, decide, decide_anywhere, refusal, scope};
use serde::Serialize;
use service::ApiError;
use utoipa::ToSchema;

use crate::error::internal;

/// What showed who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A session's cookie.
    Person,
    /// A key.
    Key,
    /// The command line of this home.
    Home,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Key => "key",
            Self::Home => "home",
        }
    }
}

/// Somebody who is known.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) kind: Kind,
    /// A person's login; a key's beginning and name.
    pub(crate) name: String,
    /// The person; of a key, who made it. The home's owner is found when somebody needs to know.
    pub(crate) person: Option<PersonId>,
    pub(crate) session: Option<SessionId>,
    pub(crate) grants: Vec<Grant>,
    /// When what they showed expires.
    pub(crate) expires_at: Option<Timestamp>,
}

impl Caller {
    /// The command line of this home.
    pub(crate) fn home() -> Self {
        Self {
            kind: Kind::Home,
            name: super::OWNER.to_owned(),
            person: None,
            session: None,
            grants: vec![Grant::everywhere(Role::Admin)],
            expires_at: None,
        }
    }

    /// Whether they may do something.
    pub(crate) fn may(&self, action: &Action, object: &Object) -> bool {
        decide(&self.grants, action, object, Timestamp::now()) == Decision::Allowed
    }

    /// Whether they may do it with everything, so that nobody needs to know what exactly is asked about.
    pub(crate) fn may_everywhere(&self, action: &Action) -> bool {
        self.may(action, &Object::everything())
    }

    /// Whether they may do it with anything at all.
    pub(crate) fn may_anywhere(&self, action: &Action) -> bool {
        decide_anywhere(&self.grants, action, Timestamp::now()) == Decision::Allowed
    }

    /// Of which things they may do it: what a list shows them.
    pub(crate) fn scope(&self, action: &Action) -> Scope {
        scope(&self.grants, action, Timestamp::now())
    }

    /// A 403 unless they may.
    pub(crate) fn require(&self, action: &Action, object: &Object) -> Result<(), ApiError> {
        if self.may(action, object) { Ok(()) } else { Err(forbidden(action, object)) }
    }

    /// A 403 for a browser's session, where an address alone changes something: a link of another site would be followed with the
    /// session's cookie.
    pub(crate) fn require_key(&self, instead: &str) -> Result<(), ApiError> {
        if self.kind == Kind::Person {
            let detail = format!("a browser's session can't start this by an address; use {instead}, or a key");
            return Err(ApiError::new(StatusCode::FORBIDDEN, "key_required", detail));
        }
        Ok(())
    }

    /// A 403 unless they may until then, none being for ever: what somebody has for a time they give nobody for longer.
    pub(crate) fn require_until(&self, action: &Action, object: &Object, end: Option<Timestamp>) -> Result<(), ApiError> {
        self.require(action, object)?;
        let last = end.map_or(Timestamp::MAX, |end| end.saturating_sub(SignedDuration::from_millis(1)).unwrap_or(end));
        let outlasts_key = self.kind == Kind::Key && self.expires_at.is_some_and(|own| last >= own);
        if outlasts_key || decide(&self.grants, action, object, last) != Decision::Allowed {
            let detail = "what you may ends before: give it an end that is not later than yours";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "outlasts_yours", detail));
        }
        Ok(())
    }
}

/// 403, which names the role that is needed.
pub(crate) fn forbidden(action: &Action, object: &Object) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "forbidden", refusal(action, object))
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let known = parts.extensions.get::<Arc<Self>>();
        known
            .map(|known| Self::clone(known))
            .ok_or_else(|| internal("a route that asks who calls does not say whom it lets in"))
    }
}
