//! `/api/people`: who may sign in, and what they may.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use contract::{Grant, PersonId};
use serde::{Deserialize, Serialize};
use service::ApiError;
use store::{NewPerson, Person, PersonChange, StoreError};
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::{Trail, invitation_address},
    error::{bad_request, from_store},
    hooks,
    routes::{
        keys::{check_grants, check_name},
        parse,
        pipelines::{Page, PageQuery},
        sessions::from_elsewhere,
    },
};

/// Somebody to let in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invite {
    /// What they sign in as.
    login: String,
    /// Their name; null: the login.
    #[serde(default)]
    name: Option<String>,
    /// What they may.
    grants: Vec<Grant>,
}

/// Somebody who was invited.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invited {
    /// The address at which they choose a password: for them alone. It works once, and for a week.
    invitation: String,
    person: Person,
}

/// What is to change of a person; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PersonChange)]
pub(crate) struct Change {
    #[schema(nullable = false)]
    name: Option<String>,
    /// Whether they may not sign in; their keys let nobody in then, either.
    #[schema(nullable = false)]
    disabled: Option<bool>,
    /// What they may, from now on.
    #[schema(nullable = false)]
    grants: Option<Vec<Grant>>,
}

/// The people, by login.
#[utoipa::path(
    get, path = "/api/people", operation_id = "listPeople", tag = "access", params(PageQuery),
    responses((status = OK, body = Page<Person>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Person>>, ApiError> {
    let found = backend.store.access.people(page.after.as_deref(), page.limit()).await;
    let (items, more) = found.map_err(from_store)?;
    let next = items.last().filter(|_| more).map(|last| last.login.clone());
    Ok(Json(Page { items, next }))
}

/// Lets somebody in: the answer has the address to send them.
#[utoipa::path(
    post, path = "/api/people", operation_id = "invitePerson", tag = "access",
    responses((status = CREATED, body = Invited)),
)]
pub(crate) async fn invite(
    State(backend): State<Backend>,
    headers: HeaderMap,
    trail: Trail,
    Json(new): Json<Invite>,
) -> Result<Response, ApiError> {
    let login = checked_login(&new.login)?;
    let name = new.name.as_deref().map_or(login, str::trim);
    check_name("name", name)?;
    check_grants(&new.grants)?;
    trail.object(format_args!("person {login}"));
    trail.after(in_words(&new.grants));
    let new = NewPerson { login, name, grants: &new.grants };
    let person = backend.store.access.add_person(new).await.map_err(|error| match error {
        StoreError::Conflict => ApiError::new(StatusCode::CONFLICT, "conflict", format!("there is a {login} already")),
        other => from_store(other),
    })?;
    invited(&backend, &headers, person).await
}

/// Invites a person again: the address lets them choose a new password, and the old one is good until they do.
#[utoipa::path(
    post, path = "/api/people/{id}/invitation", operation_id = "invitePersonAgain", tag = "access",
    responses((status = CREATED, body = Invited)),
)]
pub(crate) async fn invite_again(
    State(backend): State<Backend>,
    headers: HeaderMap,
    trail: Trail,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let person = backend.store.access.person(parse(&id)?).await.map_err(from_store)?;
    trail.object(format_args!("person {}", person.login));
    trail.after("invited again");
    if person.from_issuer {
        return Err(from_elsewhere("they sign in with the issuer, and need no password here"));
    }
    invited(&backend, &headers, person).await
}

async fn invited(backend: &Backend, headers: &HeaderMap, person: Person) -> Result<Response, ApiError> {
    let invitation = invitation_address(backend, person.id, &hooks::base(backend, headers)).await?;
    let answer = Json(Invited { invitation, person });
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], answer).into_response())
}

/// Changes what a person may, or whether they may sign in.
#[utoipa::path(
    patch, path = "/api/people/{id}", operation_id = "changePerson", tag = "access",
    responses((status = OK, body = Person)),
)]
pub(crate) async fn change(
    State(backend): State<Backend>,
    trail: Trail,
    Path(id): Path<String>,
    Json(change): Json<Change>,
) -> Result<Json<Person>, ApiError> {
    let id: PersonId = parse(&id)?;
    let name = change.name.as_deref().map(str::trim);
    name.map_or(Ok(()), |name| check_name("name", name))?;
    change.grants.as_deref().map_or(Ok(()), check_grants)?;
    let access = &backend.store.access;
    let before = access.person(id).await.map_err(from_store)?;
    trail.object(format_args!("person {}", before.login));
    trail.before(summary(&before));
    if before.from_issuer && change.grants.is_some() {
        return Err(from_elsewhere("their groups at the issuer say what they may: OIDC_ROLES names each group's role"));
    }
    let change = PersonChange { name, disabled: change.disabled, grants: change.grants.as_deref() };
    let person = access.change_person(id, change).await.map_err(last_admin)?;
    backend.auth.callers.forget();
    trail.after(summary(&person));
    Ok(Json(person))
}

/// Forgets a person. The keys they made let nobody in any more.
#[utoipa::path(
    delete, path = "/api/people/{id}", operation_id = "removePerson", tag = "access",
    responses((status = NO_CONTENT)),
)]
pub(crate) async fn remove(
    State(backend): State<Backend>,
    trail: Trail,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id: PersonId = parse(&id)?;
    let access = &backend.store.access;
    let before = access.person(id).await.map_err(from_store)?;
    trail.object(format_args!("person {}", before.login));
    trail.before(summary(&before));
    access.remove_person(id).await.map_err(last_admin)?;
    backend.auth.callers.forget();
    trail.after("removed");
    Ok(StatusCode::NO_CONTENT)
}

fn last_admin(error: StoreError) -> ApiError {
    match error {
        StoreError::Conflict => {
            let detail = "nobody would be left who decides about people: make somebody else an admin for everything first";
            ApiError::new(StatusCode::CONFLICT, "last_admin", detail)
        }
        other => from_store(other),
    }
}

fn checked_login(login: &str) -> Result<&str, ApiError> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '@' | '+');
    if login.is_empty() || login.len() > 100 || !login.chars().all(legal) {
        let detail = "login must be lower-case letters, digits and . _ - @ +, at most 100 of them";
        return Err(bad_request("bad_login", detail));
    }
    Ok(login)
}

fn summary(person: &Person) -> String {
    let state = if person.disabled { "may not sign in; " } else { "" };
    format!("{state}{}", in_words(&person.grants))
}

fn in_words(grants: &[Grant]) -> String {
    serde_json::to_string(grants).unwrap_or_default()
}
