//! Nodes of trees, and how rows walk down them.
//!
//! All nodes of all trees lie in one list, each tree breadth-first, a right child behind its left one. A node says how far
//! ahead its left child is: of a leaf that is nothing, so that who has arrived stays. What is missing goes right, as NaN is not
//! `<=` anything: where a tree sends it left, the node looks at the negated number instead, and its children are swapped.

/// So many walk in step: what they wait for overlaps.
pub(crate) const LANES: usize = 8;

/// A number as a library compares it.
pub(crate) trait Number: Copy + PartialOrd + Send + Sync + std::fmt::Debug {
    /// `<=` every limit but NaN.
    const LEAST: Self;

    /// The nearest one.
    fn cast(value: f64) -> Self;

    /// The largest number that is not above `threshold`; that is below it, if `strict`; NaN for none.
    fn limit(threshold: f64, strict: bool) -> Self;

    /// For a limit, the one that the negated numbers keep if and only if the numbers themselves are above it.
    fn opposite(self) -> Self;

    /// The number that stands for a leaf: never NaN.
    fn of_leaf(leaf: u32) -> Self;

    /// The leaf that it stands for.
    fn leaf(self) -> u32;
}

macro_rules! numbers {
    ($($of:ident, $cast:expr, $of_bits:expr, $bits:expr;)*) => {$(
        impl Number for $of {
            const LEAST: Self = Self::NEG_INFINITY;

            fn cast(value: f64) -> Self {
                $cast(value)
            }

            fn limit(threshold: f64, strict: bool) -> Self {
                let rounded = Self::cast(threshold);
                let floor = if f64::from(rounded) > threshold { rounded.next_down() } else { rounded };
                if !strict || f64::from(floor) < threshold {
                    floor
                } else if floor <= Self::LEAST {
                    Self::NAN
                } else {
                    floor.next_down()
                }
            }

            fn opposite(self) -> Self {
                if self.is_nan() {
                    Self::INFINITY
                } else if self >= Self::INFINITY {
                    Self::NAN
                } else {
                    (-self).next_down()
                }
            }

            fn of_leaf(leaf: u32) -> Self {
                Self::from_bits($of_bits(leaf))
            }

            fn leaf(self) -> u32 {
                $bits(self.to_bits())
            }
        }
    )*};
}

#[expect(clippy::cast_possible_truncation, reason = "the rounding is what is wanted")]
fn single(value: f64) -> f32 {
    value as f32
}

numbers! {
    f32, single, std::convert::identity, std::convert::identity;
    f64, std::convert::identity, u64::from, |bits| u32::try_from(bits).unwrap_or(0);
}

/// Leaves are below this, so that none stands for a NaN.
pub(crate) const LEAVES: u32 = 0x7f80_0000;

/// A node, of any size.
pub(crate) trait Node: Copy + Send + Sync + std::fmt::Debug {
    type Number: Number;

    /// The place of the number that it looks at.
    fn slot(self) -> usize;

    /// What goes left is not above it.
    fn limit(self) -> Self::Number;

    /// How far ahead the left child is; 0 for a leaf.
    fn ahead(self) -> u32;

    /// The leaf that it is.
    fn leaf(self) -> usize {
        self.limit().leaf() as usize
    }
}

/// A node of a large forest: of 12 or 16 bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wide<T> {
    pub(crate) limit: T,
    pub(crate) slot: u32,
    pub(crate) ahead: u32,
}

impl<T: Number> Node for Wide<T> {
    type Number = T;

    fn slot(self) -> usize {
        self.slot as usize
    }

    fn limit(self) -> T {
        self.limit
    }

    fn ahead(self) -> u32 {
        self.ahead
    }
}

/// A node of eight bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Narrow {
    limit: f32,
    slot: u16,
    ahead: u16,
}

impl Narrow {
    /// The same node, if it fits.
    pub(crate) fn of(node: &Wide<f32>) -> Option<Self> {
        Some(Self { limit: node.limit, slot: node.slot.try_into().ok()?, ahead: node.ahead.try_into().ok()? })
    }
}

impl Node for Narrow {
    type Number = f32;

    fn slot(self) -> usize {
        usize::from(self.slot)
    }

    fn limit(self) -> f32 {
        self.limit
    }

    fn ahead(self) -> u32 {
        u32::from(self.ahead)
    }
}

/// Walks from `at` down to the leaves. Lane `n` looks at every `LANES`-th number of `values` from the `n`-th.
pub(crate) fn walk<N: Node>(nodes: &[N], values: &[N::Number], at: &mut [u32; LANES]) {
    loop {
        let mut moving = 0;
        for (lane, at) in at.iter_mut().enumerate() {
            let node = nodes[*at as usize];
            let value = values[node.slot() * LANES + lane];
            *at += node.ahead() + u32::from(!at_most(value, node.limit()));
            moving |= node.ahead();
        }
        if moving == 0 {
            return;
        }
    }
}

/// False for a NaN.
fn at_most<T: PartialOrd + Copy>(value: T, limit: T) -> bool {
    value <= limit
}

/// The bit of a slot that marks a node of categories: its limit stands for the place of a set, and who is in it goes left.
pub(crate) const CATEGORIES: u32 = 1 << 31;

/// Sets of categories.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    /// One more than there are sets.
    pub(crate) starts: Vec<usize>,
    pub(crate) bits: Vec<u32>,
    /// Whether what is missing goes left.
    pub(crate) missing_left: Vec<bool>,
}

impl Sets {
    /// Whether a node, of categories or not, sends a number left.
    pub(crate) fn send_left(&self, node: Wide<f64>, value: f64) -> bool {
        if node.slot & CATEGORIES == 0 { at_most(value, node.limit) } else { self.has(node.limit.leaf(), value) }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "of a number from 0, which saturates")]
    fn has(&self, set: u32, value: f64) -> bool {
        let set = set as usize;
        if value.is_nan() {
            return self.missing_left[set];
        }
        if value <= -1.0 {
            return false;
        }
        let category = value as u64;
        let bits = &self.bits[self.starts[set]..self.starts[set + 1]];
        let word = usize::try_from(category / 32).ok().and_then(|at| bits.get(at));
        word.is_some_and(|word| word >> (category % 32) & 1 == 1)
    }
}

/// The same as [`walk`], past nodes of categories, too.
pub(crate) fn walk_sets(nodes: &[Wide<f64>], sets: &Sets, values: &[f64], at: &mut [u32; LANES]) {
    loop {
        let mut moving = 0;
        for (lane, at) in at.iter_mut().enumerate() {
            let node = nodes[*at as usize];
            let value = values[(node.slot & !CATEGORIES) as usize * LANES + lane];
            *at += node.ahead + u32::from(!sets.send_left(node, value));
            moving |= node.ahead;
        }
        if moving == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_keeps_what_its_threshold_keeps() {
        let mut thresholds = vec![0.0, -0.0, 0.1, -0.1, 1.0, 1e-50, -1e-50, 1e300, -1e300, f64::INFINITY, f64::NEG_INFINITY];
        thresholds.extend([f64::from(f32::MAX), f64::from(f32::MIN), f64::from(f32::from_bits(1)), 16_777_217.0]);
        for threshold in thresholds {
            let near = f32::cast(threshold);
            let around =
                [near, near.next_down(), near.next_up(), -near, 0.0, f32::MAX, f32::MIN, f32::INFINITY, -f32::INFINITY];
            for value in around {
                let wide = f64::from(value);
                for (strict, kept) in [(false, wide <= threshold), (true, wide < threshold)] {
                    let (limit, wide_limit) = (f32::limit(threshold, strict), f64::limit(threshold, strict));
                    assert_eq!(at_most(value, limit), kept, "{value} and {threshold}");
                    assert_eq!(at_most(wide, wide_limit), kept, "{value} and {threshold}");
                    assert_eq!(at_most(-value, limit.opposite()), !kept, "-{value} and {threshold}");
                    assert_eq!(at_most(-wide, wide_limit.opposite()), !kept, "-{value} and {threshold}");
                }
            }
        }
    }

    #[test]
    fn a_leaf_keeps_who_has_arrived() {
        for leaf in [0, 1, 1 << 20, LEAVES - 1] {
            assert_eq!((f32::of_leaf(leaf).leaf(), f64::of_leaf(leaf).leaf()), (leaf, leaf));
            assert!(at_most(f32::LEAST, f32::of_leaf(leaf)) && at_most(f64::LEAST, f64::of_leaf(leaf)));
        }
    }
}
