//! What a test did and saw, with times, for whoever has to explain a failure.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Moments since its making.
#[derive(Debug)]
pub struct Timeline {
    began: Instant,
    lines: Mutex<Vec<String>>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { began: Instant::now(), lines: Mutex::default() }
    }
}

impl Timeline {
    /// Prints and keeps one thing that happened.
    #[expect(clippy::print_stdout, reason = "tests say what they do")]
    pub fn say(&self, text: impl AsRef<str>) {
        let line = format!("{:8.2} s  {}", self.began.elapsed().as_secs_f64(), text.as_ref());
        println!("{line}");
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// Everything that happened.
    pub fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}
