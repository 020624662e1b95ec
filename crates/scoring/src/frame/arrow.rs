//! A column of Arrow's, appended to one of the model's.

use std::fmt::Display;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, OffsetSizeTrait,
    cast::AsArray,
    types::{
        Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Float16Type,
        Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
        TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
        UInt64Type,
    },
};
use arrow_schema::{DataType, TimeUnit};
use contract::ColumnType;

use super::{Appended, Unit, Value, date, decimal, time};
use crate::Cells;

/// The value at a place; of a missing one it is anything.
type Get<'a> = Box<dyn Fn(usize) -> Value<'a> + 'a>;

/// Appends all values of a column of Arrow's.
///
/// # Errors
/// When the model's column does not take one of them: it names the column and the row.
pub fn append(column: &ArrayRef, to: &mut Appended<'_>) -> Result<(), String> {
    if append_at_once(column, to)? {
        return Ok(());
    }
    let get = values(column);
    let missing = column.logical_nulls();
    for row in 0..column.len() {
        if missing.as_ref().is_some_and(|missing| missing.is_null(row)) {
            to.put(Value::Missing)?;
        } else {
            to.put(get(row))?;
        }
    }
    Ok(())
}

/// Appends a column that is as the model has it, whose values need no look at each; says whether it is.
fn append_at_once(column: &ArrayRef, to: &mut Appended<'_>) -> Result<bool, String> {
    let takes_missing = column.null_count() == 0 || to.rules.nullable || !to.rules.required;
    match (column.data_type(), to.rules.column_type, &mut *to.cells) {
        (DataType::Float64, ColumnType::Double, Cells::Float(cells)) => {
            let (numbers, before) = (column.as_primitive::<Float64Type>(), cells.len());
            cells.extend_from_slice(numbers.values());
            if let Some(nulls) = numbers.nulls().filter(|nulls| nulls.null_count() > 0) {
                let missing = cells[before..].iter_mut().zip(nulls).filter(|(_, is_there)| !is_there);
                missing.for_each(|(cell, _)| *cell = f64::NAN);
            }
        }
        (DataType::Int64, ColumnType::Long, Cells::Int(cells)) if takes_missing => {
            cells.extend(column.as_primitive::<Int64Type>());
        }
        #[expect(clippy::cast_precision_loss, reason = "a whole number given for a double is rounded, as everywhere")]
        (DataType::Int64, ColumnType::Double, Cells::Float(cells)) => {
            let numbers = column.as_primitive::<Int64Type>().iter();
            cells.extend(numbers.map(|number| number.map_or(f64::NAN, |number| number as f64)));
        }
        (DataType::Utf8, ColumnType::String, Cells::Text(_)) if takes_missing => {
            return to.put_texts(column.as_string::<i32>().iter()).map(|()| true);
        }
        (DataType::LargeUtf8, ColumnType::String, Cells::Text(_)) if takes_missing => {
            return to.put_texts(column.as_string::<i64>().iter()).map(|()| true);
        }
        (DataType::Utf8View, ColumnType::String, Cells::Text(_)) if takes_missing => {
            return to.put_texts(column.as_string_view().iter()).map(|()| true);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn values(column: &ArrayRef) -> Get<'_> {
    match column.data_type() {
        DataType::Null => Box::new(|_| Value::Missing),
        DataType::Boolean => {
            let truths = column.as_boolean();
            Box::new(move |row| Value::Bool(truths.value(row)))
        }
        DataType::Int8 => ints::<Int8Type>(column),
        DataType::Int16 => ints::<Int16Type>(column),
        DataType::Int32 => ints::<Int32Type>(column),
        DataType::Int64 => ints::<Int64Type>(column),
        DataType::UInt8 => ints::<UInt8Type>(column),
        DataType::UInt16 => ints::<UInt16Type>(column),
        DataType::UInt32 => ints::<UInt32Type>(column),
        DataType::UInt64 => primitive::<UInt64Type>(column, Value::Unsigned),
        DataType::Float16 => primitive::<Float16Type>(column, |value| Value::Float(value.to_f64())),
        DataType::Float32 => primitive::<Float32Type>(column, |value| Value::Float(value.into())),
        DataType::Float64 => primitive::<Float64Type>(column, Value::Float),
        DataType::Decimal32(_, scale) => decimals::<Decimal32Type>(column, *scale),
        DataType::Decimal64(_, scale) => decimals::<Decimal64Type>(column, *scale),
        DataType::Decimal128(_, scale) => decimals::<Decimal128Type>(column, *scale),
        DataType::Decimal256(_, scale) => decimals::<Decimal256Type>(column, *scale),
        DataType::Utf8 => texts::<i32>(column),
        DataType::LargeUtf8 => texts::<i64>(column),
        DataType::Utf8View => {
            let texts = column.as_string_view();
            Box::new(move |row| Value::Text(texts.value(row)))
        }
        DataType::Date32 => times::<Date32Type>(column, |days| date(days.into())),
        DataType::Date64 => times::<Date64Type>(column, |millis| date(millis.div_euclid(86_400_000))),
        DataType::Timestamp(unit, zone) => timestamps(column, *unit, zone.is_some()),
        DataType::Dictionary(_, _) => dictionary(column),
        DataType::Time32(_) | DataType::Time64(_) => Box::new(|_| Value::Other("a time of day")),
        DataType::Duration(_) | DataType::Interval(_) => Box::new(|_| Value::Other("a span of time")),
        _ => Box::new(|_| Value::Other("bytes")),
    }
}

fn primitive<'a, T: ArrowPrimitiveType>(column: &'a ArrayRef, value: impl Fn(T::Native) -> Value<'static> + 'a) -> Get<'a> {
    let values = column.as_primitive::<T>().values();
    Box::new(move |row| value(values[row]))
}

fn ints<T: ArrowPrimitiveType<Native: Into<i64>>>(column: &ArrayRef) -> Get<'_> {
    primitive::<T>(column, |value| Value::Int(value.into()))
}

fn decimals<T: DecimalType + ArrowPrimitiveType<Native: Display>>(column: &ArrayRef, scale: i8) -> Get<'_> {
    primitive::<T>(column, move |value| Value::Float(decimal(value, scale.into())))
}

fn texts<O: OffsetSizeTrait>(column: &ArrayRef) -> Get<'_> {
    let texts = column.as_string::<O>();
    Box::new(move |row| Value::Text(texts.value(row)))
}

fn times<'a, T: ArrowPrimitiveType>(column: &'a ArrayRef, text: impl Fn(T::Native) -> Option<String> + 'a) -> Get<'a> {
    let values = column.as_primitive::<T>().values();
    Box::new(move |row| Value::Time(text(values[row])))
}

fn timestamps(column: &ArrayRef, unit: TimeUnit, utc: bool) -> Get<'_> {
    match unit {
        TimeUnit::Second => times::<TimestampSecondType>(column, move |count| time(count, Unit::Seconds, utc)),
        TimeUnit::Millisecond => times::<TimestampMillisecondType>(column, move |count| time(count, Unit::Millis, utc)),
        TimeUnit::Microsecond => times::<TimestampMicrosecondType>(column, move |count| time(count, Unit::Micros, utc)),
        TimeUnit::Nanosecond => times::<TimestampNanosecondType>(column, move |count| time(count, Unit::Nanos, utc)),
    }
}

fn dictionary(column: &ArrayRef) -> Get<'_> {
    let dictionary = column.as_any_dictionary();
    if dictionary.values().is_empty() {
        return Box::new(|_| Value::Missing);
    }
    let (keys, value) = (dictionary.normalized_keys(), values(dictionary.values()));
    Box::new(move |row| value(keys[row]))
}
