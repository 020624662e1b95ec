//! Rows or columns, whichever they are.

use std::fmt;

use scoring::{Batch, TableSchema};
use serde::de::{MapAccess, SeqAccess, Visitor};

use super::{columns::ColumnLists, records::Records};

pub(super) struct RowsOrColumns<'s>(pub(super) &'s TableSchema);

impl<'de> Visitor<'de> for RowsOrColumns<'_> {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows, each an object, or an object with a list of values for each column")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, rows: A) -> Result<Batch, A::Error> {
        Records(self.0).visit_seq(rows)
    }

    fn visit_map<A: MapAccess<'de>>(self, columns: A) -> Result<Batch, A::Error> {
        ColumnLists::or_values(self.0).visit_map(columns)
    }
}
