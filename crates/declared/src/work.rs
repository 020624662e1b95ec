//! What a schedule has done, and what must hold of it.

use std::path::Path;

use contract::{Misfire, ModelName, Names, Overlap, RegistryScan, RepoName, Retraining, ScheduleKind};
use pipeline::{access::Object, schedule::CronError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tables::BatchRequest;
use utoipa::ToSchema;

/// How long a name may be, in letters.
pub const NAME_MAX: usize = 128;

/// What a schedule has done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// A table goes through a model, as it is then.
    BatchPrediction(BatchRequest),
    /// A notebook runs, as it is then at the head of its branch.
    Retraining(Retraining),
    /// What the `RETENTION_*` settings no longer keep is removed.
    Retention {},
    /// An environment's bucket is looked through for versions, and its registry's table says what there is.
    RegistryScan(RegistryScan),
}

/// What is wrong with a schedule, wherever it is written.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// Its name.
    #[error("a schedule's name has 1 to {NAME_MAX} letters, digits, '-', '_' or '.'")]
    Name,
    /// When it fires.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// What becomes of firings.
    #[error("overlap replace and misfire all contradict each other: each made up for would end the one before it")]
    Policies,
    /// Its notebook.
    #[error("notebook_path must be the path of an .ipynb file in the repository")]
    NotebookPath,
    /// A table's name.
    #[error(transparent)]
    Table(#[from] warehouse::Error),
}

impl Work {
    /// As it is kept.
    ///
    /// # Errors
    /// Where that is of no form that this program knows.
    pub fn of(kind: ScheduleKind, kept: &Value) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            ScheduleKind::BatchPrediction => Self::BatchPrediction(serde_json::from_value(kept.clone())?),
            ScheduleKind::Retraining => Self::Retraining(serde_json::from_value(kept.clone())?),
            ScheduleKind::Retention => Self::Retention {},
            ScheduleKind::RegistryScan => Self::RegistryScan(serde_json::from_value(kept.clone())?),
        })
    }

    /// Its kind.
    pub fn kind(&self) -> ScheduleKind {
        match self {
            Self::BatchPrediction(_) => ScheduleKind::BatchPrediction,
            Self::Retraining(_) => ScheduleKind::Retraining,
            Self::Retention {} => ScheduleKind::Retention,
            Self::RegistryScan(_) => ScheduleKind::RegistryScan,
        }
    }

    /// All that is kept of it, beside its kind.
    ///
    /// # Errors
    /// Never for what was read from JSON or TOML.
    pub fn kept(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::BatchPrediction(request) => serde_json::to_value(request),
            Self::Retraining(retraining) => serde_json::to_value(retraining),
            Self::Retention {} => Ok(Value::Object(Map::new())),
            Self::RegistryScan(scan) => serde_json::to_value(scan),
        }
    }

    /// The model that it belongs to.
    pub fn model(&self) -> Option<&ModelName> {
        if let Self::BatchPrediction(request) = self { Some(&request.model_name) } else { None }
    }

    /// The repository that it belongs to.
    pub fn repo(&self) -> Option<&RepoName> {
        if let Self::Retraining(retraining) = self { Some(&retraining.repo) } else { None }
    }

    /// What somebody must be allowed to have done: a batch prediction may read and write any table.
    pub fn reaches(&self) -> Object {
        Object { repo: self.repo().cloned(), model: None }
    }

    /// What a schedule of it is called, unless it is given a name.
    pub fn default_name(&self) -> String {
        match self {
            Self::BatchPrediction(request) => Names::of(&request.environment).schedule_of(&request.model_name),
            Self::Retraining(Retraining { repo, notebook_path, .. }) => {
                let stem = Path::new(notebook_path).file_stem().and_then(|stem| stem.to_str()).unwrap_or("notebook");
                let allowed = |letter: char| if may_name(letter) { letter } else { '-' };
                format!("{}-{}-retraining", repo.name(), stem.chars().take(60).map(allowed).collect::<String>())
            }
            Self::Retention {} => "retention".to_owned(),
            Self::RegistryScan(scan) => format!("registry-scan-{}", scan.environment.as_str()),
        }
    }

    /// What must hold of it, whatever there is.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::BatchPrediction(request) => request.tables().map(drop).map_err(Invalid::Table),
            Self::Retraining(retraining) if !pipeline::is_notebook(&retraining.notebook_path) => Err(Invalid::NotebookPath),
            Self::Retraining(_) | Self::Retention {} | Self::RegistryScan(_) => Ok(()),
        }
    }
}

/// Whether a schedule may be called so.
///
/// # Errors
/// Where it may not.
pub fn check_name(name: &str) -> Result<(), Invalid> {
    let is_name = !name.is_empty() && name.chars().count() <= NAME_MAX && name.chars().all(may_name);
    if is_name { Ok(()) } else { Err(Invalid::Name) }
}

fn may_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

/// Whether these go together.
///
/// # Errors
/// Where they do not.
pub fn check_policies(overlap: Overlap, misfire: Misfire) -> Result<(), Invalid> {
    if overlap == Overlap::Replace && misfire == Misfire::All { Err(Invalid::Policies) } else { Ok(()) }
}
