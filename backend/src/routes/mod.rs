//! The routes, one file a resource.

pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod batches;
pub(crate) mod changes;
pub(crate) mod data;
pub(crate) mod health;
pub(crate) mod internal;
pub(crate) mod issuer;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod models;
pub(crate) mod notebook;
pub(crate) mod overview;
pub(crate) mod people;
pub(crate) mod pipelines;
pub(crate) mod registry;
pub(crate) mod repo_check;
pub(crate) mod repos;
pub(crate) mod schedules;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod statistics;
pub(crate) mod tables;
pub(crate) mod traffic;
pub(crate) mod versions;
pub(crate) mod webhook;

use std::str::FromStr;

use contract::IdError;
use service::ApiError;

use crate::error::bad_request;

/// How long a search may be, in characters.
const SEARCH_MAX: usize = 200;

/// What a person looks for; nothing if that is empty.
pub(crate) fn search(text: Option<String>) -> Result<Option<String>, ApiError> {
    let text = text.filter(|text| !text.trim().is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > SEARCH_MAX) {
        return Err(bad_request("search_too_long", format!("search may have at most {SEARCH_MAX} characters")));
    }
    Ok(text)
}

/// Parses an identifier of a path or query.
pub(crate) fn parse<T: FromStr<Err = IdError>>(text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|error: IdError| bad_request("bad_identifier", error.to_string()))
}
