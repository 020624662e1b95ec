//! Entries as rows of a table.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use jiff::Timestamp;
use serde_json::Value;
use warehouse::{TableName, Warehouse};

use crate::{Entry, Error, MOST};

/// The table's columns.
pub(crate) fn schema() -> Schema {
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let columns = [
        ("name", DataType::Utf8),
        ("version", DataType::Int64),
        ("environment", DataType::Utf8),
        ("bucket", DataType::Utf8),
        ("path", DataType::Utf8),
        ("size", DataType::Int64),
        ("uploader", DataType::Utf8),
        ("uploaded_at", moment.clone()),
        ("registered_at", moment),
        // JSON.
        ("metrics", DataType::Utf8),
    ];
    Schema::new(columns.map(|(name, of)| Field::new(name, of, true)).to_vec())
}

/// Entries as rows.
pub(crate) fn batch(entries: &[Entry]) -> Result<RecordBatch, Error> {
    let texts = |of: fn(&Entry) -> Option<String>| -> ArrayRef { Arc::new(entries.iter().map(of).collect::<StringArray>()) };
    let numbers = |of: fn(&Entry) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(entries.iter().map(|entry| of(entry).cast_signed())))
    };
    let moments = |of: fn(&Entry) -> Timestamp| -> ArrayRef {
        let values = entries.iter().map(|entry| of(entry).as_microsecond());
        Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
    };
    let columns = vec![
        texts(|entry| Some(entry.name.to_string())),
        numbers(|entry| entry.version),
        texts(|entry| Some(entry.environment.as_str().to_owned())),
        texts(|entry| Some(entry.bucket.clone())),
        texts(|entry| Some(entry.path.clone())),
        numbers(|entry| entry.size),
        texts(|entry| entry.uploader.clone()),
        moments(|entry| entry.uploaded_at),
        moments(|entry| entry.registered_at),
        texts(|entry| entry.metrics.as_ref().map(Value::to_string)),
    ];
    RecordBatch::try_new(Arc::new(schema()), columns).map_err(|error| Error::Rows(error.to_string()))
}

/// The entries that a table has; none where there is no table.
pub(crate) async fn read(warehouse: &Warehouse, table: &TableName) -> Result<Vec<Entry>, Error> {
    let snapshot = match warehouse.snapshot(table, None).await {
        Ok(snapshot) => snapshot,
        Err(warehouse::Error::NoTable { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let foreign = || Error::Foreign(table.clone());
    let rows = snapshot.sample(MOST + 1).await?;
    if rows.len() > MOST {
        return Err(foreign());
    }
    rows.into_iter().map(|row| entry(row).ok_or_else(foreign)).collect()
}

fn entry(mut row: Value) -> Option<Entry> {
    let metrics = match row["metrics"].take() {
        Value::String(text) => serde_json::from_str(&text).ok()?,
        _ => Value::Null,
    };
    row["metrics"] = metrics;
    serde_json::from_value(row).ok()
}
