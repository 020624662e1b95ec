//! What the double says.

use std::fmt::Write;

use axum::{
    body::Body,
    http::{HeaderMap, Response, StatusCode, header},
};

use super::objects::Object;

pub(super) type Answer = Response<Body>;

/// An error as the XML API words it.
pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{}</Message></Error>",
        escaped(message)
    );
    xml(status, body)
}

pub(super) fn no_such_bucket() -> Answer {
    error(StatusCode::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist.")
}

pub(super) fn no_such_key() -> Answer {
    error(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
}

pub(super) fn no_such_upload() -> Answer {
    error(StatusCode::NOT_FOUND, "NoSuchUpload", "The requested upload was not found.")
}

pub(super) fn precondition_failed() -> Answer {
    let text = "At least one of the pre-conditions you specified did not hold.";
    error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", text)
}

pub(super) fn xml(status: StatusCode, body: String) -> Answer {
    let answer = Response::builder().status(status).header(header::CONTENT_TYPE, "application/xml; charset=UTF-8");
    answer.body(body.into()).expect("an answer")
}

/// 200 for an object that was written.
pub(super) fn written(object: &Object) -> Answer {
    let answer = Response::builder().header(header::ETAG, &object.etag).header("x-goog-generation", object.generation);
    answer.body(Body::empty()).expect("an answer")
}

/// An object, or the range that is asked for.
pub(super) fn object(object: &Object, asked: &HeaderMap) -> Answer {
    let size = object.bytes.len();
    let range = match asked.get(header::RANGE).map(|range| range.to_str().ok().and_then(|range| span(range, size))) {
        None => None,
        Some(Some(range)) => Some(range),
        Some(None) => {
            let text = "The requested range cannot be satisfied.";
            return error(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", text);
        }
    };
    let answer = Response::builder()
        .header(header::ETAG, &object.etag)
        .header("x-goog-generation", object.generation)
        .header(header::LAST_MODIFIED, object.modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    let answer = match range {
        None => answer.body(object.bytes.clone().into()),
        Some((start, end)) => answer
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {start}-{}/{size}", end - 1))
            .body(object.bytes.slice(start..end).into()),
    };
    answer.expect("an answer")
}

/// From where to where, without the end.
fn span(range: &str, size: usize) -> Option<(usize, usize)> {
    let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let start: usize = start.parse().ok()?;
    let end = if last.is_empty() { size } else { size.min(last.parse::<usize>().ok()? + 1) };
    (start < end).then_some((start, end))
}

/// What a bucket's list has: an object, or the beginning that several have in common.
pub(super) enum Listed<'a> {
    Object(&'a str, &'a Object),
    Folder(&'a str),
}

impl Listed<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Object(key, _) => key,
            Self::Folder(prefix) => prefix,
        }
    }
}

/// A page of a bucket's list.
pub(super) fn page(listed: &[Listed<'_>], next: Option<&str>) -> Answer {
    let mut body = String::from("<?xml version='1.0' encoding='UTF-8'?><ListBucketResult>");
    let _ = write!(body, "<IsTruncated>{}</IsTruncated>", next.is_some());
    if let Some(next) = next {
        let _ = write!(body, "<NextContinuationToken>{}</NextContinuationToken>", escaped(next));
    }
    for one in listed {
        let (key, object) = match one {
            Listed::Object(key, object) => (*key, *object),
            Listed::Folder(prefix) => {
                let _ = write!(body, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(prefix));
                continue;
            }
        };
        let _ = write!(
            body,
            "<Contents><Key>{}</Key><Generation>{}</Generation><LastModified>{:.3}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
            escaped(key),
            object.generation,
            object.modified,
            escaped(&object.etag),
            object.bytes.len()
        );
    }
    body.push_str("</ListBucketResult>");
    xml(StatusCode::OK, body)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
