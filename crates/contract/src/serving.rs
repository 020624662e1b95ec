//! What the backend and the worker say to a model-server.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Flavour, ModelName};

/// Where a model is deployed. Environments are data: a name that fits file, bucket and alias names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Environment(String);

impl Environment {
    /// The first environment a model reaches.
    pub fn dev() -> Self {
        Self("dev".to_owned())
    }

    /// The environment as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Environment {
    type Error = String;
    fn try_from(value: String) -> Result<Self, String> {
        match value.as_str() {
            "dev" | "staging" | "prod" => Ok(Self(value)),
            _ => Err("environment must be dev, staging or prod".to_owned()),
        }
    }
}

impl FromStr for Environment {
    type Err = String;
    fn from_str(value: &str) -> Result<Self, String> {
        Self::try_from(value.to_owned())
    }
}

impl From<Environment> for String {
    fn from(environment: Environment) -> Self {
        environment.0
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `POST /internal/load/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadRequest {
    /// The registry version.
    pub version: u64,
    /// The folder that holds the version's files, `file://…/{model}/v{N}`.
    pub uri: String,
    /// SHA-256 of that folder's `metadata.json`, in hex; it names the digests of the other files.
    pub sha256: String,
    /// Where the version is to be served.
    pub environment: Environment,
}

/// `POST /internal/unload/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnloadRequest {
    /// Where the model is to be taken out of service.
    pub environment: Environment,
}

/// A served model, as `GET /models` lists it and a load answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadedModel {
    /// The model's name.
    pub model_name: ModelName,
    /// The registry version.
    pub model_version: u64,
    /// Where it is served.
    pub environment: Environment,
    /// What computes its predictions.
    pub flavour: Flavour,
    /// SHA-256 of its `metadata.json`, in hex.
    pub sha256: String,
    /// When it was swapped in.
    pub loaded_at: Timestamp,
}
