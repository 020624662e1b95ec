//! The end: what the shards wrote becomes part of the output.

use arrow_schema::SchemaRef;
use warehouse::{Change, Committed, DataFile, Disposition, TableName, Warehouse, schema_of};

use crate::{Error, ShardFiles, Spec, plan::reject_disposition};

/// How far back it is looked for a job's change.
const BACK: u64 = 1_000;

/// Makes all that the shards of a job wrote part of its output, once, however often it is called. The version that the output
/// has since.
///
/// # Errors
/// [`Error::Overtaken`] when the output can't take the rows any more: then it has none of them. With another one it may have all of
/// them: it is found out when this is called again.
pub async fn commit(warehouse: &Warehouse, spec: &Spec, job: &str, shards: Vec<ShardFiles>) -> Result<u64, Error> {
    let (mut output, mut rejects) = (Vec::new(), Vec::new());
    for shard in shards {
        output.extend(shard.output);
        rejects.extend(shard.rejects);
    }
    let columns = schema_of(&spec.columns).map_err(Error::Kept)?;
    if !warehouse.has_job(&spec.output, job).await? {
        takes(warehouse, spec, &columns).await?;
    }
    // Who sees the rows finds those that are missing there, not the other way round.
    if let (Some(table), Some(columns)) = (spec.rejects(), &spec.reject_columns) {
        // A table of what could not be scored is not made for nothing.
        if !rejects.is_empty() || (spec.disposition == Disposition::Truncate && exists(warehouse, &table).await?) {
            let columns = schema_of(columns).map_err(Error::Kept)?;
            change(warehouse, (&table, &columns), reject_disposition(spec.disposition), job, &rejects).await?;
        }
    }
    change(warehouse, (&spec.output, &columns), spec.disposition, job, &output).await
}

/// Whether the output takes rows as they were written.
async fn takes(warehouse: &Warehouse, spec: &Spec, columns: &SchemaRef) -> Result<(), Error> {
    use warehouse::Error::{NotEmpty, Unfit, Unsupported};
    match warehouse.plan(&spec.output, columns, spec.disposition).await {
        Ok(taken) if taken == *columns => Ok(()),
        Ok(_) => Err(Error::Overtaken(format!("the columns of {} changed since the job was made", spec.output))),
        Err(error @ (NotEmpty { .. } | Unfit { .. } | Unsupported { .. })) => Err(Error::Overtaken(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

async fn exists(warehouse: &Warehouse, table: &TableName) -> Result<bool, Error> {
    match warehouse.snapshot(table, None).await {
        Ok(_) => Ok(true),
        Err(warehouse::Error::NoTable { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn change(
    warehouse: &Warehouse,
    (table, schema): (&TableName, &SchemaRef),
    disposition: Disposition,
    job: &str,
    files: &[DataFile],
) -> Result<u64, Error> {
    match warehouse.commit(Change { table, schema, files, disposition, job: Some(job) }).await? {
        Committed::Now(version) => {
            // Attempts that were cut off left some, which no version names. They are in nobody's way.
            if let Err(error) = warehouse.remove_others(table, job, files).await {
                tracing::warn!(%error, %table, job, "files that belong to no table are left");
            }
            Ok(version)
        }
        // These files need not be those that it named.
        Committed::Before => {
            let snapshot = warehouse.snapshot(table, None).await?;
            let made = snapshot.history(BACK).await?.into_iter().find(|change| change.job.as_deref() == Some(job));
            Ok(made.map_or(snapshot.version(), |change| change.version))
        }
    }
}

/// Removes what a shard has written for nothing.
///
/// # Errors
/// When the files can't be removed.
pub async fn remove(warehouse: &Warehouse, spec: &Spec, files: &ShardFiles) -> Result<(), Error> {
    if let Some(file) = &files.output {
        warehouse.remove_file(&spec.output, file).await?;
    }
    if let (Some(file), Some(table)) = (&files.rejects, spec.rejects()) {
        warehouse.remove_file(&table, file).await?;
    }
    Ok(())
}

/// Removes all that was written for a job, but of tables that it became part of.
///
/// # Errors
/// When the files can't be removed.
pub async fn discard(warehouse: &Warehouse, spec: &Spec, job: &str) -> Result<(), Error> {
    for table in [Some(spec.output.clone()), spec.rejects()].into_iter().flatten() {
        if !warehouse.has_job(&table, job).await? {
            warehouse.remove_others(&table, job, &[]).await?;
        }
    }
    Ok(())
}
