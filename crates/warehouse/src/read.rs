//! Rows from Parquet files.

use std::{ops::Range, sync::Arc};

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_json::{WriterBuilder, writer::JsonArray};
use arrow_schema::{ArrowError, DataType, FieldRef, Schema, SchemaRef};
use futures_util::{Stream, StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use serde_json::Value;

use crate::{Error, Snapshot, bigquery::Found};

/// How many rows are read at once.
const BATCH: usize = 8192;

impl Snapshot {
    /// The rows of some of its files, in their order, in batches; with the named columns alone, in that order, or with all.
    pub fn batches(
        &self,
        columns: Option<&[String]>,
        files: Range<usize>,
    ) -> Result<impl Stream<Item = Result<RecordBatch, Error>> + Send + use<>, Error> {
        self.first(columns, files, None)
    }

    /// The same, of each file so many rows at most.
    fn first(
        &self,
        columns: Option<&[String]>,
        files: Range<usize>,
        rows: Option<usize>,
    ) -> Result<impl Stream<Item = Result<RecordBatch, Error>> + Send + use<>, Error> {
        let schema = self.select(columns)?;
        if let Some(found) = &self.found {
            return Ok(self.in_session(found, schema, files.is_empty()).boxed().left_stream());
        }
        let files = self.files().get(files).unwrap_or_default().to_vec();
        let (snapshot, of) = (self.clone(), schema.clone());
        let opened = stream::iter(files).then(move |file| {
            let (snapshot, schema) = (snapshot.clone(), of.clone());
            async move { snapshot.file(&file.path, file.size, (None, rows), schema).await }
        });
        Ok(opened.try_flatten().right_stream())
    }

    /// All its rows, as `BigQuery` sends them.
    fn in_session(
        &self,
        found: &Arc<Found>,
        schema: SchemaRef,
        is_none: bool,
    ) -> impl Stream<Item = Result<RecordBatch, Error>> + Send + use<> {
        let (snapshot, found) = (self.clone(), found.clone());
        let begun = async move {
            let Some(bigquery) = snapshot.warehouse.bigquery.clone().filter(|_| !is_none) else {
                return Ok(stream::empty().left_stream());
            };
            let columns: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
            let session = bigquery.session(snapshot.name(), &found, &columns, 1).await?;
            let name = snapshot.name().clone();
            let rows = session.streams.into_iter().map(move |stream| bigquery.rows(&name, stream, &schema));
            Ok::<_, Error>(stream::iter(rows).flatten().right_stream())
        };
        stream::once(begun).try_flatten()
    }

    /// Its first rows, in batches.
    fn beginning(&self, rows: usize) -> Result<BoxStream<'static, Result<RecordBatch, Error>>, Error> {
        match (&self.found, &self.warehouse.bigquery) {
            (Some(found), Some(bigquery)) if found.at.is_none() => {
                Ok(bigquery.first(self.name(), self.schema(), rows).boxed())
            }
            _ => Ok(self.first(None, 0..self.files().len(), Some(rows))?.boxed()),
        }
    }

    /// Its first rows, as JSON; what JSON has no number for is `null`.
    pub async fn sample(&self, rows: usize) -> Result<Vec<Value>, Error> {
        let mut batches = self.beginning(rows)?;
        let mut sample = Vec::new();
        while sample.len() < rows
            && let Some(batch) = batches.try_next().await?
        {
            let wanted = batch.slice(0, batch.num_rows().min(rows - sample.len()));
            let unsupported =
                |error: &dyn std::error::Error| Error::Unsupported { table: self.name().clone(), what: error.to_string() };
            let mut json = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
            json.write(&wanted).and_then(|()| json.finish()).map_err(|error| unsupported(&error))?;
            let read: Vec<Value> = serde_json::from_slice(&json.into_inner()).map_err(|error| unsupported(&error))?;
            sample.extend(read);
        }
        Ok(sample)
    }

    /// The schema of some columns.
    pub fn select(&self, columns: Option<&[String]>) -> Result<SchemaRef, Error> {
        let Some(columns) = columns else { return Ok(self.schema().clone()) };
        let field = |name: &String| {
            let unknown = || Error::Unfit {
                table: self.name().clone(),
                column: name.clone(),
                reason: format!("there is no such column; there are {}", names(self.schema())),
            };
            self.schema().field_with_name(name).cloned().map_err(|_| unknown())
        };
        Ok(Arc::new(Schema::new(columns.iter().map(field).collect::<Result<Vec<_>, _>>()?)))
    }

    /// The rows of a file, or of some of its row groups, and so many at most.
    pub(crate) async fn file(
        &self,
        path: &str,
        size: u64,
        (groups, rows): (Option<Range<usize>>, Option<usize>),
        schema: SchemaRef,
    ) -> Result<impl Stream<Item = Result<RecordBatch, Error>> + Send + use<>, Error> {
        let (path, warehouse) = (self.path(path)?, self.warehouse.clone());
        let mut builder = warehouse.file(&path, size).await?;
        if let Some(groups) = groups {
            builder = builder.with_row_groups(groups.collect());
        }
        if let Some(rows) = rows {
            builder = builder.with_limit(rows);
        }
        // Other columns than the wanted ones aren't fetched; what a file does not have is a gap.
        let wanted = builder.schema().fields().iter().enumerate();
        let wanted = wanted.filter(|(_, field)| schema.field_with_name(field.name()).is_ok()).map(|(at, _)| at);
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let batches = builder.with_projection(mask).with_batch_size(rows.map_or(BATCH, |rows| rows.clamp(1, BATCH))).build();
        let batches = batches.map_err(|error| warehouse.file_failed(&path, error))?;
        Ok(batches.map(move |batch| {
            let batch = batch.map_err(|error| warehouse.file_failed(&path, error))?;
            conform(&batch, &schema)
                .map_err(|(column, error)| warehouse.damaged(&path, format!("column {column:?}: {error}")))
        }))
    }

    /// Where a file is. The log could say anything.
    pub(crate) fn path(&self, file: &str) -> Result<Path, Error> {
        let folder = self.name().folder();
        let refused = |reason: String| self.warehouse.damaged(&folder, format!("its log names the file {file:?}: {reason}"));
        if file.contains("://") || file.starts_with('/') {
            return Err(refused("it lies outside of the table's folder".to_owned()));
        }
        let within = Path::from_url_path(file).map_err(|error| refused(error.to_string()))?;
        Ok(folder.parts().chain(within.parts()).collect())
    }
}

/// The columns of a schema in a sentence.
pub(crate) fn names(schema: &Schema) -> String {
    schema.fields().iter().map(|field| format!("{:?}", field.name())).collect::<Vec<_>>().join(", ")
}

/// A batch with the columns of a schema: those that it lacks are gaps, those of other types become theirs. Which column cannot, and
/// why, otherwise.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, (String, ArrowError)> {
    let column = |field: &FieldRef| {
        let column = match batch.column_by_name(field.name()) {
            Some(column) => convert(column, field.data_type()).map_err(|error| (field.name().clone(), error))?,
            None => new_null_array(field.data_type(), batch.num_rows()),
        };
        if !field.is_nullable() && column.logical_null_count() > 0 {
            let gap =
                ArrowError::InvalidArgumentError("a value is missing, and the table wants one in every row".to_owned());
            return Err((field.name().clone(), gap));
        }
        Ok(column)
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(|error| (String::new(), error))
}

/// A column in another type. An error if a value has none.
fn convert(column: &ArrayRef, kind: &DataType) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == kind {
        return Ok(column.clone());
    }
    cast_with_options(column, kind, &CastOptions { safe: false, ..CastOptions::default() })
}
