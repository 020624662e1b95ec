//! A warehouse of any kind, and rows for it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{FieldRef, SchemaRef};
use futures_util::TryStreamExt;
use tempfile::TempDir;
use testkit::{BigQuery, Gcs, Moto};
use warehouse::{Change, Committed, DataFile, Disposition, Error, Snapshot, TableName, Warehouse};

pub(crate) struct Place {
    pub warehouse: Warehouse,
    pub folder: TempDir,
    pub _gcs: Option<Gcs>,
    /// The project, where the tables are in `BigQuery`.
    pub project: Option<String>,
}

impl Place {
    pub fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(&folder.path().join("tables").display().to_string(), []).unwrap();
        Self { warehouse, folder, _gcs: None, project: None }
    }

    pub async fn s3() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (server, bucket) = (Moto::shared(), format!("tables-{}", uuid::Uuid::new_v4()));
        let made = reqwest::Client::new().put(format!("{}/{bucket}", server.url())).send().await;
        made.unwrap().error_for_status().unwrap();
        let warehouse = s3(&format!("s3://{bucket}/some/tables"), &server.url());
        Self { warehouse, folder: tempfile::tempdir().unwrap(), _gcs: None, project: None }
    }

    pub fn gcs() -> Self {
        let server = Gcs::start();
        server.create_bucket("tables");
        let warehouse = Warehouse::open("gs://tables", [("STORAGE_EMULATOR_HOST", &*server.url())]).unwrap();
        Self { warehouse, folder: tempfile::tempdir().unwrap(), _gcs: Some(server), project: None }
    }

    /// Tables in a project of their own.
    pub async fn bigquery() -> Self {
        let server = tokio::task::spawn_blocking(BigQuery::shared).await.unwrap();
        Self::in_project(server).await
    }

    pub async fn in_project(server: &BigQuery) -> Self {
        let project = format!("project-{}", uuid::Uuid::new_v4().simple());
        server.create_dataset(&project, "tests").await;
        let access = server.access();
        let access = access.iter().map(|(name, value)| (*name, &**value));
        let warehouse = Warehouse::open(&server.address(&project), access).unwrap();
        Self { warehouse, folder: tempfile::tempdir().unwrap(), _gcs: None, project: Some(project) }
    }

    /// Whether the tables' versions are numbers from 0, and their files seen: in `BigQuery` they are moments, and nobody sees a file.
    pub fn has_log(&self) -> bool {
        self.project.is_none()
    }

    /// A column's name as it may be here.
    pub fn column(&self, name: &str) -> String {
        if self.has_log() { name.to_owned() } else { name.replace(' ', "_") }
    }

    /// Rows whose columns have names that they may have here.
    pub fn named(&self, rows: &RecordBatch) -> RecordBatch {
        let columns = rows.schema_ref().fields().iter().zip(rows.columns());
        let columns = columns.map(|(field, column)| (self.column(field.name()), column.clone(), true));
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    /// Whether a change was made, and gave the table this version, where they are counted.
    pub fn is_version(&self, committed: Committed, wanted: u64) -> u64 {
        match committed {
            Committed::Now(version) if !self.has_log() || version == wanted => version,
            other => panic!("{other:?} is not {wanted}"),
        }
    }

    /// Writes a file of rows, as they are to become part of a table.
    pub async fn file(&self, table: &TableName, rows: &[RecordBatch], disposition: Disposition) -> Result<DataFile, Error> {
        let schema = self.warehouse.plan(table, &rows[0].schema(), disposition).await?;
        let mut writer = self.warehouse.file_writer(table, &schema, None)?;
        for rows in rows {
            writer.write(rows).await?;
        }
        writer.finish().await
    }

    pub async fn put(
        &self,
        table: &TableName,
        rows: &[RecordBatch],
        disposition: Disposition,
        job: Option<&str>,
    ) -> Result<Committed, Error> {
        let file = self.file(table, rows, disposition).await?;
        let schema = self.warehouse.plan(table, &rows[0].schema(), disposition).await?;
        self.warehouse.commit(Change { table, schema: &schema, files: &[file], disposition, job }).await
    }

    pub async fn append(&self, table: &TableName, rows: &RecordBatch) -> Result<Committed, Error> {
        self.put(table, std::slice::from_ref(rows), Disposition::Append, None).await
    }

    pub async fn read(&self, table: &TableName, version: Option<u64>) -> (Snapshot, Vec<RecordBatch>) {
        let snapshot = self.warehouse.snapshot(table, version).await.unwrap();
        let files = 0..snapshot.files().len();
        let batches = snapshot.batches(None, files).unwrap().try_collect().await.unwrap();
        (snapshot, batches)
    }

    /// The numbers of a table's column `n`, sorted.
    pub async fn numbers(&self, table: &TableName, version: Option<u64>) -> Vec<i64> {
        let (snapshot, batches) = self.read(table, version).await;
        let columns = batches.iter().map(|batch| batch.column_by_name("n").unwrap().clone());
        let mut numbers: Vec<_> = columns.flat_map(|column| of_numbers(&column)).collect();
        // How many there were is not known of the past in BigQuery.
        let is_past = !self.has_log() && version.is_some();
        assert!(snapshot.rows() == Some(numbers.len() as u64) || (is_past && snapshot.rows().is_none()));
        numbers.sort_unstable();
        numbers
    }
}

/// Rows one by one, as columns of a schema.
pub(crate) fn one_by_one(batches: &[RecordBatch], schema: &SchemaRef) -> Vec<RecordBatch> {
    let cast = |batch: &RecordBatch| {
        let of = |field: &FieldRef| {
            let column = batch.columns().iter().zip(batch.schema_ref().fields());
            let mut column = column.filter(|(_, known)| known.name().replace(' ', "_") == field.name().replace(' ', "_"));
            arrow_cast::cast(column.next().unwrap().0, field.data_type()).unwrap()
        };
        RecordBatch::try_new(schema.clone(), schema.fields().iter().map(of).collect()).unwrap()
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|at| cast(&batch.slice(at, 1))).collect::<Vec<_>>()).collect()
}

pub(crate) fn of_numbers(column: &ArrayRef) -> Vec<i64> {
    let numbers = column.as_any().downcast_ref::<Int64Array>().unwrap();
    assert_eq!(numbers.null_count(), 0);
    numbers.values().to_vec()
}

pub(crate) fn s3(address: &str, server: &str) -> Warehouse {
    let access = [
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", server),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    Warehouse::open(address, access).unwrap()
}

pub(crate) fn table(name: &str) -> TableName {
    format!("local.tests.{name}").parse().unwrap()
}

/// Rows of a number `n` and a text `t`.
pub(crate) fn rows(numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
    let numbers: Int64Array = numbers.into_iter().collect();
    let texts: StringArray = numbers.iter().map(|number| number.map(|number| format!("text {number}"))).collect();
    batch([("n", Arc::new(numbers) as ArrayRef), ("t", Arc::new(texts))])
}

pub(crate) fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}
