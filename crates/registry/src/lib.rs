//! Which versions lie in an environment's bucket, as a table of the warehouse: `local.mlsys_{env}.model_registry`.
//!
//! A version is what lies at `{model}/v{N}/model.pkl`, whoever put it there; its `metadata.json`, and what mlsys knows of versions that it made
//! itself, say more. [`scan`] looks, and makes the table say so.
//!
//! Deliberately absent: serving what was uploaded by hand.

mod rows;

use artifacts::Found;
use contract::{Environment, ModelName, Names};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Store, StoreError};
use utoipa::ToSchema;
use warehouse::{Disposition, TableName, Warehouse};

/// The project that mlsys keeps tables of its own in.
const PROJECT: &str = "local";
/// How many versions are asked about at the same time.
const AT_ONCE: usize = 8;
/// How many are in the table at most.
const MOST: usize = 100_000;

/// Why a bucket can't be scanned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bucket can't be read.
    #[error(transparent)]
    Artifacts(#[from] artifacts::Error),
    /// The table can't be read or written.
    #[error(transparent)]
    Warehouse(#[from] warehouse::Error),
    /// The database can't say what mlsys knows.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was found can't be made rows of a table.
    #[error("the registry's rows: {0}")]
    Rows(String),
    /// The table is of other columns than it should be; or of more rows.
    #[error("{0} is no table of this registry; move it away: it is made anew")]
    Foreign(TableName),
}

impl Error {
    /// Whether trying again may help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Artifacts(error) => matches!(error, artifacts::Error::Unavailable { .. }),
            Self::Warehouse(error) => {
                matches!(
                    error,
                    warehouse::Error::Objects(_) | warehouse::Error::Busy { .. } | warehouse::Error::Unsure { .. }
                )
            }
            Self::Store(error) => !matches!(error, StoreError::Corrupt(_) | StoreError::Sealed(_)),
            Self::Foreign(_) | Self::Rows(_) => false,
        }
    }

    /// What people are told who have no log to read.
    #[must_use]
    pub fn in_short(&self) -> String {
        match self {
            Self::Artifacts(_) => "the bucket can't be read; the log says why".to_owned(),
            Self::Warehouse(warehouse::Error::Objects(_)) => {
                "the tables can't be read or written; the log says why".to_owned()
            }
            Self::Store(_) => "the database can't be asked".to_owned(),
            other => other.to_string(),
        }
    }
}

/// A version in a bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// The model.
    pub name: ModelName,
    /// The version.
    pub version: u64,
    /// The environment.
    pub environment: Environment,
    /// The bucket, or the folder that stands for one.
    pub bucket: String,
    /// Where its pickle lies in it.
    pub path: String,
    /// The size of all its files, in bytes.
    pub size: u64,
    /// Who put it there: `mlsys`, or whom its `metadata.json` names.
    #[schema(required)]
    pub uploader: Option<String>,
    /// When its pickle was last written.
    pub uploaded_at: Timestamp,
    /// When it was first found.
    pub registered_at: Timestamp,
    /// Its metrics by their names, if they are known.
    #[schema(required)]
    pub metrics: Option<Value>,
}

/// What was found, and what that changed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Scan {
    /// The environment.
    pub environment: Environment,
    /// The table.
    pub table: String,
    /// All versions that lie in the bucket, by model and number.
    pub versions: Vec<Entry>,
    /// Those that are new in the table, as `{model}/v{N}`.
    pub added: Vec<String>,
    /// Those of which it said something else.
    pub changed: Vec<String>,
    /// Those that are gone from the bucket, and so from the table.
    pub removed: Vec<String>,
    /// What lies in the bucket and can't be registered, and why.
    pub problems: Vec<String>,
    /// Whether the table was written.
    pub written: bool,
}

/// Where versions and tables are found.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// What mlsys knows of versions that it made.
    pub store: &'a Store,
    /// The buckets.
    pub artifacts: &'a artifacts::Store,
    /// The tables.
    pub warehouse: &'a Warehouse,
}

/// The table of an environment.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "a test has all of them")]
pub fn table_of(environment: &Environment) -> TableName {
    let name = format!("{PROJECT}.{}", Names::of(environment).registry_table);
    name.parse().expect("a table's name")
}

/// Looks what lies in an environment's bucket, and has its table say so; or, if it is not to `apply`, only tells what it would change.
///
/// # Errors
/// When something can't be read or written.
pub async fn scan(sources: Sources<'_>, environment: &Environment, apply: bool) -> Result<Scan, Error> {
    let table = table_of(environment);
    let before = rows::read(sources.warehouse, &table).await?;
    let scanned = sources.artifacts.scan(environment).await?;
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default();
    let mut problems: Vec<_> = scanned.strays.iter().map(|path| format!("{path}: no {{model}}/v{{N}}/model.pkl")).collect();
    let asked = stream::iter(scanned.versions)
        .map(|found| async move { describe(sources, environment, &found).await })
        .buffered(AT_ONCE);
    let described: Vec<_> = asked.try_collect().await?;
    let mut scan = Scan {
        environment: environment.clone(),
        table: table.to_string(),
        versions: Vec::with_capacity(described.len()),
        added: Vec::new(),
        changed: Vec::new(),
        removed: Vec::new(),
        problems: Vec::new(),
        written: false,
    };
    for (mut entry, problem) in described {
        problems.extend(problem);
        match before.iter().find(|known| (&known.name, known.version) == (&entry.name, entry.version)) {
            None => {
                entry.registered_at = now;
                scan.added.push(called(&entry));
            }
            Some(known) => {
                entry.registered_at = known.registered_at;
                if *known != entry {
                    scan.changed.push(called(&entry));
                }
            }
        }
        scan.versions.push(entry);
    }
    let is_gone =
        |known: &&Entry| !scan.versions.iter().any(|entry| (&known.name, known.version) == (&entry.name, entry.version));
    scan.removed = before.iter().filter(is_gone).map(called).collect();
    scan.problems = problems;
    let changes = !(scan.added.is_empty() && scan.changed.is_empty() && scan.removed.is_empty());
    if apply && changes {
        let mut writer = sources.warehouse.writer(&table, &rows::schema(), Disposition::Truncate).await?;
        if !scan.versions.is_empty() {
            writer.write(&rows::batch(&scan.versions)?).await?;
        }
        writer.commit(None).await?;
        scan.written = true;
    }
    Ok(scan)
}

fn called(entry: &Entry) -> String {
    format!("{}/v{}", entry.name, entry.version)
}

/// What is known of a version, and what is wrong with what is said of it.
async fn describe(
    Sources { store, artifacts, .. }: Sources<'_>,
    environment: &Environment,
    found: &Found,
) -> Result<(Entry, Option<String>), Error> {
    let (said, problem) = match artifacts.said_of(environment, found).await {
        Ok(said) => (said.unwrap_or_default(), None),
        Err(error @ (artifacts::Error::BadManifest { .. } | artifacts::Error::Refused { .. })) => {
            (Value::Null, Some(format!("{}/metadata.json: {error}", found.path)))
        }
        Err(error) => return Err(error.into()),
    };
    let ours = store.serving.model_version(&found.model, found.version).await?;
    let text = |name: &str| said[name].as_str().map(str::to_owned);
    let metrics = match &ours {
        Some(record) => serde_json::to_value(&record.metrics).ok(),
        None => Some(said["metrics"].clone()).filter(Value::is_object),
    };
    let uploader = ours.as_ref().map(|_| "mlsys".to_owned()).or_else(|| text("uploader")).or_else(|| text("uploaded_by"));
    let entry = Entry {
        name: found.model.clone(),
        version: found.version,
        environment: environment.clone(),
        bucket: found.bucket.clone(),
        path: format!("{}/{}", found.path, contract::MODEL_FILE),
        size: found.size,
        uploader,
        uploaded_at: found.uploaded_at,
        registered_at: found.uploaded_at,
        metrics,
    };
    Ok((entry, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_environment_has_a_table() {
        let all: Vec<_> = Environment::all().map(|environment| table_of(&environment).to_string()).collect();
        let of = |env| format!("local.mlsys_{env}.model_registry");
        assert_eq!(all, ["dev", "staging", "prod"].map(of));
    }
}
