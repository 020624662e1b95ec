//! Rows by pages of JSON: a table's first, which cost nothing so.
//! Source: [`tabledata.list`](https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/list).

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, FieldRef, SchemaRef};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{Stream, TryStreamExt, stream};
use serde_json::{Map, Value};

use super::BigQuery;
use crate::{Error, TableName};

/// How many rows a page has at most.
const PAGE: usize = 5_000;

impl BigQuery {
    /// The first rows of a table as it is.
    pub fn first(
        self: &Arc<Self>,
        name: &TableName,
        schema: &SchemaRef,
        rows: usize,
    ) -> impl Stream<Item = Result<RecordBatch, Error>> + Send + use<> {
        let (bigquery, name, schema) = (self.clone(), name.clone(), schema.clone());
        let begin = Some((String::new(), rows));
        let pages = stream::try_unfold(begin, move |next| {
            let (bigquery, name, schema) = (bigquery.clone(), name.clone(), schema.clone());
            async move {
                let Some((page, left)) = next.filter(|(_, left)| *left > 0) else { return Ok(None) };
                let answer = bigquery.page(&name, &page, left.min(PAGE)).await?;
                let rows = answer["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
                let batch = batch(rows, &schema).map_err(|what| Error::Unsupported { table: name.clone(), what })?;
                let more = answer["pageToken"].as_str().filter(|page| !page.is_empty());
                let next = more.map(|page| (page.to_owned(), left.saturating_sub(rows.len())));
                Ok::<_, Error>(Some((batch, next)))
            }
        });
        pages.try_filter_map(async |batch| Ok(batch))
    }

    async fn page(&self, name: &TableName, page: &str, rows: usize) -> Result<Value, Error> {
        let [project, dataset, table] = self.parts(name);
        let rows = rows.to_string();
        let mut query = vec![("maxResults", &*rows), ("formatOptions.useInt64Timestamp", "true")];
        if !page.is_empty() {
            query.push(("pageToken", page));
        }
        let answer = self.rest.get(&[project, "datasets", dataset, "tables", table, "data"], &query).await;
        answer.map_err(|failure| failure.about(name))
    }
}

/// A page's rows as columns.
fn batch(rows: &[Value], schema: &SchemaRef) -> Result<Option<RecordBatch>, String> {
    let wrong = |error: arrow_schema::ArrowError| format!("its rows are not what its columns say: {error}");
    let rows: Vec<_> = rows.iter().map(|row| record(row, schema.fields())).collect();
    let mut decoder = ReaderBuilder::new(schema.clone()).with_batch_size(PAGE).build_decoder().map_err(wrong)?;
    decoder.serialize(&rows).map_err(wrong)?;
    decoder.flush().map_err(wrong)
}

fn record(row: &Value, fields: &[FieldRef]) -> Value {
    let cells = row["f"].as_array().into_iter().flatten();
    let named = fields.iter().zip(cells).map(|(field, cell)| (field.name().clone(), value(&cell["v"], field.data_type())));
    Value::Object(named.collect::<Map<_, _>>())
}

/// A value as Arrow's reader of JSON takes it: all but lists and records come as texts.
fn value(cell: &Value, kind: &DataType) -> Value {
    match (cell, kind) {
        (Value::Array(items), DataType::List(inner)) => {
            items.iter().map(|item| value(&item["v"], inner.data_type())).collect()
        }
        (Value::Object(_), DataType::Struct(fields)) => record(cell, fields),
        (Value::String(text), DataType::Boolean) => Value::Bool(text == "true"),
        // Microseconds, as asked for.
        (Value::String(text), DataType::Timestamp(_, Some(_))) => {
            text.parse::<i64>().map_or_else(|_| cell.clone(), Value::from)
        }
        (Value::String(text), DataType::Binary) => {
            BASE64_STANDARD.decode(text).map_or_else(|_| cell.clone(), |bytes| hex::encode(bytes).into())
        }
        _ => cell.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow_json::{WriterBuilder, writer::JsonArray};
    use serde_json::json;

    use super::*;
    use crate::bigquery::types::schema_of;

    #[test]
    fn a_pages_rows_are_what_the_columns_say() {
        let kinds = ["INTEGER", "FLOAT", "BOOLEAN", "BYTES", "DATE", "TIME", "DATETIME", "TIMESTAMP", "NUMERIC", "STRING"];
        let mut fields: Vec<_> = kinds.iter().map(|kind| json!({ "name": kind.to_lowercase(), "type": kind })).collect();
        fields.push(json!({ "name": "list", "type": "INTEGER", "mode": "REPEATED" }));
        fields.push(json!({ "name": "record", "type": "RECORD", "fields": [{ "name": "a", "type": "BYTES" }] }));
        let schema = schema_of(&fields).expect("columns");
        let cells = [
            json!("-9223372036854775808"),
            json!("-Infinity"),
            json!("true"),
            json!("/wA="),
            json!("0001-01-01"),
            json!("10:00:00.000001"),
            json!("2024-02-29T10:00:00.000001"),
            json!("1700000000000001"),
            json!("123.450000000"),
            json!("é"),
            json!([{ "v": "1" }, { "v": "2" }]),
            json!({ "f": [{ "v": "/wA=" }] }),
        ];
        let row = json!({ "f": cells.iter().map(|cell| json!({ "v": cell })).collect::<Vec<_>>() });
        let gaps = json!({ "f": cells.iter().map(|_| json!({ "v": null })).collect::<Vec<_>>() });
        let batch = batch(&[row, gaps], &schema).expect("rows").expect("some");
        let mut json = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
        json.write(&batch.slice(0, 1)).and_then(|()| json.finish()).expect("json");
        let said: Value = serde_json::from_slice(&json.into_inner()).expect("json");
        assert_eq!(
            said[0],
            json!({
                "integer": i64::MIN, "float": null, "boolean": true, "bytes": "ff00", "date": "0001-01-01",
                "time": "10:00:00.000001", "datetime": "2024-02-29T10:00:00.000001",
                "timestamp": "2023-11-14T22:13:20.000001Z", "numeric": 123.45, "string": "é", "list": [1, 2],
                "record": { "a": "ff00" },
            })
        );
        assert_eq!(batch.column(0).null_count(), 1);
    }
}
