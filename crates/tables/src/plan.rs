//! Whether what is asked for can be done, and in which shards.

use std::{collections::BTreeSet, sync::Arc};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use contract::{ColumnType, ModelManifest, Signature};
use jiff::Timestamp;
use warehouse::{Disposition, Part, Snapshot, TableName, Warehouse, schema_text, type_name};

use crate::{Error, OnReject, OutputNames, Piece, Request, Spec, answer::Answer, spec::rejects_of};

/// About how many rows a shard has, at least and at most: some seconds of work, and something for every worker.
const SHARD_ROWS: (u64, u64) = (50_000, 500_000);
/// In how many shards an input is cut that is not too short for so many.
const SHARDS: u64 = 16;
/// How many there are at most; of longer inputs, they have more rows.
const MOST_SHARDS: u64 = 1_000;
/// Of how many files the input may consist: each is looked into.
const MOST_FILES: usize = 50_000;
/// Why a row was rejected, in the table of those.
pub(crate) const REASON: &str = "RejectReason";

/// What is to be done, and how much that is.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is to be done.
    pub spec: Spec,
    /// How many rows the input has.
    pub rows: u64,
    /// The size of its files, in bytes; in `BigQuery`, of what is read of it.
    pub bytes: u64,
    /// What each shard reads.
    pub pieces: Vec<Piece>,
    /// The columns that are written.
    pub columns: SchemaRef,
}

/// Looks at the input as it is now, at the model and at the output, and says now what would keep rows from it.
///
/// # Errors
/// Whatever that is.
pub async fn plan(warehouse: &Warehouse, manifest: &ModelManifest, request: Request) -> Result<Plan, Error> {
    let Request {
        model_name,
        version,
        uri,
        sha256,
        input,
        output,
        disposition,
        id_columns,
        on_reject,
        names,
        scheduled_for,
        asked,
    } = request;
    let snapshot = warehouse.snapshot(&input, None).await?;
    if snapshot.files().len() > MOST_FILES {
        return Err(Error::Refused(format!(
            "{input} consists of {} files, and of more than {MOST_FILES} a job is not made; write it anew in fewer",
            snapshot.files().len()
        )));
    }
    if snapshot.rows() == Some(0) {
        // Its columns may be of any type.
        return Err(Error::Empty { table: input });
    }
    let through = through(&snapshot, id_columns.as_deref())?;
    if input == output && disposition == Disposition::Truncate {
        return Err(Error::Refused("with WRITE_TRUNCATE the output can't be the input; name another table".to_owned()));
    }
    let features = features(&snapshot, manifest, id_columns.as_deref())?;
    let rejects = if on_reject == OnReject::Table { rejects_of(&output) } else { None };
    if on_reject == OnReject::Table && rejects.is_none() {
        return Err(Error::Refused(format!(
            "{output} has so long a name that the table of rejects can't be called {output}_rejects; choose a shorter one, or on_reject = stop"
        )));
    }
    let known = snapshot.select(Some(&through))?;
    let asked_for = scheduled_for;
    let scheduled_for = moment_in(warehouse, &output, (disposition, &names), scheduled_for).await?;
    let columns = output_columns(&known, &Answer::of(manifest), &names, scheduled_for.is_some())?;
    let columns = warehouse.plan(&output, &columns, disposition).await?;
    let mut rejects_scheduled_for = None;
    let reject_columns = match &rejects {
        Some(table) => {
            let disposition = reject_disposition(disposition);
            rejects_scheduled_for = moment_in(warehouse, table, (disposition, &names), asked_for).await?;
            let columns = reject_columns(&known, &names, rejects_scheduled_for.is_some());
            Some(warehouse.plan(table, &columns, disposition).await?)
        }
        None => None,
    };
    let text = |table: &TableName, schema: &SchemaRef| {
        let unsupported = || Error::Refused(format!("{table} can't have these columns"));
        schema_text(schema).ok_or_else(unsupported)
    };
    let spec = Spec {
        model_name,
        version,
        uri,
        sha256,
        input_version: snapshot.version(),
        columns: text(&output, &columns)?,
        reject_columns: rejects
            .as_ref()
            .zip(reject_columns.as_ref())
            .map(|(table, schema)| text(table, schema))
            .transpose()?,
        input,
        output,
        disposition,
        through,
        features,
        on_reject,
        names,
        at: Timestamp::now(),
        scheduled_for,
        rejects_scheduled_for,
        asked,
    };
    let parts = snapshot.parts(&needed(&spec, manifest, snapshot.schema())).await?;
    let rows = parts.iter().map(|part| part.rows).sum();
    let bytes = snapshot.cost(&parts);
    let pieces = pieces(parts, rows);
    if pieces.is_empty() {
        return Err(Error::Empty { table: spec.input });
    }
    Ok(Plan { spec, rows, bytes, pieces, columns })
}

/// The columns that go through: those that are named, or all.
fn through(snapshot: &Snapshot, id_columns: Option<&[String]>) -> Result<Vec<String>, Error> {
    let fields = snapshot.schema().fields();
    let Some(columns) = id_columns else { return Ok(fields.iter().map(|field| field.name().clone()).collect()) };
    let different: BTreeSet<_> = columns.iter().collect();
    if columns.is_empty() || different.len() < columns.len() {
        return Err(Error::Refused(
            "id_columns must name each column once, and one at least; without it all go through".to_owned(),
        ));
    }
    let known = |name: &&String| snapshot.schema().field_with_name(name).is_err();
    if let Some(unknown) = columns.iter().find(known) {
        return Err(Error::Missing(format!(
            "id_columns: {} has no such column as {unknown:?}; it has {}",
            snapshot.name(),
            quoted(fields.iter().map(|field| &**field.name()))
        )));
    }
    Ok(columns.to_vec())
}

/// The moment that a table's rows are to bear: one that was there before any schedule wrote to it goes on without.
async fn moment_in(
    warehouse: &Warehouse,
    table: &TableName,
    (disposition, names): (Disposition, &OutputNames),
    moment: Option<Timestamp>,
) -> Result<Option<Timestamp>, Error> {
    if moment.is_none() || disposition != Disposition::Append {
        return Ok(moment);
    }
    match warehouse.snapshot(table, None).await {
        Ok(snapshot) => Ok(moment.filter(|_| snapshot.schema().field_with_name(&names.scheduled_for).is_ok())),
        Err(warehouse::Error::NoTable { .. }) => Ok(moment),
        Err(error) => Err(error.into()),
    }
}

/// Row groups in pieces of about as many rows as a shard has. None is split.
fn pieces(parts: Vec<Part>, rows: u64) -> Vec<Piece> {
    let about = (rows / SHARDS).clamp(SHARD_ROWS.0, SHARD_ROWS.1).max(rows.div_ceil(MOST_SHARDS));
    let (mut pieces, mut seen, mut full) = (Vec::<Piece>::new(), 0, true);
    for part in parts {
        if full {
            pieces.push(Piece { first_row: seen, parts: Vec::new() });
        }
        let Some(piece) = pieces.last_mut() else { continue };
        seen += part.rows;
        full = seen - piece.first_row >= about;
        match piece.parts.last_mut() {
            Some(last) if last.path == part.path && last.groups.end == part.groups.start => {
                last.groups.end = part.groups.end;
                last.rows += part.rows;
            }
            _ => piece.parts.push(part),
        }
    }
    pieces
}

/// Rejects go where those of before are, or take their place, as rows do in the output.
pub(crate) fn reject_disposition(of_output: Disposition) -> Disposition {
    match of_output {
        Disposition::Empty => Disposition::Append,
        same => same,
    }
}

/// The input's columns that are needed: those that go through, and those that the model takes.
pub(crate) fn needed(spec: &Spec, manifest: &ModelManifest, input: &Schema) -> Vec<String> {
    let taken = |name: &String| match (&manifest.signature, &spec.features) {
        (Signature::Columns { columns }, _) => columns.iter().any(|column| column.name == *name),
        (Signature::Tensor { .. }, features) => features.as_ref().is_none_or(|features| features.contains(name)),
    };
    let names = input.fields().iter().map(|field| field.name());
    names.filter(|name| spec.through.contains(name) || taken(name)).cloned().collect()
}

/// The columns that a model of arrays is given; of others, whether the input has what the model needs.
fn features(snapshot: &Snapshot, manifest: &ModelManifest, ids: Option<&[String]>) -> Result<Option<Vec<String>>, Error> {
    let (table, model) = (snapshot.name(), manifest.model_name.to_string());
    let fields = snapshot.schema().fields();
    match &manifest.signature {
        Signature::Columns { columns } => {
            let has = |name: &str| fields.iter().any(|field| field.name() == name);
            let missing: Vec<_> =
                columns.iter().filter(|column| column.required && !has(&column.name)).map(|column| &*column.name).collect();
            if !missing.is_empty() {
                let present = quoted(fields.iter().map(|field| &**field.name()));
                let missing = quoted(missing.into_iter());
                return Err(Error::Missing(format!("{table} lacks {missing}, which {model} needs; it has {present}")));
            }
            for column in columns.iter().filter(|column| column.required) {
                if let Some(field) = fields.iter().find(|field| *field.name() == column.name) {
                    fits(table, field, column.column_type, &model)?;
                }
            }
            Ok(None)
        }
        Signature::Tensor { tensor } => {
            let ids: BTreeSet<_> = ids.unwrap_or_default().iter().collect();
            let features: Vec<_> = fields.iter().filter(|field| !ids.contains(field.name())).collect();
            match tensor.shape[..] {
                [_, width] if usize::try_from(width).is_ok_and(|width| width != features.len()) => {
                    return Err(Error::Refused(format!(
                        "{model} takes an array of {width} columns without names, and {table} has {} beside its id columns; name as id_columns those that are no input",
                        features.len()
                    )));
                }
                [_, _] => {}
                _ => return Err(Error::Refused(format!("{model} takes an array that is no table"))),
            }
            let wanted = match &*tensor.dtype {
                "bool" => Some(ColumnType::Boolean),
                "str" => Some(ColumnType::String),
                "object" => None,
                _ => Some(ColumnType::Double),
            };
            for field in &features {
                wanted.map_or(Ok(()), |wanted| fits(table, field, wanted, &model))?;
            }
            Ok(Some(features.into_iter().map(|field| field.name().clone()).collect()))
        }
    }
}

/// Whether some values of a column may be what the model takes: each is looked at again when it is scored.
fn fits(table: &TableName, field: &Field, wanted: ColumnType, model: &str) -> Result<(), Error> {
    let kind = field.data_type();
    let is_number = kind.is_numeric();
    let (fits, expected) = match wanted {
        ColumnType::Boolean => (kind.is_integer() || *kind == DataType::Boolean, "true or false"),
        ColumnType::Integer | ColumnType::Long => (is_number, "whole numbers"),
        ColumnType::Float | ColumnType::Double => (is_number, "numbers"),
        ColumnType::String => (*kind == DataType::Utf8, "texts"),
        ColumnType::Datetime => (kind.is_temporal() || *kind == DataType::Utf8, "times"),
    };
    if fits {
        return Ok(());
    }
    let (column, found) = (field.name(), type_name(kind));
    Err(Error::WrongType(format!(
        "{table}, column {column:?}: {model} takes {expected} there, and the column has values of type {found}"
    )))
}

fn output_columns(through: &Schema, answer: &Answer, names: &OutputNames, is_scheduled: bool) -> Result<Schema, Error> {
    let mut fields: Vec<Arc<Field>> = through.fields().iter().cloned().collect();
    let mut added = vec![Field::new(&names.prediction, answer.data_type(), true)];
    added.extend(origin_columns(names, is_scheduled));
    if answer.is_probable {
        added.push(Field::new(&names.probability, DataType::Float64, true));
    }
    for field in added {
        let is_taken = |other: &Arc<Field>| other.name().eq_ignore_ascii_case(field.name());
        if fields.iter().any(is_taken) {
            return Err(Error::Refused(format!(
                "the output would have two columns {:?}; choose another name for the one that is added (names), or let only other columns through (id_columns)",
                field.name()
            )));
        }
        fields.push(Arc::new(field));
    }
    Ok(Schema::new(fields))
}

/// What goes through, the reason, and which model it was.
fn reject_columns(through: &Schema, names: &OutputNames, is_scheduled: bool) -> Schema {
    let reason = Field::new(REASON, DataType::Utf8, true);
    let added = [reason].into_iter().chain(origin_columns(names, is_scheduled));
    let through = through.fields().iter().filter(|field| field.name() != REASON).cloned();
    Schema::new(through.chain(added.map(Arc::new)).collect::<Vec<_>>())
}

/// Where a row comes from.
fn origin_columns(names: &OutputNames, is_scheduled: bool) -> Vec<Field> {
    let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut columns = vec![
        Field::new(&names.timestamp, moment.clone(), true),
        Field::new(&names.model_name, DataType::Utf8, true),
        Field::new(&names.model_version, DataType::Int64, true),
    ];
    if is_scheduled {
        columns.push(Field::new(&names.scheduled_for, moment, true));
    }
    columns
}

/// Names in a sentence.
fn quoted<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}
