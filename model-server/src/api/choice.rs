//! Which of a model's versions a request asks for: said by its path, its query or its headers, in every protocol.

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, request::Parts},
};
use contract::Environment;
use serde::Deserialize;
use service::ApiError;

use super::guard::parameter;
use crate::serve::Key;

/// Which version a request asks for, and which one answered.
pub(super) const MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");
/// Requests that bear the same are answered by the same version.
const ROUTING_KEY: HeaderName = HeaderName::from_static("x-routing-key");
/// The longest routing key, in bytes.
const KEY_LIMIT: usize = 256;

/// Which of a model's versions is asked.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) version: Option<u64>,
    pub(super) env: Option<Environment>,
    pub(super) key: Option<Key>,
}

/// What a query may say of it.
#[derive(Default, Deserialize)]
struct Said {
    version: Option<String>,
    env: Option<Environment>,
    routing_key: Option<String>,
}

impl Choice {
    /// What a request chooses, whose path may name a version.
    ///
    /// # Errors
    /// When that can't be read, or is said twice and differs.
    pub(super) fn read(path: Option<&str>, uri: &Uri, headers: &HeaderMap) -> Result<Self, ApiError> {
        let said = match uri.query() {
            None => Said::default(),
            Some(_) => Query::<Said>::try_from_uri(uri).map_err(|bad| refuse(bad.body_text()))?.0,
        };
        let pins = path.into_iter().chain(said.version.as_deref()).map(str::as_bytes);
        let pins = pins.chain(headers.get_all(MODEL_VERSION).iter().map(HeaderValue::as_bytes));
        let differ = "the path, ?version= and X-Model-Version name different versions; name one";
        let version = one(pins.map(number), differ)?;
        let keys = said.routing_key.as_deref().map(str::as_bytes).into_iter();
        let keys = keys.chain(headers.get_all(ROUTING_KEY).iter().map(HeaderValue::as_bytes));
        // A template that was not filled in is no key: all would go to one version.
        let keys = keys.filter(|key| !key.is_empty()).map(short);
        let key = one(keys, "?routing_key= and X-Routing-Key differ; send one")?;
        Ok(Self { version, env: said.env, key: key.map(Key::new) })
    }
}

impl<S: Sync> FromRequestParts<S> for Choice {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let path = parameter(parts, "version").await;
        Self::read(path.as_deref(), &parts.uri, &parts.headers)
    }
}

/// What is said, however often.
fn one<T: PartialEq>(
    mut said: impl Iterator<Item = Result<T, ApiError>>,
    differ: &'static str,
) -> Result<Option<T>, ApiError> {
    let Some(first) = said.next().transpose()? else { return Ok(None) };
    for other in said {
        if other? != first {
            return Err(refuse(differ));
        }
    }
    Ok(Some(first))
}

fn number(pin: &[u8]) -> Result<u64, ApiError> {
    let digits = str::from_utf8(pin).ok().filter(|pin| pin.bytes().all(|byte| byte.is_ascii_digit()));
    let bad = || refuse("a version is a whole number, such as 3; GET /models/{name} lists those that are served");
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(bad)
}

fn short(key: &[u8]) -> Result<&[u8], ApiError> {
    if key.len() <= KEY_LIMIT { Ok(key) } else { Err(refuse("a routing key has at most 256 bytes; send a digest of it")) }
}

fn refuse(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "bad_request", detail)
}
