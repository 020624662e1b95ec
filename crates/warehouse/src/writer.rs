//! Rows on their way into a table: as many files as they need, and one change in the end.

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, SchemaRef};

use crate::{Change, Committed, DataFile, Disposition, Error, FileWriter, TableName, Warehouse};

/// How large a file becomes before the next is begun, in bytes.
const FILE: usize = 256 << 20;

/// Rows that are to become part of a table, all at once, or not at all.
pub struct TableWriter {
    warehouse: Warehouse,
    table: TableName,
    schema: SchemaRef,
    disposition: Disposition,
    /// The column by whose days the table is cut, if it is made.
    partition: Option<String>,
    file: Option<FileWriter>,
    files: Vec<DataFile>,
    rows: u64,
}

impl Warehouse {
    /// Begins to write rows of a schema to a table. Says now what would keep them from it, as [`Warehouse::plan`] does.
    pub async fn writer(&self, table: &TableName, rows: &Schema, disposition: Disposition) -> Result<TableWriter, Error> {
        let schema = self.plan(table, rows, disposition).await?;
        let (warehouse, table) = (self.clone(), table.clone());
        Ok(TableWriter { warehouse, table, schema, disposition, partition: None, file: None, files: Vec::new(), rows: 0 })
    }
}

impl TableWriter {
    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Has the table, if it is made now, cut by the days of a column. Only `BigQuery` does that.
    pub fn partition_by(&mut self, column: &str) -> Result<(), Error> {
        let unfit = |reason: String| Error::Unfit { table: self.table.clone(), column: column.to_owned(), reason };
        if self.warehouse.bigquery.is_none() {
            return Err(unfit("only tables in BigQuery are partitioned".to_owned()));
        }
        match self.schema.field_with_name(column).map(arrow_schema::Field::data_type) {
            Ok(DataType::Date32 | DataType::Timestamp(..)) => self.partition = Some(column.to_owned()),
            Ok(_) => return Err(unfit("a table is partitioned by a column of days or of times".to_owned())),
            Err(_) => return Err(unfit("the rows have no such column".to_owned())),
        }
        Ok(())
    }

    /// Adds rows.
    pub async fn write(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(self.warehouse.file_writer(&self.table, &self.schema, None)?),
        };
        file.write(rows).await?;
        self.rows += rows.num_rows() as u64;
        if file.bytes() >= FILE {
            self.end_file().await?;
        }
        Ok(())
    }

    async fn end_file(&mut self) -> Result<(), Error> {
        if let Some(file) = self.file.take() {
            self.files.push(file.finish().await?);
        }
        Ok(())
    }

    /// Makes the rows part of the table; those of a job once, however often it is tried.
    pub async fn commit(mut self, job: Option<&str>) -> Result<Committed, Error> {
        let done = self.end_and_commit(job).await;
        match &done {
            // The table consists of them, or may.
            Ok(Committed::Now(_)) | Err(Error::Unsure { .. }) => {}
            _ => self.remove_files().await,
        }
        done
    }

    async fn end_and_commit(&mut self, job: Option<&str>) -> Result<Committed, Error> {
        self.end_file().await?;
        let (table, schema, files) = (&self.table, &self.schema, &*self.files);
        let change = Change { table, schema, files, disposition: self.disposition, job };
        self.warehouse.commit_cut(change, self.partition.as_deref()).await
    }

    /// Gives up: nothing is left of it.
    pub async fn abandon(mut self) {
        self.remove_files().await;
    }

    async fn remove_files(&mut self) {
        if let Some(file) = self.file.take() {
            file.abandon().await;
        }
        for file in self.files.drain(..) {
            if let Err(error) = self.warehouse.remove_file(&self.table, &file).await {
                tracing::warn!(%error, table = %self.table, file = file.path, "a file that belongs to no table is left");
            }
        }
    }
}
