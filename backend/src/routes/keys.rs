//! `/api/keys`: what programs show.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use contract::{Grant, PersonId};
use jiff::Timestamp;
use pipeline::access::{Action, Object};
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::{Key, NewKey};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Caller, Trail, new_key},
    error::{bad_request, from_store, internal},
    routes::{
        parse,
        pipelines::{Page, PageQuery},
        sessions::person,
    },
};

/// How many rights a key or a person has at most.
const GRANTS_MAX: usize = 50;
/// How long a name may be, in characters.
const NAME_MAX: usize = 100;

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakeKey {
    /// What it is for.
    name: String,
    /// What it may.
    grants: Vec<Grant>,
    /// For how many days; null: until it is revoked.
    #[serde(default)]
    days: Option<u16>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKey {
    /// What the program shows, as `Authorization: Bearer …`. It is not kept: nobody sees it again.
    key: String,
    #[serde(flatten)]
    record: Key,
}

/// The keys, newest first: those that one made; of who decides about all keys, all.
#[utoipa::path(
    get, path = "/api/keys", operation_id = "listKeys", tag = "access", params(PageQuery),
    responses((status = OK, body = Page<Key>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Key>>, ApiError> {
    let before = page.after.as_deref().map(parse).transpose()?;
    let whose = whose(&backend, &caller).await?;
    let (items, more) = backend.store.access.keys(whose, before, page.limit()).await.map_err(from_store)?;
    let next = items.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(Page { items, next }))
}

/// Makes a key. What it is, is in the answer and nowhere else.
#[utoipa::path(
    post, path = "/api/keys", operation_id = "makeKey", tag = "access",
    responses((status = CREATED, body = MadeKey)),
)]
pub(crate) async fn make(
    State(backend): State<Backend>,
    caller: Caller,
    trail: Trail,
    Json(new): Json<MakeKey>,
) -> Result<Response, ApiError> {
    let name = new.name.trim();
    check_name("name", name)?;
    check_grants(&new.grants)?;
    if new.grants.is_empty() {
        return Err(bad_request("bad_grant", "a key needs at least one right"));
    }
    if new.days == Some(0) {
        return Err(bad_request("bad_days", "days must be at least 1"));
    }
    let lasts = new.days.map(|days| Duration::from_hours(24 * u64::from(days)));
    let end = lasts.map(|lasts| Timestamp::now() + lasts);
    for grant in &new.grants {
        caller.require_until(&Action::Keys, &Object::of(grant), end.into_iter().chain(grant.expires_at).min())?;
    }
    let made_by = person(&backend, &caller).await?;
    let secret = new_key().map_err(internal)?;
    let new = NewKey { digest: &secret.digest, prefix: &secret.prefix, name, made_by, grants: &new.grants, lasts };
    let record = backend.store.access.add_key(new).await.map_err(from_store)?;
    trail.object(format_args!("key {} ({name})", record.prefix));
    trail.after(serde_json::to_string(&record.grants).unwrap_or_default());
    let made = Json(MadeKey { key: secret.secret, record });
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], made).into_response())
}

/// Revokes a key: from now on it lets nobody in.
#[utoipa::path(
    delete, path = "/api/keys/{id}", operation_id = "revokeKey", tag = "access",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn revoke(
    State(backend): State<Backend>,
    caller: Caller,
    trail: Trail,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = parse(&id)?;
    let whose = whose(&backend, &caller).await?;
    let key = backend.store.access.revoke_key(id, whose).await.map_err(from_store)?;
    backend.auth.callers.forget();
    trail.object(format_args!("key {} ({})", key.prefix, key.name));
    trail.after("revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// Whose keys a caller sees and revokes.
async fn whose(backend: &Backend, caller: &Caller) -> Result<Option<PersonId>, ApiError> {
    if caller.may_everywhere(&Action::Keys) { Ok(None) } else { person(backend, caller).await.map(Some) }
}

/// What makes no sense about rights is refused.
pub(crate) fn check_grants(grants: &[Grant]) -> Result<(), ApiError> {
    if grants.len() > GRANTS_MAX {
        return Err(bad_request("bad_grant", format!("there may be at most {GRANTS_MAX} rights")));
    }
    grants.iter().try_for_each(|grant| grant.check().map_err(|reason| bad_request("bad_grant", reason)))
}

/// A name that people read.
pub(crate) fn check_name(field: &str, name: &str) -> Result<(), ApiError> {
    let length = name.chars().count();
    if length == 0 || length > NAME_MAX || name.chars().any(char::is_control) {
        return Err(bad_request("bad_name", format!("{field} must have 1 to {NAME_MAX} characters, and no line breaks")));
    }
    Ok(())
}
