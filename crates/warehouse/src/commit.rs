//! Changes: files become part of a table, in the place of others or beside them, all at once and once.

use std::{fmt, str::FromStr, time::Duration};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use jiff::Timestamp;
use object_store::PutMode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    DataFile, Error, Snapshot, TableName, Warehouse, bigquery,
    log::{self, Action, Add, Metadata, Protocol, Remove, Transaction},
    read::names,
    snapshot::LONGEST_CHANGE,
    types,
};

/// How often a change is tried when others come a moment earlier.
const ATTEMPTS: u32 = 64;
/// What writers of newer tables must know, and we do.
const WRITER_FEATURES: &[&str] = &["timestampNtz", "appendOnly", "invariants"];
/// How far a job has come when its change is made.
const DONE: i64 = 1;

/// What becomes of the rows that a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Disposition {
    /// They stay: `WRITE_APPEND`.
    #[default]
    #[serde(rename = "WRITE_APPEND")]
    Append,
    /// They go, and so do its columns: `WRITE_TRUNCATE`.
    #[serde(rename = "WRITE_TRUNCATE")]
    Truncate,
    /// There must be none: `WRITE_EMPTY`.
    #[serde(rename = "WRITE_EMPTY")]
    Empty,
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Append => "WRITE_APPEND",
            Self::Truncate => "WRITE_TRUNCATE",
            Self::Empty => "WRITE_EMPTY",
        })
    }
}

impl FromStr for Disposition {
    type Err = String;
    fn from_str(given: &str) -> Result<Self, String> {
        let all = [Self::Append, Self::Truncate, Self::Empty];
        let unknown = || format!("{given:?} is none of WRITE_APPEND, WRITE_TRUNCATE and WRITE_EMPTY");
        all.into_iter().find(|one| one.to_string() == given).ok_or_else(unknown)
    }
}

/// Files that are to become part of a table, which is made if there is none.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Which table.
    pub table: &'a TableName,
    /// The columns of the files: what [`Warehouse::plan`] said.
    pub schema: &'a SchemaRef,
    /// The files, as [`crate::FileWriter::finish`] gave them.
    pub files: &'a [DataFile],
    /// What becomes of the rows that are there.
    pub disposition: Disposition,
    /// The job whose change it is: another one of the same job does nothing.
    pub job: Option<&'a str>,
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// The table has this version now.
    Now(u64),
    /// The job's change had been made already. Its files are no part of the table.
    Before,
}

impl Warehouse {
    /// With which columns rows are to be written, so that they can become part of a table. Whatever would keep them from it is said
    /// now, before anything is written.
    pub async fn plan(&self, table: &TableName, rows: &Schema, disposition: Disposition) -> Result<SchemaRef, Error> {
        let schema = types::kept(rows).map_err(|(column, reason)| Error::Unfit { table: table.clone(), column, reason })?;
        if schema.fields().is_empty() {
            return Err(Error::Unsupported { table: table.clone(), what: "rows without columns cannot be kept".to_owned() });
        }
        let schema = match &self.bigquery {
            Some(_) => bigquery::columns_of(table, &schema)?,
            None => schema,
        };
        match self.current(table).await? {
            None => {
                if let Some(bigquery) = &self.bigquery
                    && Box::pin(bigquery.location(table)).await?.is_none()
                {
                    return Err(bigquery.no_dataset(table));
                }
                Ok(schema)
            }
            Some(snapshot) => snapshot.fit(&schema, disposition),
        }
    }

    /// Whether a job's change was made.
    pub async fn has_job(&self, table: &TableName, job: &str) -> Result<bool, Error> {
        match &self.bigquery {
            Some(bigquery) => Box::pin(bigquery.has_job(table, job)).await,
            None => Ok(self.current(table).await?.is_some_and(|snapshot| snapshot.has_job(job))),
        }
    }

    /// Makes a change.
    pub async fn commit(&self, change: Change<'_>) -> Result<Committed, Error> {
        self.commit_cut(change, None).await
    }

    /// Makes a change; a table that is made is cut by the days of a column, where there is one.
    pub(crate) async fn commit_cut(&self, change: Change<'_>, by: Option<&str>) -> Result<Committed, Error> {
        if let Some(bigquery) = &self.bigquery {
            return Box::pin(self.load(bigquery, change, by)).await;
        }
        let table = change.table;
        let id = Uuid::new_v4().to_string();
        for attempt in 0..ATTEMPTS {
            let current = self.current(table).await?;
            let (version, actions) = match &current {
                None => (0, created(change)?),
                Some(snapshot) => {
                    if change.job.is_some_and(|job| snapshot.has_job(job)) {
                        return Ok(Committed::Before);
                    }
                    (snapshot.version() + 1, snapshot.changed(change)?)
                }
            };
            if self.put(change, version, actions, &id).await? {
                self.keep_short(table, version).await;
                return Ok(Committed::Now(version));
            }
            // Not all at the same moment again.
            let wait = u64::from(Uuid::new_v4().as_bytes()[0]) * u64::from(attempt.min(8) + 1) / 8;
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        Err(Error::Busy { table: table.clone() })
    }

    /// Writes a change's file. False if another change has that version.
    async fn put(&self, change: Change<'_>, version: u64, mut actions: Vec<Action>, id: &str) -> Result<bool, Error> {
        let path = change.table.folder().join(log::FOLDER).join(log::file_of(version));
        actions.extend(
            change
                .job
                .map(|job| Action::Txn(Transaction { app_id: job.to_owned(), version: DONE, last_updated: Some(now()) })),
        );
        actions.push(Action::CommitInfo(json!({
            "timestamp": now(), "operation": "WRITE", "engineInfo": concat!("mlsys/", env!("CARGO_PKG_VERSION")), "txnId": id,
            "operationParameters": { "mode": if change.disposition == Disposition::Truncate { "Overwrite" } else { "Append" } },
        })));
        let bytes = log::write(&actions).map_err(|error| self.damaged(&path, error.to_string()))?;
        if bytes.len() as u64 > LONGEST_CHANGE {
            let what = "its files are more than one change can name".to_owned();
            return Err(Error::Unsupported { table: change.table.clone(), what });
        }
        match self.objects.put_opts(&path, bytes.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(error) => {
                use object_store::Error::{AlreadyExists, Precondition};
                let is_taken = matches!(error, AlreadyExists { .. } | Precondition { .. });
                // It may have been written by an attempt whose answer was lost.
                match self.is_commit(change.table, version, id).await {
                    Ok(true) => Ok(true),
                    Ok(false) if is_taken => Ok(false),
                    _ => {
                        let source = Box::new(self.failed(&path, error));
                        Err(Error::Unsure { table: change.table.clone(), version, source })
                    }
                }
            }
        }
    }

    /// Whether a version is a certain change.
    async fn is_commit(&self, table: &TableName, version: u64, id: &str) -> Result<bool, Error> {
        match self.change(&table.folder().join(log::FOLDER), version).await {
            Ok((_, actions)) => {
                Ok(actions.iter().any(|action| matches!(action, Action::CommitInfo(info) if info["txnId"] == *id)))
            }
            // Others who write it are not done, or gave up.
            Err(Error::Objects(objects::Error::Missing { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// What makes a table.
fn created(change: Change<'_>) -> Result<Vec<Action>, Error> {
    let metadata = Metadata {
        id: Uuid::new_v4().to_string(),
        format: log::Format::default(),
        schema_string: schema_string(change)?,
        partition_columns: Vec::new(),
        configuration: std::collections::BTreeMap::new(),
        created_time: Some(now()),
        others: std::collections::BTreeMap::new(),
    };
    let actions = [Action::Protocol(protocol_for(change.schema)), Action::MetaData(metadata)];
    Ok(actions.into_iter().chain(added(change)).collect())
}

fn schema_string(change: Change<'_>) -> Result<String, Error> {
    let unsupported = || Error::Unsupported { table: change.table.clone(), what: "these columns cannot be kept".to_owned() };
    types::to_schema_string(change.schema).ok_or_else(unsupported)
}

fn added(change: Change<'_>) -> impl Iterator<Item = Action> {
    change.files.iter().map(|file| {
        Action::Add(Add {
            path: file.path.clone(),
            partition_values: std::collections::BTreeMap::new(),
            size: file.size,
            modification_time: file.written_at,
            data_change: true,
            tags: None,
            stats: file.rows.map(|rows| json!({ "numRecords": rows }).to_string()),
            deletion_vector: None,
        })
    })
}

/// The least that readers and writers have to know.
fn protocol_for(schema: &Schema) -> Protocol {
    if !types::has_plain_times(schema.fields()) {
        return Protocol { min_reader_version: 1, min_writer_version: 2, reader_features: None, writer_features: None };
    }
    let features = Some(vec!["timestampNtz".to_owned()]);
    Protocol { min_reader_version: 3, min_writer_version: 7, reader_features: features.clone(), writer_features: features }
}

impl Snapshot {
    /// The actions of a change.
    fn changed(&self, change: Change<'_>) -> Result<Vec<Action>, Error> {
        let fitting = self.fit(change.schema, change.disposition)?;
        if fitting != *change.schema {
            let what = "its columns changed since the rows were written; write them again".to_owned();
            return Err(Error::Unsupported { table: self.name().clone(), what });
        }
        let mut actions = Vec::new();
        if change.disposition == Disposition::Truncate {
            actions.extend(self.state.files.values().map(removed));
            let schema_string = schema_string(change)?;
            match &self.state.metadata {
                Some(metadata) if metadata.schema_string != schema_string => {
                    actions.push(Action::MetaData(Metadata { schema_string, ..metadata.clone() }));
                }
                _ => {}
            }
            actions.extend(self.more_than_known(protocol_for(change.schema)).map(Action::Protocol));
        }
        actions.extend(added(change));
        Ok(actions)
    }

    /// The protocol of a table that needs more than its readers and writers had to know so far, which they still have to.
    fn more_than_known(&self, mut needed: Protocol) -> Option<Protocol> {
        let known = self.state.protocol.as_ref()?;
        let features = needed.reader_features.clone()?;
        let listed = known.reader_features.iter().flatten();
        if features.iter().all(|feature| listed.clone().any(|known| known == feature)) {
            return None;
        }
        // Before there were lists, these were meant by the version.
        let implied = if known.writer_features.is_some() { &[][..] } else { &["appendOnly", "invariants"] };
        let before = known.writer_features.iter().flatten().cloned().chain(implied.iter().map(|name| (*name).to_owned()));
        let add = |features: &mut Option<Vec<String>>, more: Vec<String>| {
            let features = features.get_or_insert_default();
            features.extend(more);
            features.sort();
            features.dedup();
        };
        add(&mut needed.writer_features, before.collect());
        add(&mut needed.reader_features, listed.cloned().collect());
        Some(needed)
    }

    /// With which columns rows are to be written to this table. Why they can't be, otherwise.
    fn fit(&self, rows: &SchemaRef, disposition: Disposition) -> Result<SchemaRef, Error> {
        self.writable(disposition)?;
        if disposition == Disposition::Empty && !self.files().iter().all(|file| file.rows == Some(0)) {
            return Err(Error::NotEmpty { table: self.name().clone() });
        }
        if disposition == Disposition::Truncate {
            return Ok(rows.clone());
        }
        let unfit =
            |column: &str, reason: String| Error::Unfit { table: self.name().clone(), column: column.to_owned(), reason };
        for field in self.schema().fields() {
            if !field.is_nullable() && rows.field_with_name(field.name()).is_err() {
                return Err(unfit(field.name(), "the table wants a value for it in every row".to_owned()));
            }
        }
        let fitting = rows.fields().iter().map(|field| match self.schema().field_with_name(field.name()) {
            Err(_) => Err(unfit(field.name(), format!("the table has no such column; it has {}", names(self.schema())))),
            Ok(known) if !self.takes(known.data_type(), field.data_type()) => {
                let (have, want) = (types::name_of(field.data_type()), types::name_of(known.data_type()));
                Err(unfit(field.name(), format!("its values are of type {have}, the table's of type {want}")))
            }
            Ok(known) => Ok(Field::new(field.name(), known.data_type().clone(), known.is_nullable())),
        });
        let fitting: SchemaRef = Schema::new(fitting.collect::<Result<Vec<_>, _>>()?).into();
        match &self.found {
            Some(found) => bigquery::fitting(self.name(), found, &fitting),
            None => Ok(fitting),
        }
    }

    /// Whether a column takes values of another type as they are. In `BigQuery`, most decimals have all the digits that there are.
    fn takes(&self, column: &DataType, values: &DataType) -> bool {
        takes(column, values) || (self.found.is_some() && bigquery::holds(column, values))
    }

    /// Whether we know how to write it.
    fn writable(&self, disposition: Disposition) -> Result<(), Error> {
        let unsupported = |what: String| Error::Unsupported { table: self.name().clone(), what };
        if let Some(protocol) = &self.state.protocol {
            let features = protocol.writer_features.iter().flatten();
            let unknown: Vec<_> = features.filter(|feature| !WRITER_FEATURES.contains(&&***feature)).cloned().collect();
            if !unknown.is_empty() || !matches!(protocol.min_writer_version, 1 | 2 | 7) {
                let what = if unknown.is_empty() {
                    format!("version {}", protocol.min_writer_version)
                } else {
                    format!("{unknown:?}")
                };
                return Err(unsupported(format!("it can be written only by those who know the Delta protocol's {what}")));
            }
        }
        let Some(metadata) = &self.state.metadata else { return Ok(()) };
        let append_only = metadata.configuration.get("delta.appendOnly").and_then(Option::as_deref) == Some("true");
        if append_only && disposition == Disposition::Truncate {
            return Err(unsupported("rows may only be added to it (delta.appendOnly)".to_owned()));
        }
        if metadata.schema_string.contains("\"delta.invariants\"") {
            return Err(unsupported("its columns have conditions that are not checked here (delta.invariants)".to_owned()));
        }
        Ok(())
    }
}

fn removed(add: &Add) -> Action {
    Action::Remove(Remove {
        path: add.path.clone(),
        deletion_timestamp: Some(now()),
        data_change: true,
        extended_file_metadata: Some(true),
        partition_values: Some(add.partition_values.clone()),
        size: Some(add.size),
    })
}

/// Whether a column takes values of another type as they are.
fn takes(column: &DataType, values: &DataType) -> bool {
    use DataType::{Float32, Float64, Int8, Int16, Int32, Int64};
    types::is_same(column, values)
        || matches!(
            (column, values),
            (Int64, Int32 | Int16 | Int8)
                | (Int32, Int16 | Int8)
                | (Int16, Int8)
                | (Float64, Float32 | Int32 | Int16 | Int8)
        )
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
