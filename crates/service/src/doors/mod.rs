//! What stands between the network and the routes: under which names a server is asked, from which pages, and how much of
//! what it is sent it takes in at once.
//!
//! - `hosts`: the names a server answers to.
//! - `intake`: bodies, as much of them as there is room for, while they keep coming.
//! - [`doors`]: both around a router, and the headers of every answer.

mod hosts;
mod intake;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

pub use hosts::{ALLOWED_HOSTS, Hosts, PublicUrl};
pub use intake::{read_body, unread};

use crate::{ApiError, serve::Connection};

/// The dashboard's strict policy suits every answer. `'self'` covers the WebSocket of the same origin.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// What [`doors`] puts before a router.
pub struct Doors {
    hosts: Hosts,
    /// What may be asked under any name: what comes there is signed, or shows a token. A path, or with a slash at its end all
    /// below it.
    by_any_name: &'static [&'static str],
}

/// Stands before a router's present routes: refuses what a foreign page made a browser send, and bodies that there is no
/// room for or that stop coming; gives all answers their headers.
///
/// A page of another site can make a browser send requests here. It is kept from it twice: a foreign name that was made to
/// point here is refused, and what changes something, or opens a socket, must come from the dashboard's own origin, or from
/// no browser at all. What lies at `by_any_name` may be asked under any name, for no page can sign it or knows the token: a
/// path, or with a slash at its end all below it.
pub fn doors<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    hosts: Hosts,
    by_any_name: &'static [&'static str],
) -> Router<S> {
    let doors = Arc::new(Doors::new(hosts, by_any_name));
    router.layer(middleware::from_fn_with_state(doors, stand))
}

async fn stand(State(doors): State<Arc<Doors>>, request: Request, next: Next) -> Response {
    doors.pass(request, |request| next.run(request)).await
}

impl Doors {
    /// The doors of a server that answers to these names.
    pub fn new(hosts: Hosts, by_any_name: &'static [&'static str]) -> Self {
        Self { hosts, by_any_name }
    }

    /// Has a request answered, if it may pass.
    pub async fn pass<F>(&self, request: Request, answer: impl FnOnce(Request) -> F) -> Response
    where
        F: Future<Output = Response>,
    {
        let mut response = match self.check(&request) {
            Ok(()) => intake::take_in(request, answer).await,
            Err(refused) => refused.into_response(),
        };
        let headers = response.headers_mut();
        headers.reserve(HEADERS.len());
        for (name, value) in HEADERS {
            headers.entry(name).or_insert(value);
        }
        response
    }

    fn check(&self, request: &Request) -> Result<(), ApiError> {
        let headers = request.headers();
        let path = request.uri().path();
        if !self.by_any_name.iter().any(|open| path == *open || open.ends_with('/') && path.starts_with(open)) {
            let reached = request.extensions().get::<Connection>().map(|connection| connection.reached.ip().to_canonical());
            // Every browser names the host.
            if hosts::named(request.uri(), headers).any(|host| !self.hosts.know(host, reached)) {
                let detail = "mlsys answers to its own names and addresses, such as localhost; FRONTEND_URL and \
                    ALLOWED_HOSTS can name more";
                return Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", detail));
            }
        }
        if !request.method().is_safe() || headers.contains_key(header::UPGRADE) {
            let secure = request.extensions().get::<Connection>().and_then(|connection| connection.secure);
            self.check_origin(headers, hosts::named(request.uri(), headers).last(), secure == Some(true))?;
        }
        Ok(())
    }

    fn check_origin(&self, headers: &HeaderMap, host: Option<&str>, secure: bool) -> Result<(), ApiError> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        // A page that came without TLS may be anybody's, whatever name it bears.
        let as_safe = |origin: &str| !secure || origin.starts_with("https://");
        if origin.to_str().is_ok_and(|origin| as_safe(origin) && self.hosts.welcome(origin, host)) {
            return Ok(());
        }
        let detail = "a page of another site may not ask for this; FRONTEND_URL names the dashboard's own address where a \
            proxy stands before it";
        Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", detail))
    }
}
