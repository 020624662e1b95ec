//! What a batch of deliveries changes: which pipelines are new, which give way to them, and the statements that write it.

use std::collections::{BTreeSet, HashMap};

use contract::{CommitSha, PipelineId, RepoName};
use serde::Serialize;

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

/// A queued push that gives way to a newer one.
#[derive(Serialize)]
struct Superseded {
    id: PipelineId,
    reason: String,
}

/// What is to be written, and answered then.
#[derive(Default)]
pub(crate) struct Plan<'a> {
    pipelines: Vec<NewRow<'a>>,
    deliveries: Vec<DeliveryRow<'a>>,
    /// For each branch's notebook pushed: the latest of its new rows.
    pushed: HashMap<Place<'a>, usize>,
    superseded: Vec<Superseded>,
    pub(crate) answers: Vec<Accepted>,
}

/// Decides what is new.
pub(crate) fn plan<'a>(
    asked: &'a [Asked],
    mut known: Known<'a>,
    mut generate: impl FnMut() -> Result<PipelineId, StoreError>,
) -> Result<Plan<'a>, StoreError> {
    let (mut plan, none) = (Plan::default(), BTreeSet::new());
    for Asked { delivery, pipelines } in asked {
        let earlier = delivery.as_ref().and_then(|delivery| known.deliveries.get(delivery.id.as_str()));
        if let Some(pipelines) = earlier {
            plan.answers.push(Accepted::Repeated(pipelines.clone()));
            continue;
        }
        let mut refs = Vec::with_capacity(pipelines.len());
        for pipeline in pipelines {
            let existing = known.pushes.get(&push(pipeline)).filter(|_| !pipeline.manual).copied();
            let id = if let Some(id) = existing {
                id
            } else {
                let queued = known.queued.get(&place(pipeline)).unwrap_or(&none);
                plan.create(pipeline, generate()?, queued)?
            };
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
    /// Adds a pipeline's row. A push supersedes the one before it of the same branch's notebook, the first of them those
    /// that are queued already.
    fn create(
        &mut self,
        new: &'a NewPipeline,
        id: PipelineId,
        queued: &BTreeSet<PipelineId>,
    ) -> Result<PipelineId, StoreError> {
        let number = self.pipelines.len();
        if !new.manual {
            let reason = || take::superseded_by(&new.commit_sha);
            if let Some(older) = self.pushed.insert(place(new), number) {
                let older = &mut self.pipelines[older];
                (older.status, older.reason) = ("cancelled", Some(reason()));
            } else {
                let older = queued.iter().filter(|older| **older < id);
                self.superseded.extend(older.map(|id| Superseded { id: *id, reason: reason() }));
            }
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
        });
        Ok(id)
    }

    /// Whether everything is there already.
    pub(crate) fn changes_nothing(&self) -> bool {
        self.pipelines.is_empty() && self.deliveries.is_empty()
    }

    /// The values of [`Self::statements`].
    pub(crate) fn bind<'q>(&self, query: Query<'q>, now: i64) -> Result<Query<'q>, StoreError> {
        let mut pipelines: Vec<_> = self.pipelines.iter().collect();
        let mut deliveries: Vec<_> = self.deliveries.iter().collect();
        // Two processes that insert the same keys wait for each other in one order, not in a circle.
        pipelines.sort_by_key(|row| (row.repo, row.commit_sha, row.notebook_path, row.id));
        deliveries.sort_by_key(|row| row.delivery_id);
        Ok(query
            .bind(fields::json(&pipelines)?)
            .bind(now)
            .bind(fields::json(&self.superseded)?)
            .bind(fields::json(&self.superseded.iter().map(|older| older.id).collect::<Vec<_>>())?)
            .bind(fields::json(&deliveries)?))
    }
}

const PIPELINE: [(&str, &str); 11] = [
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
];

const DELIVERY: [(&str, &str); 5] =
    [("delivery_id", "TEXT"), ("event", "TEXT"), ("repo", "TEXT"), ("body_sha256", "TEXT"), ("pipelines", "TEXT")];

impl Plan<'_> {
    /// What writes the plan: `$1` are its pipelines, `$2` is the time, `$3` are the pushes superseded and `$4` their
    /// identifiers, `$5` are its deliveries. There are two versions of it, whatever is in the plan.
    pub(crate) fn statements(&self, dialect: Dialect) -> Vec<String> {
        let mut statements = self.cancellations(dialect);
        statements.extend([
            insert_pipelines(dialect),
            format!(
                "INSERT INTO jobs_to_send (pipeline_id) SELECT id FROM {} WHERE status = 'queued'",
                dialect.rows("$1", &[("id", "TEXT"), ("status", "TEXT")])
            ),
            insert_deliveries(dialect),
        ]);
        statements
    }

    /// The same as one statement, for PostgreSQL. All its parts see the tables as they were before it.
    pub(crate) fn in_one_statement(&self, dialect: Dialect) -> String {
        let mut parts = self.cancellations(dialect);
        parts.extend([
            format!("{} RETURNING id, status", insert_pipelines(dialect)),
            insert_deliveries(dialect),
            "INSERT INTO jobs_to_send (pipeline_id) SELECT id FROM made WHERE status = 'queued'".to_owned(),
        ]);
        let names = ["unneeded", "cancelled", "made", "accepted", "jobs"];
        let parts: Vec<_> =
            names[names.len() - parts.len()..].iter().zip(parts).map(|(name, part)| format!("{name} AS ({part})")).collect();
        // All parameters have a type, also those that are not used.
        format!(
            "WITH {} SELECT CAST($2 AS BIGINT) AS now, CAST($3 AS TEXT) AS superseded, CAST($4 AS TEXT) AS ids",
            parts.join(", ")
        )
    }

    /// What takes the superseded pushes out of the queue, if there are any.
    fn cancellations(&self, dialect: Dialect) -> Vec<String> {
        if self.superseded.is_empty() {
            return Vec::new();
        }
        vec![
            // The status is asked for in a way that no index answers: they are to be found by their identifiers.
            format!("DELETE FROM jobs_to_send WHERE {}", dialect.among("pipeline_id", "$4")),
            format!(
                "UPDATE pipelines SET status = 'cancelled', finished_at = $2,
                     reason = (SELECT n.reason FROM {} WHERE n.id = pipelines.id)
                 WHERE {} AND status || '' = 'queued'",
                dialect.rows("$3", &[("id", "TEXT"), ("reason", "TEXT")]),
                dialect.among("id", "$4")
            ),
        ]
    }
}

fn insert_pipelines(dialect: Dialect) -> String {
    let names = PIPELINE.map(|(name, _)| name).join(", ");
    format!(
        "INSERT INTO pipelines ({names}, created_at, finished_at)
         SELECT {names}, $2, CASE status WHEN 'cancelled' THEN $2 ELSE NULL END FROM {}",
        dialect.rows("$1", &PIPELINE)
    )
}

fn insert_deliveries(dialect: Dialect) -> String {
    let names = DELIVERY.map(|(name, _)| name).join(", ");
    format!("INSERT INTO deliveries ({names}, received_at) SELECT {names}, $2 FROM {}", dialect.rows("$5", &DELIVERY))
}
