//! The dashboard: its pages, which are one document, and the files that `npm run build` made of `frontend/`.
//!
//! A release has them in its binary; a debug build reads them from the disk. Next to a file `NAME` may be `NAME.br` and
//! `NAME.gz`, which are sent to who accepts them.

use std::{
    borrow::Cow,
    path::{Component, Path},
};

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use sha2::{Digest, Sha256};

/// Paths that are pages, with all that lies below them. Source: `frontend/src/routes.tsx`.
const PAGES: [&str; 12] = [
    "audit",
    "batch-predictions",
    "keys",
    "models",
    "people",
    "pipelines",
    "registry",
    "repositories",
    "schedules",
    "settings",
    "sign-in",
    "tables",
];
const DOCUMENT: &str = "index.html";
/// Files whose names change with their content lie below it.
const HASHED: &str = "assets/";
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>mlsys</title><h1>The dashboard was not built</h1>\
    <p>The API works. To build the dashboard, install Node.js 20.19 or later and run in mlsys's folder:</p>\
    <pre>npm ci --prefix frontend\nnpm run build --prefix frontend</pre>\
    <p>A debug build shows it at the next reload; a release must be built after it. <code>make build</code> does both.</p>";

/// The files of a release, by their paths; in order.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));
/// Where a debug build finds them.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../frontend/dist");

/// `GET` of what no other route has: a file, a page, or 404.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::NOT_FOUND.into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if is_page(path) && accepts(&headers, header::ACCEPT, &["text/html", "text/*", "*/*"]) {
        return match send(DOCUMENT, &headers).await {
            Some(page) => page,
            None => (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response(),
        };
    }
    send(path, &headers).await.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

fn is_page(path: &str) -> bool {
    path.is_empty() || PAGES.contains(&path.split('/').next().unwrap_or_default())
}

async fn send(path: &str, headers: &HeaderMap) -> Option<Response> {
    for (encoding, suffix) in [("br", ".br"), ("gzip", ".gz")] {
        if headers.contains_key(header::ACCEPT_ENCODING)
            && accepts(headers, header::ACCEPT_ENCODING, &[encoding])
            && let Some(content) = read(&format!("{path}{suffix}")).await
        {
            let mut response = answer(path, content, headers);
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            return Some(response);
        }
    }
    Some(answer(path, read(path).await?, headers))
}

fn answer(path: &str, content: Cow<'static, [u8]>, headers: &HeaderMap) -> Response {
    let tag = (!path.starts_with(HASHED)).then(|| format!("\"{}\"", hex::encode(&Sha256::digest(&content)[..16])));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|given| given.to_str().ok());
    let unchanged = tag.as_deref().zip(known).is_some_and(|(tag, known)| known.split(',').any(|one| one.trim() == tag));
    let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { content.into_response() };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    out.insert(header::CACHE_CONTROL, if tag.is_some() { REVALIDATE } else { FOREVER });
    out.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if let Some(tag) = tag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
        out.insert(header::ETAG, tag);
    }
    response
}

/// Whether the header, or its absence, allows one of these.
fn accepts(headers: &HeaderMap, name: header::HeaderName, any_of: &[&str]) -> bool {
    let mut lists = headers.get_all(name).iter().peekable();
    if lists.peek().is_none() {
        return true;
    }
    lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).any(|one| {
        let (wanted, parameters) = one.split_once(';').unwrap_or((one, ""));
        let refused = parameters.split(';').any(|one| matches!(one.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        !refused && any_of.iter().any(|offered| wanted.trim().eq_ignore_ascii_case(offered))
    })
}

/// The file at a path below the dashboard's folder, if there is one.
async fn read(path: &str) -> Option<Cow<'static, [u8]>> {
    if cfg!(debug_assertions) {
        // Nothing but names: no way out of the folder.
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        return if inside { tokio::fs::read(Path::new(FOLDER).join(path)).await.ok().map(Cow::Owned) } else { None };
    }
    let found = EMBEDDED.binary_search_by_key(&path, |(name, _)| name).ok()?;
    EMBEDDED.get(found).map(|(_, content)| Cow::Borrowed(*content))
}

fn media_type(path: &str) -> &'static str {
    match Path::new(path).extension().and_then(|end| end.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
