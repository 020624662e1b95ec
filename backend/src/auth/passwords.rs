//! Passwords: what argon2 makes of them is kept, and takes time and memory on purpose. So it has threads of its own, and few
//! at once.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use service::{ApiError, Secret};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{credentials::random, limits::too_often};
use crate::error::internal;

/// Memory in KiB, rounds, lanes. Source: OWASP's Password Storage Cheat Sheet.
const COST: Cost = (19_456, 2, 1);
/// How many are computed at once.
const AT_ONCE: usize = 2;
/// How long somebody waits for others' passwords.
const PATIENCE: Duration = Duration::from_secs(10);

/// Computes what is kept of passwords.
#[derive(Debug)]
pub(crate) struct Passwords(Semaphore);

impl Default for Passwords {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Passwords {
    /// What is kept of a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, ApiError> {
        let salt = random::<16>().map_err(internal)?;
        let hash = self.compute(password, salt.to_vec(), COST).await?;
        let (memory, rounds, lanes) = COST;
        Ok(format!("$argon2id$v=19$m={memory},t={rounds},p={lanes}${}${hash}", hex::encode(salt)))
    }

    /// Whether it is the password that this was kept of. Where nothing was, it takes as long and is not.
    pub(crate) async fn matches(&self, password: String, kept: Option<&str>) -> Result<bool, ApiError> {
        let Some((cost, salt, hash)) = kept.and_then(read) else {
            self.compute(password, vec![0; 16], COST).await?;
            return Ok(false);
        };
        Ok(Secret::new(hash).matches(self.compute(password, salt, cost).await?.as_bytes()))
    }

    async fn compute(&self, password: String, salt: Vec<u8>, cost: Cost) -> Result<String, ApiError> {
        let Ok(Ok(_permit)) = timeout(PATIENCE, self.0.acquire()).await else { return Err(too_often(PATIENCE.as_secs())) };
        let compute = move || {
            let params = Params::new(cost.0, cost.1, cost.2, Some(32)).ok()?;
            let mut hash = [0; 32];
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password_into(password.as_bytes(), &salt, &mut hash).ok()?;
            Some(hex::encode(hash))
        };
        spawn_blocking(compute).await.map_err(internal)?.ok_or_else(|| internal("argon2 does not take its parameters"))
    }
}

/// Memory in KiB, rounds and lanes.
type Cost = (u32, u32, u32);

/// Cost, salt and hash of what [`Passwords::hash`] wrote.
fn read(kept: &str) -> Option<(Cost, Vec<u8>, String)> {
    let [_, "argon2id", "v=19", cost, salt, hash] = kept.split('$').collect::<Vec<_>>()[..] else { return None };
    let mut numbers = cost.split(',').map(|part| part.split_once('=').and_then(|(_, number)| number.parse().ok()));
    let cost = (numbers.next()??, numbers.next()??, numbers.next()??);
    Some((cost, hex::decode(salt).ok()?, hash.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let passwords = Passwords::default();
        let kept = passwords.hash("correct horse".to_owned()).await.expect("hashed");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !kept.contains("correct"));
        assert_ne!(kept, passwords.hash("correct horse".to_owned()).await.expect("hashed"), "each has a salt of its own");
        for (given, kept, expected) in [
            ("correct horse", Some(&*kept), true),
            ("correct horsf", Some(&*kept), false),
            ("", Some(&*kept), false),
            ("correct horse", None, false),
            ("correct horse", Some("garbage"), false),
            ("correct horse", Some("$argon2id$v=19$m=1,t=0,p=x$00$00"), false),
        ] {
            assert_eq!(passwords.matches(given.to_owned(), kept).await.expect("compared"), expected, "{given}");
        }
    }
}
