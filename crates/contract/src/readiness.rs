//! Whether a process can do its work, as `GET /ready` says it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer to `GET /ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether all is well.
    pub status: ReadyStatus,
    /// Each dependency by name: `ok`, or why it can't be used.
    pub dependencies: BTreeMap<String, String>,
}

/// Whether a process can do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadyStatus {
    /// It can.
    Ready,
    /// A dependency is unavailable.
    Unready,
}
