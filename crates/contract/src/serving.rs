//! What the backend and the worker say to a model-server.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{AccessList, Flavour, ModelName};

/// Where a model is deployed. Environments are data: a name that fits file, bucket and alias names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Environment(String);

impl Environment {
    /// All there are, in the order a version goes through them.
    pub const ALL: [&str; 3] = ["dev", "staging", "prod"];

    /// Each of [`Environment::ALL`].
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().map(|name| Self(name.to_owned()))
    }

    /// The first environment a model reaches.
    pub fn dev() -> Self {
        Self("dev".to_owned())
    }

    /// The last one, that most depends on.
    pub fn prod() -> Self {
        Self("prod".to_owned())
    }

    /// Its place in the order of [`Environment::ALL`], from 0.
    pub fn rank(&self) -> usize {
        Self::ALL.iter().position(|known| *known == self.0).unwrap_or(Self::ALL.len())
    }

    /// The environment that a version goes to from this one; `None` after the last.
    pub fn following(&self) -> Option<Self> {
        Self::ALL.get(self.rank() + 1).map(|name| Self((*name).to_owned()))
    }

    /// The environment as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Environment {
    type Error = String;
    fn try_from(value: String) -> Result<Self, String> {
        if Self::ALL.contains(&&*value) {
            return Ok(Self(value));
        }
        Err("environment must be dev, staging or prod".to_owned())
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

impl PartialSchema for Environment {
    fn schema() -> RefOr<Schema> {
        let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Self::ALL));
        words.description(Some("Where a model is deployed.")).into()
    }
}

impl ToSchema for Environment {}

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
    /// The deployment's number, which grows with every change of what is deployed. A server refuses one that is older than
    /// what it has for the model in this environment: a late call of a worker that was thought dead changes nothing.
    #[serde(default)]
    pub generation: u64,
}

/// What the backend says is deployed: one version of the list that a model-server brings itself in line with. Several
/// versions may be at one place (a model in an environment) and share its requests by weight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredModel {
    /// The model's name.
    pub model_name: ModelName,
    /// What is to be served, and where.
    #[serde(flatten)]
    pub load: LoadRequest,
    /// Its share of the place's requests, in proportion to the weights of the other versions there; in percent, where they
    /// add up to 100. A version without requests of its own, of weight 0, answers those that name it.
    #[serde(default = "whole")]
    pub weight: u32,
    /// How many of a hundred requests that others at the place answer are also asked of this version, whose answers nobody
    /// waits for: they are compared and counted.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub shadow: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
const fn is_nothing(number: &u32) -> bool {
    *number == 0
}

/// The weight of a version that has a place to itself.
const fn whole() -> u32 {
    100
}

impl DesiredModel {
    /// A version that has its place to itself.
    pub fn whole(model_name: ModelName, load: LoadRequest) -> Self {
        Self { model_name, load, weight: whole(), shadow: 0 }
    }
}

/// Everything that is deployed. The answer to a [`ServerReport`], with an `ETag`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The greatest generation ever given to a change that this list has seen, removals included. It never goes down. A place
    /// that is not in the list is taken out of service only where its own generation is not greater than this; and a list
    /// with a smaller number than one seen before, which another backend may still answer, is passed over.
    #[serde(default)]
    pub change: u64,
    /// Each version of each model in each environment.
    pub models: Vec<DesiredModel>,
    /// Who may ask for predictions. None: the backend is of a version that does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessList>,
}

/// `POST /internal/model-servers`: what a model-server serves, and where it can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerReport {
    /// The server's base address, as other processes reach it.
    pub address: String,
    /// Each version in each environment that it serves, or is to serve and cannot.
    pub models: Vec<ServedModel>,
}

/// One place of a [`ServerReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedModel {
    /// The model's name.
    pub model_name: ModelName,
    /// Where it is served.
    pub environment: Environment,
    /// The registry version.
    pub version: u64,
    /// The number of the deployment that asked for it.
    pub generation: u64,
    /// How far it is.
    pub state: ServedState,
}

/// How far a model-server is with a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ServedState {
    /// It answers predictions.
    Ready,
    /// It is being fetched, verified or warmed up; what was there before goes on serving.
    Loading,
    /// It could not be loaded, and is tried again later; what was there before goes on serving.
    Failed {
        /// Why.
        detail: String,
    },
}

/// `POST /internal/unload/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnloadRequest {
    /// Where the model is to be taken out of service.
    pub environment: Environment,
    /// The number of the change that took it out of service; without one, only what has no number itself is.
    #[serde(default)]
    pub generation: u64,
}

/// `PUT /internal/traffic/{name}`: how a place's requests are shared out among the versions that it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficRequest {
    /// Where.
    pub environment: Environment,
    /// The number of this change, as in a [`LoadRequest`]; a server refuses one that is older than what it has.
    pub generation: u64,
    /// Each version that is served there from now on. All of them are loaded already.
    pub shares: Vec<Share>,
}

/// A version's part in the requests of a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// The registry version.
    pub version: u64,
    /// See [`DesiredModel::weight`].
    pub weight: u32,
    /// See [`DesiredModel::shadow`].
    #[serde(default)]
    pub shadow: u32,
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
