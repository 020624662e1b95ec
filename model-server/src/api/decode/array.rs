//! One array as nested lists.

use std::fmt;

use scoring::{ArraySchema, Batch, Cell, Cells};
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::{MAX_CELLS, cell::NextCell};

/// What is being read, and the lengths of the axes as far as they are known.
struct Progress<'s> {
    schema: &'s ArraySchema,
    lengths: Vec<Option<usize>>,
    cells: Cells,
    /// The row being read, from 0.
    row: usize,
}

/// The list at one depth of the nesting.
pub(super) struct Axis<'a, 's> {
    progress: &'a mut Progress<'s>,
    depth: usize,
}

impl<'s> Axis<'_, 's> {
    /// Reads a whole array.
    pub(super) fn read<'de, D: Deserializer<'de>>(schema: &'s ArraySchema, deserializer: D) -> Result<Batch, D::Error> {
        let mut progress = Progress { schema, lengths: schema.axes.clone(), cells: schema.empty(), row: 0 };
        Axis { progress: &mut progress, depth: 0 }.deserialize(deserializer)?;
        let shape = progress.lengths.into_iter().map(Option::unwrap_or_default).collect();
        Ok(Batch::Array { shape, cells: progress.cells })
    }
}

impl<'de> DeserializeSeed<'de> for Axis<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Axis<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.progress.lengths[self.depth] {
            Some(length) => write!(f, "a list of length {length} at depth {} of the array", self.depth + 1),
            None => write!(f, "a list at depth {} of the array", self.depth + 1),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { progress, depth } = self;
        let innermost = depth + 1 == progress.lengths.len();
        let mut length = 0;
        loop {
            if depth == 0 {
                progress.row = length;
            }
            let read = if innermost {
                let Progress { schema, cells, row, .. } = &mut *progress;
                list.next_element_seed(NextCell(Cell { column: &schema.element, row: *row, cells }))?
            } else {
                list.next_element_seed(Axis { progress, depth: depth + 1 })?
            };
            if read.is_none() {
                break;
            }
            length += 1;
            if progress.cells.len().max(length) > MAX_CELLS {
                return Err(Error::custom(format_args!("more than {MAX_CELLS} values; send them in several requests")));
            }
        }
        if *progress.lengths[depth].get_or_insert(length) == length {
            Ok(())
        } else {
            Err(Error::invalid_length(length, &Axis { progress, depth }))
        }
    }
}
