//! Rows by column: `{"Age": [22.0, …], …}`.

use std::fmt;

use scoring::{BadCell, Batch, Cell, Cells, TableSchema};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    cell::NextCell,
    records::{ColumnKey, limit},
};

pub(super) struct ColumnLists<'s> {
    schema: &'s TableSchema,
    /// Whether a bare value is a list of one.
    bare: bool,
}

impl<'s> ColumnLists<'s> {
    pub(super) fn of(schema: &'s TableSchema) -> Self {
        Self { schema, bare: false }
    }

    /// Of which each may also be a bare value.
    pub(super) fn or_values(schema: &'s TableSchema) -> Self {
        Self { schema, bare: true }
    }
}

impl<'de> Visitor<'de> for ColumnLists<'_> {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list of values for each column")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Batch, A::Error> {
        let Self { schema, bare } = self;
        let (mut columns, mut guess) = (schema.empty(), 0);
        let mut rows = None;
        while let Some(found) = map.next_key_seed(ColumnKey { schema, guess })? {
            let Some(at) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let name = &schema.columns[at].name;
            if columns[at].len() > 0 {
                return Err(Error::custom(format_args!("column {name:?} is named twice")));
            }
            map.next_value_seed(Values { schema, at, cells: &mut columns[at], bare })?;
            if *rows.get_or_insert(columns[at].len()) != columns[at].len() {
                return Err(Error::custom(format_args!("column {name:?} has not as many values as the columns before it")));
            }
            guess = at + 1;
        }
        let rows = rows.unwrap_or(0);
        schema.fill(&mut columns, rows).map_err(Error::custom)?;
        Ok(Batch::Table { rows, columns })
    }
}

struct Values<'a> {
    schema: &'a TableSchema,
    at: usize,
    cells: &'a mut Cells,
    bare: bool,
}

impl Values<'_> {
    /// The only value, which came without a list.
    fn only<E: Error>(self, put: impl FnOnce(Cell<'_>) -> Result<(), BadCell>) -> Result<(), E> {
        let cell = Cell { column: &self.schema.columns[self.at], cells: self.cells, row: 0 };
        if self.bare { put(cell).map_err(E::custom) } else { cell.refuse("a value that is in no list").map_err(E::custom) }
    }
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of values for column {:?}", self.schema.columns[self.at].name)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.only(|cell| cell.bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.only(|cell| cell.int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.only(|cell| cell.unsigned(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.only(|cell| cell.float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.only(|cell| cell.text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (column, mut row) = (&self.schema.columns[self.at], 0);
        while list.next_element_seed(NextCell(Cell { column, cells: self.cells, row }))?.is_some() {
            row += 1;
            limit(row, self.schema)?;
        }
        Ok(())
    }
}
