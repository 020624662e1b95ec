//! Many deliveries in one transaction: what is asked for, and what of it is there already.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use contract::{PipelineId, RepoName};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, any::AnyRow};
use uuid::{ContextV7, Uuid};

use crate::{
    Accepted, NewDelivery, NewPipeline, PipelineRef, StoreError,
    database::{Database, Query},
    dialect::Dialect,
    fields::{self, Fields},
    plan::plan,
};

/// How often a batch is tried again that crossed another process's.
const TRIES: usize = 10;

/// A delivery, owned.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) repo: Option<RepoName>,
    pub(crate) body_sha256: String,
}

impl From<NewDelivery<'_>> for Delivery {
    fn from(new: NewDelivery<'_>) -> Self {
        Self {
            id: new.delivery_id.to_owned(),
            event: new.event.to_owned(),
            repo: new.repo.cloned(),
            body_sha256: new.body_sha256.to_owned(),
        }
    }
}

/// What somebody asks for: pipelines, by a delivery or without one.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) delivery: Option<Delivery>,
    pub(crate) pipelines: Vec<NewPipeline>,
}

/// A commit's notebook: what a push makes one pipeline of.
pub(crate) type Push<'a> = (&'a str, &'a str, &'a str);

pub(crate) fn push(pipeline: &NewPipeline) -> Push<'_> {
    (pipeline.repo.as_str(), pipeline.commit_sha.as_str(), &pipeline.notebook_path)
}

/// A notebook on its branch: what a newer push is newer of.
pub(crate) type Place<'a> = (&'a str, &'a str, &'a str);

pub(crate) fn place(pipeline: &NewPipeline) -> Place<'_> {
    (pipeline.repo.as_str(), &pipeline.branch, &pipeline.notebook_path)
}

/// What the database has of what is asked for.
#[derive(Default)]
pub(crate) struct Known<'a> {
    pub(crate) deliveries: HashMap<&'a str, Vec<PipelineRef>>,
    pub(crate) pushes: HashMap<Push<'a>, PipelineId>,
    /// Queued pushes of a branch's notebook.
    pub(crate) queued: HashMap<Place<'a>, BTreeSet<PipelineId>>,
}

/// Accepts all or none, in order.
pub(crate) async fn accept(database: &Database, asked: &[Asked]) -> Result<Vec<Accepted>, StoreError> {
    for _ in 1..TRIES {
        match attempt(database, asked).await {
            // Another process made one of these a moment ago: this time we see it.
            Err(error) if error.is_crossed() => {}
            done => return done,
        }
    }
    attempt(database, asked).await
}

async fn attempt(database: &Database, asked: &[Asked]) -> Result<Vec<Accepted>, StoreError> {
    let search = Search::of(asked);
    match database.dialect {
        // One statement is a transaction, and one way there and back.
        Dialect::Postgres => {
            let (now, known) = search.found(&database.take_in(search.query(database.dialect)?).await?)?;
            let plan = plan(asked, known, || generate(now))?;
            if !plan.changes_nothing() {
                let sql = plan.in_one_statement(database.dialect);
                database.take_in(plan.bind(sqlx::query(AssertSqlSafe(sql)), now)?).await?;
            }
            Ok(plan.answers)
        }
        Dialect::Sqlite => {
            let mut write = database.write().await?;
            let (now, known) = search.found(&write.all(search.query(database.dialect)?).await?)?;
            let plan = plan(asked, known, || generate(now))?;
            if plan.changes_nothing() {
                write.undo().await?;
                return Ok(plan.answers);
            }
            // Together, because each call is handed to the thread that has the connection and back.
            let sql = plan.statements(database.dialect).join(";") + "; COMMIT";
            write.commit_by(plan.bind(sqlx::query(AssertSqlSafe(sql)), now)?).await?;
            Ok(plan.answers)
        }
    }
}

/// An identifier, later than every earlier one of this process, at a moment in milliseconds since 1970.
fn generate(now: i64) -> Result<PipelineId, StoreError> {
    static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());
    let context = CONTEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let (seconds, millis) = (now.div_euclid(1000), now.rem_euclid(1000));
    let moment =
        uuid::Timestamp::from_unix(&*context, seconds.cast_unsigned(), u32::try_from(millis).unwrap_or(0) * 1_000_000);
    Uuid::new_v7(moment).to_string().parse().map_err(|_| StoreError::Corrupt("the clock".to_owned()))
}

/// What to look for: what of a batch may be there already.
struct Search<'a> {
    deliveries: Vec<&'a str>,
    pushes: Vec<&'a NewPipeline>,
}

impl<'a> Search<'a> {
    fn of(asked: &'a [Asked]) -> Self {
        let pipelines = asked.iter().flat_map(|asked| &asked.pipelines);
        Self {
            deliveries: asked.iter().filter_map(|asked| Some(asked.delivery.as_ref()?.id.as_str())).collect(),
            pushes: pipelines.filter(|pipeline| !pipeline.manual).collect(),
        }
    }

    /// Asks for all of it, and for the time. What is asked for comes first in every join, so that it is looked up in an
    /// index, also in tables of which the database does not know yet how large they are.
    fn query<'q>(&self, dialect: Dialect) -> Result<Query<'q>, StoreError> {
        let columns =
            [("number", "BIGINT"), ("repo", "TEXT"), ("branch", "TEXT"), ("commit_sha", "TEXT"), ("notebook_path", "TEXT")];
        let sql = format!(
            "WITH pushes AS MATERIALIZED (SELECT n.number, n.repo, n.branch, n.commit_sha, n.notebook_path FROM {})
             SELECT 'now' AS kind, {} AS number, '' AS name, '' AS found
             UNION ALL
             SELECT 'delivery' AS kind, CAST(0 AS BIGINT) AS number, d.delivery_id AS name, d.pipelines AS found
             FROM deliveries d WHERE {}
             UNION ALL
             SELECT 'push' AS kind, n.number, '' AS name, p.id AS found
             FROM pushes n LEFT JOIN pipelines p ON p.repo = n.repo AND p.commit_sha = n.commit_sha
                 AND p.notebook_path = n.notebook_path AND p.manual = 0
             WHERE COALESCE(p.id, '') <> ''
             UNION ALL
             SELECT 'queued' AS kind, n.number, '' AS name, p.id AS found
             FROM pushes n LEFT JOIN pipelines p ON p.repo = n.repo AND p.branch = n.branch
                 AND p.notebook_path = n.notebook_path AND p.status IN ('queued', 'running') AND p.status = 'queued'
                 AND p.manual + 0 = 0
             WHERE COALESCE(p.id, '') <> ''",
            dialect.rows("$2", &columns),
            dialect.clock(),
            dialect.among("d.delivery_id", "$1"),
        );
        let pushes = self.pushes.iter().zip(0..).map(|(push, number): (_, i64)| {
            json!({
                "number": number,
                "repo": push.repo,
                "branch": push.branch,
                "commit_sha": push.commit_sha,
                "notebook_path": push.notebook_path,
            })
        });
        let query = sqlx::query(AssertSqlSafe(sql)).bind(fields::json(&self.deliveries)?);
        Ok(query.bind(pushes.collect::<Value>().to_string()))
    }

    /// What was found, and when.
    fn found(&self, rows: &[AnyRow]) -> Result<(i64, Known<'a>), StoreError> {
        let (mut now, mut known) = (0, Known::default());
        for row in rows {
            let fields = Fields(row);
            let pushed =
                || Ok::<_, StoreError>(self.pushes.get(usize::try_from(fields.count("number")?).unwrap_or(usize::MAX)));
            match fields.get::<String>("kind")?.as_str() {
                "now" => now = fields.get("number")?,
                "delivery" => {
                    let name: String = fields.get("name")?;
                    if let Some(id) = self.deliveries.iter().find(|id| **id == name) {
                        known.deliveries.insert(id, fields.json("found")?);
                    }
                }
                "push" => {
                    known.pushes.extend(
                        pushed()?
                            .map(|pipeline| Ok::<_, StoreError>((push(pipeline), fields.parsed("found")?)))
                            .transpose()?,
                    );
                }
                _ => {
                    if let Some(pipeline) = pushed()? {
                        known.queued.entry(place(pipeline)).or_default().insert(fields.parsed("found")?);
                    }
                }
            }
        }
        Ok((now, known))
    }
}
