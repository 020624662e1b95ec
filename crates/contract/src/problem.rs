//! RFC 9457 problem details, as every error response of ours carries them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the problem's type; `about:blank` where the status says it all.
    #[serde(rename = "type")]
    pub problem_type: String,
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
