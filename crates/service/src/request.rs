//! What surrounds every request: its id, its span, its time limit, and an answer when its handler panics.

use std::{
    any::Any,
    cell::Cell,
    panic::AssertUnwindSafe,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use tracing::{Instrument, Span};
use uuid::{Builder, Uuid};

use crate::{
    ApiError, problem,
    telemetry::{self, metrics},
};

/// The header that names a request, taken over from the client or given by us.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The last resort against handlers that never end. Routes that must answer sooner have limits of their own; a
/// WebSocket's handler ends with the upgrade, so its conversation is not limited.
const HANDLER_LIMIT: Duration = Duration::from_mins(15);

/// What is asked so often, by machines, that a trace of each would hide the others.
const PROBES: [&str; 3] = ["/health", "/ready", "/metrics"];
/// The route of requests that no route matches.
const UNMATCHED: &str = "unmatched";

tokio::task_local! {
    static CURRENT: Current;
}

/// The request being handled: what its span says.
struct Current {
    id: HeaderValue,
    method: Method,
    uri: Uri,
    route: Route,
}

/// A route as the router has it.
#[derive(Clone)]
enum Route {
    Fixed(&'static str),
    Matched(MatchedPath),
}

impl Route {
    fn as_str(&self) -> &str {
        match self {
            Self::Fixed(route) => route,
            Self::Matched(path) => path.as_str(),
        }
    }
}

/// The id of the request being handled; empty outside of one.
pub(crate) fn current_id() -> String {
    CURRENT.try_with(|current| current.id.to_str().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// Says something in the span of the request being handled, also where that was not made yet.
pub fn in_request(say: impl FnOnce()) {
    let span = if Span::current().is_none() { CURRENT.try_with(Current::span).ok() } else { None };
    span.unwrap_or_else(Span::none).in_scope(say);
}

/// Gives a router what all ours have: a request id (kept or new, and answered), a span per request, in the trace that a
/// `traceparent` names, problem+json for every error that has no body of its own kind (unknown paths and methods, rejected
/// input, panics), a time limit, and numbers by route.
pub fn layers(router: Router) -> Router {
    metrics::recorder();
    router.layer(middleware::from_fn(around))
}

async fn around(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let current = Current::of(&request, matched.map_or(Route::Fixed(UNMATCHED), Route::Matched));
    let span = current.span();
    surround(request, (current, span), |request| next.run(request)).await
}

/// What [`layers`] gives a router, for one request of a route that is answered past it. Its span is made when there is something
/// to say in it, by [`in_request`], unless its trace goes on elsewhere.
pub async fn briefly<F>(request: Request, route: &'static str, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let current = Current::of(&request, Route::Fixed(route));
    let is_traced = telemetry::exporting() || telemetry::names_trace(request.headers());
    let span = if is_traced { current.span() } else { Span::none() };
    surround(request, (current, span), answer).await
}

async fn surround<F>(request: Request, (current, span): (Current, Span), answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let started = Instant::now();
    let (id, method, route) = (current.id.clone(), current.method.clone(), current.route.clone());
    telemetry::receive_trace(&span, request.headers());
    let handled = async {
        // Here, all that a handler holds is put into memory of the request before, which is still in the processor's caches; else
        // it would be moved about, into memory that each connection keeps.
        let answered = Box::pin(AssertUnwindSafe(async { answer(request).await }).catch_unwind());
        let response = match tokio::time::timeout(HANDLER_LIMIT, answered).await {
            Ok(Ok(response)) => problem::normalize(response).await,
            Ok(Err(panic)) => answer_panic(&*panic),
            Err(_) => ApiError::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "the request took too long").into_response(),
        };
        log(&response, started.elapsed());
        response
    };
    let mut response = CURRENT.scope(current, handled.instrument(span.clone())).await;
    if telemetry::exporting() {
        telemetry::mark_answered(&span, response.status().as_u16());
    }
    metrics::http_request(route.as_str(), &method, response.status().as_u16(), started.elapsed());
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

impl Current {
    fn of(request: &Request, route: Route) -> Self {
        Self { id: request_id(request), method: request.method().clone(), uri: request.uri().clone(), route }
    }

    fn span(&self) -> Span {
        let (method, route) = (&self.method, self.route.as_str());
        let id = self.id.to_str().unwrap_or_default();
        if PROBES.contains(&route) {
            return tracing::debug_span!("probe", url.path = route, request.id = id);
        }
        let exported = telemetry::exporting();
        tracing::info_span!(
            "request",
            otel.kind = exported.then_some("server"),
            otel.name = exported.then(|| format!("{method} {route}")),
            http.request.method = %method,
            http.route = exported.then_some(route),
            url.path = self.uri.path(),
            request.id = id,
            trace_id = tracing::field::Empty,
        )
    }
}

/// The client's id when it is short and visible ASCII (it goes into logs), else a new one.
fn request_id(request: &Request) -> HeaderValue {
    let given =
        request.headers().get(REQUEST_ID).filter(|id| id.len() <= 128 && id.as_bytes().iter().all(u8::is_ascii_graphic));
    given.filter(|id| !id.is_empty()).cloned().unwrap_or_else(|| {
        let mut buffer = Uuid::encode_buffer();
        let id = new_id().as_hyphenated().encode_lower(&mut buffer);
        HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("-"))
    })
}

/// A version 7 UUID. It names a request and guards nothing, so its random part need not come from the system each time.
fn new_id() -> Uuid {
    thread_local!(static STATE: Cell<Option<u64>> = const { Cell::new(None) });
    let seed = || getrandom::u64().unwrap_or_default();
    // SplitMix64: S. Vigna, https://prng.di.unimi.it/splitmix64.c
    let next = || {
        let state = STATE.get().unwrap_or_else(seed).wrapping_add(0x9E37_79B9_7F4A_7C15);
        STATE.set(Some(state));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    };
    let mut random = [0; 10];
    random[..8].copy_from_slice(&next().to_le_bytes());
    random[8..].copy_from_slice(&next().to_le_bytes()[..2]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Builder::from_unix_timestamp_millis(u64::try_from(now.as_millis()).unwrap_or_default(), &random).into_uuid()
}

fn log(response: &Response, took: Duration) {
    let (status, duration_ms) = (response.status().as_u16(), took.as_secs_f64() * 1000.0);
    // 503 is what a server says on purpose, to probes above all.
    if response.status().is_server_error() && response.status() != StatusCode::SERVICE_UNAVAILABLE {
        in_request(|| tracing::warn!(http.status = status, duration_ms, "answered"));
    } else if tracing::enabled!(tracing::Level::DEBUG) {
        in_request(|| tracing::debug!(http.status = status, duration_ms, "answered"));
    }
}

fn answer_panic(panic: &(dyn Any + Send)) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    in_request(|| tracing::error!(panic.message = message.unwrap_or("?"), "a handler panicked"));
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its log has the reason").into_response()
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use axum::body::Body;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_said_of_a_brief_request_names_it_though_it_had_no_span() {
        let (lines, request) = (Lines::default(), Request::post("/predict/iris").header(REQUEST_ID, "the-clients"));
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _default = tracing::subscriber::set_default(subscriber);
        let fail = |_| async {
            assert!(Span::current().is_none());
            in_request(|| tracing::error!("it failed"));
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        };
        let answer = briefly(request.body(Body::empty()).expect("a request"), "/predict/{name}", fail).await;
        assert_eq!(answer.headers()[REQUEST_ID], "the-clients");
        let text = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text");
        for said in ["it failed", "answered"] {
            let line = text.lines().find(|line| line.contains(said)).expect(&text);
            assert!(line.contains("request.id=\"the-clients\"") && line.contains("url.path=\"/predict/iris\""), "{line}");
        }
    }
}
