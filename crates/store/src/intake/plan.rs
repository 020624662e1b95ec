//! What a batch of deliveries changes: which pipelines are new, and the statements that write them and make the pushes
//! that are queued already give way to them.

use std::collections::HashMap;

use contract::{CommitSha, PipelineId, RepoName};
use serde::Serialize;
use sqlx::AssertSqlSafe;

use crate::{
    Accepted, NewPipeline, PipelineRef, StoreError,
    db::database::Query,
    db::dialect::Dialect,
    db::fields,
    intake::batch::{Asked, Known, Place, place, push},
    intake::call::{Call, Value},
    pipelines::take,
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

impl NewRow<'_> {
    /// What tells which queued pushes give way: `id`, `repo`, `branch`, `notebook_path`, `supersedes`.
    fn place<'r>(&'r self, id: &'r str) -> [Value<'r>; 5] {
        let place = [id, self.repo.as_str(), self.branch, self.notebook_path].map(|text| Value::Text(Some(text)));
        let [id, repo, branch, notebook_path] = place;
        [id, repo, branch, notebook_path, Value::Text(self.supersedes.as_deref())]
    }

    /// In the order of [`PIPELINE`], and when it was made and finished.
    fn values<'r>(&'r self, id: &'r str, now: i64) -> [Value<'r>; KEPT + 2] {
        [
            Value::Text(Some(id)),
            Value::Text(Some(self.repo.as_str())),
            Value::Text(Some(self.branch)),
            Value::Text(Some(self.commit_sha.as_str())),
            Value::Text(Some(self.notebook_path)),
            Value::Text(Some(&self.parameters)),
            Value::Text(self.delivery_id),
            Value::Text(self.traceparent),
            Value::Number(Some(self.manual)),
            Value::Text(Some(self.status)),
            Value::Text(self.reason.as_deref()),
            Value::Number(Some(now)),
            Value::Number((self.status == "cancelled").then_some(now)),
        ]
    }
}

/// A row of `deliveries` to be.
#[derive(Serialize)]
struct DeliveryRow<'a> {
    delivery_id: &'a str,
    event: &'a str,
    repo: Option<&'a RepoName>,
    pipelines: String,
}

impl DeliveryRow<'_> {
    /// In the order of [`DELIVERY`], and when it came.
    fn values(&self, now: i64) -> [Value<'_>; DELIVERY.len() + 1] {
        [
            Value::Text(Some(self.delivery_id)),
            Value::Text(Some(self.event)),
            Value::Text(self.repo.map(RepoName::as_str)),
            Value::Text(Some(&self.pipelines)),
            Value::Number(Some(now)),
        ]
    }
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
        match dialect {
            Dialect::Postgres => {
                let query = sqlx::query(AssertSqlSafe(in_one_statement())).bind(fields::json(&pipelines)?).bind(now);
                Ok(query.bind(fields::json(&deliveries)?))
            }
            Dialect::Sqlite => in_one_call(&pipelines, &deliveries, now),
        }
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

const KEPT: usize = PIPELINE.len() - 1;

const DELIVERY: [(&str, &str); 4] = [("delivery_id", "TEXT"), ("event", "TEXT"), ("repo", "TEXT"), ("pipelines", "TEXT")];

/// How many rows are written at a time: SQLite takes 32,766 values for a statement.
const ROWS: usize = 1000;

/// For SQLite. What fails is rolled back with the whole call: `OR FAIL` keeps statements from copying each page they change in
/// case that they must be undone alone. They copy all the same where they call functions, so the values do not come as JSON.
fn in_one_call<'q>(pipelines: &[&NewRow<'_>], deliveries: &[&DeliveryRow<'_>], now: i64) -> Result<Query<'q>, StoreError> {
    let moment = Value::Number(Some(now));
    let mut call = Call::default();
    call.add("BEGIN IMMEDIATE; ", &[])?;
    for rows in pipelines.chunks(ROWS) {
        let ids: Vec<_> = rows.iter().map(|row| row.id.to_string()).collect();
        let rows = || rows.iter().zip(&ids);
        call.add("WITH n (id, repo, branch, notebook_path, supersedes) AS (", &[])?;
        call.add_rows(rows().map(|(row, id)| row.place(id)))?;
        let cancel = format!(
            "), older AS MATERIALIZED (
                 SELECT p.id, n.supersedes FROM n CROSS JOIN pipelines p WHERE n.supersedes IS NOT NULL AND {OLDER})
             UPDATE OR FAIL pipelines SET status = 'cancelled', finished_at = ?, reason = o.supersedes
             FROM older o WHERE pipelines.id = o.id; INSERT OR FAIL {} ",
            into("pipelines", &PIPELINE[..KEPT], "created_at, finished_at")
        );
        call.add(&cancel, &[moment])?;
        call.add_rows(rows().map(|(row, id)| row.values(id, now)))?;
        call.add("; ", &[])?;
        if rows().any(|(row, _)| row.status == "queued") {
            call.add("INSERT OR FAIL INTO jobs_to_send (pipeline_id) ", &[])?;
            let queued = rows().filter(|(row, _)| row.status == "queued");
            call.add_rows(queued.map(|(_, id)| [Value::Text(Some(id))]))?;
            call.add("; ", &[])?;
        }
    }
    if !pipelines.is_empty() {
        let unneeded = "DELETE FROM jobs_to_send WHERE pipeline_id IN (
             SELECT id FROM pipelines WHERE finished_at = ?); ";
        call.add(unneeded, &[moment])?;
    }
    for rows in deliveries.chunks(ROWS) {
        call.add(&format!("INSERT OR FAIL {} ", into("deliveries", &DELIVERY, "received_at")), &[])?;
        call.add_rows(rows.iter().map(|row| row.values(now)))?;
        call.add("; ", &[])?;
    }
    call.add(&format!("SELECT {} AS now; COMMIT", Dialect::Sqlite.clock()), &[])?;
    Ok(call.query())
}

/// For PostgreSQL, where a statement is a transaction. All its parts see the tables as they were before it.
fn in_one_statement() -> String {
    // The status is asked for once more: the row may have changed since it was found. Each of what is new is looked up by
    // itself, which the offset says: read together with them, all that wait would be read for each batch. Most batches find
    // nothing and update nothing, which the first condition says: a plan made while the table had few rows reads all of them.
    format!(
        "WITH n AS MATERIALIZED (SELECT * FROM {}),
         older AS MATERIALIZED (
             SELECT o.id, n.supersedes FROM n CROSS JOIN LATERAL (SELECT p.id FROM pipelines p WHERE {OLDER} OFFSET 0) o
             WHERE n.supersedes IS NOT NULL),
         unneeded AS (DELETE FROM jobs_to_send WHERE pipeline_id = ANY (ARRAY(SELECT o.id FROM older o))),
         cancelled AS (
             UPDATE pipelines SET status = 'cancelled', finished_at = $2,
                 reason = (SELECT o.supersedes FROM older o WHERE o.id = pipelines.id LIMIT 1)
             WHERE EXISTS (SELECT 1 FROM older) AND id = ANY (ARRAY(SELECT o.id FROM older o)) AND status = 'queued'),
         made AS (
             INSERT {} SELECT {}, $2, CASE n.status WHEN 'cancelled' THEN $2 ELSE NULL END FROM n),
         jobs AS (INSERT INTO jobs_to_send (pipeline_id) SELECT n.id FROM n WHERE n.status = 'queued'),
         accepted AS (INSERT {} SELECT {}, $2 FROM {})
         SELECT {} AS now",
        Dialect::Postgres.rows("$1", &PIPELINE),
        into("pipelines", &PIPELINE[..KEPT], "created_at, finished_at"),
        names(&PIPELINE[..KEPT]),
        into("deliveries", &DELIVERY, "received_at"),
        names(&DELIVERY),
        Dialect::Postgres.rows("$3", &DELIVERY),
        Dialect::Postgres.clock(),
    )
}

/// That the queued push `p` gives way to the row `n`.
const OLDER: &str = "p.repo = n.repo AND p.branch = n.branch AND p.notebook_path = n.notebook_path
    AND p.status IN ('queued', 'running') AND p.status = 'queued' AND p.manual = 0 AND p.id < n.id";

fn into(table: &str, columns: &[(&str, &str)], times: &str) -> String {
    format!("INTO {table} ({}, {times})", names(columns))
}

fn names(columns: &[(&str, &str)]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
