//! `/api/tables`: the warehouse's tables.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::ApiError;
use utoipa::ToSchema;
use warehouse::{Snapshot, TableName, Version, type_name};

use crate::{
    Backend,
    error::from_warehouse,
    routes::pipelines::{Page, PageQuery},
};

/// How many tables are looked at at the same time.
const AT_ONCE: usize = 8;
/// How many versions are told of a table.
const VERSIONS: u64 = 100;
/// How many rows a sample has at most, and unless asked otherwise.
const SAMPLE: (usize, usize) = (1_000, 20);

/// Up to here, each whole number is one that JavaScript has, too.
const EXACT: u64 = 1 << 53;

/// A table in a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct TableSummary {
    /// `project.dataset.table`
    name: String,
    /// How many changes there had been before the last one; null: it can't be read.
    #[schema(required)]
    version: Option<u64>,
    /// How many columns it has.
    #[schema(required)]
    columns: Option<usize>,
    /// How many rows; null: its files don't say.
    #[schema(required)]
    rows: Option<u64>,
    /// The size of its files.
    #[schema(required)]
    bytes: Option<u64>,
    /// When the newest of its files was written.
    #[schema(required)]
    written_at: Option<Timestamp>,
    /// Why it can't be read.
    #[schema(required)]
    problem: Option<String>,
}

/// A table.
#[derive(Serialize, ToSchema)]
pub(crate) struct Table {
    /// `project.dataset.table`
    name: String,
    /// The version that this is about.
    version: u64,
    /// How many rows; null: its files don't say.
    #[schema(required)]
    rows: Option<u64>,
    /// The size of its files.
    bytes: u64,
    /// How many files it has.
    files: usize,
    /// When the newest of its files was written.
    #[schema(required)]
    written_at: Option<Timestamp>,
    columns: Vec<TableColumn>,
    /// The last changes, newest first: a hundred at most.
    versions: Vec<TableVersion>,
}

/// A column of a table.
#[derive(Serialize, ToSchema)]
pub(crate) struct TableColumn {
    name: String,
    /// As the table's log calls it.
    #[serde(rename = "type")]
    kind: String,
    /// Whether a value may be missing.
    nullable: bool,
}

/// A table's version, and the change that made it.
#[derive(Serialize, ToSchema)]
pub(crate) struct TableVersion {
    version: u64,
    /// When it was made.
    #[schema(required)]
    at: Option<Timestamp>,
    /// What whoever made it calls it.
    #[schema(required)]
    operation: Option<String>,
    /// How many rows it added.
    #[schema(required)]
    rows: Option<u64>,
    /// The size of the files that it added.
    bytes: u64,
    /// The job that it was made for.
    #[schema(required)]
    job: Option<String>,
}

/// A table's first rows.
#[derive(Serialize, ToSchema)]
pub(crate) struct TableSample {
    version: u64,
    /// The columns' names.
    columns: Vec<String>,
    /// Their values, row by row; what is missing, or has no JSON, is null, and a whole number beyond 2^53 is text.
    rows: Vec<Vec<Value>>,
}

/// Which version of a table.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TableQuery {
    /// As it was after this change; the first is 0. None given: as it is now.
    version: Option<u64>,
}

/// Which rows of a table.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SampleQuery {
    /// As it was after this change; the first is 0. None given: as it is now.
    version: Option<u64>,
    /// At most so many.
    rows: Option<usize>,
}

/// The tables, by name.
#[utoipa::path(
    get, path = "/api/tables", operation_id = "listTables", tag = "tables", params(PageQuery),
    responses((status = OK, body = Page<TableSummary>)),
)]
pub(crate) async fn list(
    State(backend): State<Backend>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<TableSummary>>, ApiError> {
    let after: Option<TableName> = page.after.as_deref().map(str::parse).transpose().map_err(from_warehouse)?;
    let mut names = backend.warehouse.tables().await.map_err(from_warehouse)?;
    names.sort();
    let mut names: Vec<_> = names.into_iter().filter(|name| after.as_ref().is_none_or(|after| name > after)).collect();
    let more = names.len() > page.limit();
    names.truncate(page.limit());
    let looked = stream::iter(names).map(async |name| summary(&name, backend.warehouse.snapshot(&name, None).await));
    let items: Vec<_> = looked.buffered(AT_ONCE).collect().await;
    let next = items.last().filter(|_| more).map(|last| last.name.clone());
    Ok(Json(Page { items, next }))
}

/// A table's columns and versions.
#[utoipa::path(
    get, path = "/api/tables/{table}", operation_id = "getTable", tag = "tables", params(TableQuery),
    responses((status = OK, body = Table)),
)]
pub(crate) async fn one(
    State(backend): State<Backend>,
    Path(table): Path<String>,
    Query(TableQuery { version }): Query<TableQuery>,
) -> Result<Json<Table>, ApiError> {
    let newest = snapshot(&backend, &table, None).await?;
    let versions = newest.history(VERSIONS).await.map_err(from_warehouse)?.into_iter().map(told).collect();
    let shown = match version {
        Some(version) => snapshot(&backend, &table, Some(version)).await?,
        None => newest,
    };
    Ok(Json(Table {
        name: shown.name().to_string(),
        version: shown.version(),
        rows: shown.rows(),
        bytes: shown.bytes(),
        files: shown.files().len(),
        written_at: time(shown.written_at()),
        columns: columns(shown.schema()),
        versions,
    }))
}

/// A table's first rows.
#[utoipa::path(
    get, path = "/api/tables/{table}/sample", operation_id = "getTableSample", tag = "tables", params(SampleQuery),
    responses((status = OK, body = TableSample)),
)]
pub(crate) async fn sample(
    State(backend): State<Backend>,
    Path(table): Path<String>,
    Query(SampleQuery { version, rows }): Query<SampleQuery>,
) -> Result<Json<TableSample>, ApiError> {
    let shown = snapshot(&backend, &table, version).await?;
    let columns: Vec<String> = shown.schema().fields().iter().map(|field| field.name().clone()).collect();
    let sample = shown.sample(rows.unwrap_or(SAMPLE.1).min(SAMPLE.0)).await.map_err(from_warehouse)?;
    let row = |mut row: Value| columns.iter().map(|name| exact(row[name].take())).collect();
    let rows = sample.into_iter().map(row).collect();
    Ok(Json(TableSample { version: shown.version(), columns, rows }))
}

/// A value that programs which know one kind of number read as it is: a longer one is text.
fn exact(value: Value) -> Value {
    match value.as_i64() {
        Some(number) if number.unsigned_abs() > EXACT => Value::from(number.to_string()),
        _ => value,
    }
}

async fn snapshot(backend: &Backend, table: &str, version: Option<u64>) -> Result<Snapshot, ApiError> {
    let name: TableName = table.parse().map_err(from_warehouse)?;
    backend.warehouse.snapshot(&name, version).await.map_err(from_warehouse)
}

fn summary(name: &TableName, found: Result<Snapshot, warehouse::Error>) -> TableSummary {
    let name = name.to_string();
    match found {
        Ok(found) => TableSummary {
            name,
            version: Some(found.version()),
            columns: Some(found.schema().fields().len()),
            rows: found.rows(),
            bytes: Some(found.bytes()),
            written_at: time(found.written_at()),
            problem: None,
        },
        // One that can't be read is no reason not to show the others.
        Err(error) => TableSummary {
            name,
            version: None,
            columns: None,
            rows: None,
            bytes: None,
            written_at: None,
            problem: Some(from_warehouse(error).detail().to_owned()),
        },
    }
}

/// The columns of a schema.
pub(super) fn columns(schema: &warehouse::Schema) -> Vec<TableColumn> {
    let column = |field: &std::sync::Arc<warehouse::Field>| TableColumn {
        name: field.name().clone(),
        kind: type_name(field.data_type()),
        nullable: field.is_nullable(),
    };
    schema.fields().iter().map(column).collect()
}

fn told(version: Version) -> TableVersion {
    let Version { version, at, operation, rows, bytes, job } = version;
    TableVersion { version, at: time(at), operation, rows, bytes, job }
}

fn time(millis: Option<i64>) -> Option<Timestamp> {
    millis.and_then(|millis| Timestamp::from_millisecond(millis).ok())
}
