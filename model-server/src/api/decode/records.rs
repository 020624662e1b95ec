//! Rows as objects: `[{"Age": 22.0, …}, …]`.

use std::fmt;

use scoring::{Batch, Cell, Cells, TableSchema};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{MAX_CELLS, cell::NextCell};

pub(super) struct Records<'s>(pub(super) &'s TableSchema);

impl<'de> Visitor<'de> for Records<'_> {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows, each an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Batch, A::Error> {
        let (schema, mut columns, mut rows) = (self.0, self.0.empty(), 0);
        while list.next_element_seed(Record { schema, columns: &mut columns, row: rows })?.is_some() {
            rows += 1;
            limit(rows, schema)?;
        }
        Ok(Batch::Table { rows, columns })
    }
}

/// Refuses more rows than are taken at once.
pub(super) fn limit<E: Error>(rows: usize, schema: &TableSchema) -> Result<(), E> {
    let most = MAX_CELLS / schema.columns.len();
    if rows > most { Err(E::custom(format_args!("more than {most} rows; send them in several requests"))) } else { Ok(()) }
}

struct Record<'a> {
    schema: &'a TableSchema,
    columns: &'a mut [Cells],
    row: usize,
}

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object for row {} (from 0)", self.row)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { schema, columns, row } = self;
        let mut guess = 0;
        while let Some(found) = map.next_key_seed(ColumnKey { schema, guess })? {
            let Some(at) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let column = &schema.columns[at];
            if columns[at].len() > row {
                return Err(Error::custom(format_args!("column {:?} is named twice in row {row} (from 0)", column.name)));
            }
            map.next_value_seed(NextCell(Cell { column, cells: &mut columns[at], row }))?;
            guess = at + 1;
        }
        schema.fill(columns, row + 1).map_err(Error::custom)
    }
}

/// A key, as the place of the column it names.
pub(super) struct ColumnKey<'a> {
    pub(super) schema: &'a TableSchema,
    /// The place that is likely.
    pub(super) guess: usize,
}

impl<'de> DeserializeSeed<'de> for ColumnKey<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for ColumnKey<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.schema.find(name, self.guess))
    }
}
