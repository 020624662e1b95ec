//! What a batch of deliveries changes: which pipelines are new, and the statements that write them and make the pushes
//! that are queued already give way to them.

use std::collections::HashMap;

use contract::{CommitSha, PipelineId, RepoName};
use serde::Serialize;
use sqlx::AssertSqlSafe;

use crate::{
    Accepted, NewPipeline, PipelineRef, StoreError,
    batch::{Asked, Known, Place, place, push},
    database::Query,
    dialect::Dialect,
    fields, take,
};

/// A row of `pipelines` to be.
#[derive(Serialize)]
struct NewRow<'a> {
    id: PipelineId,
    repo: &'a RepoName,
    branch: &'a str,
    commit_sha: &'a CommitSha,
    notebook_path: &'a str,
    parameters: String,
    delivery_id: Option<&'a str>,
    traceparent: Option<&'a str>,
    manual: i64,
    status: &'static str,
    reason: Option<String>,
    /// Why pushes of the same branch's notebook that are queued already are cancelled for its sake; without it, they are
    /// not.
    supersedes: Option<String>,
}

/// A row of `deliveries` to be.
#[derive(Serialize)]
struct DeliveryRow<'a> {
    delivery_id: &'a str,
    event: &'a str,
    repo: Option<&'a RepoName>,
    body_sha256: &'a str,
    pipelines: String,
}

/// What is to be written, and answered then.
#[derive(Default)]
pub(crate) struct Plan<'a> {
    pipelines: Vec<NewRow<'a>>,
    deliveries: Vec<DeliveryRow<'a>>,
    /// For each branch's notebook pushed: the latest of its new rows.
    pushed: HashMap<Place<'a>, usize>,
    pub(crate) answers: Vec<Accepted>,
}

/// Decides what is new.
pub(crate) fn plan<'a>(
    asked: &'a [Asked],
    mut known: Known<'a>,
    mut generate: impl FnMut() -> Result<PipelineId, StoreError>,
) -> Result<Plan<'a>, StoreError> {
    let mut plan = Plan::default();
    for Asked { delivery, pipelines } in asked {
        let earlier = delivery.as_ref().and_then(|delivery| known.deliveries.get(delivery.id.as_str()));
        if let Some(pipelines) = earlier {
            plan.answers.push(Accepted::Repeated(pipelines.clone()));
            continue;
        }
        let mut refs = Vec::with_capacity(pipelines.len());
        for pipeline in pipelines {
            let existing = known.pushes.get(&push(pipeline)).filter(|_| !pipeline.manual).copied();
            let id = if let Some(id) = existing { id } else { plan.create(pipeline, generate()?)? };
            if !pipeline.manual {
                known.pushes.insert(push(pipeline), id);
            }
            refs.push(PipelineRef { id, notebook_path: pipeline.notebook_path.clone() });
        }
        refs.sort();
        refs.dedup();
        if let Some(delivery) = delivery {
            plan.deliveries.push(DeliveryRow {
                delivery_id: &delivery.id,
                event: &delivery.event,
                repo: delivery.repo.as_ref(),
                body_sha256: &delivery.body_sha256,
                pipelines: fields::json(&refs)?,
            });
            known.deliveries.insert(&delivery.id, refs.clone());
        }
        plan.answers.push(Accepted::New(refs));
    }
    Ok(plan)
}

impl<'a> Plan<'a> {
    /// Adds a pipeline's row. A push supersedes the one before it of the same branch's notebook.
    fn create(&mut self, new: &'a NewPipeline, id: PipelineId) -> Result<PipelineId, StoreError> {
        let number = self.pipelines.len();
        let supersedes = (!new.manual).then(|| take::superseded_by(&new.commit_sha));
        if let Some(older) = supersedes.as_ref().and_then(|_| self.pushed.insert(place(new), number)) {
            let older = &mut self.pipelines[older];
            (older.status, older.reason, older.supersedes) = ("cancelled", supersedes.clone(), None);
        }
        self.pipelines.push(NewRow {
            id,
            repo: &new.repo,
            branch: &new.branch,
            commit_sha: &new.commit_sha,
            notebook_path: &new.notebook_path,
            parameters: fields::json(&new.parameters)?,
            delivery_id: new.delivery_id.as_deref(),
            traceparent: new.traceparent.as_deref(),
            manual: i64::from(new.manual),
            status: "queued",
            reason: None,
            supersedes,
        });
        Ok(id)
    }

    /// Whether everything is there already.
    pub(crate) fn changes_nothing(&self) -> bool {
        self.pipelines.is_empty() && self.deliveries.is_empty()
    }

    /// What writes the plan at the moment `now`, in milliseconds since 1970, and answers the database's own. It is a
    /// transaction of its own.
    pub(crate) fn write<'q>(&self, dialect: Dialect, now: i64) -> Result<Query<'q>, StoreError> {
        let mut pipelines: Vec<_> = self.pipelines.iter().collect();
        let mut deliveries: Vec<_> = self.deliveries.iter().collect();
        // Two processes that insert the same keys wait for each other in one order, not in a circle.
        pipelines.sort_by_key(|row| (row.repo, row.commit_sha, row.notebook_path, row.id));
        deliveries.sort_by_key(|row| row.delivery_id);
        let sql = match dialect {
            Dialect::Postgres => in_one_statement(),
            Dialect::Sqlite => in_one_call(),
        };
        let query = sqlx::query(AssertSqlSafe(sql)).bind(fields::json(&pipelines)?);
        Ok(query.bind(now).bind(fields::json(&deliveries)?))
    }
}

/// Columns of `pipelines`, and last what is not kept.
const PIPELINE: [(&str, &str); 12] = [
    ("id", "TEXT"),
    ("repo", "TEXT"),
    ("branch", "TEXT"),
    ("commit_sha", "TEXT"),
    ("notebook_path", "TEXT"),
    ("parameters", "TEXT"),
    ("delivery_id", "TEXT"),
    ("traceparent", "TEXT"),
    ("manual", "BIGINT"),
    ("status", "TEXT"),
    ("reason", "TEXT"),
    ("supersedes", "TEXT"),
];

const DELIVERY: [(&str, &str); 5] =
    [("delivery_id", "TEXT"), ("event", "TEXT"), ("repo", "TEXT"), ("body_sha256", "TEXT"), ("pipelines", "TEXT")];

/// For SQLite, where each call is handed to the thread that has the connection and back.
fn in_one_call() -> String {
    let rows = Dialect::Sqlite.rows("$1", &PIPELINE);
    let older = older(&rows);
    format!(
        "BEGIN IMMEDIATE;
         DELETE FROM jobs_to_send WHERE pipeline_id IN (SELECT o.id FROM ({older}) o);
         UPDATE pipelines SET status = 'cancelled', finished_at = $2, reason = o.supersedes
         FROM ({older}) o WHERE pipelines.id = o.id;
         {};
         INSERT INTO jobs_to_send (pipeline_id) SELECT n.id FROM {rows} WHERE n.status = 'queued';
         {};
         SELECT {} AS now;
         COMMIT",
        insert_pipelines(&rows),
        insert_deliveries(Dialect::Sqlite),
        Dialect::Sqlite.clock(),
    )
}

/// For PostgreSQL, where a statement is a transaction. All its parts see the tables as they were before it.
fn in_one_statement() -> String {
    // The status is asked for once more in a way that no index answers: the row may have changed since it was found, and is
    // to be found by its identifier.
    format!(
        "WITH n AS MATERIALIZED (SELECT * FROM {}),
         older AS MATERIALIZED ({}),
         unneeded AS (DELETE FROM jobs_to_send WHERE pipeline_id = ANY (ARRAY(SELECT o.id FROM older o))),
         cancelled AS (
             UPDATE pipelines SET status = 'cancelled', finished_at = $2,
                 reason = (SELECT o.supersedes FROM older o WHERE o.id = pipelines.id LIMIT 1)
             WHERE id = ANY (ARRAY(SELECT o.id FROM older o)) AND status || '' = 'queued'),
         made AS ({}),
         jobs AS (INSERT INTO jobs_to_send (pipeline_id) SELECT n.id FROM n WHERE n.status = 'queued'),
         accepted AS ({})
         SELECT {} AS now",
        Dialect::Postgres.rows("$1", &PIPELINE),
        older("n"),
        insert_pipelines("n"),
        insert_deliveries(Dialect::Postgres),
        Dialect::Postgres.clock(),
    )
}

/// The queued pushes that give way to `rows`, and why. What is new comes first in the join, so that the others are looked up
/// in the index, also in a table of which the database does not know yet how large it is.
fn older(rows: &str) -> String {
    format!(
        "SELECT p.id, n.supersedes FROM {rows} LEFT JOIN pipelines p ON p.repo = n.repo AND p.branch = n.branch
             AND p.notebook_path = n.notebook_path AND p.status IN ('queued', 'running') AND p.status = 'queued'
             AND p.manual + 0 = 0 AND p.id < n.id
         WHERE n.supersedes IS NOT NULL AND COALESCE(p.id, '') <> ''"
    )
}

fn insert_pipelines(rows: &str) -> String {
    let names: Vec<_> = PIPELINE.iter().map(|(name, _)| *name).filter(|name| *name != "supersedes").collect();
    format!(
        "INSERT INTO pipelines ({}, created_at, finished_at)
         SELECT n.{}, $2, CASE n.status WHEN 'cancelled' THEN $2 ELSE NULL END FROM {rows}",
        names.join(", "),
        names.join(", n.")
    )
}

fn insert_deliveries(dialect: Dialect) -> String {
    let names = DELIVERY.map(|(name, _)| name).join(", ");
    format!("INSERT INTO deliveries ({names}, received_at) SELECT {names}, $2 FROM {}", dialect.rows("$3", &DELIVERY))
}
