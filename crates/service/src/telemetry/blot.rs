//! Secrets that must not appear in a log, whoever writes the line: each is replaced in the line as it is written.

use std::{
    io::{self, Write},
    sync::{PoisonError, RwLock},
};

use tracing_subscriber::fmt::MakeWriter;

use crate::Secret;

/// What stands in a secret's place.
const BLOT: &str = "***";
/// Shorter ones are also parts of innocent words.
const SHORTEST: usize = 8;
/// How many are known at once; the oldest is forgotten for a new one.
const MOST: usize = 512;

static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Keeps a secret, and a password in it where it is an address, out of this process's log from now on.
pub fn blot_out(secret: &Secret) {
    let password = secret.expose().split_once("://").and_then(|(_, rest)| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Some(rest[..end].rsplit_once('@')?.0.split_once(':')?.1)
    });
    for text in [Some(secret.expose().trim()), password].into_iter().flatten().filter(|text| text.len() >= SHORTEST) {
        if KNOWN.read().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == text) {
            continue;
        }
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.remove(0);
        }
        known.push(text.to_owned());
    }
}

/// Where lines go, without the secrets in them.
pub(super) struct Blotted<W>(pub(super) W);

impl<'writer, W: MakeWriter<'writer>> MakeWriter<'writer> for Blotted<W> {
    type Writer = Line<W::Writer>;
    fn make_writer(&'writer self) -> Self::Writer {
        Line(self.0.make_writer())
    }
}

/// Writes one line, which comes whole.
pub(super) struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = String::from_utf8_lossy(line);
        for secret in known.iter() {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), BLOT).into();
            }
        }
        drop(known);
        self.0.write_all(clean.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_secret_never_reaches_the_log_and_nothing_else_is_lost() {
        for secret in ["blot-me-out-1", "postgres://mlsys:pass-word-in-it@h/d", "short", "  padded-secret\n"] {
            blot_out(&Secret::new(secret));
        }
        let mut log = Vec::new();
        let line = "a blot-me-out-1 é blot-me-out-1! pass-word-in-it short padded-secret\n";
        Line(&mut log).write_all(line.as_bytes()).expect("written");
        assert_eq!(String::from_utf8(log).expect("text"), "a *** é ***! *** short ***\n");
    }
}
