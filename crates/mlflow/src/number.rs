//! Numbers as MLflow writes them: 64-bit integers as numbers or strings, metric values too, NaN always as a string.

use serde::{Deserialize, Deserializer, Serializer, de};

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Integer(i64),
    Float(f64),
    Text(String),
}

/// A 64-bit integer.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match Written::deserialize(deserializer)? {
        Written::Integer(number) => Ok(number),
        Written::Text(text) => text.parse().map_err(de::Error::custom),
        Written::Float(number) => Err(de::Error::custom(format!("{number} is no integer"))),
    }
}

/// A metric's value. The server keeps an infinity as the greatest finite number: that reads as infinity again.
pub(crate) fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = match Written::deserialize(deserializer)? {
        #[expect(clippy::cast_precision_loss, reason = "a metric is a floating-point number, however it is written")]
        Written::Integer(number) => number as f64,
        Written::Float(number) => number,
        // Rust's parser knows NaN, Infinity and -Infinity.
        Written::Text(text) => text.parse().map_err(de::Error::custom)?,
    };
    Ok(match value {
        f64::MAX => f64::INFINITY,
        f64::MIN => f64::NEG_INFINITY,
        value => value,
    })
}

/// Writes a metric's value as the server takes it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `serialize_with` hands out references")]
pub(crate) fn write_value<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match *value {
        value if value.is_nan() => serializer.serialize_str("NaN"),
        f64::INFINITY => serializer.serialize_str("Infinity"),
        f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
        value => serializer.serialize_f64(value),
    }
}
