//! Of which types a CSV file's columns are: the first of these that all their values are, gaps aside: truths, whole numbers,
//! numbers, days, moments with a zone, times without one, texts.
//!
//! A value is of a type only if nothing of it is lost, and if it stands as the reader of CSV files takes it: what is taken here
//! is read as it is meant.

use std::io::Read;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use csv::{ReaderBuilder, StringRecord};

use super::FileError;
use crate::types;

/// How long a value may be, in bytes. One that is longer rather is a quotation mark that nothing closes.
const LONGEST: usize = 16 << 20;

/// Whether a value is one of a type, and the type.
type Kind = (fn(&str) -> bool, fn() -> DataType);

/// What values may all be, in the order in which it is chosen.
const KINDS: [Kind; 6] = [
    (is_truth, || DataType::Boolean),
    (is_whole, || DataType::Int64),
    (is_number, || DataType::Float64),
    (is_day, || DataType::Date32),
    (is_moment, || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
    (is_time, || DataType::Timestamp(TimeUnit::Microsecond, None)),
];

/// A column while its values are looked at.
enum Column<'a> {
    /// It has this type.
    Known(&'a DataType),
    /// It may be these; and whether it has values.
    Open([bool; KINDS.len()], bool),
}

impl Column<'_> {
    /// Looks at a value. False if it is none of the column's.
    fn takes(&mut self, value: &str) -> bool {
        match self {
            Self::Known(kind) => is_of(kind, value),
            Self::Open(may_be, has_values) => {
                *has_values = true;
                may_be.iter_mut().zip(&KINDS).for_each(|(may_be, (holds, _))| *may_be = *may_be && holds(value));
                true
            }
        }
    }

    fn kind(&self) -> DataType {
        match self {
            Self::Known(kind) => (*kind).clone(),
            Self::Open(may_be, has_values) => {
                let first = may_be.iter().position(|may_be| *may_be).filter(|_| *has_values);
                first.map_or(DataType::Utf8, |first| KINDS[first].1())
            }
        }
    }
}

/// The schema of a CSV file; columns that are known have the types that they are known to have, and values that are of these.
pub(super) fn schema(text: impl Read, delimiter: u8, known: Option<&Schema>) -> Result<Schema, FileError> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(text);
    let names = reader.headers().map_err(wrong)?.clone();
    if names.is_empty() {
        return Err(FileError::Content("it is empty: its first line must name the columns".to_owned()));
    }
    let column = |name: &str| match known.and_then(|known| known.field_with_name(name).ok()) {
        Some(field) => Column::Known(field.data_type()),
        None => Column::Open([true; KINDS.len()], false),
    };
    let mut columns: Vec<_> = names.iter().map(column).collect();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(wrong)? {
        for ((column, value), name) in columns.iter_mut().zip(&record).zip(&names) {
            let line = || record.position().map_or(0, csv::Position::line);
            if value.len() > LONGEST {
                let reason = format!(
                    "line {}, column {name:?}: a value of more than 16 MiB; is a quotation mark not closed?",
                    line()
                );
                return Err(FileError::Content(reason));
            }
            if !value.is_empty() && !column.takes(value) {
                let kind = types::name_of(&column.kind());
                let shown: String = value.chars().take(40).collect();
                return Err(FileError::Content(format!(
                    "line {}, column {name:?}: {shown:?} is not of type {kind}",
                    line()
                )));
            }
        }
    }
    let fields = names.iter().zip(columns).map(|(name, column)| Field::new(name, column.kind(), true));
    Ok(Schema::new(fields.collect::<Vec<_>>()))
}

/// Whether a text stands for a value of a type.
fn is_of(kind: &DataType, text: &str) -> bool {
    match kind {
        DataType::Utf8 => true,
        DataType::Boolean => is_truth(text),
        DataType::Int64 => text.parse::<i64>().is_ok(),
        DataType::Int32 => text.parse::<i32>().is_ok(),
        DataType::Int16 => text.parse::<i16>().is_ok(),
        DataType::Int8 => text.parse::<i8>().is_ok(),
        DataType::Float64 | DataType::Float32 => is_number(text),
        DataType::Date32 => is_day(text),
        DataType::Timestamp(_, Some(_)) => is_moment(text),
        DataType::Timestamp(_, None) => is_time(text),
        DataType::Decimal128(precision, scale) => is_decimal(text, *precision, *scale),
        _ => false,
    }
}

fn is_truth(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// Numbers that begin with 0 are codes of something.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text.parse::<i64>().is_ok() && (digits == "0" || !digits.starts_with(['0', '+']))
}

/// Whole numbers that are too long for it would lose their last digits.
#[expect(clippy::cast_possible_truncation, reason = "that is what is asked")]
fn is_number(text: &str) -> bool {
    if ["NaN", "nan", "inf", "-inf"].contains(&text) {
        return true;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_code = digits.len() > 1 && digits.starts_with('0') && !digits[1..].starts_with(['.', 'e', 'E']);
    let is_exact = |number: f64| match text.parse::<i128>() {
        Ok(whole) => number as i128 == whole,
        Err(_) => true,
    };
    let is_plain = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    is_plain && !is_code && text.parse::<f64>().is_ok_and(|number| number.is_finite() && is_exact(number))
}

fn is_decimal(text: &str, precision: u8, scale: i8) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let (scale, precision) = (usize::try_from(scale).unwrap_or(0), usize::from(precision));
    !whole.is_empty()
        && [whole, part].iter().all(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        && part.len() <= scale
        && whole.trim_start_matches('0').len() <= precision - scale
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn is_moment(text: &str) -> bool {
    time_of(text).is_some_and(|zone| !zone.is_empty()) && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_time(text: &str) -> bool {
    time_of(text) == Some("") && text.parse::<jiff::civil::DateTime>().is_ok()
}

/// What follows a day and a time to the second or, at most, the microsecond: nothing, `Z`, or an offset in hours and minutes.
fn time_of(text: &str) -> Option<&str> {
    let time = text.get(11..).filter(|_| text.get(..10).is_some_and(is_day) && text[10..].starts_with(['T', ' ']))?;
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(one, of)| if of == b'9' { one.is_ascii_digit() } else { one == of })
    };
    time.get(..8).filter(|time| shaped(time, "99:99:99"))?;
    let rest = &time[8..];
    let zone = match rest.strip_prefix('.') {
        Some(part) => {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            (1..=6).contains(&digits).then(|| &part[digits..])?
        }
        None => rest,
    };
    (zone.is_empty() || zone == "Z" || shaped(zone, "+99:99") || shaped(zone, "-99:99")).then_some(zone)
}

fn wrong(error: csv::Error) -> FileError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.map_or(0, |pos| pos.line());
            FileError::Content(format!("line {line} has {len} values, the lines before it {expected_len}"))
        }
        csv::ErrorKind::Utf8 { pos, .. } => {
            FileError::Content(format!("line {} is not UTF-8", pos.map_or(0, |pos| pos.line())))
        }
        other => FileError::Content(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn kinds(text: &str, known: Option<&Schema>) -> Vec<String> {
        let schema = schema(text.as_bytes(), b',', known).expect("a schema");
        schema.fields().iter().map(|field| crate::type_name(field.data_type())).collect()
    }

    #[test]
    fn a_columns_type_is_the_first_that_all_its_values_are() {
        for (values, kind) in [
            (&["true", "", "False"][..], "boolean"),
            (&["1", "-2", "", "0"], "long"),
            (&["1", "2.5", "-1e3", "NaN", "inf", ".5", "5.", "-0.0", "18014398509481984"], "double"),
            (&["2024-02-29", "1912-04-15", "0001-01-01", "9999-12-31"], "date"),
            (&["2024-02-29T10:00:00Z", "2024-02-29 10:00:00.5+02:00"], "timestamp"),
            (&["2024-02-29T10:00:00", "2024-02-29 10:00:00.123456"], "timestamp_ntz"),
            (&["", ""], "string"),
            (&["00123", "04711"], "string"),
            (&["0012.5"], "string"),
            (&["1", "x"], "string"),
            (&["12345678901234567890"], "string"),
            (&["9007199254740993", "0.5"], "string"),
            (&["1e400"], "string"),
            (&["+1"], "string"),
            (&["2024-02-30"], "string"),
            (&["2024-02-29", "2024-02-29T10:00:00"], "string"),
            (&["2024-02-29T10:00:00Z", "2024-02-29T10:00:00"], "string"),
            (&["2024-02-29 10:00"], "string"),
            (&["2024-02-29T10:00:00.123456789"], "string"),
            (&["2024-02-29T10:00:00Z[Europe/Vienna]"], "string"),
            (&["2024-02-29T100000"], "string"),
            (&["infinity"], "string"),
            (&["NAN"], "string"),
        ] {
            assert_eq!(kinds(&format!("x,y\n{},1\n", values.join(",1\n")), None)[0], kind, "{values:?}");
        }
        let known = Schema::new(vec![Field::new("x", DataType::Utf8, true)]);
        assert_eq!(kinds("x,y\n1,2\n", Some(&known)), ["string", "long"]);
        assert_eq!(kinds("x,y\n", None), ["string", "string"]);
    }

    #[test]
    fn what_is_taken_for_a_type_is_read_as_it() {
        let times = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (kind, good, bad) in [
            (DataType::Boolean, &["TRUE", "false"][..], &["yes", "1"][..]),
            (DataType::Int64, &["007", "-9223372036854775808"], &["9223372036854775808", "1.0"]),
            (DataType::Int8, &["-128"], &["128"]),
            (DataType::Float64, &["5.", ".5", "1E-300", "-inf", "nan"], &["1e400", "9007199254740993", "x"]),
            (DataType::Date32, &["0001-01-01", "9999-12-31"], &["2024-02-29T23:30:00-05:00", "29.02.2024"]),
            (times, &["1969-12-31T23:59:59.999999Z", "2024-02-29 10:00:00-11:30"], &["2024-02-29T10:00:00"]),
            (plain, &["1600-01-01T00:00:00", "2024-02-29 10:00:00.5"], &["2024-02-29T10:00:00Z"]),
            (DataType::Decimal128(9, 2), &["1.05", "-1234567.8", "0001"], &["1.005", "12345678", "1e2", ".5"]),
            (DataType::Binary, &[], &["x"]),
        ] {
            let known = Schema::new(vec![Field::new("x", kind.clone(), true)]);
            for value in good {
                let text = format!("x,y\n{value},1\n");
                let schema = Arc::new(schema(text.as_bytes(), b',', Some(&known)).expect("a schema"));
                let mut reader =
                    arrow_csv::ReaderBuilder::new(schema).with_header(true).build(text.as_bytes()).expect("a reader");
                let batch = reader.next().expect("a batch").unwrap_or_else(|error| panic!("{kind} {value}: {error}"));
                assert_eq!(batch.column(0).null_count(), 0, "{kind} {value}");
            }
            for value in bad {
                let said =
                    schema(format!("x,y\n{value},1\n").as_bytes(), b',', Some(&known)).map_err(|error| error.to_string());
                assert!(said.is_err_and(|said| said.starts_with("line 2, column \"x\": ")), "{kind} {value}");
            }
        }
    }

    #[test]
    fn what_is_no_table_says_where() {
        let reason = |text: &[u8]| schema(text, b',', None).map_err(|error| error.to_string()).expect_err("no schema");
        assert_eq!(reason(b"a,b\n1,2\n1,2,3\n"), "line 3 has 3 values, the lines before it 2");
        assert_eq!(reason(b"a,b\n1,2\n1,\xff\n"), "line 3 is not UTF-8");
        assert!(reason(b"").contains("it is empty"));
    }
}
