//! Writes what stands for the beginning of a log, so that who reads a table need not fetch each of its changes.
//! Source: "Checkpoints" in the [Delta protocol](https://github.com/delta-io/delta/blob/master/PROTOCOL.md#checkpoints), in its first form.

use std::sync::Arc;

use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use jiff::Timestamp;
use object_store::ObjectStoreExt;
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use serde_json::json;

use crate::{
    Error, TableName, Warehouse,
    log::{self, Action, Add, Remove},
    snapshot::State,
};

/// After how many changes one is written.
const EVERY: u64 = 20;
/// How long a file that is no longer part of a table is remembered, in milliseconds: whoever removes such files looks there.
const REMEMBERED: i64 = 7 * 24 * 60 * 60 * 1000;

impl Warehouse {
    /// Writes a checkpoint, where it is time for one. The table is as good without.
    pub(crate) async fn keep_short(&self, table: &TableName, version: u64) {
        if version == 0 || !version.is_multiple_of(EVERY) {
            return;
        }
        if let Err(error) = self.write_checkpoint(table, version).await {
            tracing::warn!(%error, %table, version, "a checkpoint could not be written; the log is read change by change");
        }
    }

    async fn write_checkpoint(&self, table: &TableName, version: u64) -> Result<(), Error> {
        let folder = table.folder().join(log::FOLDER);
        let Some((state, version)) = self.state(table, Some(version)).await? else { return Ok(()) };
        let path = folder.clone().join(format!("{version:020}.checkpoint.parquet"));
        let actions = actions(&state, Timestamp::now().as_millisecond());
        let (count, wrong) = (actions.len(), |error: String| self.damaged(&path, error));
        let written = tokio::task::spawn_blocking(move || parquet(&actions)).await;
        let bytes = written.map_err(|error| wrong(error.to_string()))?.map_err(wrong)?;
        self.objects.put(&path, bytes.into()).await.map_err(|error| self.failed(&path, error))?;
        // Others look there first.
        let last = folder.join("_last_checkpoint");
        let hint = json!({ "version": version, "size": count }).to_string();
        self.objects.put(&last, hint.into()).await.map_err(|error| self.failed(&last, error))?;
        Ok(())
    }
}

/// All that the changes so far add up to.
fn actions(state: &State, now: i64) -> Vec<Action> {
    let kept = |remove: &&Remove| remove.deletion_timestamp.is_none_or(|at| at > now - REMEMBERED);
    let adds = state.files.values().map(|add| Action::Add(Add { data_change: false, ..add.clone() }));
    let removes = state.removed.values().filter(kept).map(|remove| Remove { data_change: false, ..remove.clone() });
    let whole = state.protocol.iter().cloned().map(Action::Protocol);
    let whole = whole.chain(state.metadata.iter().cloned().map(Action::MetaData));
    let whole = whole.chain(state.transactions.values().cloned().map(Action::Txn));
    whole.chain(adds).chain(removes.map(Action::Remove)).collect()
}

/// The actions as rows of a Parquet file.
fn parquet(actions: &[Action]) -> Result<Vec<u8>, String> {
    let lines = log::write(actions).map_err(|error| error.to_string())?;
    let schema = schema();
    let rows = ReaderBuilder::new(schema.clone()).build(lines.as_slice()).map_err(|error| error.to_string())?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|error| error.to_string())?;
    for rows in rows {
        writer.write(&rows.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

fn schema() -> SchemaRef {
    use DataType::{Boolean, Int32, Int64, Utf8};
    let field = |name: &str, kind: DataType| Field::new(name, kind, true);
    let group = |name: &str, fields: Vec<Field>| field(name, DataType::Struct(fields.into()));
    let list = |name: &str| field(name, DataType::List(Arc::new(Field::new("element", Utf8, true))));
    let map = |name: &str| {
        let entries = Fields::from(vec![Field::new("key", Utf8, false), Field::new("value", Utf8, true)]);
        field(name, DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(entries), false)), false))
    };
    Arc::new(Schema::new(vec![
        group("txn", vec![field("appId", Utf8), field("version", Int64), field("lastUpdated", Int64)]),
        group(
            "add",
            vec![
                field("path", Utf8),
                map("partitionValues"),
                field("size", Int64),
                field("modificationTime", Int64),
                field("dataChange", Boolean),
                map("tags"),
                field("stats", Utf8),
            ],
        ),
        group(
            "remove",
            vec![
                field("path", Utf8),
                field("deletionTimestamp", Int64),
                field("dataChange", Boolean),
                field("extendedFileMetadata", Boolean),
                map("partitionValues"),
                field("size", Int64),
            ],
        ),
        group(
            "metaData",
            vec![
                field("id", Utf8),
                field("name", Utf8),
                field("description", Utf8),
                group("format", vec![field("provider", Utf8), map("options")]),
                field("schemaString", Utf8),
                list("partitionColumns"),
                map("configuration"),
                field("createdTime", Int64),
            ],
        ),
        group(
            "protocol",
            vec![
                field("minReaderVersion", Int32),
                field("minWriterVersion", Int32),
                list("readerFeatures"),
                list("writerFeatures"),
            ],
        ),
    ]))
}
