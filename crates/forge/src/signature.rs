//! GitHub's webhook signature: HMAC-SHA256 over the raw body, in the header `X-Hub-Signature-256`.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "sha256=";

/// Why a delivery is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is missing.
    #[error("the delivery is not signed: set the webhook's secret, so that it carries X-Hub-Signature-256")]
    Missing,
    /// The header is not `sha256=` and 64 hex digits.
    #[error("X-Hub-Signature-256 must be sha256= and 64 hex digits")]
    Malformed,
    /// The body was signed with another secret, or changed on its way.
    #[error("the signature does not match: check that both sides have the same secret")]
    Mismatch,
}

/// A signature as it was sent, which may be anybody's.
#[derive(Debug, Clone, Copy)]
pub struct Signature([u8; 32]);

impl Signature {
    /// Reads the value of `X-Hub-Signature-256`: before there is a body to check it against.
    pub fn read(header: Option<&str>) -> Result<Self, SignatureError> {
        let digits = header.ok_or(SignatureError::Missing)?.strip_prefix(PREFIX).ok_or(SignatureError::Malformed)?;
        let mut signature = [0; 32];
        hex::decode_to_slice(digits, &mut signature).map_err(|_| SignatureError::Malformed)?;
        Ok(Self(signature))
    }

    /// Checks that one of these secrets signed the raw body, each in constant time.
    pub fn verify<'a>(&self, secrets: impl IntoIterator<Item = &'a [u8]>, raw_body: &[u8]) -> Result<(), SignatureError> {
        let signed = |secret: &[u8]| !secret.is_empty() && digest(secret, raw_body).verify_slice(&self.0).is_ok();
        secrets.into_iter().any(signed).then_some(()).ok_or(SignatureError::Mismatch)
    }
}

/// Checks the value of `X-Hub-Signature-256` against the raw body, in constant time.
pub fn verify(secret: &[u8], raw_body: &[u8], signature_header: Option<&str>) -> Result<(), SignatureError> {
    Signature::read(signature_header)?.verify([secret], raw_body)
}

/// The value of `X-Hub-Signature-256` for a body.
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    format!("{PREFIX}{}", hex::encode(digest(secret, body).finalize().into_bytes()))
}

fn digest(secret: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(secret);
    mac.unwrap_or_else(|_| unreachable!("HMAC takes a key of any length")).chain_update(body)
}
