//! Rows of an array as objects. The names say nothing to the model: the first row has the order of all.

use std::fmt;

use scoring::{ArraySchema, Batch, Cell, Cells};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{MAX_CELLS, cell::NextCell};

pub(super) struct NamedRows<'s>(pub(super) &'s ArraySchema);

impl<'de> Visitor<'de> for NamedRows<'_> {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows, each an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Batch, A::Error> {
        let [length, width] = self.0.axes[..] else {
            return Err(Error::custom("the model takes an array that is no table: {\"inputs\": [[…]]}"));
        };
        let (mut cells, mut names, mut row) = (self.0.empty(), Vec::new(), 0);
        while list.next_element_seed(NamedRow { schema: self.0, names: &mut names, cells: &mut cells, row })?.is_some() {
            row += 1;
            if width.is_some_and(|width| width != names.len()) {
                return Err(Error::custom(format_args!("a row must have {} values", width.unwrap_or_default())));
            }
            if cells.len().max(row) > MAX_CELLS {
                return Err(Error::custom(format_args!("more than {MAX_CELLS} values; send them in several requests")));
            }
        }
        if length.is_some_and(|length| length != row) {
            return Err(Error::custom("the model takes another number of rows"));
        }
        Ok(Batch::Array { shape: vec![row, names.len()], cells })
    }
}

struct NamedRow<'a> {
    schema: &'a ArraySchema,
    /// As the first row has them.
    names: &'a mut Vec<String>,
    cells: &'a mut Cells,
    row: usize,
}

impl<'de> DeserializeSeed<'de> for NamedRow<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NamedRow<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object for row {} (from 0)", self.row)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { schema, names, cells, row } = self;
        let mut at = 0;
        while let Some(name) = map.next_key::<String>()? {
            if row == 0 && !names.contains(&name) {
                names.push(name);
            } else if names.get(at) != Some(&name) {
                map.next_value::<IgnoredAny>()?;
                return Err(Error::custom(format_args!("row {row} (from 0) has not the first row's names in their order")));
            }
            map.next_value_seed(NextCell(Cell { column: &schema.element, cells, row }))?;
            at += 1;
        }
        if at == names.len() { Ok(()) } else { Err(Error::custom(format_args!("row {row} (from 0) has too few values"))) }
    }
}
