//! CSV files.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Seek, Write},
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use arrow_array::RecordBatch;
use arrow_csv::{ReaderBuilder, WriterBuilder};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::{BATCH, Batches, Counted, FileError, infer};

/// How much is read or written at once, in bytes.
const BUFFER: usize = 1 << 20;
/// How many values are read at once, at most.
const VALUES: usize = 1 << 20;
/// What Windows puts before a text to say that it is UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) type CsvWriter = arrow_csv::Writer<BufWriter<File>>;

pub(super) fn open(
    path: &Path,
    delimiter: u8,
    known: Option<&Schema>,
    read: Arc<AtomicU64>,
) -> Result<(SchemaRef, Batches), FileError> {
    let schema = Arc::new(infer::schema(text(path)?, delimiter, known)?);
    let reader = BufReader::with_capacity(BUFFER, Counted { inner: text(path)?, read });
    // Room is made for all values of a batch at once.
    let rows = (VALUES / schema.fields().len().max(1)).clamp(1, BATCH);
    let builder = ReaderBuilder::new(schema.clone()).with_header(true).with_delimiter(delimiter).with_batch_size(rows);
    let reader = builder.build_buffered(reader).map_err(wrong)?;
    Ok((schema, Box::new(reader.map(|batch| batch.map_err(wrong)))))
}

/// A file from where its text begins.
fn text(path: &Path) -> Result<File, FileError> {
    let mut file = File::open(path)?;
    let mut first = Vec::new();
    Read::by_ref(&mut file).take(MARK.len() as u64).read_to_end(&mut first)?;
    if first != MARK {
        file.rewind()?;
    }
    Ok(file)
}

pub(super) fn writer(file: File, delimiter: u8, schema: &SchemaRef) -> Result<CsvWriter, FileError> {
    let mut writer = WriterBuilder::new().with_delimiter(delimiter).build(BufWriter::with_capacity(BUFFER, file));
    // A table without rows has columns.
    writer.write(&RecordBatch::new_empty(schema.clone())).map_err(wrong)?;
    Ok(writer)
}

pub(super) fn write(writer: &mut CsvWriter, rows: &RecordBatch) -> Result<(), FileError> {
    writer.write(rows).map_err(wrong)
}

pub(super) fn finish(writer: CsvWriter) -> Result<(), FileError> {
    Ok(writer.into_inner().flush()?)
}

fn wrong(error: ArrowError) -> FileError {
    match error {
        ArrowError::IoError(_, error) => error.into(),
        ArrowError::ParseError(reason) | ArrowError::CsvError(reason) => FileError::Content(reason),
        other => FileError::Content(other.to_string()),
    }
}
