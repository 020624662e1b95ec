//! The protocol's types of elements.

use contract::ColumnType;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// A type of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datatype {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Fp32,
    Fp64,
    Bytes,
}

const ALL: [(Datatype, &str); 13] = [
    (Datatype::Bool, "BOOL"),
    (Datatype::Uint8, "UINT8"),
    (Datatype::Uint16, "UINT16"),
    (Datatype::Uint32, "UINT32"),
    (Datatype::Uint64, "UINT64"),
    (Datatype::Int8, "INT8"),
    (Datatype::Int16, "INT16"),
    (Datatype::Int32, "INT32"),
    (Datatype::Int64, "INT64"),
    (Datatype::Fp16, "FP16"),
    (Datatype::Fp32, "FP32"),
    (Datatype::Fp64, "FP64"),
    (Datatype::Bytes, "BYTES"),
];

impl Serialize for Datatype {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Datatype {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        ALL.iter().find(|(_, known)| *known == name).map(|(datatype, _)| *datatype)
    }

    pub(super) fn name(self) -> &'static str {
        ALL.iter().find(|(datatype, _)| *datatype == self).map_or("", |(_, name)| name)
    }

    /// What a column is given as.
    pub(super) fn of_column(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Boolean => Self::Bool,
            ColumnType::Integer => Self::Int32,
            ColumnType::Long => Self::Int64,
            ColumnType::Float => Self::Fp32,
            ColumnType::Double => Self::Fp64,
            ColumnType::String | ColumnType::Datetime => Self::Bytes,
        }
    }

    /// The type that numpy calls so.
    pub(super) fn of_numpy(dtype: &str) -> Self {
        let name = match dtype {
            "bool" => return Self::Bool,
            "str" | "object" => return Self::Bytes,
            float if float.starts_with("float") => float.replacen("float", "FP", 1),
            other => other.to_uppercase(),
        };
        Self::of_name(&name).unwrap_or(Self::Fp64)
    }

    /// The narrowest that JSON values fit, as numpy would have it. A missing number is one.
    pub(super) fn of_values(values: &[Value]) -> Self {
        let all = |is: fn(&Value) -> bool| values.iter().all(is);
        if all(Value::is_boolean) {
            Self::Bool
        } else if all(Value::is_i64) {
            Self::Int64
        } else if all(Value::is_u64) {
            Self::Uint64
        } else if all(|value| value.is_number() || value.is_null()) {
            Self::Fp64
        } else {
            Self::Bytes
        }
    }

    /// How long an element is in binary; `None` for one that says so itself.
    pub(super) fn size(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }

    /// The least and the greatest, of whole numbers.
    pub(super) fn range(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::Uint8 => (0, u8::MAX.into()),
            Self::Uint16 => (0, u16::MAX.into()),
            Self::Uint32 => (0, u32::MAX.into()),
            Self::Uint64 => (0, u64::MAX.into()),
            Self::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN.into(), i64::MAX.into()),
            Self::Bool | Self::Fp16 | Self::Fp32 | Self::Fp64 | Self::Bytes => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_have_the_names_of_the_protocol() {
        for (numpy, name) in [
            ("float16", "FP16"),
            ("float64", "FP64"),
            ("int8", "INT8"),
            ("uint32", "UINT32"),
            ("bool", "BOOL"),
            ("str", "BYTES"),
        ] {
            assert_eq!(Datatype::of_numpy(numpy).name(), name);
        }
        for (values, name) in [
            (json!([1, -2]), "INT64"),
            (json!([1, u64::MAX]), "UINT64"),
            (json!([1, 0.5, null]), "FP64"),
            (json!([true]), "BOOL"),
            (json!(["a", 1]), "BYTES"),
        ] {
            assert_eq!(Datatype::of_values(values.as_array().expect("a list")).name(), name, "{values}");
        }
        assert_eq!(Datatype::of_name("BF16"), None);
    }
}
