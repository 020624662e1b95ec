//! The log's actions, as the [Delta protocol](https://github.com/delta-io/delta/blob/master/PROTOCOL.md#actions) has them, and what
//! its files are called.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The folder of a table's log, in the table's.
pub(crate) const FOLDER: &str = "_delta_log";

/// The name of a change's file.
pub(crate) fn file_of(version: u64) -> String {
    format!("{version:020}.json")
}

/// The version that a file's name says, if it is a change's.
pub(crate) fn version_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// One line of a change.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    Protocol(Protocol),
    MetaData(Metadata),
    Add(Add),
    Remove(Remove),
    Txn(Transaction),
    CommitInfo(Value),
}

/// The same as it is read: one of these. What is known must be right; other actions are of no matter to who reads or appends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    protocol: Option<Protocol>,
    meta_data: Option<Metadata>,
    add: Option<Add>,
    remove: Option<Remove>,
    txn: Option<Transaction>,
    commit_info: Option<Value>,
}

impl Line {
    fn actions(self) -> impl Iterator<Item = Action> {
        let Self { protocol, meta_data, add, remove, txn, commit_info } = self;
        let actions = [
            protocol.map(Action::Protocol),
            meta_data.map(Action::MetaData),
            add.map(Action::Add),
            remove.map(Action::Remove),
            txn.map(Action::Txn),
            commit_info.map(Action::CommitInfo),
        ];
        actions.into_iter().flatten()
    }
}

/// What a reader and a writer must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Protocol {
    pub min_reader_version: u32,
    pub min_writer_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_features: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer_features: Option<Vec<String>>,
}

/// What the table is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub id: String,
    #[serde(default)]
    pub format: Format,
    pub schema_string: String,
    #[serde(default)]
    pub partition_columns: Vec<String>,
    #[serde(default)]
    pub configuration: BTreeMap<String, Option<String>>,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_time: Option<i64>,
    /// Its name, its description, and what else others say of it.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Format {
    pub provider: String,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl Default for Format {
    fn default() -> Self {
        Self { provider: "parquet".to_owned(), options: BTreeMap::new() }
    }
}

/// A file that is part of the table from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Add {
    /// From the table's folder, percent-encoded.
    pub path: String,
    #[serde(default)]
    pub partition_values: BTreeMap<String, Option<String>>,
    /// In bytes.
    pub size: u64,
    /// Milliseconds since 1970.
    pub modification_time: i64,
    pub data_change: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, Option<String>>>,
    /// JSON with `numRecords`, among others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_vector: Option<Value>,
}

/// A file that is no longer part of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Remove {
    pub path: String,
    /// Milliseconds since 1970.
    pub deletion_timestamp: Option<i64>,
    pub data_change: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_file_metadata: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_values: Option<BTreeMap<String, Option<String>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// How far an application has come: what makes its change happen once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transaction {
    pub app_id: String,
    pub version: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<i64>,
}

/// A change's actions.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Action>, serde_json::Error> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let mut actions = Vec::new();
    for line in lines {
        actions.extend(serde_json::from_slice::<Line>(line)?.actions());
    }
    Ok(actions)
}

/// A change's file.
pub(crate) fn write(actions: &[Action]) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    for action in actions {
        serde_json::to_writer(&mut bytes, action)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// What is said of a file's rows.
#[derive(Deserialize)]
struct Stats {
    #[serde(rename = "numRecords")]
    rows: Option<u64>,
}

/// How many rows a file holds, if the log says so.
pub(crate) fn rows(add: &Add) -> Option<u64> {
    serde_json::from_str::<Stats>(add.stats.as_ref()?).ok()?.rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_changes_file_has_a_version() {
        assert_eq!(version_of(&file_of(17)), Some(17));
        for other in ["17.json", "_last_checkpoint", "00000000000000000017.checkpoint.parquet", "0000000000000000001x.json"]
        {
            assert_eq!(version_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_unknown_is_passed_over() {
        let text = concat!(
            r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#,
            "\n",
            r#"{"add":{"path":"a%20b.parquet","partitionValues":{},"size":5,"modificationTime":1,"dataChange":true,"tags":null}}"#,
            "\n\n",
            r#"{"txn":{"appId":"job","version":0}}"#,
            "\n",
            r#"{"domainMetadata":{"domain":"x"}}"#,
            "\n",
            r#"{"commitInfo":{"operation":"WRITE"}}"#,
        );
        let actions = read(text.as_bytes()).expect("actions");
        assert!(
            matches!(&actions[..], [Action::Protocol(_), Action::Add(add), Action::Txn(_), Action::CommitInfo(_)]
                if add.path == "a%20b.parquet"),
            "{actions:?}"
        );
        let again = read(&write(&actions).expect("bytes")).expect("actions");
        assert_eq!(format!("{again:?}"), format!("{actions:?}"));
        let size = r#"{"add":{"path":"x","size":-1,"modificationTime":1,"dataChange":true}}"#;
        for wrong in [r#"{"add":{}}"#, size, r#"{"remove":{"path":7}}"#, r#"{"protocol":{}}"#, r#"{"add":"#, "7"] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
