//! Pushes as GitHub delivers them: each a commit of its own, to a notebook of its own, with a delivery id of its own.
//!
//! They are signed ahead; only the text is put together when one is sent.

use std::io::Write;

use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// How many repositories take turns.
const REPOSITORIES: usize = 50;

/// What a push's body says, with holes: `$c` the commit, `$b` the one before, `$t` its tree, `$n` the notebook's number;
/// `@name@` is the repository's name.
const PAYLOAD: &str = include_str!("push.json");

/// The repositories' full names.
pub fn repositories() -> impl Iterator<Item = String> {
    (0..REPOSITORIES).map(|index| format!("bench/{}", name(index)))
}

fn name(index: usize) -> String {
    format!("models-{index:02}")
}

/// Pushes; those of another seed have other commits and deliveries.
pub struct Pushes {
    seed: u64,
    address: String,
    /// For each repository, the text before the first hole, and each hole with the text behind it.
    bodies: Vec<(String, Vec<(char, String)>)>,
    signatures: Vec<[u8; 32]>,
}

impl Pushes {
    /// Signs `count` pushes, each with the secret of its repository, on all processors.
    pub fn signed(address: &str, secrets: &[String], seed: u64, count: usize) -> Result<Self> {
        let payload = serde_json::from_str::<Value>(PAYLOAD).context("push.json")?.to_string();
        let bodies = (0..REPOSITORIES).map(|index| with_holes(&payload.replace("@name@", &name(index)))).collect();
        let mut pushes = Self { seed, address: address.to_owned(), bodies, signatures: vec![[0; 32]; count] };
        let mut signatures = std::mem::take(&mut pushes.signatures);
        let share = count.div_ceil(std::thread::available_parallelism()?.get()).max(1);
        std::thread::scope(|scope| -> Result<()> {
            let chunks = signatures.chunks_mut(share).enumerate();
            let signers = chunks.map(|(place, chunk)| {
                scope.spawn({
                    let pushes = &pushes;
                    move || pushes.sign(secrets, place * share, chunk)
                })
            });
            let signers: Vec<_> = signers.collect();
            signers.into_iter().try_for_each(|signer| signer.join().map_err(|_| anyhow::anyhow!("a signer panicked"))?)
        })?;
        pushes.signatures = signatures;
        Ok(pushes)
    }

    fn sign(&self, secrets: &[String], first: usize, signatures: &mut [[u8; 32]]) -> Result<()> {
        let keyed = secrets.iter().map(|secret| Hmac::<Sha256>::new_from_slice(secret.as_bytes()));
        let keyed = keyed.collect::<Result<Vec<_>, _>>()?;
        let mut body = Vec::new();
        for (index, signature) in (first..).zip(signatures) {
            body.clear();
            self.write_body(index, &mut body)?;
            *signature = keyed[index % REPOSITORIES].clone().chain_update(&body).finalize().into_bytes().into();
        }
        Ok(())
    }

    /// Writes a push's whole request to the end of `into`; false if there is no such push.
    pub fn write(&self, index: usize, into: &mut Vec<u8>) -> Result<bool> {
        let Some(signature) = self.signatures.get(index) else { return Ok(false) };
        let [a, b, ..] = self.words(index, 'd');
        write!(
            into,
            "POST /webhook/github HTTP/1.1\r\nHost: {}\r\nUser-Agent: GitHub-Hookshot/044aadd\r\nAccept: */*\r\n\
             Content-Type: application/json\r\nX-GitHub-Event: push\r\nX-GitHub-Hook-ID: 447920113\r\n\
             X-GitHub-Delivery: {:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}\r\nX-Hub-Signature-256: sha256={}\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff,
            hex::encode(signature),
            self.length(index)
        )?;
        self.write_body(index, into)?;
        Ok(true)
    }

    fn write_body(&self, index: usize, into: &mut Vec<u8>) -> Result<()> {
        let (begin, holes) = &self.bodies[index % REPOSITORIES];
        into.extend_from_slice(begin.as_bytes());
        for (hole, text) in holes {
            if *hole == 'n' {
                write!(into, "{index:08}")?;
            } else {
                let [a, b, c] = self.words(index, *hole);
                write!(into, "{a:016x}{b:016x}{:08x}", c >> 32)?;
            }
            into.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }

    fn length(&self, index: usize) -> usize {
        let (begin, holes) = &self.bodies[index % REPOSITORIES];
        let filled = |(hole, text): &(char, String)| text.len() + if *hole == 'n' { 8 } else { 40 };
        begin.len() + holes.iter().map(filled).sum::<usize>()
    }

    /// Bits that look random, as those of real commits and deliveries do; the same for the same push.
    fn words(&self, index: usize, hole: char) -> [u64; 3] {
        let base = (self.seed << 40) ^ ((index as u64) << 8) ^ u64::from(u32::from(hole));
        [1, 2, 3].map(|word| mixed(base.wrapping_mul(4) + word))
    }
}

fn with_holes(body: &str) -> (String, Vec<(char, String)>) {
    let mut parts = body.split('$');
    let begin = parts.next().unwrap_or_default().to_owned();
    let holes = parts.filter_map(|part| Some((part.chars().next()?, part.get(1..)?.to_owned())));
    (begin, holes.collect())
}

/// Scatters (the output function of `SplitMix64`): neighbours come out far apart, and no two alike.
fn mixed(word: u64) -> u64 {
    let word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(pushes: &Pushes, index: usize) -> (String, Value) {
        let mut bytes = Vec::new();
        assert!(pushes.write(index, &mut bytes).expect("written"));
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len()))
                || head.ends_with(&format!("Content-Length: {}", body.len()))
        );
        (head.to_owned(), serde_json::from_str(body).expect("JSON"))
    }

    #[test]
    fn every_push_is_one_of_its_own() {
        let pushes = Pushes::signed("localhost:1", &vec!["secret".to_owned(); REPOSITORIES], 3, 120).expect("signed");
        let (head, body) = request(&pushes, 7);
        let (other_head, other) = request(&pushes, 57);
        assert_eq!(body["repository"]["full_name"], other["repository"]["full_name"]);
        assert_ne!((&head, &body["after"]), (&other_head, &other["after"]));
        assert_ne!(body["commits"][0]["modified"], other["commits"][0]["modified"]);
        assert_eq!(body["after"], body["head_commit"]["id"]);
        assert_eq!(body["after"].as_str().map(str::len), Some(40));
        assert!(!pushes.write(120, &mut Vec::new()).expect("asked"));
    }

    #[test]
    fn a_push_is_signed_as_github_signs_it() {
        let pushes = Pushes::signed("localhost:1", &vec!["secret".to_owned(); REPOSITORIES], 3, 3).expect("signed");
        let mut bytes = Vec::new();
        pushes.write(2, &mut bytes).expect("written");
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("any length").chain_update(body).finalize();
        assert!(head.contains(&format!("X-Hub-Signature-256: sha256={}\r\n", hex::encode(mac.into_bytes()))));
    }
}
