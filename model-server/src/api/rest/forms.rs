//! The formats of a body and of its answer, as a request's headers say.

use axum::http::{HeaderMap, StatusCode, header};
use service::ApiError;

use super::super::{
    decode::arrow,
    exchange::{ARROW_FILE, ARROW_STREAM},
};

/// The format of a body, and whether the answer is to be a stream of Arrow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct Forms {
    /// None: JSON.
    pub(super) columns: Option<arrow::Form>,
    pub(super) answers_arrow: bool,
}

impl Forms {
    /// What the headers of a request say.
    ///
    /// # Errors
    /// When the body is of a format that is not taken.
    pub(in crate::api) fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let said = headers.get(header::CONTENT_TYPE).map_or(Ok(""), |value| value.to_str()).unwrap_or("?");
        let (kind, _) = media_type(said);
        let columns = match kind.as_str() {
            ARROW_STREAM => Some(arrow::Form::Stream),
            ARROW_FILE => Some(arrow::Form::File),
            // What command lines and simple clients say of JSON, too.
            "" | "application/json" | "application/x-www-form-urlencoded" | "text/plain" => None,
            json if json.ends_with("+json") => None,
            _ => {
                let detail = "the body must be application/json, application/vnd.apache.arrow.stream or \
                              application/vnd.apache.arrow.file, and its Content-Type say so";
                return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
            }
        };
        Ok(Self { columns, answers_arrow: prefers_arrow(headers) })
    }
}

/// Whether a stream of Arrow's is accepted as gladly as JSON. Who accepts anything gets JSON.
fn prefers_arrow(headers: &HeaderMap) -> bool {
    let (mut arrow, mut json) = (0.0_f32, 0.0_f32);
    let said = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for one in said.flat_map(|value| value.split(',')) {
        let (kind, weight) = media_type(one);
        match kind.as_str() {
            ARROW_STREAM => arrow = arrow.max(weight),
            "application/json" => json = json.max(weight),
            _ => {}
        }
    }
    arrow > 0.0 && arrow >= json
}

/// A media type without its parameters, and its weight of 0 to 1.
/// Source: "Quality Values" in RFC 9110, section 12.4.2.
fn media_type(said: &str) -> (String, f32) {
    let mut parts = said.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q="))?.trim().parse().ok());
    (kind, weight.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn read(name: HeaderName, value: &'static str) -> Option<Forms> {
        Forms::read(&[(name, HeaderValue::from_static(value))].into_iter().collect()).ok()
    }

    #[test]
    fn a_body_is_json_unless_it_says_what_it_is() {
        let columns = |value| read(header::CONTENT_TYPE, value).map(|forms| forms.columns);
        for json in
            ["application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded", "text/plain"]
        {
            assert_eq!(columns(json), Some(None), "{json}");
        }
        assert_eq!(columns("application/problem+json"), Some(None));
        assert_eq!(columns("Application/vnd.apache.arrow.STREAM"), Some(Some(arrow::Form::Stream)));
        assert_eq!(columns("application/vnd.apache.arrow.file"), Some(Some(arrow::Form::File)));
        for other in ["text/csv", "application/octet-stream", "application/vnd.apache.parquet", "application/xml"] {
            assert_eq!(columns(other), None, "{other}");
        }
    }

    #[test]
    fn an_answer_is_json_unless_arrow_is_as_welcome() {
        let arrow = |value| read(header::ACCEPT, value).is_some_and(|forms| forms.answers_arrow);
        for welcome in [
            "application/vnd.apache.arrow.stream",
            "application/json;q=0.5, application/vnd.apache.arrow.stream; q=0.9",
            "application/vnd.apache.arrow.stream, application/json",
            "*/*, application/vnd.apache.arrow.stream;q=0.1",
        ] {
            assert!(arrow(welcome), "{welcome}");
        }
        for other in [
            "*/*",
            "application/json",
            "application/vnd.apache.arrow.stream;q=0",
            "application/vnd.apache.arrow.stream;q=0.2, application/json",
            "application/vnd.apache.arrow.file",
        ] {
            assert!(!arrow(other), "{other}");
        }
    }
}
