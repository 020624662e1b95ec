//! What a valid notebook declares.

use std::collections::BTreeMap;

use contract::{ModelName, SecretName};
use serde::{Deserialize, Serialize};

use crate::{Demanded, Gate};

/// What a valid notebook declares. JSON: gates are their source texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    /// `MODEL_NAME`.
    pub model_name: ModelName,
    /// `VERSION`: a label.
    pub version: String,
    /// `GATES`, if set.
    pub gates: Option<Vec<Gate>>,
    /// What the repository's `mlsys.toml` demands beside them. It is no part of the notebook: whoever has the file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demanded: Option<Demanded>,
    /// `TIMEOUT_SECONDS`, if set: 1 to 86400.
    pub timeout_seconds: Option<u64>,
    /// `SECRETS`: what of the repository's secrets the run is given.
    #[serde(default)]
    pub secrets: Vec<SecretName>,
    /// The names that the `mlops:evaluation` cells assign, within blocks too but not in functions and classes, in order,
    /// without those that start with an underscore.
    pub evaluation_names: Vec<String>,
    /// The defaults of the `parameters` cell that are literals.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The requirements of the notebook's inline script metadata, if it lists any.
    pub dependencies: Option<Vec<String>>,
    /// The Python version that the inline script metadata asks for.
    pub requires_python: Option<String>,
    /// What is allowed and yet probably not meant.
    pub warnings: Vec<String>,
}
