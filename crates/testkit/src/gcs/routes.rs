//! What the double is asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use axum::{
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, Method, Response, StatusCode, Uri},
};
use percent_encoding::percent_decode_str;

use super::{
    answers::{self, Answer, Listed},
    objects::{Objects, Upload},
};

/// What Google asks of every part but the last.
const SMALLEST_PART: usize = 5 << 20;
/// The longest page of a list.
const PAGE: usize = 1000;

type Parameters = BTreeMap<String, String>;

/// A request for an object.
struct Request<'a> {
    bucket: &'a str,
    key: &'a str,
    query: &'a Parameters,
    headers: &'a HeaderMap,
}

pub(super) async fn answer(
    State(state): State<Arc<super::State>>,
    method: Method,
    uri: Uri,
    Query(query): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    if let Some(status) = state.failures.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
        let status = StatusCode::from_u16(status).expect("a status");
        return answers::error(status, "ServiceUnavailable", "Please try again.");
    }
    if state.locked && !headers.contains_key("authorization") {
        return answers::error(StatusCode::UNAUTHORIZED, "AuthenticationRequired", "Authentication required.");
    }
    if state.locked {
        return answers::error(StatusCode::FORBIDDEN, "AccessDenied", "Access denied.");
    }
    let decoded = percent_decode_str(uri.path().trim_start_matches('/')).decode_utf8_lossy().into_owned();
    let (bucket, key) = decoded.split_once('/').unwrap_or((&decoded, ""));
    let mut objects = state.objects.lock().unwrap_or_else(PoisonError::into_inner);
    if !objects.buckets.contains_key(bucket) {
        return answers::no_such_bucket();
    }
    if key.is_empty() {
        return list(&objects, bucket, &query);
    }
    let request = Request { bucket, key, query: &query, headers: &headers };
    match method {
        Method::GET | Method::HEAD => get(&objects, &request),
        Method::PUT if query.contains_key("uploadId") => put_part(&mut objects, &request, body),
        Method::PUT => put(&mut objects, &request, body),
        Method::POST if query.contains_key("uploads") => begin(&mut objects, &request),
        Method::POST if query.contains_key("uploadId") => complete(&mut objects, &request, &body),
        Method::DELETE => delete(&mut objects, &request),
        _ => answers::error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "The method is not allowed."),
    }
}

fn list(objects: &Objects, bucket: &str, query: &Parameters) -> Answer {
    let text = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let after = text("continuation-token").max(text("start-after"));
    let limit = text("max-keys").parse().unwrap_or(PAGE).min(PAGE);
    let (prefix, delimiter) = (text("prefix"), text("delimiter"));
    let mut page: Vec<Listed<'_>> = Vec::new();
    for (key, object) in objects.buckets[bucket].iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after) {
        let folder = key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty());
        let listed = match folder {
            Some(at) => Listed::Folder(&key[..prefix.len() + at + delimiter.len()]),
            None => Listed::Object(key, object),
        };
        // All that begins alike is listed once, also across pages.
        if listed.name() != after && page.last().is_none_or(|last| last.name() != listed.name()) {
            page.push(listed);
        }
        if page.len() > limit {
            break;
        }
    }
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(Listed::name);
    answers::page(&page, next)
}

fn get(objects: &Objects, request: &Request<'_>) -> Answer {
    match objects.buckets[request.bucket].get(request.key) {
        Some(object) => answers::object(object, request.headers),
        None => answers::no_such_key(),
    }
}

fn put(objects: &mut Objects, request: &Request<'_>, body: Bytes) -> Answer {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let known = objects.buckets[request.bucket].get(request.key).map_or(0, |object| object.generation);
    if header("x-goog-if-generation-match").is_some_and(|expected| expected != known.to_string()) {
        return answers::precondition_failed();
    }
    let copied = header("x-goog-copy-source").map(|source| percent_decode_str(source).decode_utf8_lossy().into_owned());
    let bytes = match &copied {
        None => body,
        Some(source) => {
            let (bucket, key) = source.trim_start_matches('/').split_once('/').unwrap_or_default();
            let found = objects.buckets.get(bucket).and_then(|bucket| bucket.get(key));
            let Some(found) = found else { return answers::no_such_key() };
            found.bytes.clone()
        }
    };
    let object = objects.object(bytes);
    let answer = match copied {
        None => answers::written(&object),
        Some(_) => answers::xml(
            StatusCode::OK,
            format!(
                "<CopyObjectResult><LastModified>{}</LastModified><ETag>{}</ETag></CopyObjectResult>",
                object.modified, object.etag
            ),
        ),
    };
    objects.buckets.get_mut(request.bucket).expect("looked up").insert(request.key.to_owned(), object);
    answer
}

fn begin(objects: &mut Objects, request: &Request<'_>) -> Answer {
    let id = format!("upload-{}", objects.number());
    let upload = Upload { bucket: request.bucket.to_owned(), key: request.key.to_owned(), parts: BTreeMap::new() };
    objects.uploads.insert(id.clone(), upload);
    let body = format!(
        "<InitiateMultipartUploadResult><Bucket>{}</Bucket><UploadId>{id}</UploadId></InitiateMultipartUploadResult>",
        request.bucket
    );
    answers::xml(StatusCode::OK, body)
}

fn put_part(objects: &mut Objects, request: &Request<'_>, body: Bytes) -> Answer {
    let part = objects.object(body);
    let number = request.query.get("partNumber").and_then(|number| number.parse().ok());
    let upload = objects.uploads.get_mut(&request.query["uploadId"]).filter(|upload| upload.key == request.key);
    let (Some(upload), Some(number)) = (upload, number) else { return answers::no_such_upload() };
    let answer = answers::written(&part);
    upload.parts.insert(number, part);
    answer
}

fn complete(objects: &mut Objects, request: &Request<'_>, body: &[u8]) -> Answer {
    let id = &request.query["uploadId"];
    let Some(upload) = objects.uploads.get(id).filter(|upload| upload.key == request.key) else {
        return answers::no_such_upload();
    };
    let named = named_parts(&String::from_utf8_lossy(body));
    let parts: Option<Vec<_>> =
        named.iter().map(|(number, etag)| upload.parts.get(number).filter(|part| part.etag == *etag)).collect();
    let Some(parts) = parts.filter(|parts| !parts.is_empty()) else {
        return answers::error(StatusCode::BAD_REQUEST, "InvalidPart", "One or more of the parts could not be found.");
    };
    if parts.iter().rev().skip(1).any(|part| part.bytes.len() < SMALLEST_PART) {
        return answers::error(StatusCode::BAD_REQUEST, "EntityTooSmall", "A part is smaller than allowed.");
    }
    let whole = parts.iter().map(|part| part.bytes.as_ref()).collect::<Vec<_>>().concat();
    let bucket = upload.bucket.clone();
    objects.uploads.remove(id);
    let object = objects.object(whole.into());
    let body = format!("<CompleteMultipartUploadResult><ETag>{}</ETag></CompleteMultipartUploadResult>", object.etag);
    let generation = object.generation;
    objects.buckets.get_mut(&bucket).expect("it was there").insert(request.key.to_owned(), object);
    let answer = Response::builder().header("x-goog-generation", generation).body(Body::from(body));
    answer.expect("an answer")
}

/// The parts that a call names, in its order.
fn named_parts(body: &str) -> Vec<(u32, String)> {
    let between = |part: &str, tag: &str| {
        let (_, rest) = part.split_once(&format!("<{tag}>"))?;
        Some(rest.split_once(&format!("</{tag}>"))?.0.replace("&quot;", "\""))
    };
    let part = |text: &str| Some((between(text, "PartNumber")?.parse().ok()?, between(text, "ETag")?));
    body.split("<Part>").skip(1).filter_map(part).collect()
}

fn delete(objects: &mut Objects, request: &Request<'_>) -> Answer {
    let gone = if let Some(id) = request.query.get("uploadId") {
        objects.uploads.remove(id).map(drop).ok_or_else(answers::no_such_upload)
    } else {
        let bucket = objects.buckets.get_mut(request.bucket).expect("looked up");
        bucket.remove(request.key).map(drop).ok_or_else(answers::no_such_key)
    };
    match gone {
        Ok(()) => Response::builder().status(StatusCode::NO_CONTENT).body(Body::empty()).expect("an answer"),
        Err(answer) => answer,
    }
}
