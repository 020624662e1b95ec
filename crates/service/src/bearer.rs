//! `Authorization: Bearer …` between our own processes.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
};

use crate::{ApiError, Secret};

/// Checks that a request carries the token, in constant time. Anything else is a 401 `unauthorized`.
pub fn check_bearer(headers: &HeaderMap, token: &Secret) -> Result<(), ApiError> {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let (scheme, credentials) = given.split_at_checked("Bearer ".len()).unwrap_or_default();
    if scheme.eq_ignore_ascii_case(b"Bearer ") && token.matches(credentials) {
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
