//! What somebody shows, and how such things are made. Of each, only the SHA-256 is ever kept: they are random enough that
//! nobody can guess what has it.

use axum::http::{HeaderMap, header};
use service::shown_bearer;
use sha2::{Digest, Sha256};

/// The session's cookie.
pub(crate) const COOKIE: &str = "mlsys_session";
/// What every key begins with, so that programs that look for secrets know it.
const KEY: &str = "mlsys_";
/// So many characters of a key are shown.
const SHOWN: usize = 8;

/// What a request shows.
pub(super) enum Shown<'a> {
    Nothing,
    Cookie(&'a str),
    Bearer(&'a str),
}

/// What a request shows. A key goes before a cookie: whoever sets a header means it.
pub(super) fn shown(headers: &HeaderMap) -> Shown<'_> {
    if let Some(key) = shown_bearer(headers) {
        return Shown::Bearer(key);
    }
    cookie(headers, COOKIE).map_or(Shown::Nothing, Shown::Cookie)
}

/// A cookie's value.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// SHA-256, in hex: what is kept of a cookie, a token or a key.
pub(crate) fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// A new secret, and what is kept of it.
pub(crate) struct NewSecret {
    /// Shown once.
    pub(crate) secret: String,
    /// What one recognises it by.
    pub(crate) prefix: String,
    pub(crate) digest: String,
}

/// A cookie or a token: 256 random bits.
pub(crate) fn new_secret() -> Result<NewSecret, getrandom::Error> {
    Ok(made(String::new(), &random::<32>()?))
}

/// A key: its beginning, and 256 random bits.
pub(crate) fn new_key() -> Result<NewSecret, getrandom::Error> {
    let shown = hex::encode(random::<{ SHOWN / 2 }>()?);
    Ok(made(format!("{KEY}{shown}"), &random::<32>()?))
}

fn made(prefix: String, random: &[u8]) -> NewSecret {
    let secret = format!("{prefix}{}", hex::encode(random));
    NewSecret { digest: digest(&secret), secret, prefix }
}

/// Random bytes of the system's.
pub(super) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().expect("a header"))).collect()
    }

    #[test]
    fn what_a_request_shows_is_found() {
        use header::{AUTHORIZATION, COOKIE};
        let cookie = |pairs: &[(header::HeaderName, &str)]| match shown(&headers(pairs)) {
            Shown::Nothing => "nothing".to_owned(),
            Shown::Cookie(value) => format!("cookie {value}"),
            Shown::Bearer(value) => format!("key {value}"),
        };
        assert_eq!(cookie(&[]), "nothing");
        assert_eq!(cookie(&[(COOKIE, "a=b; mlsys_session=abc; c=d")]), "cookie abc");
        assert_eq!(cookie(&[(COOKIE, "mlsys_sessions=abc")]), "nothing");
        assert_eq!(cookie(&[(COOKIE, "mlsys_session=abc"), (AUTHORIZATION, "bearer  k ")]), "key k");
        assert_eq!(cookie(&[(COOKIE, "mlsys_session=abc"), (AUTHORIZATION, "Basic eA==")]), "key ", "it shows something");
    }

    #[test]
    fn a_key_is_recognised_by_its_beginning_and_no_two_are_alike() {
        let (one, other) = (new_key().expect("random"), new_key().expect("random"));
        assert!(one.secret.starts_with(&one.prefix) && one.prefix.starts_with("mlsys_") && one.prefix.len() == 14);
        assert_eq!(one.secret.len(), 14 + 64);
        assert!(one.secret != other.secret && one.digest == digest(&one.secret) && one.digest != other.digest);
        assert_eq!(new_secret().expect("random").secret.len(), 64);
    }
}
