//! Rows by column: `{"Age": [22.0, …], …}`.

use std::fmt;

use scoring::{Batch, Cell, Cells, TableSchema};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    cell::NextCell,
    records::{ColumnKey, limit},
};

pub(super) struct ColumnLists<'s>(pub(super) &'s TableSchema);

impl<'de> Visitor<'de> for ColumnLists<'_> {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list of values for each column")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Batch, A::Error> {
        let (schema, mut columns, mut guess) = (self.0, self.0.empty(), 0);
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
            map.next_value_seed(Values { schema, at, cells: &mut columns[at] })?;
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

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (column, mut row) = (&self.schema.columns[self.at], 0);
        while list.next_element_seed(NextCell(Cell { column, cells: self.cells, row }))?.is_some() {
            row += 1;
            limit(row, self.schema)?;
        }
        Ok(())
    }
}
