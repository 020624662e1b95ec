//! Points side by side, several to a block, so that a row is compared with all points of a block at once, and every sum still
//! goes through the columns in their order.

/// So many points are in a block.
pub(crate) const LANES: usize = 8;

/// Blocks of points.
#[derive(Debug)]
pub(crate) struct Lanes {
    features: usize,
    /// `[blocks, features, LANES]`
    values: Vec<f64>,
}

impl Lanes {
    /// No blocks yet. There must be a feature at least.
    pub(crate) fn new(features: usize) -> Self {
        Self { features: features.max(1), values: Vec::new() }
    }

    /// Points, `[points, features]`, one after the other.
    pub(crate) fn of(points: &[f64], features: usize) -> Self {
        let mut lanes = Self::new(features);
        for block in points.chunks(LANES * lanes.features) {
            lanes.add(block.chunks_exact(lanes.features));
        }
        lanes
    }

    /// One more block, of `LANES` points at most.
    pub(crate) fn add<'a>(&mut self, points: impl Iterator<Item = &'a [f64]>) {
        let start = self.values.len();
        self.values.resize(start + self.features * LANES, 0.0);
        for (lane, point) in points.take(LANES).enumerate() {
            let places = self.values[start + lane..].iter_mut().step_by(LANES);
            places.zip(point).for_each(|(place, value)| *place = *value);
        }
    }

    /// The blocks from one on.
    pub(crate) fn blocks(&self, from: usize) -> impl Iterator<Item = &[[f64; LANES]]> {
        let blocks = self.values[from * self.features * LANES..].chunks_exact(self.features * LANES);
        blocks.map(|block| block.as_chunks().0)
    }
}

/// Of each point in a block, what `add(sum, x, point)` makes of all columns.
#[inline(always)]
#[expect(clippy::inline_always, reason = "each use is a loop of its own")]
pub(crate) fn fold(row: &[f64], block: &[[f64; LANES]], add: impl Fn(f64, f64, f64) -> f64) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (x, points) in row.iter().zip(block) {
        for (sum, point) in sums.iter_mut().zip(points) {
            *sum = add(*sum, *x, *point);
        }
    }
    sums
}
