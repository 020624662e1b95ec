//! The addresses of files in the artifact store, wherever rows name one: versions, deployments, and what phases left for
//! later ones. They change all at once, when the files have moved to another store.

use std::collections::{BTreeMap, BTreeSet};

use contract::PipelineStatus;
use serde_json::json;
use sqlx::{AssertSqlSafe, any::AnyRow};

use crate::{
    Serving, StoreError,
    db::database::Write,
    db::dialect::Dialect,
    db::fields::{self, Fields},
};

/// How many pipelines are looked at by one statement.
const PAGE: i64 = 500;

/// Every address in the artifact store that rows name, each with the SHA-256 of the `metadata.json` there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Of versions, and of deployments there are or were.
    pub versions: BTreeMap<String, String>,
    /// Of packages that may still be registered. One whose files are gone is made again.
    pub packages: BTreeMap<String, String>,
    /// Of packages that were registered: their files are gone.
    pub registered: BTreeSet<String>,
}

/// What became of the wish to change addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readdressed {
    /// So many rows name another address now.
    Rows(u64),
    /// Rows name addresses that were not among those given, and nothing changed.
    More,
    /// Somebody holds a pipeline or changes a deployment at this moment, and nothing changed.
    Busy,
}

impl Serving {
    /// The addresses that rows name now.
    pub async fn addresses(&self) -> Result<Addresses, StoreError> {
        let mut write = self.database.write().await?;
        let mut found = Addresses::default();
        let mut pages = Pages::default();
        while let Some(named) = pages.next(&mut write).await? {
            for one in named {
                found.add(one);
            }
        }
        write.undo().await?;
        Ok(found)
    }

    /// Whether a worker holds a pipeline, or somebody changes what is deployed, at this moment.
    pub async fn is_changing(&self) -> Result<bool, StoreError> {
        let mut write = self.database.write().await?;
        let busy = is_busy(&mut write).await?;
        write.undo().await?;
        Ok(busy)
    }

    /// Has every row that names an address name its new one, all of them or none. `new` has each address that rows may
    /// name, also one that stays as it is.
    pub async fn readdress(&self, new: &BTreeMap<String, String>) -> Result<Readdressed, StoreError> {
        let mut write = self.database.write().await?;
        if is_busy(&mut write).await? {
            write.undo().await?;
            return Ok(Readdressed::Busy);
        }
        let (mut rows, mut pages) = (0, Pages::default());
        while let Some(named) = pages.next(&mut write).await? {
            let mut changes: BTreeMap<Kind, Vec<serde_json::Value>> = BTreeMap::new();
            for one in named {
                let Some(address) = new.get(&one.uri) else {
                    write.undo().await?;
                    return Ok(Readdressed::More);
                };
                if *address != one.uri {
                    changes.entry(one.kind).or_default().push(one.change(address)?);
                }
            }
            for (kind, changes) in changes {
                let sql = kind.update(write.dialect);
                rows += write.run(sqlx::query(AssertSqlSafe(sql)).bind(fields::json(&changes)?)).await?;
            }
        }
        write.commit().await?;
        Ok(Readdressed::Rows(rows))
    }
}

impl Addresses {
    fn add(&mut self, Named { kind, uri, sha256, is_over, .. }: Named) {
        match kind {
            Kind::Version | Kind::Deployment | Kind::Candidate | Kind::Register => drop(self.versions.insert(uri, sha256)),
            Kind::Execute if is_over => drop(self.registered.insert(uri)),
            Kind::Execute => drop(self.packages.insert(uri, sha256)),
        }
    }
}

/// Where an address stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Version,
    Deployment,
    /// Of what is tried beside a deployment.
    Candidate,
    /// In what the register phase left.
    Register,
    /// In what the execute phase left.
    Execute,
}

impl Kind {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "version" => Self::Version,
            "deployment" => Self::Deployment,
            "candidate" => Self::Candidate,
            "register" => Self::Register,
            "execute" => Self::Execute,
            _ => return None,
        })
    }

    /// Changes the rows that [`Named::change`] describes, of the JSON list `$1`.
    fn update(self, dialect: Dialect) -> String {
        let named = dialect.rows(
            "$1",
            &[("pipeline", "TEXT"), ("name", "TEXT"), ("number", "BIGINT"), ("before", "TEXT"), ("address", "TEXT")],
        );
        let (change, which) = match self {
            Self::Version => {
                ("versions SET uri = n.address", "versions.model_name = n.name AND versions.version = n.number")
            }
            Self::Deployment => ("deployment_history SET uri = n.address", "deployment_history.generation = n.number"),
            Self::Candidate => {
                ("candidates SET uri = n.address", "candidates.model_name = n.name AND candidates.generation = n.number")
            }
            // The rest of a checkpoint stays as it was written, to the last digit.
            Self::Register | Self::Execute => (
                "phases SET checkpoint = replace(checkpoint, n.before, n.address)",
                "phases.pipeline_id = n.pipeline AND phases.phase = n.name",
            ),
        };
        format!("UPDATE {change} FROM {named} WHERE {which}")
    }
}

/// A row that names an address.
struct Named {
    kind: Kind,
    pipeline: String,
    /// Of the model or the phase.
    name: String,
    /// Of the version or the deployment.
    number: i64,
    uri: String,
    sha256: String,
    /// Whether the pipeline has come to its end well.
    is_over: bool,
}

impl Named {
    fn read(row: &AnyRow, over: &BTreeSet<String>) -> Result<Option<Self>, StoreError> {
        let fields = Fields(row);
        let (Some(uri), Some(sha256)) = (fields.get("uri")?, fields.get("sha256")?) else { return Ok(None) };
        let pipeline: String = fields.get("pipeline_id")?;
        Ok(Some(Self {
            kind: fields.word("kind", Kind::from_word)?,
            name: fields.get("name")?,
            number: fields.get("number")?,
            is_over: over.contains(&pipeline),
            pipeline,
            uri,
            sha256,
        }))
    }

    /// The row, and what it is to name.
    fn change(&self, address: &str) -> Result<serde_json::Value, StoreError> {
        let Self { pipeline, name, number, uri, .. } = self;
        let in_json = matches!(self.kind, Kind::Register | Kind::Execute);
        let written = |uri: &str| if in_json { fields::json(&uri) } else { Ok(uri.to_owned()) };
        let (before, address) = (written(uri)?, written(address)?);
        Ok(json!({ "pipeline": pipeline, "name": name, "number": number, "before": before, "address": address }))
    }
}

/// All rows that name addresses, those of some pipelines at a time.
#[derive(Default)]
struct Pages {
    last: String,
}

impl Pages {
    async fn next(&mut self, write: &mut Write) -> Result<Option<Vec<Named>>, StoreError> {
        let page = sqlx::query("SELECT id, status FROM pipelines WHERE id > $1 ORDER BY id LIMIT $2");
        let page = write.all(page.bind(self.last.clone()).bind(PAGE)).await?;
        let (mut ids, mut over) = (Vec::new(), BTreeSet::new());
        for row in &page {
            let id: String = Fields(row).get("id")?;
            if Fields(row).word("status", PipelineStatus::from_word)? == PipelineStatus::Succeeded {
                over.insert(id.clone());
            }
            ids.push(id);
        }
        let Some(last) = ids.last() else { return Ok(None) };
        self.last.clone_from(last);
        let named = sqlx::query(AssertSqlSafe(named(write.dialect))).bind(fields::json(&ids)?);
        let named = write.all(named).await?;
        named.iter().filter_map(|row| Named::read(row, &over).transpose()).collect::<Result<_, _>>().map(Some)
    }
}

/// What names addresses of the pipelines `$1`.
fn named(dialect: Dialect) -> String {
    let of_pipelines = dialect.among("pipeline_id", "$1");
    let checkpoint = match dialect {
        Dialect::Sqlite => "checkpoint",
        Dialect::Postgres => "CAST(checkpoint AS json)",
    };
    format!(
        "SELECT 'version' AS kind, pipeline_id, model_name AS name, version AS number, uri, sha256 FROM versions
             WHERE {of_pipelines}
         UNION ALL SELECT 'deployment', pipeline_id, model_name, generation, uri, sha256 FROM deployment_history
             WHERE {of_pipelines}
         UNION ALL SELECT 'candidate', pipeline_id, model_name, generation, uri, sha256 FROM candidates
             WHERE {of_pipelines}
         UNION ALL SELECT phase, pipeline_id, phase, 0, {checkpoint} ->> 'uri', {checkpoint} ->> 'sha256' FROM phases
             WHERE {of_pipelines} AND phase = 'register' AND checkpoint IS NOT NULL
         UNION ALL SELECT phase, pipeline_id, phase, 0, {checkpoint} -> 'package' ->> 'uri',
             {checkpoint} -> 'package' ->> 'sha256' FROM phases
             WHERE {of_pipelines} AND phase = 'execute' AND checkpoint IS NOT NULL"
    )
}

async fn is_busy(write: &mut Write) -> Result<bool, StoreError> {
    let busy = sqlx::query(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM pipelines WHERE status = 'running' AND lease_expires_at > $1)
             OR EXISTS (SELECT 1 FROM deployment_locks WHERE expires_at > $1) THEN 1 ELSE 0 END AS busy",
    );
    Fields(&write.one(busy.bind(write.now)).await?).flag("busy")
}
