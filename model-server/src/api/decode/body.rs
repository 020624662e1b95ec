//! Which of the shapes a body has: `[{…}]`, or an object with exactly one of four keys.

use std::fmt;

use scoring::{Batch, Schema};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    Shapes, array::Axis, columns::ColumnLists, either::RowsOrColumns, named::NamedRows, records::Records, split::Split,
};

const KEYS: &str = "\"instances\", \"inputs\", \"dataframe_split\" or \"dataframe_records\"";

/// Reads a body by its model's schema.
pub(super) fn read<'de, D: Deserializer<'de>>(
    (schema, shapes): (&Schema, Shapes),
    deserializer: D,
) -> Result<Batch, D::Error> {
    deserializer.deserialize_any(Body(schema, shapes))
}

struct Body<'s>(&'s Schema, Shapes);

impl<'de> Visitor<'de> for Body<'_> {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of rows, or an object with {KEYS}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, rows: A) -> Result<Batch, A::Error> {
        match self {
            Self(_, Shapes::Mlflow) => {
                Err(Error::custom(format_args!("the body must be an object with one of {KEYS}, not a list")))
            }
            Self(Schema::Table(schema), Shapes::Ours) => Records(schema).visit_seq(rows),
            Self(Schema::Array(_), Shapes::Ours) => Err(no_names()),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Batch, A::Error> {
        let mut found = None;
        while let Some(form) = map.next_key_seed(FormKey)? {
            let Some(form) = form else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if found.is_some() {
                return Err(Error::custom(format_args!("the body must have exactly one of {KEYS}")));
            }
            found = Some(map.next_value_seed(Form(form, self.0, self.1))?);
        }
        found.ok_or_else(|| Error::custom(format_args!("the body must be a list of rows, or an object with one of {KEYS}")))
    }
}

fn no_names<E: Error>() -> E {
    E::custom("the model takes one array without names: {\"inputs\": [[…]]}")
}

#[derive(Clone, Copy)]
enum Kind {
    Instances,
    Inputs,
    Split,
    Records,
}

struct FormKey;

impl<'de> DeserializeSeed<'de> for FormKey {
    type Value = Option<Kind>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FormKey {
    type Value = Option<Kind>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(match key {
            "instances" => Some(Kind::Instances),
            "inputs" => Some(Kind::Inputs),
            "dataframe_split" => Some(Kind::Split),
            "dataframe_records" => Some(Kind::Records),
            _ => None,
        })
    }
}

/// The value of the body's one key.
struct Form<'s>(Kind, &'s Schema, Shapes);

impl<'de> DeserializeSeed<'de> for Form<'_> {
    type Value = Batch;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Batch, D::Error> {
        match (self.0, self.1) {
            (Kind::Instances | Kind::Inputs, Schema::Table(schema)) if self.2 == Shapes::Mlflow => {
                deserializer.deserialize_any(RowsOrColumns(schema))
            }
            (Kind::Records, Schema::Array(schema)) if self.2 == Shapes::Mlflow => {
                deserializer.deserialize_any(NamedRows(schema))
            }
            (Kind::Instances | Kind::Records, Schema::Table(schema)) => deserializer.deserialize_any(Records(schema)),
            (Kind::Inputs, Schema::Table(schema)) => deserializer.deserialize_any(ColumnLists::of(schema)),
            (Kind::Instances | Kind::Inputs, Schema::Array(schema)) => Axis::read(schema, deserializer),
            (Kind::Split, schema) => deserializer.deserialize_any(Split(schema)),
            (Kind::Records, Schema::Array(_)) => Err(no_names()),
        }
    }
}
