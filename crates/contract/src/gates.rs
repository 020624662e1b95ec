//! What the gates decided, kept for those who ask why a model was deployed or not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How one gate turned out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GateResult {
    /// The gate's text.
    pub gate: String,
    /// Whether it passed.
    pub passed: bool,
    /// The facts it rests on.
    pub explanation: String,
    /// The `mlsys.toml` that demands it; none: the notebook does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub file: Option<String>,
}

/// The version that was deployed when the gates decided: what they compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Champion {
    /// The registry version.
    pub version: u64,
    /// Its metrics. `null` stands for a number JSON has no form for (NaN, the infinities).
    pub metrics: BTreeMap<String, Option<f64>>,
}

/// All gates of a pipeline, and what they compared with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Each gate in the notebook's order.
    pub gates: Vec<GateResult>,
    /// None: nothing was deployed.
    pub champion: Option<Champion>,
}
