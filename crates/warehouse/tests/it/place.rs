//! A warehouse of any kind, and rows for it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use futures_util::TryStreamExt;
use tempfile::TempDir;
use testkit::{Gcs, Moto};
use warehouse::{Change, Committed, DataFile, Disposition, Error, Snapshot, TableName, Warehouse};

pub(crate) struct Place {
    pub warehouse: Warehouse,
    pub folder: TempDir,
    pub _gcs: Option<Gcs>,
}

impl Place {
    pub fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(&folder.path().join("tables").display().to_string(), []).unwrap();
        Self { warehouse, folder, _gcs: None }
    }

    pub async fn s3() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (server, bucket) = (Moto::shared(), format!("tables-{}", uuid::Uuid::new_v4()));
        let made = reqwest::Client::new().put(format!("{}/{bucket}", server.url())).send().await;
        made.unwrap().error_for_status().unwrap();
        let warehouse = s3(&format!("s3://{bucket}/some/tables"), &server.url());
        Self { warehouse, folder: tempfile::tempdir().unwrap(), _gcs: None }
    }

    pub fn gcs() -> Self {
        let server = Gcs::start();
        server.create_bucket("tables");
        let warehouse = Warehouse::open("gs://tables", [("STORAGE_EMULATOR_HOST", &*server.url())]).unwrap();
        Self { warehouse, folder: tempfile::tempdir().unwrap(), _gcs: Some(server) }
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
        assert_eq!(snapshot.rows(), Some(numbers.len() as u64));
        numbers.sort_unstable();
        numbers
    }
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
