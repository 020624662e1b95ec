//! A Parquet file in the warehouse, as its reader fetches it.

use std::{ops::Range, sync::Arc};

use arrow_schema::{DataType, Schema, TimeUnit};
use bytes::Bytes;
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::{
    arrow::{
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder},
    },
    basic::Type,
    errors::{ParquetError, Result as ParquetResult},
    file::metadata::{ParquetMetaData, ParquetMetaDataReader},
};

use crate::{Error, Warehouse};

/// How much of a file's end is fetched first, in bytes: of most files, all that says where their columns are.
const END: usize = 64 << 10;

/// What fetches a file's parts.
pub(crate) struct FileReader {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.objects.get_range(&self.path, range).map_err(external).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.objects.get_ranges(&self.path, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let size = self.size;
        let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options).with_prefetch_hint(Some(END));
        async move { reader.load_and_finish(self, size).await.map(Arc::new) }.boxed()
    }
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// Spark's and others' old form of times, 96 bits long, would be read as nanoseconds, which end in the year 2262.
pub(crate) fn in_microseconds(metadata: ArrowReaderMetadata) -> ParquetResult<ArrowReaderMetadata> {
    let is_old = |at: usize| {
        let columns = metadata.parquet_schema().columns();
        let roots = (0..columns.len()).filter(|column| metadata.parquet_schema().get_column_root_idx(*column) == at);
        roots.into_iter().any(|column| columns[column].physical_type() == Type::INT96)
    };
    let fields = metadata.schema().fields().iter().enumerate().map(|(at, field)| match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) if is_old(at) => {
            let kind = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            Arc::new(field.as_ref().clone().with_data_type(kind))
        }
        _ => field.clone(),
    });
    let fields: Vec<_> = fields.collect();
    if fields[..] == metadata.schema().fields()[..] {
        return Ok(metadata);
    }
    let schema = Arc::new(Schema::new(fields));
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), ArrowReaderOptions::new().with_schema(schema))
}

impl Warehouse {
    /// Opens a file whose size is known.
    pub(crate) async fn file(&self, path: &Path, size: u64) -> Result<ParquetRecordBatchStreamBuilder<FileReader>, Error> {
        self.stay_within(path).await?;
        let mut reader = FileReader { objects: self.objects.clone(), path: path.clone(), size };
        let metadata = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await;
        let metadata = metadata.and_then(in_microseconds).map_err(|error| self.file_failed(path, error))?;
        Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata))
    }

    /// What the store says is in the middle of what Parquet's reader and writer say.
    pub(crate) fn file_failed(&self, path: &Path, error: ParquetError) -> Error {
        let source = match error {
            ParquetError::External(source) => source,
            other => return self.damaged(path, other.to_string()),
        };
        match source.downcast::<object_store::Error>() {
            Ok(error) => self.failed(path, *error),
            Err(source) => objects::Error::Unavailable { path: self.uri(path), source }.into(),
        }
    }
}
