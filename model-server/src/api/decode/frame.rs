//! How much a body may become, by its length.

use scoring::{Frame, Room, Schema};

use super::MAX_CELLS;
use crate::api::exchange::BODY_LIMIT;

/// How many values a body of any length may have, and how many more for each of its bytes: a truth takes a bit, and a run of
/// the same value next to nothing.
const VALUES: (usize, usize) = (1 << 17, 32);
/// How many bytes a body of any length may become, and how many more for each of its bytes.
const BYTES: (usize, usize) = (1 << 20, 32);

/// How many bytes a body may become when it is taken apart, so that little that is sent never takes much memory.
pub(in crate::api) fn room(length: usize) -> usize {
    length.saturating_mul(BYTES.1).saturating_add(BYTES.0).min(BODY_LIMIT)
}

/// For the columns of a body of this length, by their names.
pub(super) fn frame<'s, 'n>(
    schema: &'s Schema,
    names: impl Iterator<Item = &'n str>,
    length: usize,
) -> Result<Frame<'s>, String> {
    let values = length.saturating_mul(VALUES.1).saturating_add(VALUES.0).min(MAX_CELLS);
    Frame::new(schema, names, Room { values, bytes: room(length) })
}
