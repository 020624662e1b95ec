//! What is kept so that nobody can read it who has only the database: AES-256-GCM, with a new nonce each time.
//!
//! A sealed text is `sealed.1.KEY.BODY`: 1 is the version of this form, KEY names the key that seals (16 hexadecimal digits of
//! its SHA-256), BODY is base64 of the nonce (96 bits), the ciphertext and the tag. What it belongs to is authenticated with
//! it, so that a text that is moved to another row does not open.

use std::{fmt, str::FromStr, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};

use crate::StoreError;

/// What every sealed text of this form begins with.
const FORM: &str = "sealed.1.";
/// How many bytes a key has.
const KEY_BYTES: usize = 32;
/// How many keys there may be.
const KEYS_MAX: usize = 16;

/// Why a text has no keys. It is not shown: it may have some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have one key a line, of 32 bytes in hexadecimal digits or base64, and at most {KEYS_MAX}; `openssl rand -hex 32` makes one"
)]
pub struct BadKeys;

/// What secrets are sealed with: the first key seals, all of them open. Clones share them; they can't be shown.
#[derive(Clone)]
pub struct SealingKeys(Arc<[Key]>);

struct Key {
    id: String,
    key: LessSafeKey,
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl FromStr for SealingKeys {
    type Err = BadKeys;
    fn from_str(text: &str) -> Result<Self, BadKeys> {
        let keys = text.split_whitespace().map(Key::read).collect::<Result<Arc<[Key]>, _>>()?;
        if keys.is_empty() || keys.len() > KEYS_MAX { Err(BadKeys) } else { Ok(Self(keys)) }
    }
}

impl Key {
    fn read(word: &str) -> Result<Self, BadKeys> {
        let bytes = hex::decode(word).or_else(|_| STANDARD.decode(word)).map_err(|_| BadKeys)?;
        if bytes.len() != KEY_BYTES {
            return Err(BadKeys);
        }
        let id = hex::encode(&digest(&SHA256, &bytes).as_ref()[..8]);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| BadKeys)?;
        Ok(Self { id, key: LessSafeKey::new(key) })
    }
}

impl SealingKeys {
    /// What texts begin with that the first key sealed.
    pub(crate) fn newest(&self) -> String {
        self.0.first().map_or_else(String::new, |key| format!("{FORM}{}.", key.id))
    }

    /// Seals a value that belongs to something.
    pub(crate) fn seal(&self, value: &str, belongs_to: &[&str]) -> Result<String, StoreError> {
        let failed = |_| StoreError::Sealed("the system gives no random bytes to seal a secret with".to_owned());
        let Some(Key { key, .. }) = self.0.first() else { return Err(no_keys()) };
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(failed)?;
        let mut sealed = value.as_bytes().to_vec();
        let owner = Aad::from(bound_to(belongs_to));
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), owner, &mut sealed).map_err(failed)?;
        Ok(format!("{}{}", self.newest(), STANDARD.encode([&nonce[..], &sealed].concat())))
    }

    fn open(&self, sealed: &str, belongs_to: &[&str]) -> Result<String, StoreError> {
        let broken = || StoreError::Sealed("what is stored of a secret is damaged: set the secret anew".to_owned());
        let (id, body) = sealed.strip_prefix(FORM).and_then(|rest| rest.split_once('.')).ok_or_else(broken)?;
        let Some(Key { key, .. }) = self.0.iter().find(|key| key.id == id) else {
            let known: Vec<_> = self.0.iter().map(|key| key.id.as_str()).collect();
            return Err(StoreError::Sealed(format!(
                "a secret was sealed with the key {id}, and mlsys was given {}: add that key as a further line to what \
                 SECRETS_KEY_FILE names, and start again; or, if the key is lost, set the secret anew",
                known.join(", ")
            )));
        };
        let mut body = STANDARD.decode(body).map_err(|_| broken())?;
        let (nonce, sealed) = body.split_at_mut_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let value = key.open_in_place(nonce, Aad::from(bound_to(belongs_to)), sealed).map_err(|_| broken())?;
        String::from_utf8(value.to_vec()).map_err(|_| broken())
    }
}

/// Opens what may be sealed; what is not was written before there were keys, and is what it is.
pub(crate) fn open(keys: Option<&SealingKeys>, stored: &str, belongs_to: &[&str]) -> Result<String, StoreError> {
    match keys {
        _ if !stored.starts_with(FORM) => Ok(stored.to_owned()),
        Some(keys) => keys.open(stored, belongs_to),
        None => Err(no_keys()),
    }
}

/// That there are no keys.
pub(crate) fn no_keys() -> StoreError {
    StoreError::Sealed(
        "there is no key for secrets: set SECRETS_KEY_FILE for the backend and the workers, and start them again".to_owned(),
    )
}

/// Each part with its length, so that no two lists are the same bytes.
fn bound_to(parts: &[&str]) -> Vec<u8> {
    let mut bytes = FORM.as_bytes().to_vec();
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const ONE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const TWO: &str = "//////////////////////////////////////////8=";

    fn keys(text: &str) -> SealingKeys {
        text.parse().unwrap()
    }

    #[test]
    fn a_sealed_value_opens_where_it_belongs_and_nowhere_else() {
        let keys = keys(ONE);
        let (one, again) = (keys.seal("hunter2", &["o/r", "A"]).unwrap(), keys.seal("hunter2", &["o/r", "A"]).unwrap());
        assert_ne!(one, again, "a nonce is never used twice");
        assert!(one.starts_with(&keys.newest()) && !one.contains("hunter2"));
        assert_eq!(open(Some(&keys), &one, &["o/r", "A"]).unwrap(), "hunter2");
        for other in [&["o/r", "B"][..], &["o/s", "A"], &["o/rA", ""], &["o/r"]] {
            assert!(matches!(open(Some(&keys), &one, other), Err(StoreError::Sealed(_))), "{other:?}");
        }
        for at in [one.len() - 3, keys.newest().len() + 1] {
            let mut changed = one.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(open(Some(&keys), std::str::from_utf8(&changed).unwrap(), &["o/r", "A"]).is_err());
        }
        assert_eq!(open(Some(&keys), "of before", &["o/r", "A"]).unwrap(), "of before");
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let old = keys(ONE).seal("hunter2", &["x"]).unwrap();
        let both = keys(&format!("{TWO}\n{ONE}\n"));
        assert_eq!(open(Some(&both), &old, &["x"]).unwrap(), "hunter2");
        let new = both.seal("hunter2", &["x"]).unwrap();
        assert_eq!(open(Some(&keys(TWO)), &new, &["x"]).unwrap(), "hunter2");
        let error = open(Some(&keys(ONE)), &new, &["x"]).unwrap_err().to_string();
        assert!(error.contains(&new[FORM.len()..][..16]) && error.contains("SECRETS_KEY_FILE"), "{error}");
        assert!(open(None, &new, &["x"]).unwrap_err().to_string().contains("SECRETS_KEY_FILE"));
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for bad in
            ["", "  \n", "secret", &ONE[..62], &format!("{ONE}00"), &format!("{ONE} x"), &format!("{ONE} ").repeat(17)]
        {
            let error = bad.parse::<SealingKeys>().unwrap_err().to_string();
            assert!(error.contains("openssl rand") && !error.contains("secret"), "{error}");
        }
        assert!(!format!("{:?}", keys(ONE)).contains(ONE));
    }
}
