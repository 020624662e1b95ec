//! Errors as RFC 9457 problem details.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::Problem;

use crate::request;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
/// Longest plain-text error that is taken over as a problem's detail, in bytes.
const DETAIL_LIMIT: usize = 4096;

/// An error response. Its body is a [`Problem`] with the request's id.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// An error with a stable word for programs (`code`) and a sentence for people (`detail`).
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), headers: Vec::new() }
    }

    /// The same with one more response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable word for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, body(self.status, self.code, self.detail)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// Turns an error response without a body of its own kind (axum's rejections and fallbacks) into a problem.
/// Its headers, such as `Allow`, stay.
pub(crate) async fn normalize(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || !is_plain(&response) {
        return response;
    }
    let (mut parts, plain) = response.into_parts();
    let text = to_bytes(plain, DETAIL_LIMIT).await.unwrap_or_default();
    let detail = match String::from_utf8_lossy(&text) {
        text if text.is_empty() => default_detail(status).to_owned(),
        text => text.into_owned(),
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    Response::from_parts(parts, Body::from(body(status, default_code(status), detail)))
}

fn is_plain(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_none_or(|value| value.as_bytes().starts_with(b"text/plain"))
}

fn body(status: StatusCode, code: &str, detail: String) -> Vec<u8> {
    let problem = Problem {
        problem_type: "about:blank".to_owned(),
        status: status.as_u16(),
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        detail,
        code: code.to_owned(),
        request_id: request::current_id(),
    };
    serde_json::to_vec(&problem).unwrap_or_default()
}

fn default_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        status if status.is_client_error() => "bad_request",
        _ => "internal",
    }
}

fn default_detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "there is nothing at this path",
        StatusCode::METHOD_NOT_ALLOWED => "this path has no such method; the Allow header names those it has",
        status => status.canonical_reason().unwrap_or("error"),
    }
}
