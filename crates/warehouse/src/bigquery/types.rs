//! The types that columns have.
//! Source: [`TableFieldSchema`](https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema), and
//! [how Parquet's types become `BigQuery`'s](https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#parquet_conversions).

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};

/// How deep columns may lie in each other.
const DEEPEST: usize = 16;
/// How many digits a NUMERIC has after the point, and before it.
const NUMERIC: (i8, u8) = (9, 29);
/// How long a column's name may be.
const LONGEST: usize = 300;

/// The columns of a table, as its description says them. What is not supported, and why, otherwise.
pub(super) fn schema_of(fields: &[Value]) -> Result<SchemaRef, String> {
    Ok(Arc::new(Schema::new(fields_of(fields, DEEPEST)?)))
}

fn fields_of(fields: &[Value], deep: usize) -> Result<Fields, String> {
    fields.iter().map(|field| field_of(field, deep)).collect()
}

fn field_of(field: &Value, deep: usize) -> Result<FieldRef, String> {
    let deep = deep.checked_sub(1).ok_or("its columns are nested too deeply")?;
    let name = field["name"].as_str().ok_or("a column of it has no name")?;
    let given = field["type"].as_str().unwrap_or_default();
    let unsupported = || format!("column {name:?}: values of type {given} are not supported");
    let kind = match given {
        "RECORD" | "STRUCT" => DataType::Struct(fields_of(field["fields"].as_array().ok_or_else(unsupported)?, deep)?),
        "NUMERIC" | "DECIMAL" => decimal(field, Some((38, 9))).ok_or_else(unsupported)?,
        // Without limits, it has more digits than anything here takes.
        "BIGNUMERIC" | "BIGDECIMAL" => decimal(field, None).ok_or_else(unsupported)?,
        _ => plain(given).ok_or_else(unsupported)?,
    };
    Ok(Arc::new(match field["mode"].as_str() {
        Some("REPEATED") => {
            // No list has gaps.
            Field::new(name, DataType::List(Arc::new(Field::new("element", kind, true))), true)
        }
        mode => Field::new(name, kind, mode != Some("REQUIRED")),
    }))
}

fn plain(name: &str) -> Option<DataType> {
    Some(match name {
        // What is no text, but comes as one: see `is_written`.
        "STRING" | "JSON" | "GEOGRAPHY" => DataType::Utf8,
        "INTEGER" | "INT64" => DataType::Int64,
        "FLOAT" | "FLOAT64" => DataType::Float64,
        "BOOLEAN" | "BOOL" => DataType::Boolean,
        "BYTES" => DataType::Binary,
        "DATE" => DataType::Date32,
        "TIME" => DataType::Time64(TimeUnit::Microsecond),
        "DATETIME" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "TIMESTAMP" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => return None,
    })
}

fn decimal(field: &Value, unless_said: Option<(u8, i8)>) -> Option<DataType> {
    // Numbers come as texts.
    let said = |name: &str| field[name].as_str().map_or_else(|| field[name].as_i64(), |text| text.parse().ok());
    let (precision, scale) = match said("precision") {
        None => unless_said?,
        Some(precision) => (u8::try_from(precision).ok()?, i8::try_from(said("scale").unwrap_or(0)).ok()?),
    };
    (precision <= 38).then_some(DataType::Decimal128(precision, scale))
}

/// Whether values are written to a column as what they are read as.
pub(super) fn is_written(field: &Value) -> bool {
    let inner = field["fields"].as_array().is_none_or(|inner| inner.iter().all(is_written));
    inner && !matches!(field["type"].as_str(), Some("JSON" | "GEOGRAPHY" | "TIME"))
}

/// The same columns in the types that `BigQuery` has. The one that cannot be, and why, otherwise.
pub(super) fn widened(schema: &Schema) -> Result<SchemaRef, (String, String)> {
    let fields = schema.fields().iter().map(widened_field).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

fn widened_field(field: &FieldRef) -> Result<FieldRef, (String, String)> {
    let name = field.name();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if !name.chars().all(is_plain) || name.starts_with(|first: char| first.is_ascii_digit()) || name.len() > LONGEST {
        let rule = "a column's name in BigQuery is of letters (a to z), digits and '_', and does not begin with a digit";
        return Err((name.clone(), rule.to_owned()));
    }
    let kind = match field.data_type() {
        DataType::Int8 | DataType::Int16 | DataType::Int32 => DataType::Int64,
        DataType::Float32 => DataType::Float64,
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(widened_field).collect::<Result<Vec<_>, _>>()?.into())
        }
        DataType::List(inner) if matches!(inner.data_type(), DataType::List(_)) => {
            return Err((name.clone(), "BigQuery has no lists of lists".to_owned()));
        }
        DataType::List(inner) => DataType::List(widened_field(inner)?),
        other => other.clone(),
    };
    Ok(Arc::new(field.as_ref().clone().with_data_type(kind)))
}

/// The description of columns.
pub(super) fn described(fields: &Fields) -> Vec<Value> {
    fields.iter().map(|field| described_field(field.name(), field.data_type(), "NULLABLE")).collect()
}

fn described_field(name: &str, kind: &DataType, mode: &str) -> Value {
    let plain = |kind: &str| json!({ "name": name, "type": kind, "mode": mode });
    match kind {
        DataType::List(inner) => described_field(name, inner.data_type(), "REPEATED"),
        DataType::Struct(fields) => json!({ "name": name, "type": "RECORD", "mode": mode, "fields": described(fields) }),
        DataType::Decimal128(precision, scale) => {
            let before = i16::from(*precision) - i16::from(*scale);
            let is_numeric = *scale <= NUMERIC.0 && before <= i16::from(NUMERIC.1);
            let kind = if is_numeric { "NUMERIC" } else { "BIGNUMERIC" };
            json!({ "name": name, "type": kind, "mode": mode, "precision": precision.to_string(), "scale": scale.to_string() })
        }
        DataType::Boolean => plain("BOOLEAN"),
        DataType::Float64 | DataType::Float32 => plain("FLOAT"),
        DataType::Binary => plain("BYTES"),
        DataType::Date32 => plain("DATE"),
        DataType::Timestamp(_, Some(_)) => plain("TIMESTAMP"),
        DataType::Timestamp(_, None) => plain("DATETIME"),
        kind if kind.is_integer() => plain("INTEGER"),
        _ => plain("STRING"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_described_and_read_as_they_were() {
        let list = DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)));
        let inner = Fields::from(vec![Field::new("a", DataType::Int64, true), Field::new("b", list.clone(), true)]);
        let kinds = [
            DataType::Utf8,
            DataType::Int64,
            DataType::Float64,
            DataType::Boolean,
            DataType::Binary,
            DataType::Date32,
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Decimal128(9, 2),
            DataType::Decimal128(38, 30),
            list,
            DataType::Struct(inner),
        ];
        let fields = kinds.into_iter().enumerate().map(|(at, kind)| Field::new(format!("c{at}"), kind, true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let said = described(schema.fields());
        assert_eq!(said[8]["type"], "NUMERIC");
        assert_eq!(said[9]["type"], "BIGNUMERIC");
        assert_eq!(*schema_of(&said).expect("columns"), schema);
        assert_eq!(*widened(&schema).expect("columns"), schema);
    }

    #[test]
    fn what_is_narrower_becomes_the_next_and_what_there_is_not_is_refused_by_name() {
        let of = |kind: DataType| Schema::new(vec![Field::new("x", kind, true)]);
        for (kind, wide) in [(DataType::Int8, DataType::Int64), (DataType::Float32, DataType::Float64)] {
            assert_eq!(*widened(&of(kind)).expect("columns").field(0).data_type(), wide);
        }
        let list = |kind| DataType::List(Arc::new(Field::new("element", kind, true)));
        assert!(widened(&of(list(list(DataType::Utf8)))).is_err_and(|(column, _)| column == "x"));
        for name in ["wall clock", "1st", "größe"] {
            let schema = Schema::new(vec![Field::new(name, DataType::Utf8, true)]);
            assert!(widened(&schema).is_err_and(|(column, _)| column == name), "{name}");
        }
        for kind in ["INTERVAL", "RANGE", "BIGNUMERIC", ""] {
            let field = json!({ "name": "x", "type": kind });
            assert!(schema_of(&[field]).is_err_and(|reason| reason.contains("\"x\"")), "{kind}");
        }
        let time = json!({ "name": "x", "type": "TIME", "mode": "REQUIRED" });
        let schema = schema_of(std::slice::from_ref(&time)).expect("columns");
        assert!(!schema.field(0).is_nullable() && !is_written(&time));
    }
}
