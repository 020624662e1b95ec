//! Changes: staged files become part of a table by one load job.
//!
//! The job's id says which change it is. `BigQuery` makes no second one of an id, so that a change happens once, whoever tries it how
//! often: who comes later finds the job. One that failed has changed nothing; the next attempt has the next id.

use std::{fmt::Write, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    BigQuery,
    rest::{Failure, Problem, spread},
    table::{now, number},
    types,
};
use crate::{Change, Committed, DataFile, Disposition, Error, TableName, Warehouse};

/// How many attempts there may be, and how many of one call.
const ATTEMPTS: u32 = 100;
const TRIES: u32 = 5;
/// How many files one job may load.
const MOST_FILES: usize = 10_000;
/// How long a job's id may be.
const LONGEST_ID: usize = 1000;
/// How long a job may take, and how often it is looked at.
const LOAD: Duration = Duration::from_mins(30);
const LOOK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// The label that says which call made a job.
const LABEL: &str = "mlsys-change";

/// What is known of the attempts of a change.
enum Standing {
    /// The job that made it.
    Made,
    /// All have failed so far; the number of the next.
    Free(u32),
}

/// A job that has ended, and why it failed, if it did.
struct Ended {
    job: Value,
    problem: Option<Problem>,
}

impl Warehouse {
    /// Makes a change.
    pub(crate) async fn load(
        &self,
        bigquery: &BigQuery,
        change: Change<'_>,
        partition: Option<&str>,
    ) -> Result<Committed, Error> {
        let committed = self.load_once(bigquery, change, partition).await?;
        // Whoever made it may have been cut off before it tidied up.
        if let (Committed::Before, Some(job)) = (committed, change.job)
            && let Err(error) = self.remove_others(change.table, job, change.files).await
        {
            tracing::warn!(%error, table = %change.table, job, "staged files are left");
        }
        // They were copied.
        for file in change.files {
            if let Err(error) = self.remove_file(change.table, file).await {
                tracing::warn!(%error, table = %change.table, file = file.path, "a staged file is left");
            }
        }
        Ok(committed)
    }

    async fn load_once(&self, bigquery: &BigQuery, change: Change<'_>, partition: Option<&str>) -> Result<Committed, Error> {
        let table = change.table;
        let Some(location) = bigquery.location(table).await? else { return Err(bigquery.no_dataset(table)) };
        let call = Uuid::new_v4().to_string();
        let id = id_of(bigquery, table, change.job.unwrap_or(&call))?;
        let mut attempt = match bigquery.standing(table, &id, &location).await? {
            Standing::Made => return Ok(Committed::Before),
            Standing::Free(attempt) => attempt,
        };
        let fields = self.fields(bigquery, change).await?;
        let empty = if change.files.is_empty() { Some(self.empty_file(change).await?) } else { None };
        let mut load = bigquery.load_of(change, empty.as_ref(), &fields)?;
        if let Some(column) = partition {
            load["timePartitioning"] = json!({ "type": "DAY", "field": column });
        }
        let done = async {
            for again in 0..TRIES {
                let body = json!({
                    "jobReference": { "projectId": bigquery.project(), "jobId": format!("{id}_{attempt}"), "location": location },
                    "configuration": { "labels": { LABEL: call }, "load": load },
                });
                let ended = bigquery.run(table, &body).await?;
                match ended.problem {
                    None if ended.job["configuration"]["labels"][LABEL] == *call => {
                        return Ok(Committed::Now(number(&ended.job["statistics"]["endTime"]).unwrap_or_else(now)));
                    }
                    None => return Ok(Committed::Before),
                    Some(problem) if problem.may_pass() && again + 1 < TRIES => {
                        tracing::debug!(?problem, %table, "a load job failed and is made again");
                        tokio::time::sleep(spread(Duration::from_secs(1) * 2_u32.pow(again))).await;
                        attempt += 1;
                    }
                    Some(problem) if problem.reason == "duplicate" => return Err(Error::NotEmpty { table: table.clone() }),
                    Some(problem) => return Err(problem.about(table)),
                }
            }
            Err(Error::Busy { table: table.clone() })
        };
        let done = done.await;
        if let Some(file) = empty.filter(|_| !matches!(done, Err(Error::Unsure { .. })))
            && let Err(error) = self.remove_file(table, &file).await
        {
            tracing::warn!(%error, %table, file = file.path, "a staged file is left");
        }
        done
    }

    /// The columns that the table has after a change.
    async fn fields(&self, bigquery: &BigQuery, change: Change<'_>) -> Result<Vec<Value>, Error> {
        let table = change.table;
        if self.plan(table, change.schema, change.disposition).await? != *change.schema {
            let what = "its columns changed since the rows were written; write them again".to_owned();
            return Err(Error::Unsupported { table: table.clone(), what });
        }
        match bigquery.found(table, None).await? {
            Some(found) if change.disposition != Disposition::Truncate => Ok(found.fields),
            _ => Ok(types::described(change.schema.fields())),
        }
    }

    /// A file without rows: a job must load something.
    async fn empty_file(&self, change: Change<'_>) -> Result<DataFile, Error> {
        self.file_writer(change.table, change.schema, change.job)?.finish().await
    }
}

impl BigQuery {
    /// What a load job is told.
    fn load_of(&self, change: Change<'_>, empty: Option<&DataFile>, fields: &[Value]) -> Result<Value, Error> {
        let table = change.table;
        if change.files.len() > MOST_FILES {
            let what = format!("a change has at most {MOST_FILES} files, and this one has {}", change.files.len());
            return Err(Error::Unsupported { table: table.clone(), what });
        }
        let files = change.files.iter().chain(empty);
        let uris: Vec<_> = files.map(|file| self.staged(&table.folder().join(&*file.path))).collect();
        let [project, dataset, name] = self.parts(table);
        Ok(json!({
            "sourceUris": uris,
            "sourceFormat": "PARQUET",
            "parquetOptions": { "enableListInference": true },
            "schema": { "fields": fields },
            "destinationTable": { "projectId": project, "datasetId": dataset, "tableId": name },
            "writeDisposition": change.disposition.to_string(),
        }))
    }

    /// Whether a job's change was made.
    pub async fn has_job(&self, table: &TableName, job: &str) -> Result<bool, Error> {
        let Some(location) = self.location(table).await? else { return Ok(false) };
        let standing = self.standing(table, &id_of(self, table, job)?, &location).await?;
        Ok(matches!(standing, Standing::Made))
    }

    /// What is known of the attempts of a change. One that is going on is waited for.
    async fn standing(&self, table: &TableName, id: &str, location: &str) -> Result<Standing, Error> {
        for attempt in 0..ATTEMPTS {
            match self.job(&format!("{id}_{attempt}"), location).await {
                Ok(job) => {
                    if self.ended(table, job).await?.problem.is_none() {
                        return Ok(Standing::Made);
                    }
                }
                Err(failure) if failure.is_missing() => return Ok(Standing::Free(attempt)),
                Err(failure) => return Err(failure.about(table)),
            }
        }
        Err(Error::Busy { table: table.clone() })
    }

    /// Has a job run that may be there already.
    async fn run(&self, table: &TableName, body: &Value) -> Result<Ended, Error> {
        let reference = &body["jobReference"];
        let text = |name: &str| reference[name].as_str().unwrap_or_default();
        let job = match self.rest.post(&[self.project(), "jobs"], body).await {
            Ok(job) => job,
            // By another, or by us: the answer was lost.
            Err(Failure::Said(Problem { status: 409, .. })) => {
                self.job(text("jobId"), text("location")).await.map_err(|failure| unsure(table, failure))?
            }
            Err(Failure::Said(problem)) if !problem.may_pass() => {
                return Ok(Ended { job: Value::Null, problem: Some(problem) });
            }
            Err(failure) => return Err(unsure(table, failure)),
        };
        self.ended(table, job).await
    }

    async fn job(&self, id: &str, location: &str) -> Result<Value, Failure> {
        self.rest.get(&[self.project(), "jobs", id], &[("location", location)]).await
    }

    /// Waits until a job has ended.
    async fn ended(&self, table: &TableName, mut job: Value) -> Result<Ended, Error> {
        let (deadline, mut wait) = (Instant::now() + LOAD, LOOK.0);
        while job["status"]["state"] != "DONE" {
            if Instant::now() > deadline {
                let late = format!("it is not done after {} minutes", LOAD.as_secs() / 60);
                return Err(unsure(table, Failure::Lost(late.into())));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LOOK.1);
            let text = |name: &str| job["jobReference"][name].as_str().unwrap_or_default().to_owned();
            let looked = self.job(&text("jobId"), &text("location")).await;
            job = looked.map_err(|failure| unsure(table, failure))?;
        }
        let error = &job["status"]["errorResult"];
        let problem = error.is_object().then(|| Problem::of(200, error));
        Ok(Ended { job, problem })
    }

    /// A dataset is not made by the way: somebody has to say where it lies, and for whom.
    pub fn no_dataset(&self, table: &TableName) -> Error {
        let [project, dataset, _] = self.parts(table);
        let what = format!(
            "there is no dataset {dataset} in the project {project}: make it where the bucket of MLSYS_WAREHOUSE lies (bq --location=… mk --dataset {project}:{dataset})"
        );
        Error::Unsupported { table: table.clone(), what }
    }
}

fn unsure(table: &TableName, failure: Failure) -> Error {
    Error::Unsure { table: table.clone(), version: now(), source: Box::new(failure.about(table)) }
}

/// The id of a change's jobs, but for the attempt: of letters, digits, '-' and '_'. Others are spelled out.
fn id_of(bigquery: &BigQuery, table: &TableName, change: &str) -> Result<String, Error> {
    let mut id = "mlsys".to_owned();
    for part in bigquery.parts(table).into_iter().chain([change]) {
        id.push_str("__");
        for byte in part.bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'-' {
                id.push(char::from(byte));
            } else {
                let _ = write!(id, "_{byte:02x}");
            }
        }
    }
    if id.len() > LONGEST_ID {
        let what = "its name and the job's are too long together for the id of a job in BigQuery".to_owned();
        return Err(Error::Unsupported { table: table.clone(), what });
    }
    Ok(id)
}
