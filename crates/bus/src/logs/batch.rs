//! Lines, rendered once for all followers.

use bytes::Bytes;
use contract::LogLine;
use serde_json::value::RawValue;
use tracing::error;

/// Consecutive lines of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBatch {
    /// The first line's number.
    pub first_seq: u64,
    /// The last line's number.
    pub last_seq: u64,
    /// Each line's [`contract::LogFrame`] as JSON text (UTF-8); slices of one buffer, cheap to clone.
    pub frames: Vec<Bytes>,
}

impl LogBatch {
    /// Renders lines; `None` if there are none.
    pub(super) fn render(lines: &[LogLine]) -> Option<Self> {
        let (first_seq, last_seq, text) = render(lines)?;
        Self::parse(first_seq, last_seq, &text)
    }

    /// The batch whose lines are the JSON array `text`.
    pub(super) fn parse(first_seq: u64, last_seq: u64, text: &Bytes) -> Option<Self> {
        let frames: Vec<&RawValue> = serde_json::from_slice(text).ok()?;
        let frames: Vec<Bytes> = frames.into_iter().map(|frame| text.slice_ref(frame.get().as_bytes())).collect();
        let expected = last_seq.checked_sub(first_seq)?.checked_add(1)?;
        (u64::try_from(frames.len()) == Ok(expected)).then_some(Self { first_seq, last_seq, frames })
    }
}

/// The first and last number of lines, and the lines as a JSON array; `None` if there are none.
pub(super) fn render(lines: &[LogLine]) -> Option<(u64, u64, Bytes)> {
    let (first, last) = (lines.first()?.seq, lines.last()?.seq);
    // A frame is untagged: a line's frame is the line.
    match serde_json::to_vec(lines) {
        Ok(text) => Some((first, last, text.into())),
        Err(error) => {
            error!(error = %error, "log lines could not be rendered");
            None
        }
    }
}
