//! Rows as pandas splits them: `{"columns": ["Age", …], "data": [[22.0, …], …]}`.

use std::fmt;

use scoring::{ArraySchema, Batch, Cell, Cells, Schema, TableSchema};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{array::Axis, cell::NextCell, records::limit};

pub(super) struct Split<'s>(pub(super) &'s Schema);

impl<'de> Visitor<'de> for Split<'_> {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"columns\" and \"data\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Batch, A::Error> {
        let (mut names, mut batch, mut early) = (None::<Vec<String>>, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match (key.as_str(), self.0, &names) {
                ("columns", Schema::Table(_), _) => names = Some(map.next_value()?),
                ("data", Schema::Array(schema), _) => batch = Some(map.next_value_seed(Whole(schema))?),
                ("data", Schema::Table(schema), Some(names)) => {
                    batch = Some(map.next_value_seed(Data::new(schema, names)?)?);
                }
                // Before the columns are known, it can only be kept.
                ("data", Schema::Table(_), None) => early = Some(map.next_value::<&'de RawValue>()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        match (batch, early, self.0, &names) {
            (Some(batch), ..) => Ok(batch),
            (None, Some(early), Schema::Table(schema), Some(names)) => Data::new(schema, names)?
                .deserialize(&mut serde_json::Deserializer::from_str(early.get()))
                .map_err(|error| Error::custom(super::message(&error))),
            _ => Err(Error::custom("\"dataframe_split\" must have \"columns\" and \"data\"")),
        }
    }
}

/// All of an array, from its outermost list.
struct Whole<'s>(&'s ArraySchema);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = Batch;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Batch, D::Error> {
        Axis::read(self.0, deserializer)
    }
}

/// The rows, once the columns are known.
struct Data<'s> {
    schema: &'s TableSchema,
    /// For each place in a row, the column it belongs to; `None` for one that the model does not take.
    places: Vec<Option<usize>>,
}

impl<'s> Data<'s> {
    fn new<E: Error>(schema: &'s TableSchema, names: &[String]) -> Result<Self, E> {
        let places: Vec<_> = names.iter().enumerate().map(|(at, name)| schema.find(name, at)).collect();
        for (at, column) in schema.columns.iter().enumerate() {
            match places.iter().filter(|place| **place == Some(at)).count() {
                0 if column.required => return Err(E::custom(format_args!("column {:?} is missing", column.name))),
                0 | 1 => {}
                _ => return Err(E::custom(format_args!("column {:?} is named twice", column.name))),
            }
        }
        Ok(Self { schema, places })
    }
}

impl<'de> DeserializeSeed<'de> for Data<'_> {
    type Value = Batch;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Batch, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Data<'_> {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows, each a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Batch, A::Error> {
        let (mut columns, mut row) = (self.schema.empty(), 0);
        while list.next_element_seed(SplitRow { data: &self, columns: &mut columns, row })?.is_some() {
            row += 1;
            limit(row, self.schema)?;
        }
        self.schema.fill(&mut columns, row).map_err(Error::custom)?;
        Ok(Batch::Table { rows: row, columns })
    }
}

struct SplitRow<'a, 's> {
    data: &'a Data<'s>,
    columns: &'a mut [Cells],
    row: usize,
}

impl<'de> DeserializeSeed<'de> for SplitRow<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SplitRow<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {} values for row {} (from 0)", self.data.places.len(), self.row)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        for (length, place) in self.data.places.iter().enumerate() {
            let read = match *place {
                Some(at) => {
                    let column = &self.data.schema.columns[at];
                    list.next_element_seed(NextCell(Cell { column, cells: &mut self.columns[at], row: self.row }))?
                }
                None => list.next_element::<IgnoredAny>()?.map(|_| ()),
            };
            if read.is_none() {
                return Err(Error::invalid_length(length, &self));
            }
        }
        match list.next_element::<IgnoredAny>()? {
            Some(_) => Err(Error::invalid_length(self.data.places.len() + 1, &self)),
            None => Ok(()),
        }
    }
}
