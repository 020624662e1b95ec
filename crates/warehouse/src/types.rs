//! The types that columns have: in the log's schema, in Arrow, and what `BigQuery` calls them.
//!
//! | log | Arrow | `BigQuery` |
//! |---|---|---|
//! | `string` | Utf8 | STRING |
//! | `long`, `integer`, `short`, `byte` | Int64, Int32, Int16, Int8 | INT64 |
//! | `double`, `float` | Float64, Float32 | FLOAT64 |
//! | `boolean` | Boolean | BOOL |
//! | `binary` | Binary | BYTES |
//! | `date` | Date32 | DATE |
//! | `timestamp` | Timestamp(µs, UTC) | TIMESTAMP |
//! | `timestamp_ntz` | Timestamp(µs) | DATETIME |
//! | `decimal(p,s)` | Decimal128(p, s) | NUMERIC |
//! | `array` | List | ARRAY |
//! | `struct` | Struct | STRUCT |
//!
//! What Arrow has beside these becomes the next that holds all its values: large and viewed texts `string`, categories what they
//! stand for, unsigned integers the next wider ones, times of another unit microseconds. What would lose something is refused.

use std::{collections::HashSet, sync::Arc};

use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};

/// What is said of times with a zone: they are all kept as of this one.
const UTC: &str = "UTC";
/// How deep columns may lie in each other.
const DEEPEST: usize = 16;

/// What a type is called where people read it: as in the log.
#[must_use]
pub fn name_of(kind: &DataType) -> String {
    match to_log(kind, DEEPEST) {
        Some(Value::String(name)) => name,
        Some(Value::Object(nested)) => nested.get("type").and_then(Value::as_str).unwrap_or("nested").to_owned(),
        _ => kind.to_string(),
    }
}

/// The schema in which rows of a schema are kept. The column that cannot be, and why, otherwise.
pub(crate) fn kept(schema: &Schema) -> Result<SchemaRef, (String, String)> {
    let mut seen = HashSet::new();
    for field in schema.fields() {
        if field.name().is_empty() {
            return Err((String::new(), "a column without a name".to_owned()));
        }
        if !seen.insert(field.name().to_lowercase()) {
            return Err((field.name().clone(), "another column has this name, but for upper and lower case".to_owned()));
        }
    }
    let fields = schema.fields().iter().map(|field| {
        let refused = || (field.name().clone(), format!("values of type {} cannot be kept", field.data_type()));
        kept_field(field, DEEPEST).ok_or_else(refused)
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
}

/// All columns may have gaps: whoever appends later may have some.
fn kept_field(field: &Field, deep: usize) -> Option<Field> {
    Some(Field::new(field.name(), kept_type(field.data_type(), deep)?, true))
}

fn kept_type(kind: &DataType, deep: usize) -> Option<DataType> {
    let deep = deep.checked_sub(1)?;
    Some(match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        // The largest of the unsigned have no signed form; one of them is refused when it comes.
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Int32 | DataType::UInt16 => DataType::Int32,
        DataType::Int16 | DataType::UInt8 => DataType::Int16,
        DataType::Float32 | DataType::Float16 => DataType::Float32,
        DataType::Int8 | DataType::Float64 | DataType::Boolean => kind.clone(),
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
            if is_decimal(*precision, *scale) =>
        {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Dictionary(_, values) => kept_type(values, deep)?,
        DataType::List(inner) | DataType::LargeList(inner) | DataType::ListView(inner) => {
            DataType::List(Arc::new(kept_field(&inner.as_ref().clone().with_name("element"), deep)?))
        }
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| kept_field(field, deep)).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

fn is_decimal(precision: u8, scale: i8) -> bool {
    (1..=38).contains(&precision) && u8::try_from(scale).is_ok_and(|scale| scale <= precision)
}

/// The schema as the log says it, as JSON. Nothing for types that are not kept.
#[must_use]
pub fn to_schema_string(schema: &Schema) -> Option<String> {
    let fields = schema.fields().iter().map(|field| field_to_log(field, DEEPEST)).collect::<Option<Vec<_>>>()?;
    Some(json!({ "type": "struct", "fields": fields }).to_string())
}

fn field_to_log(field: &Field, deep: usize) -> Option<Value> {
    let kind = to_log(field.data_type(), deep)?;
    Some(json!({ "name": field.name(), "type": kind, "nullable": field.is_nullable(), "metadata": {} }))
}

fn to_log(kind: &DataType, deep: usize) -> Option<Value> {
    let deep = deep.checked_sub(1)?;
    Some(match kind {
        DataType::Utf8 => json!("string"),
        DataType::Int64 => json!("long"),
        DataType::Int32 => json!("integer"),
        DataType::Int16 => json!("short"),
        DataType::Int8 => json!("byte"),
        DataType::Float64 => json!("double"),
        DataType::Float32 => json!("float"),
        DataType::Boolean => json!("boolean"),
        DataType::Binary => json!("binary"),
        DataType::Date32 => json!("date"),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => json!("timestamp"),
        DataType::Timestamp(TimeUnit::Microsecond, None) => json!("timestamp_ntz"),
        DataType::Decimal128(precision, scale) => json!(format!("decimal({precision},{scale})")),
        DataType::List(inner) => {
            let kind = to_log(inner.data_type(), deep)?;
            json!({ "type": "array", "elementType": kind, "containsNull": inner.is_nullable() })
        }
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| field_to_log(field, deep)).collect::<Option<Vec<_>>>()?;
            json!({ "type": "struct", "fields": fields })
        }
        _ => return None,
    })
}

/// The schema that the log says.
///
/// # Errors
/// What is wrong with it, or not supported.
pub fn from_schema_string(text: &str) -> Result<SchemaRef, String> {
    let parsed: Value = serde_json::from_str(text).map_err(|error| format!("its schema: {error}"))?;
    let fields = struct_fields(&parsed, DEEPEST)?;
    Ok(Arc::new(Schema::new(fields)))
}

fn struct_fields(parsed: &Value, deep: usize) -> Result<Fields, String> {
    let fields = parsed["fields"].as_array().ok_or("its schema has no fields")?;
    fields.iter().map(|field| from_field(field, deep)).collect()
}

fn from_field(field: &Value, deep: usize) -> Result<FieldRef, String> {
    let name = field["name"].as_str().ok_or("a column of its schema has no name")?;
    let kind = from_log(&field["type"], deep).map_err(|reason| format!("column {name:?}: {reason}"))?;
    Ok(Arc::new(Field::new(name, kind, field["nullable"].as_bool().unwrap_or(true))))
}

fn from_log(kind: &Value, deep: usize) -> Result<DataType, String> {
    let deep = deep.checked_sub(1).ok_or("nested too deeply")?;
    let unknown = || format!("values of type {kind} are not supported");
    if let Some(name) = kind.as_str() {
        return primitive(name).ok_or_else(unknown);
    }
    match kind["type"].as_str() {
        Some("struct") => Ok(DataType::Struct(struct_fields(kind, deep)?)),
        Some("array") => {
            let nullable = kind["containsNull"].as_bool().unwrap_or(true);
            Ok(DataType::List(Arc::new(Field::new("element", from_log(&kind["elementType"], deep)?, nullable))))
        }
        _ => Err(unknown()),
    }
}

fn primitive(name: &str) -> Option<DataType> {
    Some(match name {
        "string" => DataType::Utf8,
        "long" => DataType::Int64,
        "integer" => DataType::Int32,
        "short" => DataType::Int16,
        "byte" => DataType::Int8,
        "double" => DataType::Float64,
        "float" => DataType::Float32,
        "boolean" => DataType::Boolean,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
        _ => {
            let inner = name.strip_prefix("decimal(")?.strip_suffix(')')?;
            let (precision, scale) = inner.split_once(',')?;
            let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
            is_decimal(precision, scale).then_some(DataType::Decimal128(precision, scale))?
        }
    })
}

/// Whether two types are the same, but for where gaps may be.
pub(crate) fn is_same(one: &DataType, other: &DataType) -> bool {
    match (one, other) {
        (DataType::List(one), DataType::List(other)) => is_same(one.data_type(), other.data_type()),
        (DataType::Struct(one), DataType::Struct(other)) => {
            let same = |(one, other): (&FieldRef, &FieldRef)| {
                one.name() == other.name() && is_same(one.data_type(), other.data_type())
            };
            one.len() == other.len() && one.iter().zip(other).all(same)
        }
        _ => one == other,
    }
}

/// Whether a table of such columns needs readers and writers that know times without a zone.
pub(crate) fn has_plain_times(fields: &Fields) -> bool {
    fields.iter().any(|field| match field.data_type() {
        DataType::Timestamp(_, None) => true,
        DataType::Struct(inner) => has_plain_times(inner),
        DataType::List(inner) => has_plain_times(&Fields::from(vec![inner.clone()])),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: DataType) -> Schema {
        Schema::new(vec![Field::new("x", kind, true)])
    }

    #[test]
    fn what_is_kept_is_said_in_the_log_and_read_from_it_as_it_was() {
        let inner = Fields::from(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)]);
        let list = DataType::List(Arc::new(Field::new("item", DataType::LargeUtf8, true)));
        let kinds = [
            (DataType::Utf8View, "string"),
            (DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::LargeUtf8)), "string"),
            (DataType::UInt32, "long"),
            (DataType::UInt16, "integer"),
            (DataType::UInt8, "short"),
            (DataType::Int8, "byte"),
            (DataType::Float16, "float"),
            (DataType::Float64, "double"),
            (DataType::Boolean, "boolean"),
            (DataType::FixedSizeBinary(4), "binary"),
            (DataType::Date64, "date"),
            (DataType::Timestamp(TimeUnit::Nanosecond, Some("Europe/Vienna".into())), "timestamp"),
            (DataType::Timestamp(TimeUnit::Second, None), "timestamp_ntz"),
            (DataType::Decimal64(9, 2), "decimal(9,2)"),
            (list, "array"),
            (DataType::Struct(inner), "struct"),
        ];
        for (kind, name) in kinds {
            let kept = kept(&field(kind.clone())).expect("it is kept");
            assert_eq!(name_of(kept.field(0).data_type()), name, "{kind}");
            let said = to_schema_string(&kept).expect("it can be said");
            assert_eq!(from_schema_string(&said).expect("it can be read"), kept, "{kind}");
        }
    }

    #[test]
    fn what_would_lose_something_is_refused_with_its_column() {
        for kind in [
            DataType::Null,
            DataType::Time64(TimeUnit::Microsecond),
            DataType::Decimal128(39, 0),
            DataType::Decimal128(5, -2),
        ] {
            assert!(kept(&field(kind.clone())).is_err_and(|(column, _)| column == "x"), "{kind}");
        }
        let twice = Schema::new(vec![Field::new("Age", DataType::Int8, true), Field::new("age", DataType::Int8, true)]);
        assert!(kept(&twice).is_err_and(|(column, _)| column == "age"));
        let mut deep = DataType::Int8;
        for _ in 0..20 {
            deep = DataType::List(Arc::new(Field::new("element", deep, true)));
        }
        assert!(kept(&field(deep)).is_err());
    }

    #[test]
    fn a_schema_that_is_none_or_holds_unknown_types_says_so() {
        for bad in ["", "{}", "[]", r#"{"fields":[{}]}"#, r#"{"fields":[{"name":"x","type":"void"}]}"#] {
            assert!(from_schema_string(bad).is_err(), "{bad}");
        }
        let interval = r#"{"type":"struct","fields":[{"name":"x","type":{"type":"map"}}]}"#;
        assert!(from_schema_string(interval).is_err_and(|reason| reason.contains("\"x\"")));
        let decimals = r#"{"fields":[{"name":"x","type":"decimal(99,1)"}]}"#;
        assert!(from_schema_string(decimals).is_err());
    }
}
