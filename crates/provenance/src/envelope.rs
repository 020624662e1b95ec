//! A text and its signatures, as DSSE (the Dead Simple Signing Envelope) has them.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::{PublicKey, Refused, SigningKey};

/// What is signed here: statements of in-toto.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Of so many signatures one must be good.
const SIGNATURES: usize = 16;

/// A signed text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload_type: String,
    /// In base64.
    payload: String,
    signatures: Vec<Signature>,
}

/// A signature of the text and its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    /// Whose it says it is: see [`PublicKey::id`].
    #[serde(default)]
    keyid: String,
    /// In base64.
    sig: String,
}

impl Envelope {
    pub(crate) fn sign(payload: &[u8], key: &SigningKey) -> Self {
        let sig = STANDARD.encode(key.sign(&encoded(PAYLOAD_TYPE, payload)));
        let signatures = vec![Signature { keyid: key.public().id(), sig }];
        Self { payload_type: PAYLOAD_TYPE.to_owned(), payload: STANDARD.encode(payload), signatures }
    }

    /// The text, if one of these keys has signed it.
    pub(crate) fn open(&self, keys: &[PublicKey]) -> Result<Vec<u8>, Refused> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(Refused::Unreadable("it is no statement of in-toto".to_owned()));
        }
        let payload = self.payload()?;
        let message = encoded(&self.payload_type, &payload);
        let mut named = false;
        for Signature { keyid, sig } in self.signatures.iter().take(SIGNATURES) {
            let Ok(sig) = STANDARD.decode(sig) else { continue };
            // Which key it says is a hint, and nothing else.
            if keys.iter().any(|key| key.verifies(&message, &sig)) {
                return Ok(payload);
            }
            named |= keys.iter().any(|key| key.id() == *keyid);
        }
        Err(if named { Refused::BadSignature } else { Refused::UnknownKey })
    }

    /// The text, whoever signed it.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, Refused> {
        STANDARD.decode(&self.payload).map_err(|error| Refused::Unreadable(error.to_string()))
    }

    /// What is said, whoever signed it. None where it can't be read.
    pub fn said(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.payload().ok()?).ok()
    }
}

/// What is signed: DSSE's pre-authentication encoding, which keeps type and text apart.
fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn what_is_signed_is_as_the_specification_has_it() {
        let example = encoded("http://example.com/HelloWorld", b"hello world");
        assert_eq!(example, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
