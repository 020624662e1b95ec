//! RFC 9457 problem details, as every error response of ours carries them.

use serde::{Deserialize, Serialize};

/// The body of `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// HTTP status code.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// What happened and what to do about it.
    pub detail: String,
    /// A stable word for programs.
    pub code: String,
    /// Names the request in the logs.
    #[serde(default)]
    pub request_id: String,
}
