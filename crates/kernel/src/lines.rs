//! Stream text cut into the log's lines.

use std::time::{Duration, Instant};

/// A line's text is cut beyond this many bytes.
pub(crate) const LINE_LIMIT: usize = 16 << 10;
/// A line that a carriage return updates is logged at most once in this time.
const PROGRESS: Duration = Duration::from_secs(1);

/// A text of at most [`LINE_LIMIT`] bytes and a mark that says what is missing.
pub(crate) fn cut(text: &str) -> String {
    let mut line = Line::default();
    line.push(text);
    line.take()
}

/// A line as it comes: its beginning, and how long it is in all.
#[derive(Debug, Default)]
struct Line {
    kept: String,
    bytes: usize,
}

impl Line {
    fn push(&mut self, text: &str) {
        if self.bytes == self.kept.len() {
            self.kept.push_str(&text[..text.floor_char_boundary(LINE_LIMIT - self.kept.len())]);
        }
        self.bytes += text.len();
    }

    fn take(&mut self) -> String {
        let Self { kept, bytes } = std::mem::take(self);
        if bytes > kept.len() { format!("{kept}… [cut: {bytes} bytes in all]") } else { kept }
    }
}

/// Cuts one stream into lines. Emits each line once it is whole; a line under progress at most once a second.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    line: Line,
    /// A state of the line that a carriage return ended and that was not emitted.
    held: Option<String>,
    /// Whether the line has seen a carriage return.
    returned: bool,
    emitted: Option<Instant>,
}

impl Lines {
    /// Takes the next text of the stream.
    pub(crate) fn push(&mut self, text: &str, emit: &mut dyn FnMut(String)) {
        for part in text.split_inclusive(['\n', '\r']) {
            self.line.push(part.trim_end_matches(['\n', '\r']));
            match part.as_bytes().last() {
                Some(b'\n') => self.end(emit),
                Some(b'\r') => self.progress(emit),
                _ => {}
            }
        }
    }

    /// Emits what the stream has left without a line end.
    pub(crate) fn finish(&mut self, emit: &mut dyn FnMut(String)) {
        if self.line.bytes > 0 || self.held.is_some() {
            self.end(emit);
        }
    }

    fn end(&mut self, emit: &mut dyn FnMut(String)) {
        let last = if self.returned && self.line.bytes == 0 { self.held.take() } else { Some(self.line.take()) };
        if let Some(text) = last {
            emit(text);
        }
        self.held = None;
        self.returned = false;
    }

    fn progress(&mut self, emit: &mut dyn FnMut(String)) {
        self.returned = true;
        if self.line.bytes == 0 {
            return;
        }
        let state = self.line.take();
        if self.emitted.is_none_or(|at| at.elapsed() >= PROGRESS) {
            self.emitted = Some(Instant::now());
            self.held = None;
            emit(state);
        } else {
            self.held = Some(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str]) -> Vec<String> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, &mut |text| all.push(text));
        }
        lines.finish(&mut |text| all.push(text));
        all
    }

    #[test]
    fn lines_are_whole_whatever_the_pieces() {
        assert_eq!(lines(&["a", "b\n\nc", "\n", "d"]), ["ab", "", "c", "d"]);
        assert_eq!(lines(&["a\r\nb\r", "\n"]), ["a", "b"]);
    }

    #[test]
    fn progress_is_thinned_and_its_last_state_kept() {
        assert_eq!(lines(&["\r 1%", "\r 2%", "\r 3%", "\r100%\n", "done\n"]), [" 1%", "100%", "done"]);
        assert_eq!(lines(&["\r 1%", "\r 2%\r"]), [" 1%", " 2%"]);
    }

    #[test]
    fn a_long_line_is_cut_with_its_size() {
        let all = lines(&["x".repeat(LINE_LIMIT).as_str(), "yz", "\nnext\n"]);
        assert!(all[0].ends_with("x… [cut: 16386 bytes in all]"));
        assert_eq!(all[1], "next");
        assert_eq!(cut("short"), "short");
    }
}
