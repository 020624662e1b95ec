//! The ID token: whether the issuer signed it, for us, in time, for this attempt. Source: OIDC Core 1.0, section
//! 3.1.3.7. Signatures are checked by ring; what is here reads the three parts of a token, and asks for everything.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use service::Secret;

/// How far the issuer's clock and ours may differ, in seconds.
const LEEWAY: f64 = 30.0;

/// A key of the issuer's. Source: RFC 7517 and 7518.
#[derive(Debug, Deserialize)]
pub(super) struct Key {
    #[serde(flatten)]
    public: Public,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kty")]
enum Public {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Curve { crv: String, x: String, y: String },
    #[serde(rename = "OKP")]
    Edwards { crv: String, x: String },
}

/// What an ID token has to say.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a Secret,
}

/// What it says.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    /// For whom it was made, where it is for several.
    azp: Option<String>,
    /// In seconds since 1970.
    exp: f64,
    nbf: Option<f64>,
    nonce: String,
    /// Who it is about.
    pub(super) sub: String,
    /// All others.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; we know none.
    crit: Option<Value>,
}

/// Why an ID token proves nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum TokenError {
    /// No key that is known has signed it: the issuer may have newer ones.
    #[error("no key that the issuer names has signed its ID token")]
    Key,
    /// Whatever keys there are.
    #[error("its ID token {0}")]
    Refused(&'static str),
}

/// The keys of an issuer that signatures are made with. Kinds that are not known are of no use, and no fault.
pub(super) fn keys(set: &Value) -> Vec<Key> {
    let all = set["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let known = all.iter().filter_map(|key| Key::deserialize(key).ok());
    known.filter(|key| key.purpose.as_ref().is_none_or(|purpose| purpose == "sig")).collect()
}

/// What the token says, if all of it is in order.
pub(super) fn verify(token: &str, keys: &[Key], expected: &Expected<'_>, now: Timestamp) -> Result<Claims, TokenError> {
    let unreadable = TokenError::Refused("can't be read");
    let Some((message, signature)) = token.rsplit_once('.') else { return Err(unreadable) };
    let Some((header, claims)) = message.split_once('.') else { return Err(unreadable) };
    let (Some(header), Some(signature)) = (part::<Header>(header), decoded(signature)) else { return Err(unreadable) };
    if header.crit.is_some() {
        return Err(TokenError::Refused("has extensions that are not known"));
    }
    if !ALGORITHMS.contains(&header.alg.as_str()) {
        return Err(TokenError::Refused("is not signed in a way that proves anything"));
    }
    let named = |key: &&Key| header.kid.is_none() || key.kid == header.kid;
    if !keys.iter().filter(named).any(|key| key.has_signed(&header.alg, message.as_bytes(), &signature)) {
        return Err(TokenError::Key);
    }
    // From here on it is the issuer who speaks.
    let claims: Claims = part(claims).ok_or(TokenError::Refused("lacks what it must say"))?;
    claims.check(expected, now).map_err(TokenError::Refused)?;
    Ok(claims)
}

impl Claims {
    fn check(&self, expected: &Expected<'_>, now: Timestamp) -> Result<(), &'static str> {
        let own = |client: &String| client == expected.client_id;
        let for_us = match &self.aud {
            Audience::One(one) => own(one),
            Audience::Several(all) => !all.is_empty() && all.iter().all(own),
        };
        let now = now.as_duration().as_secs_f64();
        match self {
            _ if self.iss != expected.issuer => Err("is another issuer's"),
            _ if !for_us || !self.azp.as_ref().is_none_or(own) => Err("is not for us alone"),
            _ if self.exp <= now - LEEWAY => Err("has expired"),
            _ if self.nbf.is_some_and(|begin| begin > now + LEEWAY) => Err("is not valid yet"),
            _ if !expected.nonce.matches(self.nonce.as_bytes()) => Err("was made for another attempt"),
            _ if self.sub.is_empty() => Err("is about nobody"),
            _ => Ok(()),
        }
    }
}

/// What may be signed with: what only the issuer's own key can make. Not `none`, and not what our secret makes, too.
const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

impl Key {
    /// Whether the key has signed this. The key's own kind decides which algorithms can be: never the token alone.
    fn has_signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        if self.alg.as_ref().is_some_and(|own| own != algorithm) {
            return false;
        }
        self.checked(algorithm, message, signature).is_some()
    }

    fn checked(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> Option<()> {
        match &self.public {
            Public::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n: decoded(n)?, e: decoded(e)? };
                key.verify(rsa(algorithm)?, message, signature).ok()
            }
            Public::Curve { crv, x, y } => {
                let kind: &dyn signature::VerificationAlgorithm = match (algorithm, crv.as_str()) {
                    ("ES256", "P-256") => &signature::ECDSA_P256_SHA256_FIXED,
                    ("ES384", "P-384") => &signature::ECDSA_P384_SHA384_FIXED,
                    _ => return None,
                };
                // The form of a point that is not compressed.
                let point = [vec![4], decoded(x)?, decoded(y)?].concat();
                UnparsedPublicKey::new(kind, point).verify(message, signature).ok()
            }
            Public::Edwards { crv, x } if algorithm == "EdDSA" && crv == "Ed25519" => {
                UnparsedPublicKey::new(&signature::ED25519, decoded(x)?).verify(message, signature).ok()
            }
            Public::Edwards { .. } => None,
        }
    }
}

fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    match algorithm {
        "RS256" => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Some(&signature::RSA_PSS_2048_8192_SHA256),
        "PS384" => Some(&signature::RSA_PSS_2048_8192_SHA384),
        "PS512" => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&decoded(text)?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of RFC 7515, appendix A.2: RS256 by a key of 2048 bits. Its claims are no ID token's.
    const RFC_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const RFC_KEY: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

    fn refusal(token: &str, key: &Value) -> Option<TokenError> {
        let nonce = Secret::new("n");
        let expected = Expected { issuer: "joe", client_id: "c", nonce: &nonce };
        verify(token, &keys(&json!({ "keys": [key] })), &expected, Timestamp::UNIX_EPOCH).err()
    }

    #[test]
    fn what_another_has_signed_by_the_standard_is_known_and_nothing_else() {
        let key = json!({ "kty": "RSA", "n": RFC_KEY, "e": "AQAB" });
        let no_id_token = Some(TokenError::Refused("lacks what it must say"));
        assert_eq!(refusal(RFC_TOKEN, &key), no_id_token, "the signature is right");
        let with = |name: &str, value: &str| {
            let mut key = key.clone();
            key[name] = json!(value);
            key
        };
        assert_eq!(refusal(RFC_TOKEN, &with("alg", "RS256")), no_id_token);
        for other in
            [with("alg", "PS256"), with("use", "enc"), with("e", "AQAC"), with("n", "AQAB"), with("kty", "EC"), json!({})]
        {
            assert_eq!(refusal(RFC_TOKEN, &other), Some(TokenError::Key), "{other}");
        }
        let changed = RFC_TOKEN.replace("cC4hiUPo", "cC4hiUPp");
        assert_eq!(refusal(&changed, &key), Some(TokenError::Key));
        assert_eq!(refusal(&RFC_TOKEN.replacen("eyJpc3Mi", "eyJpc3Nj", 1), &key), Some(TokenError::Key));
    }

    #[test]
    fn what_is_no_signed_token_is_refused_before_a_key_is_looked_at() {
        let token = |header: &Value| format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header.to_string()));
        let unproven = Some(TokenError::Refused("is not signed in a way that proves anything"));
        for algorithm in ["none", "None", "NONE", "", "HS256", "HS512", "RS1", "ES256K", "rs256", "ES512"] {
            assert_eq!(refusal(&token(&json!({ "alg": algorithm })), &json!({})), unproven, "{algorithm}");
        }
        let critical = token(&json!({ "alg": "RS256", "crit": ["b64"], "b64": false }));
        assert_eq!(refusal(&critical, &json!({})), Some(TokenError::Refused("has extensions that are not known")));
        for garbage in ["", ".", "..", "a.b.c", "e30.e30", "e30.e30.e30.e30.e30", &token(&json!({})), &token(&json!([]))] {
            assert_eq!(refusal(garbage, &json!({})), Some(TokenError::Refused("can't be read")), "{garbage}");
        }
        assert!(keys(&json!({ "keys": "none" })).is_empty() && keys(&json!(null)).is_empty());
    }
}
