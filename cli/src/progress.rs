//! How far something is, on standard error: in one line, written over, where somebody sees it; else in a line now and then.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

/// How often it is said on a terminal, and elsewhere.
const SEEN: Duration = Duration::from_millis(200);
const UNSEEN: Duration = Duration::from_secs(10);

/// What is said of how far something is.
pub(crate) struct Progress {
    said: Instant,
    every: Duration,
    is_begun: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let every = if std::io::stderr().is_terminal() { SEEN } else { UNSEEN };
        Self { said: Instant::now(), every, is_begun: false }
    }

    /// Says it, unless that was done a moment ago.
    pub(crate) fn show(&mut self, how_far: impl FnOnce() -> String) {
        if self.said.elapsed() < self.every {
            return;
        }
        (self.said, self.is_begun) = (Instant::now(), true);
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K{}", how_far());
        } else {
            eprintln!("{}", how_far());
        }
    }

    /// Leaves the line.
    pub(crate) fn end(&self) {
        if self.is_begun && std::io::stderr().is_terminal() {
            eprintln!();
        }
    }
}
