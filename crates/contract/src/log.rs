//! Log lines, as stored and as sent over the WebSocket.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Phase, PipelineStatus};

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = LogStream)]
pub enum Stream {
    /// mlsys itself.
    System,
    /// The notebook's standard output.
    Stdout,
    /// The notebook's standard error.
    Stderr,
    /// A rich output of the notebook.
    Display,
    /// A traceback, or the error that ended a phase.
    Error,
}

/// One line of a pipeline's log. `seq` starts at 1 and has no gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Position in the pipeline's log.
    pub seq: u64,
    /// When the line was produced.
    pub at: Timestamp,
    /// The phase that produced it.
    pub phase: Phase,
    /// The notebook cell's index (from 0), where there is one.
    #[schema(required)]
    pub cell: Option<usize>,
    /// Where it comes from.
    pub stream: Stream,
    /// The text, without its line end.
    pub text: String,
    /// A rich output's MIME bundle, or facts beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

/// A line before the log has given it a sequence number.
#[derive(Debug, Clone, PartialEq)]
pub struct NewLine {
    /// When the line was produced.
    pub at: Timestamp,
    /// The phase that produced it.
    pub phase: Phase,
    /// The notebook cell's index (from 0), where there is one.
    pub cell: Option<usize>,
    /// Where it comes from.
    pub stream: Stream,
    /// The text, without its line end.
    pub text: String,
    /// A rich output's MIME bundle, or facts beside the text.
    pub data: Option<serde_json::Value>,
}

impl NewLine {
    /// The line at its place in the log.
    pub fn numbered(self, seq: u64) -> LogLine {
        let Self { at, phase, cell, stream, text, data } = self;
        LogLine { seq, at, phase, cell, stream, text, data }
    }
}

/// The last frame of a finished pipeline's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEnd {
    /// The status the pipeline ended in.
    pub end: PipelineStatus,
}

/// What a log socket sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LogFrame {
    /// A line.
    Line(LogLine),
    /// The end of a finished pipeline's log.
    End(LogEnd),
}
