//! Nodes of trees, and how rows walk down them.
//!
//! All nodes of all trees lie in one list, each tree breadth-first, a right child behind its left one. A node says how far
//! ahead its left child is: of a leaf that is nothing, so that who has arrived stays. What is missing goes right, as NaN is not
//! `<=` anything: where a tree sends it left, the node looks at the negated number instead, and its children are swapped.

/// So many walk in step: what they wait for overlaps.
pub(crate) const LANES: usize = 8;

/// A number as a library compares it.
pub(crate) trait Number: Copy + PartialOrd {
    /// A whole number in its place: of all numbers the order is the same, both zeros have one, and a NaN's is above all others.
    /// Whole numbers are compared with what is in memory, and 0 is `<=` every limit, which the key of no number is.
    type Key: Key;

    /// The nearest one.
    fn cast(value: f64) -> Self;

    /// The largest number that is not above `threshold`; that is below it, if `strict`; NaN for none.
    fn limit(threshold: f64, strict: bool) -> Self;

    /// For a limit, the one that the negated numbers keep if and only if the numbers themselves are above it.
    fn opposite(self) -> Self;

    /// The key of the number.
    fn key(self) -> Self::Key;

    /// The key of the number as a limit: no number is `<=` NaN.
    fn limit_key(self) -> Self::Key;
}

/// What stands for a number, or for a leaf.
pub(crate) trait Key: Copy + Ord + Default + Send + Sync + std::fmt::Debug {
    /// The key of the nearest number of those that it stands for.
    fn of(value: f64) -> Self;

    /// What stands for a leaf.
    fn of_leaf(leaf: u32) -> Self;

    /// The leaf that it stands for.
    fn leaf(self) -> u32;
}

macro_rules! numbers {
    ($($of:ident, $key:ident, $cast:expr, $of_leaf:expr, $leaf:expr;)*) => {$(
        impl Number for $of {
            type Key = $key;

            fn cast(value: f64) -> Self {
                $cast(value)
            }

            fn limit(threshold: f64, strict: bool) -> Self {
                let rounded = Self::cast(threshold);
                let floor = if f64::from(rounded) > threshold { rounded.next_down() } else { rounded };
                if !strict || f64::from(floor) < threshold {
                    floor
                } else if floor <= Self::NEG_INFINITY {
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

            fn key(self) -> $key {
                // Both zeros become the positive one.
                let bits = (self + 0.0).to_bits();
                if self.is_nan() {
                    $key::MAX
                } else if bits > $key::MAX / 2 {
                    !bits
                } else {
                    bits | !($key::MAX / 2)
                }
            }

            fn limit_key(self) -> $key {
                if self.is_nan() { 0 } else { self.key() }
            }
        }

        impl Key for $key {
            fn of(value: f64) -> Self {
                $of::cast(value).key()
            }

            fn of_leaf(leaf: u32) -> Self {
                $of_leaf(leaf)
            }

            fn leaf(self) -> u32 {
                $leaf(self)
            }
        }
    )*};
}

#[expect(clippy::cast_possible_truncation, reason = "the rounding is what is wanted")]
fn single(value: f64) -> f32 {
    value as f32
}

numbers! {
    f32, u32, single, std::convert::identity, std::convert::identity;
    f64, u64, std::convert::identity, u64::from, |key| u32::try_from(key).unwrap_or(0);
}

/// The number that a key stands for.
fn number(key: u64) -> f64 {
    f64::from_bits(if key > u64::MAX / 2 { key & (u64::MAX / 2) } else { !key })
}

/// A node, of any size.
pub(crate) trait Node: Copy + Send + Sync + std::fmt::Debug {
    type Key: Key;

    /// Where, in a block of numbers, those of its slot begin.
    fn place(&self) -> usize;

    /// What goes left is not above it.
    fn limit(&self) -> Self::Key;

    /// How far ahead the left child is; 0 for a leaf.
    fn ahead(&self) -> usize;

    /// The slot whose number it looks at.
    fn slot(&self) -> usize {
        self.place() / LANES
    }

    /// The leaf that it is.
    fn leaf(&self) -> usize {
        self.limit().leaf() as usize
    }
}

/// A node of a large forest: of 12 or 16 bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wide<K> {
    pub(crate) limit: K,
    /// And [`CATEGORIES`].
    pub(crate) place: u32,
    pub(crate) ahead: u32,
}

impl<K: Key> Node for Wide<K> {
    type Key = K;

    fn place(&self) -> usize {
        (self.place & !CATEGORIES) as usize
    }

    fn limit(&self) -> K {
        self.limit
    }

    fn ahead(&self) -> usize {
        self.ahead as usize
    }
}

/// A node of eight bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Narrow {
    limit: u32,
    place: u16,
    ahead: u16,
}

impl Narrow {
    /// The same node, if it fits.
    pub(crate) fn of(node: &Wide<u32>) -> Option<Self> {
        Some(Self { limit: node.limit, place: node.place.try_into().ok()?, ahead: node.ahead.try_into().ok()? })
    }
}

impl Node for Narrow {
    type Key = u32;

    fn place(&self) -> usize {
        usize::from(self.place)
    }

    fn limit(&self) -> u32 {
        self.limit
    }

    fn ahead(&self) -> usize {
        usize::from(self.ahead)
    }
}

/// Numbers of so many slots, or fewer, lie in a block of that length, so that none has to be asked whether it is inside.
const FEW: usize = 16 * LANES;
const SOME: usize = 64 * LANES;
const MANY: usize = 256 * LANES;

/// How long a block of so many slots is: of each slot, a number for each lane.
pub(crate) fn length(slots: usize) -> usize {
    let wanted = slots * LANES;
    [FEW, SOME, MANY].into_iter().find(|length| wanted <= *length).unwrap_or(wanted)
}

/// Walks from `at` down to the leaves, past a block of numbers.
pub(crate) fn walk<N: Node>(nodes: &[N], block: &[N::Key], at: [usize; LANES]) -> [usize; LANES] {
    walk_by(nodes, block, at, |node, value| value <= node.limit())
}

/// The same, past nodes of categories, too.
pub(crate) fn walk_sets(nodes: &[Wide<u64>], sets: &Sets, block: &[u64], at: [usize; LANES]) -> [usize; LANES] {
    walk_by(nodes, block, at, |node, value| sets.send_left(node, value))
}

fn walk_by<N: Node>(
    nodes: &[N],
    block: &[N::Key],
    at: [usize; LANES],
    goes_left: impl Fn(&N, N::Key) -> bool,
) -> [usize; LANES] {
    if let Ok(block) = <&[_; FEW]>::try_from(block) {
        step(nodes, at, |node, lane| goes_left(node, block[(node.place() & (FEW - LANES)) + lane]))
    } else if let Ok(block) = <&[_; SOME]>::try_from(block) {
        step(nodes, at, |node, lane| goes_left(node, block[(node.place() & (SOME - LANES)) + lane]))
    } else if let Ok(block) = <&[_; MANY]>::try_from(block) {
        step(nodes, at, |node, lane| goes_left(node, block[(node.place() & (MANY - LANES)) + lane]))
    } else {
        step(nodes, at, |node, lane| goes_left(node, block[node.place() + lane]))
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "each use is a loop of its own")]
fn step<N: Node>(nodes: &[N], mut at: [usize; LANES], goes_left: impl Fn(&N, usize) -> bool) -> [usize; LANES] {
    loop {
        let mut moving = 0;
        for (lane, at) in at.iter_mut().enumerate() {
            let node = &nodes[*at];
            let ahead = node.ahead();
            *at += ahead + usize::from(!goes_left(node, lane));
            moving |= ahead;
        }
        if moving == 0 {
            return at;
        }
    }
}

/// The bit of a place that marks a node of categories: its limit stands for the place of a set, and who is in it goes left.
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
    pub(crate) fn send_left(&self, node: &Wide<u64>, value: u64) -> bool {
        if node.place & CATEGORIES == 0 { value <= node.limit } else { self.has(node.limit.leaf(), number(value)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn keeps<T: Number>(limit: T, value: T) -> bool {
        assert_eq!(value <= limit, value.key() <= limit.limit_key());
        value <= limit
    }

    #[test]
    fn a_limit_keeps_what_its_threshold_keeps() {
        let mut thresholds = vec![0.0, -0.0, 0.1, -0.1, 1.0, 1e-50, -1e-50, 1e300, -1e300, f64::INFINITY, f64::NEG_INFINITY];
        thresholds.extend([f64::from(f32::MAX), f64::from(f32::MIN), f64::from(f32::from_bits(1)), 16_777_217.0]);
        for threshold in thresholds {
            let near = f32::cast(threshold);
            let around = [
                near,
                near.next_down(),
                near.next_up(),
                -near,
                0.0,
                -0.0,
                f32::MAX,
                f32::MIN,
                f32::INFINITY,
                -f32::INFINITY,
            ];
            for value in around {
                let wide = f64::from(value);
                for (strict, kept) in [(false, wide <= threshold), (true, wide < threshold)] {
                    let (limit, wide_limit) = (f32::limit(threshold, strict), f64::limit(threshold, strict));
                    assert_eq!(keeps(limit, value), kept, "{value} and {threshold}");
                    assert_eq!(keeps(wide_limit, wide), kept, "{value} and {threshold}");
                    assert_eq!(keeps(limit.opposite(), -value), !kept, "-{value} and {threshold}");
                    assert_eq!(keeps(wide_limit.opposite(), -wide), !kept, "-{value} and {threshold}");
                }
                assert!(
                    !keeps(f32::limit(threshold, false), f32::NAN)
                        && !keeps(f64::limit(threshold, true).opposite(), -f64::NAN)
                );
                let same = number(wide.key());
                assert!(same == wide, "{wide} became {same}");
            }
        }
        assert!(number(f64::NAN.key()).is_nan() && number((-f64::NAN).key()).is_nan());
    }

    #[test]
    fn a_leaf_keeps_who_has_arrived() {
        for leaf in [0, 1, 1 << 20, u32::MAX] {
            assert_eq!((<u32 as Key>::of_leaf(leaf).leaf(), <u64 as Key>::of_leaf(leaf).leaf()), (leaf, leaf));
        }
        assert!(f32::NEG_INFINITY.key() > 0 && f64::NEG_INFINITY.key() > 0, "0 is free to be at most any leaf");
    }
}
