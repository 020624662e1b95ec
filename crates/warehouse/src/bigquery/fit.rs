//! With which columns rows can become part of a table.

use arrow_schema::{DataType, Schema, SchemaRef};

use super::{Found, types};
use crate::{Error, TableName};

/// The columns of a table that is made of rows.
pub(crate) fn columns_of(table: &TableName, rows: &Schema) -> Result<SchemaRef, Error> {
    types::widened(rows).map_err(|(column, reason)| Error::Unfit { table: table.clone(), column, reason })
}

/// The columns with which rows are written to a table that has theirs: all of it, so that what is missing is a gap also where
/// `BigQuery` has a default.
pub(crate) fn fitting(table: &TableName, found: &Found, rows: &Schema) -> Result<SchemaRef, Error> {
    let (mut fields, mut unfit) = (Vec::new(), None);
    for (field, described) in found.schema.fields().iter().zip(&found.fields) {
        if types::is_written(described) {
            fields.push(field.clone());
        } else if rows.field_with_name(field.name()).is_ok() {
            let reason = format!("values of type {} are read, and not written", described["type"].as_str().unwrap_or("?"));
            unfit = Some(Error::Unfit { table: table.clone(), column: field.name().clone(), reason });
        }
    }
    unfit.map_or_else(|| Ok(Schema::new(fields).into()), Err)
}

/// Whether decimals have room for others.
pub(crate) fn holds(column: &DataType, values: &DataType) -> bool {
    let (DataType::Decimal128(precision, scale), DataType::Decimal128(digits, fraction)) = (column, values) else {
        return false;
    };
    let before = |digits: u8, fraction: i8| i16::from(digits) - i16::from(fraction);
    scale >= fraction && before(*precision, *scale) >= before(*digits, *fraction)
}
