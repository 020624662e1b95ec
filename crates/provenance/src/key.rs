//! What signs, and what a signature is checked with.

use std::{fmt, str::FromStr};

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

/// Why a text is no key. It is not shown: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 hexadecimal digits; `openssl rand -hex 32` makes a key to sign with")]
pub struct BadKey;

/// What signs. It can't be shown.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// What a signature by it is checked with.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// From the 32 bytes of an ed25519 seed, in hexadecimal digits.
impl FromStr for SigningKey {
    type Err = BadKey;
    fn from_str(text: &str) -> Result<Self, BadKey> {
        Ed25519KeyPair::from_seed_unchecked(&bytes(text)?).map(Self).map_err(|_| BadKey)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a signature is checked with. Shown in hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// What signatures name the key by: the SHA-256 of its bytes, in hex.
    pub fn id(&self) -> String {
        hex::encode(Sha256::digest(self.0))
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = BadKey;
    fn from_str(text: &str) -> Result<Self, BadKey> {
        bytes(text).map(Self)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

fn bytes(text: &str) -> Result<[u8; 32], BadKey> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| BadKey)?;
    Ok(bytes)
}
