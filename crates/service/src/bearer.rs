//! `Authorization: Bearer …`: what callers show, and our own processes each other.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
};

use crate::{ApiError, Secret};

/// What an `Authorization` header shows. Empty for another scheme, or what is no text: that is no credential of ours, and still
/// one. None where there is no such header.
pub fn shown_bearer(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    let (scheme, credentials) = given.split_once(' ').unwrap_or((given, ""));
    Some(if scheme.eq_ignore_ascii_case("bearer") { credentials.trim() } else { "" })
}

/// Checks that a request carries the token, in constant time. Anything else is a 401 `unauthorized`.
pub fn check_bearer(headers: &HeaderMap, token: &Secret) -> Result<(), ApiError> {
    if shown_bearer(headers).is_some_and(|shown| token.matches(shown.as_bytes())) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "this route needs the internal token: Authorization: Bearer …",
    )
    .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
}

/// Lets only requests with the token reach the router's present routes.
pub fn protect<S: Clone + Send + Sync + 'static>(router: Router<S>, token: Secret) -> Router<S> {
    let token = Arc::new(token);
    router.route_layer(middleware::from_fn(move |request: Request, next: Next| {
        let token = Arc::clone(&token);
        async move {
            check_bearer(request.headers(), &token)?;
            Ok::<_, ApiError>(next.run(request).await)
        }
    }))
}
