//! A table as it was after a change.

use std::{collections::BTreeMap, sync::Arc};

use arrow_schema::SchemaRef;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::{
    Error, TableName, Warehouse,
    bigquery::Found,
    checkpoint::Checkpoint,
    log::{self, Action, Add, Metadata, Protocol, Remove, Transaction},
    types,
};

/// How many changes are fetched at the same time.
const AT_ONCE: usize = 16;
/// How long a change's file may be, in bytes.
pub(crate) const LONGEST_CHANGE: u64 = 64 << 20;
/// What readers of newer tables must know, and we do.
const READER_FEATURES: &[&str] = &["timestampNtz"];

/// A file of a table's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// From the table's folder, as the log says it. Of a table in `BigQuery`, whose files nobody sees, nothing.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// How many rows it holds, if that is known without looking.
    pub rows: Option<u64>,
    /// When it was written, in milliseconds since 1970.
    pub written_at: i64,
}

/// A table as it was after a change. Later changes don't touch its files.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) warehouse: Warehouse,
    name: TableName,
    version: u64,
    schema: SchemaRef,
    files: Vec<DataFile>,
    pub(crate) state: Arc<State>,
    /// What it is in `BigQuery`, where it is there.
    pub(crate) found: Option<Arc<Found>>,
}

impl Snapshot {
    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// How many changes there had been before the one after which it was so; in `BigQuery`, when that was, in milliseconds since 1970.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The files that its rows are in.
    #[must_use]
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// How many rows it has, if that is known without looking into its files.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.rows?))
    }

    /// The size of its files, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// Whether a job's change was made, here or before, as its log says.
    pub(crate) fn has_job(&self, job: &str) -> bool {
        self.state.transactions.contains_key(job)
    }

    /// When the newest of its files was written, in milliseconds since 1970.
    #[must_use]
    pub fn written_at(&self) -> Option<i64> {
        self.files.iter().map(|file| file.written_at).max()
    }
}

/// What the changes so far add up to.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub protocol: Option<Protocol>,
    pub metadata: Option<Metadata>,
    /// By path.
    pub files: BTreeMap<String, Add>,
    /// Files that were, by path, for as long as whoever removes them may need to know.
    pub removed: BTreeMap<String, Remove>,
    /// By application: how far it has come.
    pub transactions: BTreeMap<String, Transaction>,
}

impl Extend<Action> for State {
    fn extend<T: IntoIterator<Item = Action>>(&mut self, actions: T) {
        for action in actions {
            self.apply(action);
        }
    }
}

impl State {
    fn apply(&mut self, action: Action) {
        match action {
            Action::Protocol(protocol) => self.protocol = Some(protocol),
            Action::MetaData(metadata) => self.metadata = Some(metadata),
            Action::Add(add) => {
                self.removed.remove(&add.path);
                self.files.insert(add.path.clone(), add);
            }
            Action::Remove(remove) => {
                self.files.remove(&remove.path);
                self.removed.insert(remove.path.clone(), remove);
            }
            Action::Txn(transaction) => {
                self.transactions.insert(transaction.app_id.clone(), transaction);
            }
            Action::CommitInfo(_) => {}
        }
    }
}

impl Warehouse {
    /// A table as it is now, or as it was after a change.
    pub async fn snapshot(&self, name: &TableName, version: Option<u64>) -> Result<Snapshot, Error> {
        if let Some(bigquery) = &self.bigquery {
            let found = Box::pin(bigquery.found(name, version)).await?;
            return found.map(|found| self.in_bigquery(name, found)).ok_or_else(|| Error::NoTable { table: name.clone() });
        }
        let (state, found) = self.state(name, version).await?.ok_or_else(|| Error::NoTable { table: name.clone() })?;
        self.snapshot_of(name, found, state)
    }

    /// A table as it is now, if there is one.
    pub(crate) async fn current(&self, name: &TableName) -> Result<Option<Snapshot>, Error> {
        if let Some(bigquery) = &self.bigquery {
            return Ok(Box::pin(bigquery.found(name, None)).await?.map(|found| self.in_bigquery(name, found)));
        }
        let found = self.state(name, None).await?;
        found.map(|(state, version)| self.snapshot_of(name, version, state)).transpose()
    }

    fn in_bigquery(&self, name: &TableName, found: Found) -> Snapshot {
        let file =
            DataFile { path: String::new(), size: found.bytes, rows: found.rows, written_at: found.modified.cast_signed() };
        Snapshot {
            warehouse: self.clone(),
            name: name.clone(),
            version: found.at.unwrap_or(found.modified),
            schema: found.schema.clone(),
            files: vec![file],
            state: Arc::default(),
            found: Some(Arc::new(found)),
        }
    }

    fn snapshot_of(&self, name: &TableName, version: u64, state: State) -> Result<Snapshot, Error> {
        let unsupported = |what: String| Error::Unsupported { table: name.clone(), what };
        let (Some(protocol), Some(metadata)) = (&state.protocol, &state.metadata) else {
            let path = self.uri(&name.folder().join(log::FOLDER));
            return Err(Error::Damaged { path, reason: "it does not say what the table is".to_owned() });
        };
        readable(protocol, metadata).map_err(unsupported)?;
        let schema = types::from_schema_string(&metadata.schema_string).map_err(unsupported)?;
        let files = state.files.values().map(|add| data_file(add).map_err(unsupported)).collect::<Result<_, _>>()?;
        Ok(Snapshot {
            warehouse: self.clone(),
            name: name.clone(),
            version,
            schema,
            files,
            state: state.into(),
            found: None,
        })
    }

    /// What the changes add up to, up to a version, and the last of them. Nothing if there is no log.
    pub(crate) async fn state(&self, name: &TableName, until: Option<u64>) -> Result<Option<(State, u64)>, Error> {
        let folder = name.folder().join(log::FOLDER);
        self.stay_within(&folder).await?;
        match self.add_up(name, &folder, until).await {
            // A list that is made while others write or tidy up may lack what is in the next.
            Err(Error::Damaged { .. }) => self.add_up(name, &folder, until).await,
            other => other,
        }
    }

    async fn add_up(&self, name: &TableName, folder: &Path, until: Option<u64>) -> Result<Option<(State, u64)>, Error> {
        let listed = self.objects.list_with_delimiter(Some(folder)).await.map_err(|error| self.failed(folder, error))?;
        let names: Vec<_> = listed.objects.iter().filter_map(|object| object.location.filename()).collect();
        let mut versions: Vec<_> = names.iter().filter_map(|name| log::version_of(name)).collect();
        versions.sort_unstable();
        let Some(latest) = versions.last().copied().or(Checkpoint::newest(&names, |_| true).map(|one| one.version)) else {
            return Ok(None);
        };
        let reaches = |version: &u64| until.is_none_or(|until| *version <= until);
        let checkpoint = Checkpoint::newest(&names, reaches);
        if let Some(version) = until.filter(|until| *until > latest || checkpoint.is_none() && versions.first() != Some(&0))
        {
            let oldest = Checkpoint::oldest(&names).filter(|_| versions.first() != Some(&0)).unwrap_or(0);
            return Err(Error::NoVersion { table: name.clone(), version, oldest, latest });
        }
        if checkpoint.is_none() && versions.first() != Some(&0) && names.iter().any(|name| name.contains(".checkpoint.")) {
            let what = "its log begins with a checkpoint of a kind that is not supported".to_owned();
            return Err(Error::Unsupported { table: name.clone(), what });
        }
        let (mut state, mut last) = match checkpoint {
            Some(checkpoint) => (self.checkpoint(folder, &checkpoint).await?, Some(checkpoint.version)),
            None => (State::default(), None),
        };
        versions.retain(|version| reaches(version) && last.is_none_or(|last| *version > last));
        let mut fetched =
            std::pin::pin!(stream::iter(versions).map(|version| self.change(folder, version)).buffered(AT_ONCE));
        while let Some((version, actions)) = fetched.try_next().await? {
            if version != last.map_or(0, |last| last + 1) {
                return Err(self.damaged(folder, format!("the change before version {version} is missing")));
            }
            state.extend(actions);
            last = Some(version);
        }
        Ok(last.map(|last| (state, last)))
    }

    /// The actions of a change.
    pub(crate) async fn change(&self, folder: &Path, version: u64) -> Result<(u64, Vec<Action>), Error> {
        let path = folder.clone().join(log::file_of(version));
        let bytes = self.get(&path, LONGEST_CHANGE).await?;
        let actions = log::read(&bytes).map_err(|error| self.damaged(&path, error.to_string()))?;
        Ok((version, actions))
    }

    pub(crate) fn damaged(&self, path: &Path, reason: String) -> Error {
        Error::Damaged { path: self.uri(path), reason }
    }
}

/// Whether a table can be read as it is meant; why not, otherwise.
fn readable(protocol: &Protocol, metadata: &Metadata) -> Result<(), String> {
    let features = protocol.reader_features.iter().flatten();
    let unknown: Vec<_> = features.filter(|feature| !READER_FEATURES.contains(&&***feature)).cloned().collect();
    if !unknown.is_empty() || protocol.min_reader_version > 3 {
        let what =
            if unknown.is_empty() { "a newer version of the Delta protocol".to_owned() } else { format!("{unknown:?}") };
        return Err(format!("it can be read only by those who know {what}"));
    }
    let mapping = metadata.configuration.get("delta.columnMapping.mode").and_then(Option::as_deref);
    if mapping.is_some_and(|mode| mode != "none") {
        return Err("its columns have other names in its files (column mapping)".to_owned());
    }
    if !metadata.partition_columns.is_empty() {
        return Err(format!("it is partitioned by {:?}", metadata.partition_columns));
    }
    Ok(())
}

fn data_file(add: &Add) -> Result<DataFile, String> {
    if add.deletion_vector.as_ref().is_some_and(|vector| !vector.is_null()) {
        return Err("some of its rows are deleted by vectors".to_owned());
    }
    Ok(DataFile { path: add.path.clone(), size: add.size, rows: log::rows(add), written_at: add.modification_time })
}
