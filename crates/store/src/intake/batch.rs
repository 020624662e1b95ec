//! Many deliveries in one transaction: what is asked for, and what of it is there already.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use contract::{PipelineId, RepoName};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, any::AnyRow};
use uuid::{ContextV7, Uuid};

use crate::{
    Accepted, NewDelivery, NewPipeline, PipelineRef, StoreError,
    db::database::{Database, Query},
    db::dialect::Dialect,
    db::fields::{self, Fields},
    intake::plan::{Plan, plan},
};

/// How often a batch is tried again that crossed another process's.
const TRIES: usize = 10;

/// A delivery, owned.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) repo: Option<RepoName>,
}

impl From<NewDelivery<'_>> for Delivery {
    fn from(new: NewDelivery<'_>) -> Self {
        Self { id: new.delivery_id.to_owned(), event: new.event.to_owned(), repo: new.repo.cloned() }
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
}

/// For how long the database's clock is known after it was heard. Two clocks drift apart by less than a millisecond in it.
const HEARD: Duration = Duration::from_secs(1);

/// The database's clock, as it was last heard. It is behind by no more than the time that the answer took to come.
#[derive(Debug, Default)]
pub(crate) struct Clock(Option<(Instant, i64)>);

impl Clock {
    fn hear(&mut self, now: i64) {
        self.0 = Some((Instant::now(), now));
    }

    /// Milliseconds since 1970, if they are known.
    fn now(&self) -> Option<i64> {
        let (heard, then) = self.0?;
        let since = heard.elapsed();
        (since < HEARD).then(|| then + fields::millis(since))
    }
}

/// Accepts all or none, in order.
pub(crate) async fn accept(database: &Database, clock: &mut Clock, asked: &[Asked]) -> Result<Vec<Accepted>, StoreError> {
    // Nearly all is new: it is written at once, and where something was there the unique keys say so.
    if let Some(now) = clock.now() {
        match write(database, clock, plan(asked, Known::default(), || generate(now))?, now).await {
            Err(error) if error.is_crossed() => {}
            done => return done,
        }
    }
    for _ in 1..TRIES {
        match find_and_write(database, clock, asked).await {
            // Another process made one of these a moment ago: this time we see it.
            Err(error) if error.is_crossed() => {}
            done => return done,
        }
    }
    find_and_write(database, clock, asked).await
}

async fn find_and_write(database: &Database, clock: &mut Clock, asked: &[Asked]) -> Result<Vec<Accepted>, StoreError> {
    let search = Search::of(asked);
    let (now, known) = search.found(&database.all(search.query(database.dialect)?).await?)?;
    clock.hear(now);
    write(database, clock, plan(asked, known, || generate(now))?, now).await
}

async fn write(database: &Database, clock: &mut Clock, plan: Plan<'_>, now: i64) -> Result<Vec<Accepted>, StoreError> {
    if !plan.changes_nothing() {
        let answer = database.take_in(plan.write(database.dialect, now)?).await?;
        clock.hear(Fields(answer.first().ok_or(StoreError::NotFound)?).get("now")?);
    }
    Ok(plan.answers)
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

    /// Asks for all of it, and for the time. Each is looked up by its key.
    fn query<'q>(&self, dialect: Dialect) -> Result<Query<'q>, StoreError> {
        let columns = [("number", "BIGINT"), ("repo", "TEXT"), ("commit_sha", "TEXT"), ("notebook_path", "TEXT")];
        let sql = format!(
            "SELECT 'now' AS kind, {} AS number, '' AS name, '' AS found
             UNION ALL
             SELECT 'delivery' AS kind, CAST(0 AS BIGINT) AS number, d.delivery_id AS name, d.pipelines AS found
             FROM deliveries d WHERE {}
             UNION ALL
             SELECT 'push' AS kind, n.number, '' AS name, (
                 SELECT p.id FROM pipelines p WHERE p.repo = n.repo AND p.commit_sha = n.commit_sha
                     AND p.notebook_path = n.notebook_path AND p.manual = 0) AS found
             FROM {}",
            dialect.clock(),
            dialect.among("d.delivery_id", "$1"),
            dialect.rows("$2", &columns),
        );
        let pushes = self.pushes.iter().zip(0..).map(|(push, number): (_, i64)| {
            json!({
                "number": number,
                "repo": push.repo,
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
            match fields.get::<String>("kind")?.as_str() {
                "now" => now = fields.get("number")?,
                "delivery" => {
                    let name: String = fields.get("name")?;
                    if let Some(id) = self.deliveries.iter().find(|id| **id == name) {
                        known.deliveries.insert(id, fields.json("found")?);
                    }
                }
                _ => {
                    let asked = self.pushes.get(usize::try_from(fields.count("number")?).unwrap_or(usize::MAX));
                    if let (Some(pipeline), Some(id)) = (asked, fields.parsed_option("found")?) {
                        known.pushes.insert(push(pipeline), id);
                    }
                }
            }
        }
        Ok((now, known))
    }
}
