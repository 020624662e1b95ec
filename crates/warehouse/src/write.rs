//! Rows into Parquet files.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use jiff::Timestamp;
use object_store::{ObjectStoreExt, buffered::BufWriter, path::Path};
use parquet::{
    arrow::AsyncArrowWriter,
    basic::Compression,
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};
use uuid::Uuid;

use crate::{DataFile, Error, TableName, Warehouse, read::conform};

/// Rows that readers take at once, and how many bytes of them; what is not written yet is kept in memory.
const GROUP_ROWS: usize = 128 * 1024;
const GROUP_BYTES: usize = 64 << 20;

/// A file of rows that is being written. It is part of no table until a [`crate::Change`] says so. Dropped, it never was in a folder;
/// in a bucket, parts of it may stay until the bucket's own rule removes them.
pub struct FileWriter {
    warehouse: Warehouse,
    table: TableName,
    schema: SchemaRef,
    path: Path,
    name: String,
    writer: AsyncArrowWriter<BufWriter>,
    rows: u64,
}

impl Warehouse {
    /// Begins a file of rows for a table. `schema` is what [`Warehouse::plan`] said of them. The file's name bears that of the job that
    /// it is written for, if there is one.
    pub fn file_writer(&self, table: &TableName, schema: &SchemaRef, job: Option<&str>) -> Result<FileWriter, Error> {
        let name = format!("{}{}.snappy.parquet", beginning(job), Uuid::now_v7());
        let path = table.folder().join(&*name);
        let sink = BufWriter::new(self.objects.clone(), path.clone());
        let writer = AsyncArrowWriter::try_new(sink, schema.clone(), Some(properties(schema)))
            .map_err(|error| Error::Unsupported { table: table.clone(), what: error.to_string() })?;
        Ok(FileWriter { warehouse: self.clone(), table: table.clone(), schema: schema.clone(), path, name, writer, rows: 0 })
    }

    /// Removes the files that were written for a job and that its change does not name: those of attempts that were cut off. How many.
    pub async fn remove_others(&self, table: &TableName, job: &str, kept: &[DataFile]) -> Result<usize, Error> {
        let (folder, beginning) = (table.folder(), beginning(Some(job)));
        self.stay_within(&folder).await?;
        let listed = self.objects.list_with_delimiter(Some(&folder)).await.map_err(|error| self.failed(&folder, error))?;
        let mut removed = 0;
        for object in listed.objects {
            let name = object.location.filename().unwrap_or_default();
            if name.starts_with(&beginning) && !kept.iter().any(|file| file.path == name) {
                self.objects.delete(&object.location).await.map_err(|error| self.failed(&object.location, error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes a file that no change names.
    pub async fn remove_file(&self, table: &TableName, file: &DataFile) -> Result<(), Error> {
        let path = table.folder().join(&*file.path);
        self.stay_within(&path).await?;
        match self.objects.delete(&path).await {
            Err(error) if !matches!(error, object_store::Error::NotFound { .. }) => Err(self.failed(&path, error)),
            _ => Ok(()),
        }
    }
}

/// How the names of files begin that are written for a job.
fn beginning(job: Option<&str>) -> String {
    job.map_or_else(|| "part-".to_owned(), |job| format!("part-{job}-"))
}

impl FileWriter {
    /// Bytes so far, and those that wait in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    /// Adds rows.
    pub async fn write(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let unfit = |(column, error): (String, ArrowError)| Error::Unfit {
            table: self.table.clone(),
            column,
            reason: error.to_string(),
        };
        let rows = conform(rows, &self.schema).map_err(unfit)?;
        self.writer.write(&rows).await.map_err(|error| self.warehouse.file_failed(&self.path, error))?;
        self.rows += rows.num_rows() as u64;
        Ok(())
    }

    /// Gives up: nothing is left of it.
    pub async fn abandon(self) {
        let mut sink = self.writer.into_inner();
        if let Err(error) = sink.abort().await {
            tracing::debug!(%error, file = %self.path, "an upload could not be abandoned");
        }
    }

    /// Ends the file.
    pub async fn finish(mut self) -> Result<DataFile, Error> {
        self.writer.finish().await.map_err(|error| self.warehouse.file_failed(&self.path, error))?;
        let size = self.writer.bytes_written() as u64;
        Ok(DataFile { path: self.name, size, rows: Some(self.rows), written_at: Timestamp::now().as_millisecond() })
    }
}

/// How rows of a schema are laid out in a file.
pub(crate) fn properties(schema: &Schema) -> WriterProperties {
    let all = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("mlsys".to_owned());
    // Fractions seldom come twice: to look for that takes longer than to write them.
    let fractions = schema.fields().iter().filter(|field| field.data_type().is_floating());
    fractions
        .fold(all, |all, field| all.set_column_dictionary_enabled(ColumnPath::from(vec![field.name().clone()]), false))
        .build()
}
