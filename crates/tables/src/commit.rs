//! The end: what the shards wrote becomes part of the output.

use warehouse::{Change, Committed, DataFile, Disposition, TableName, Warehouse, schema_of};

use crate::{Error, ShardFiles, Spec, plan::reject_disposition};

/// Makes all that the shards of a job wrote part of its output, once, however often it is called. The version that the output
/// has then.
///
/// # Errors
/// When a table can't be changed. It may have been made before the error: it is found out when this is called again.
pub async fn commit(warehouse: &Warehouse, spec: &Spec, job: &str, shards: Vec<ShardFiles>) -> Result<u64, Error> {
    let (mut output, mut rejects) = (Vec::new(), Vec::new());
    for shard in shards {
        output.extend(shard.output);
        rejects.extend(shard.rejects);
    }
    // Who sees the rows finds those that are missing there, not the other way round.
    if let (Some(table), Some(columns)) = (spec.rejects(), &spec.reject_columns) {
        // A table of what could not be scored is not made for nothing.
        if !rejects.is_empty() || (spec.disposition == Disposition::Truncate && exists(warehouse, &table).await?) {
            change(warehouse, (&table, columns), reject_disposition(spec.disposition), job, &rejects).await?;
        }
    }
    change(warehouse, (&spec.output, &spec.columns), spec.disposition, job, &output).await
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
    (table, columns): (&TableName, &str),
    disposition: Disposition,
    job: &str,
    files: &[DataFile],
) -> Result<u64, Error> {
    let schema = schema_of(columns).map_err(Error::Kept)?;
    match warehouse.commit(Change { table, schema: &schema, files, disposition, job: Some(job) }).await? {
        Committed::Now(version) => Ok(version),
        Committed::Before => Ok(warehouse.snapshot(table, None).await?.version()),
    }
}

/// Removes what the shards of a job wrote that will never be part of a table.
///
/// # Errors
/// When the files can't be removed.
pub async fn discard(warehouse: &Warehouse, spec: &Spec, shards: Vec<ShardFiles>) -> Result<(), Error> {
    for shard in shards {
        if let Some(file) = &shard.output {
            warehouse.remove_file(&spec.output, file).await?;
        }
        if let (Some(file), Some(table)) = (&shard.rejects, spec.rejects()) {
            warehouse.remove_file(&table, file).await?;
        }
    }
    Ok(())
}
