//! Bodies on their way in. Nobody has to be known to send one, so together they have a bound, and each has to keep coming.
//!
//! There are two stores of room. From the first, every body has its beginning, which is all of nearly every push and
//! prediction; from the second, the rest of the long ones. So who fills the second with a few long bodies keeps no push out.
//! Room is taken as the bytes come, not as they are announced, and kept until the request is answered.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::ApiError;

/// How much of a body counts as its beginning, in bytes.
const BEGINNING: usize = 32 << 10;
/// The room for all beginnings, in bytes.
const BEGINNINGS: usize = 32 << 20;
/// The room for all that comes after them, in bytes: for one of GitHub's longest deliveries, and a little. One body alone may
/// be longer.
const REST: usize = 28 << 20;
/// The longest that nothing of a body may come.
const SILENCE: Duration = Duration::from_secs(10);
/// The longest that a body may take.
const ARRIVAL: Duration = Duration::from_mins(1);
/// How long who found no room should wait, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// What has been taken in this process, for all of its servers together.
static BEGINNINGS_TAKEN: AtomicUsize = AtomicUsize::new(0);
static REST_TAKEN: AtomicUsize = AtomicUsize::new(0);

/// What one request has taken; given back when both the request is answered and its body is let go.
struct Room {
    beginning: AtomicUsize,
    rest: AtomicUsize,
    outcome: AtomicU8,
}

const COMING: u8 = 0;
const NO_ROOM: u8 = 1;
const TOO_SLOW: u8 = 2;

/// Has a request answered, whose body is read only as far as there is room.
pub(super) async fn take_in<F>(request: Request, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    if request.body().is_end_stream() {
        return answer(request).await;
    }
    let room = Arc::new(Room { beginning: AtomicUsize::new(0), rest: AtomicUsize::new(0), outcome: AtomicU8::new(COMING) });
    let metered = |body| Body::new(Metered { body, room: Arc::clone(&room), begun: None, waiting: None });
    let response = answer(request.map(metered)).await;
    // gRPC says in this header what is wrong; its clients read a status of HTTP as well.
    let failed = !response.status().is_success() || response.headers().contains_key("grpc-status");
    match room.outcome.load(Ordering::Relaxed) {
        NO_ROOM if failed => no_room().into_response(),
        TOO_SLOW if failed => too_slow().into_response(),
        _ => response,
    }
}

fn no_room() -> ApiError {
    let detail = "too much is being sent at once; send it again in a few seconds";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_bodies", detail).with_header(header::RETRY_AFTER, RETRY_AFTER)
}

fn too_slow() -> ApiError {
    // What may still come must not be taken for the next request.
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body took too long to arrive")
        .with_header(header::CONNECTION, HeaderValue::from_static("close"))
}

impl Room {
    /// Takes so many bytes more, if there is room.
    fn take(&self, bytes: usize) -> bool {
        let (begun, rest) = (self.beginning.load(Ordering::Relaxed), self.rest.load(Ordering::Relaxed));
        let beginning = bytes.min(BEGINNING - begun);
        let later = bytes - beginning;
        if !reserve(&BEGINNINGS_TAKEN, beginning, BEGINNINGS) {
            return false;
        }
        self.beginning.store(begun + beginning, Ordering::Relaxed);
        let alone = rest + later;
        if !reserve(&REST_TAKEN, later, REST.max(alone)) {
            return false;
        }
        self.rest.store(alone, Ordering::Relaxed);
        true
    }
}

fn reserve(taken: &AtomicUsize, bytes: usize, most: usize) -> bool {
    let more = |now: usize| now.checked_add(bytes).filter(|then| *then <= most);
    bytes == 0 || taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

impl Drop for Room {
    fn drop(&mut self) {
        BEGINNINGS_TAKEN.fetch_sub(*self.beginning.get_mut(), Ordering::Relaxed);
        REST_TAKEN.fetch_sub(*self.rest.get_mut(), Ordering::Relaxed);
    }
}

/// A body that takes room as it comes, and ends with an error when there is none or nothing comes.
struct Metered {
    body: Body,
    room: Arc<Room>,
    begun: Option<Instant>,
    /// Set while it is waited for.
    waiting: Option<Pin<Box<Sleep>>>,
}

/// Why a body ended early; the answer says it better.
#[derive(Debug, thiserror::Error)]
#[error("the body was not read to its end")]
struct CutOff;

impl Metered {
    fn cut_off(&self, outcome: u8) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.room.outcome.store(outcome, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(CutOff))))
    }
}

impl HttpBody for Metered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting = None;
                match frame.data_ref() {
                    Some(data) if !self.room.take(data.len()) => self.cut_off(NO_ROOM),
                    _ => Poll::Ready(Some(Ok(frame))),
                }
            }
            Poll::Ready(ended) => Poll::Ready(ended),
            Poll::Pending => {
                let begun = *self.begun.get_or_insert_with(Instant::now);
                let until = || (Instant::now() + SILENCE).min(begun + ARRIVAL);
                let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until())));
                match waiting.as_mut().poll(context) {
                    Poll::Ready(()) => self.cut_off(TOO_SLOW),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// For a body that was not read to its end, and may have so many bytes.
pub fn unread(status: StatusCode, most: usize) -> ApiError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("the body is longer than {} MB; send it in several requests", most >> 20);
            ApiError::new(status, "body_too_large", detail)
        }
        _ => ApiError::new(status, "bad_request", "the body did not come whole"),
    }
}

/// Reads a body of at most so many bytes. One that is announced longer is refused before it is read; one that came in one
/// piece, as nearly all do, is not copied; of a longer one there is never a second copy as a whole.
pub async fn read_body(mut body: Body, most: usize) -> Result<Bytes, StatusCode> {
    let announced = HttpBody::size_hint(&body).lower();
    if announced > most as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let (mut first, mut all) = (Bytes::new(), Vec::new());
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > most {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.into() })
}
