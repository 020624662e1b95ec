//! Files that tables come from and go to: CSV and Parquet on this machine. Read and written a batch at a time.

mod csv;
mod infer;
mod parquet;

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

/// How many rows are read at once.
const BATCH: usize = 8192;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Texts, the first line of which names the columns; an empty one is a gap.
    Csv {
        /// What stands between two of them.
        delimiter: u8,
    },
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// What a file's name says that it is.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        path.extension()?.to_str()?.to_lowercase().parse().ok()
    }
}

impl FromStr for Format {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "csv" => Ok(Self::Csv { delimiter: b',' }),
            "tsv" => Ok(Self::Csv { delimiter: b'\t' }),
            "parquet" => Ok(Self::Parquet),
            _ => Err(format!("{name:?} is none of csv, tsv and parquet")),
        }
    }
}

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what it should be.
    #[error("{0}")]
    Content(String),
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, FileError>> + Send>;

/// A file's rows, one batch after the other.
pub struct Import {
    schema: SchemaRef,
    batches: Batches,
    read: Arc<AtomicU64>,
    size: u64,
}

impl Import {
    /// Opens a file. `known` says of which types some of its columns are, where it doesn't say so itself.
    pub fn open(path: &Path, format: Format, known: Option<&Schema>) -> Result<Self, FileError> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(FileError::Content("it is no regular file".to_owned()));
        }
        let (size, read) = (file.metadata()?.len(), Arc::new(AtomicU64::new(0)));
        let (schema, batches) = match format {
            Format::Csv { delimiter } => csv::open(path, delimiter, known, read.clone())?,
            Format::Parquet => parquet::open(file, size, read.clone())?,
        };
        Ok(Self { schema, batches, read, size })
    }

    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How much of it has been read, in percent.
    #[must_use]
    pub fn percent(&self) -> u64 {
        (self.read.load(Ordering::Relaxed).min(self.size) * 100).checked_div(self.size).unwrap_or(100)
    }
}

impl Iterator for Import {
    type Item = Result<RecordBatch, FileError>;
    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}

/// A file that rows are written to. It has its name only when it is whole.
pub struct Export {
    file: tempfile::NamedTempFile,
    writer: Writer,
}

enum Writer {
    Csv(csv::CsvWriter),
    Parquet(parquet::ParquetWriter),
}

impl Export {
    /// Begins a file that is going to be at a path.
    pub fn create(path: &Path, format: Format, schema: &SchemaRef) -> Result<Self, FileError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".export-").permissions(readable()).tempfile_in(folder)?;
        let sink = file.reopen()?;
        let writer = match format {
            Format::Csv { delimiter } => Writer::Csv(csv::writer(sink, delimiter, schema)?),
            Format::Parquet => Writer::Parquet(parquet::writer(sink, schema)?),
        };
        Ok(Self { file, writer })
    }

    /// Adds rows.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), FileError> {
        match &mut self.writer {
            Writer::Csv(writer) => csv::write(writer, rows),
            Writer::Parquet(writer) => parquet::write(writer, rows),
        }
    }

    /// Gives it its name; in place of another file only if that is wanted.
    pub fn finish(self, path: &Path, replace: bool) -> Result<(), FileError> {
        match self.writer {
            Writer::Csv(writer) => csv::finish(writer)?,
            Writer::Parquet(writer) => parquet::finish(writer)?,
        }
        self.file.as_file().sync_all()?;
        let kept = if replace { self.file.persist(path) } else { self.file.persist_noclobber(path) };
        kept.map(drop).map_err(|error| error.error.into())
    }
}

/// Others may read it, as they may any file that is made.
fn readable() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o644)
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
