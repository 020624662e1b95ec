//! Who may do what, as it is given: roles and grants, and the keys that have them. What a role may is decided in `pipeline`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Environment, ModelName, RepoName};

/// What somebody is here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything but secrets.
    Viewer,
    /// Asks models for predictions, and nothing else.
    Predictor,
    /// Runs notebooks, and brings versions to staging.
    Developer,
    /// Answers for what serves in production.
    Operator,
    /// Decides about repositories, people and keys.
    Admin,
}

impl Role {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Predictor, Self::Developer, Self::Operator, Self::Admin];

    /// The role as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Predictor => "predictor",
            Self::Developer => "developer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == word);
        found.ok_or_else(|| "a role is viewer, predictor, developer, operator or admin".to_owned())
    }
}

/// A role that was given: for everything, or for one repository or one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// What it allows.
    pub role: Role,
    /// Only what belongs to this repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub repo: Option<RepoName>,
    /// Only what belongs to this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub model: Option<ModelName>,
    /// Only in this environment; for predictors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub environment: Option<Environment>,
    /// Until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_at: Option<Timestamp>,
}

impl Grant {
    /// A role for everything, for ever.
    pub fn everywhere(role: Role) -> Self {
        Self { role, repo: None, model: None, environment: None, expires_at: None }
    }

    /// What makes no sense about it.
    ///
    /// # Errors
    /// With a sentence for who wrote it.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.repo.is_some() && self.model.is_some() {
            return Err("a grant is for one repository or for one model, not for both");
        }
        if self.environment.is_some() && self.role != Role::Predictor {
            return Err("only a predictor's grant can be for one environment");
        }
        Ok(())
    }
}

/// Of which things a list shows those that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Of everything.
    #[default]
    Everything,
    /// Of what belongs to one of these repositories or to one of these models.
    Only {
        /// The repositories.
        repos: BTreeSet<RepoName>,
        /// The models.
        models: BTreeSet<ModelName>,
    },
}

/// Who may ask a model-server: what the backend tells it along with what is deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessList {
    /// Every key that lets somebody in.
    pub keys: Vec<ListedKey>,
    /// Whose the names of the deployed models are, for rights that are given for a repository.
    pub owners: BTreeMap<ModelName, RepoName>,
}

/// A key that is neither revoked nor expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedKey {
    /// SHA-256 of the key, in hex. The key itself is nowhere.
    pub sha256: String,
    /// What it may.
    pub grants: Vec<Grant>,
    /// From when on it lets nobody in; none: it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}
