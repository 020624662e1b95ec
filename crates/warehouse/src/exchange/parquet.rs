//! Parquet files on this machine.

use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    errors::ParquetError,
};

use super::{BATCH, Batches, FileError};
use crate::{file::in_microseconds, write};

pub(super) type ParquetWriter = ArrowWriter<File>;

pub(super) fn open(file: File, size: u64, read: Arc<AtomicU64>) -> Result<(SchemaRef, Batches), FileError> {
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).and_then(in_microseconds).map_err(wrong)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0).max(1);
    let (schema, mut done) = (builder.schema().clone(), 0);
    let batches = builder.with_batch_size(BATCH).build().map_err(wrong)?;
    let counted = batches.map(move |batch| {
        let batch = batch.map_err(|error: ArrowError| FileError::Content(error.to_string()))?;
        done += batch.num_rows() as u64;
        // Rows are of about the same size.
        read.store((u128::from(size) * u128::from(done) / u128::from(rows)).try_into().unwrap_or(size), Ordering::Relaxed);
        Ok(batch)
    });
    Ok((schema, Box::new(counted)))
}

pub(super) fn writer(file: File, schema: &SchemaRef) -> Result<ParquetWriter, FileError> {
    ArrowWriter::try_new(file, schema.clone(), Some(write::properties(schema))).map_err(wrong)
}

pub(super) fn write(writer: &mut ParquetWriter, rows: &RecordBatch) -> Result<(), FileError> {
    writer.write(rows).map_err(wrong)
}

pub(super) fn finish(writer: ParquetWriter) -> Result<(), FileError> {
    writer.close().map(drop).map_err(wrong)
}

fn wrong(error: ParquetError) -> FileError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => FileError::Io(*error),
            Err(source) => FileError::Content(source.to_string()),
        },
        other => FileError::Content(other.to_string()),
    }
}
