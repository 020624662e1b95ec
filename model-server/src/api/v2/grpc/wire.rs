//! What gRPC adds to HTTP: five bytes before the one message of a body, how it is compressed, a time limit, and a status after
//! the answer. Source: `doc/PROTOCOL-HTTP2.md` of `github.com/grpc/grpc`.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use prost::Message;
use service::ApiError;
use tokio::{task::spawn_blocking, time::timeout};

use super::super::{super::exchange::unread, inflate::Encoding};

/// Whether the message is compressed, and its length.
const FRAME: usize = 5;
/// The longest message that is no request for predictions, in bytes.
pub(super) const SHORT: usize = 64 * 1024;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The message in a body, of at most so many bytes.
pub(super) async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, ApiError> {
    if !headers.get(header::CONTENT_TYPE).is_some_and(|said| said.as_bytes().starts_with(CONTENT_TYPE.as_bytes())) {
        let detail = "only application/grpc is taken";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    let encoding = Encoding::of(headers.get(ENCODING)).ok_or_else(|| {
        let detail = "a message may be compressed by gzip or deflate";
        ApiError::new(StatusCode::NOT_IMPLEMENTED, "unsupported_encoding", detail)
    })?;
    let mut message = service::read_body(body, most + FRAME).await.map_err(unread)?;
    let frame = message.split_to(FRAME.min(message.len()));
    let is_compressed = match *frame {
        [flag @ (0 | 1), a, b, c, d] if u32::from_be_bytes([a, b, c, d]) as usize == message.len() => flag == 1,
        _ => return Err(bad("the body must be one message, of the length that it says")),
    };
    match (is_compressed, encoding) {
        (false, _) => Ok(message),
        (true, Encoding::Identity) => Err(bad("the message is compressed, and grpc-encoding does not say how")),
        // Rare, and may take long.
        (true, encoding) => {
            let inflated = spawn_blocking(move || encoding.inflate(&message).map(|whole| Bytes::from(whole.into_owned())));
            inflated.await.unwrap_or_else(|lost| Err(lost.to_string())).map_err(bad)
        }
    }
}

/// A message's fields.
pub(super) fn decode<M: Message + Default>(message: Bytes) -> Result<M, ApiError> {
    M::decode(message).map_err(|_| bad("the message is not what this method takes"))
}

fn bad(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "bad_request", detail)
}

/// A message as it is sent.
///
/// # Errors
/// When it is too long for gRPC.
pub(super) fn framed(message: &impl Message) -> io::Result<Vec<u8>> {
    let length = message.encoded_len();
    let mut framed = Vec::with_capacity(FRAME + length);
    framed.push(0);
    framed.extend_from_slice(&u32::try_from(length).map_err(io::Error::other)?.to_be_bytes());
    message.encode(&mut framed).map_err(io::Error::other)?;
    Ok(framed)
}

/// An answer of one message.
pub(super) fn respond(message: &impl Message) -> Result<Response, ApiError> {
    let lost = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer could not be written");
    Ok(finish(framed(message).map_err(lost)?.into_response()))
}

/// An answer whose body is a message as it is sent: says that all is well.
pub(super) fn finish(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    let well: HeaderMap = [(STATUS, HeaderValue::from_static("0"))].into_iter().collect();
    Response::from_parts(parts, Body::new(body.with_trailers(async { Some(Ok(well)) })))
}

/// For a method that is none of ours.
pub(in super::super::super) async fn unknown() -> ApiError {
    ApiError::new(StatusCode::NOT_IMPLEMENTED, "unknown_method", "there is no such method; reflection lists those that are")
}

/// Gives a call up when its client does.
pub(in super::super::super) async fn keep_deadline(request: Request, next: Next) -> Result<Response, ApiError> {
    let Some(said) = request.headers().get(TIMEOUT) else { return Ok(next.run(request).await) };
    let limit = said.to_str().ok().and_then(limit).ok_or_else(|| bad("grpc-timeout must be a time, such as 500m"))?;
    let late = |_| ApiError::new(StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", "the call's time is over");
    timeout(limit, next.run(request)).await.map_err(late)
}

/// At most eight digits and a unit.
fn limit(said: &str) -> Option<Duration> {
    let (number, unit) = said.split_at_checked(said.len().checked_sub(1)?)?;
    if number.is_empty() || number.len() > 8 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_hours(number),
        "M" => Duration::from_mins(number),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_limit_is_digits_and_a_unit() {
        assert_eq!(limit("90S"), Some(Duration::from_secs(90)));
        assert_eq!(limit("99999999H"), Some(Duration::from_hours(99_999_999)));
        assert_eq!(limit("250m"), Some(Duration::from_millis(250)));
        for wrong in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789S", "1é", "é"] {
            assert_eq!(limit(wrong), None, "{wrong}");
        }
    }
}
