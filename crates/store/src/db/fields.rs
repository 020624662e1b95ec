//! How values are kept in columns, and read back.

use std::{collections::BTreeMap, fmt::Display, str::FromStr, time::Duration};

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::{Any, Decode, Row, Type, any::AnyRow};

use crate::StoreError;

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Text of foreign origin: PostgreSQL has no form for the character 0.
pub(crate) fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

/// A value as JSON text.
pub(crate) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Metrics as JSON text. JSON has no form for NaN and the infinities: they are written as words.
pub(crate) fn metrics(metrics: &BTreeMap<String, f64>) -> Result<String, StoreError> {
    let value = |metric: &f64| match *metric {
        number if number.is_nan() => Value::from("NaN"),
        f64::INFINITY => Value::from("Infinity"),
        f64::NEG_INFINITY => Value::from("-Infinity"),
        number => Value::from(number),
    };
    json(&metrics.iter().map(|(name, metric)| (name, value(metric))).collect::<BTreeMap<_, _>>())
}

/// A row's columns as the types they stand for. A value that is not what it should be is
/// [`StoreError::Corrupt`].
pub(crate) struct Fields<'a>(pub(crate) &'a AnyRow);

impl<'a> Fields<'a> {
    /// A column as the database has it.
    pub(crate) fn get<T: Decode<'a, Any> + Type<Any>>(&self, column: &str) -> Result<T, StoreError> {
        Ok(self.0.try_get(column)?)
    }

    /// A number that is never negative.
    pub(crate) fn count(&self, column: &str) -> Result<u64, StoreError> {
        Ok(self.get::<i64>(column)?.cast_unsigned())
    }

    /// A number of times.
    pub(crate) fn times(&self, column: &str) -> Result<u32, StoreError> {
        u32::try_from(self.get::<i64>(column)?).map_err(|error| unreadable(column, error))
    }

    /// 0 or 1.
    pub(crate) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.get::<i64>(column)? != 0)
    }

    /// An identifier.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, StoreError> {
        self.get::<String>(column)?.parse().map_err(|error| unreadable(column, error))
    }

    /// An identifier, if there is one.
    pub(crate) fn parsed_option<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        self.get::<Option<String>>(column)?.map(|text| text.parse().map_err(|error| unreadable(column, error))).transpose()
    }

    /// A word out of a closed list.
    pub(crate) fn word<T>(&self, column: &str, from_word: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let word: String = self.get(column)?;
        from_word(&word).ok_or_else(|| unreadable(column, word))
    }

    /// A moment.
    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        moment(column, self.get(column)?)
    }

    /// A moment, if it has come.
    pub(crate) fn time_option(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        self.get::<Option<i64>>(column)?.map(|millis| moment(column, millis)).transpose()
    }

    /// A structure.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        serde_json::from_str(&self.get::<String>(column)?).map_err(|error| unreadable(column, error))
    }

    /// Metrics; what is no number in JSON is `None`.
    pub(crate) fn metrics(&self, column: &str) -> Result<BTreeMap<String, Option<f64>>, StoreError> {
        let metrics: BTreeMap<String, Value> = self.json(column)?;
        Ok(metrics.into_iter().map(|(name, value)| (name, value.as_f64())).collect())
    }
}

fn moment(column: &str, millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis).map_err(|error| unreadable(column, error))
}

fn unreadable(column: &str, why: impl Display) -> StoreError {
    StoreError::Corrupt(format!("column {column}: {why}"))
}
