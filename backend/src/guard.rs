//! What surrounds every answer: who may ask from a browser, and what a browser may do with the answer.
//!
//! A page of another site can make a browser send requests here. It is kept from it twice: a backend that only its own
//! machine reaches answers to that machine's names alone (a foreign name that was made to point here is refused), and what
//! changes something, or opens a socket, must come from the dashboard's own origin, or from no browser at all.

use std::{net::IpAddr, str::FromStr};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::Response,
};
use service::ApiError;

use crate::Backend;

/// GitHub's deliveries are signed and may come through a tunnel of any name.
const WEBHOOK: &str = "/webhook/github";

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

/// The address that browsers and GitHub reach this mlsys at, such as `https://mlsys.example.org`: no path, no slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    authority: Authority,
}

impl PublicUrl {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be an http(s) address without a path, such as https://mlsys.example.org";
        let text = text.trim_end_matches('/');
        let uri: Uri = text.parse().map_err(|_| wrong)?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().filter(|authority| is_web && !authority.as_str().contains('@')).ok_or(wrong)?;
        if uri.path() != "/" || uri.query().is_some() {
            return Err(wrong);
        }
        Ok(Self { text: text.to_owned(), authority: authority.clone() })
    }
}

/// Refuses requests that a foreign page made a browser send; gives all answers their headers.
pub(crate) async fn stand(State(backend): State<Backend>, request: Request, next: Next) -> Result<Response, ApiError> {
    let (local_only, public) = (backend.config.local_only, backend.config.public_url.as_ref());
    if local_only && request.uri().path() != WEBHOOK {
        check_host(request.headers(), public)?;
    }
    if !request.method().is_safe() || request.headers().contains_key(header::UPGRADE) {
        check_origin(request.headers(), public)?;
    }
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    Ok(response)
}

fn check_host(headers: &HeaderMap, public: Option<&PublicUrl>) -> Result<(), ApiError> {
    // Every browser names the host.
    let Some(host) = headers.get(header::HOST) else { return Ok(()) };
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    if host.is_some_and(|host| is_loopback(host.host()) || public.is_some_and(|public| public.authority == host)) {
        return Ok(());
    }
    let detail = "mlsys listens on this machine only and answers to its names, such as localhost; \
        FRONTEND_URL can name one more address";
    Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", detail))
}

fn is_loopback(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn check_origin(headers: &HeaderMap, public: Option<&PublicUrl>) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok()?.into_parts().authority);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    if origin.is_some_and(|origin| host == Some(origin.clone()) || public.is_some_and(|public| public.authority == origin)) {
        return Ok(());
    }
    let detail = "a page of another site may not ask for this; FRONTEND_URL names the dashboard's own address where a proxy \
        stands before it";
    Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_an_origin() {
        for (given, kept) in
            [("https://mlsys.example.org/", "https://mlsys.example.org"), ("http://h:8080", "http://h:8080")]
        {
            assert_eq!(given.parse::<PublicUrl>().map(|url| url.text), Ok(kept.to_owned()));
        }
        for wrong in
            ["", "mlsys.example.org", "ftp://h", "https://", "https://h/mlsys", "https://h?x", "https://user:word@h"]
        {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }
}
