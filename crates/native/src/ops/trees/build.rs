//! Reads trees as libraries keep them, and lays them out for walking.

use std::collections::HashMap;

use super::node::{CATEGORIES, Key as _, LANES, Narrow, Number, Sets, Wide};
use crate::{
    BadGraph,
    file::{Fields, bad},
};

/// Which numbers nodes look at.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// Of each, the column, and whether its numbers are negated.
    pub(crate) of: Vec<(u32, bool)>,
    places: HashMap<(u32, bool), u32>,
}

impl Slots {
    /// The place of a slot's numbers.
    fn place(&mut self, column: u32, negated: bool) -> u32 {
        *self.places.entry((column, negated)).or_insert_with(|| {
            self.of.push((column, negated));
            place(self.of.len() - 1)
        })
    }
}

/// Where, in a block, the numbers of a slot begin.
#[expect(
    clippy::cast_possible_truncation,
    reason = "there are not more slots than nodes, of which there are less than `MOST`"
)]
fn place(slot: usize) -> u32 {
    (slot * LANES) as u32
}

/// The nodes, in the smallest size that they fit in.
#[derive(Debug)]
pub(crate) enum Nodes {
    Narrow(Vec<Narrow>),
    Single(Vec<Wide<u32>>),
    Double(Vec<Wide<u64>>),
    Categories(Vec<Wide<u64>>, Sets),
}

/// Trees, laid out.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) nodes: Nodes,
    /// Of each tree, the place of its first node.
    pub(crate) roots: Vec<u32>,
    pub(crate) slots: Vec<(u32, bool)>,
    /// How many leaves each tree has; they are numbered through all trees.
    pub(crate) leaves: Vec<u32>,
}

/// Trees as a file has them: the children are places in their tree, that of a leaf is below 0.
struct Source {
    columns: usize,
    sizes: Vec<u32>,
    feature: Vec<i32>,
    threshold: Vec<f64>,
    left: Vec<i32>,
    right: Vec<i32>,
    missing_left: Vec<u8>,
    /// Whether what is equal to a threshold goes right.
    strict: bool,
    /// Of each node, its set, or less than 0.
    set: Vec<i32>,
    sets: Sets,
}

impl Built {
    /// How much memory they take.
    fn bytes(&self) -> usize {
        let nodes = match &self.nodes {
            Nodes::Narrow(nodes) => size_of_val(nodes.as_slice()),
            Nodes::Single(nodes) => size_of_val(nodes.as_slice()),
            Nodes::Double(nodes) => size_of_val(nodes.as_slice()),
            Nodes::Categories(nodes, Sets { starts, bits, missing_left }) => {
                size_of_val(nodes.as_slice())
                    + size_of_val(starts.as_slice())
                    + size_of_val(bits.as_slice())
                    + size_of_val(missing_left.as_slice())
            }
        };
        let [roots, leaves] = [&self.roots, &self.leaves].map(|list| size_of_val(list.as_slice()));
        nodes + roots + leaves + size_of_val(self.slots.as_slice())
    }
}

/// There are fewer nodes than that, and not more slots, so that 31 bits count the numbers of a block.
const MOST: u64 = (CATEGORIES as usize / LANES) as u64;

/// Reads trees that look at `columns` columns.
pub(crate) fn read(fields: &Fields<'_>, columns: usize) -> Result<Built, BadGraph> {
    fields.hold_instead(|| lay_out(fields, columns), Built::bytes)
}

fn lay_out(fields: &Fields<'_>, columns: usize) -> Result<Built, BadGraph> {
    let mut source = Source {
        columns,
        sizes: fields.u32s("sizes")?,
        feature: fields.i32s("feature")?,
        threshold: fields.f64s("threshold")?,
        left: fields.i32s("left")?,
        right: fields.i32s("right")?,
        missing_left: fields.u8s("missing_left")?,
        strict: fields.flag("strict")?,
        set: Vec::new(),
        sets: Sets::default(),
    };
    let total = source.sizes.iter().map(|size| u64::from(*size)).sum::<u64>();
    let lengths =
        [source.feature.len(), source.threshold.len(), source.left.len(), source.right.len(), source.missing_left.len()];
    if lengths.iter().any(|length| *length as u64 != total) || total >= MOST || source.sizes.contains(&0) {
        return fields.wrong("sizes", "the lengths of the trees");
    }
    if fields.has("set") {
        (source.set, source.sets) = read_sets(fields, source.left.len())?;
    }
    if fields.flag("single")? && source.set.is_empty() {
        let (nodes, rest) = source.build::<f32>()?;
        let narrow = nodes.iter().map(Narrow::of).collect::<Option<_>>();
        let nodes = narrow.map_or(Nodes::Single(nodes), Nodes::Narrow);
        return Ok(Built { nodes, ..rest });
    }
    let (nodes, rest) = source.build::<f64>()?;
    let nodes = if source.set.is_empty() { Nodes::Double(nodes) } else { Nodes::Categories(nodes, source.sets) };
    Ok(Built { nodes, ..rest })
}

fn read_sets(fields: &Fields<'_>, nodes: usize) -> Result<(Vec<i32>, Sets), BadGraph> {
    let (set, bits) = (fields.i32s("set")?, fields.u32s("set_bits")?);
    let starts = fields.u32s("set_starts")?.into_iter().map(|start| start as usize).collect::<Vec<_>>();
    let missing_left = fields.u8s("set_missing_left")?.into_iter().map(|left| left != 0).collect::<Vec<_>>();
    if !starts.is_sorted() || starts.last() != Some(&bits.len()) || starts.len() != missing_left.len() + 1 {
        return fields.wrong("set_starts", "where each set starts");
    }
    let known = |set: &i32| usize::try_from(*set).map_or(true, |set| set < missing_left.len());
    if set.len() != nodes || !set.iter().all(known) {
        return fields.wrong("set", "the set of each node");
    }
    Ok((set, Sets { starts, bits, missing_left }))
}

/// Nodes of their full size, and all else.
type LaidOut<K> = (Vec<Wide<K>>, Built);

impl Source {
    fn build<T: Number>(&self) -> Result<LaidOut<T::Key>, BadGraph> {
        let mut nodes = Vec::with_capacity(self.left.len());
        let (mut slots, mut roots, mut leaves) = (Slots::default(), Vec::new(), Vec::new());
        let (mut start, mut leaf) = (0, 0);
        for size in self.sizes.iter().map(|size| *size as usize) {
            roots.push(u32::try_from(nodes.len()).unwrap_or(u32::MAX));
            let end = self.tree::<T>(start..start + size, leaf, &mut slots, &mut nodes)?;
            leaves.push(end - leaf);
            (start, leaf) = (start + size, end);
        }
        // What leaves look at: less than any threshold.
        let least = place(slots.of.len());
        for node in &mut nodes {
            if node.ahead == 0 {
                node.place = least;
            }
        }
        Ok((nodes, Built { nodes: Nodes::Narrow(Vec::new()), roots, slots: slots.of, leaves }))
    }

    /// Lays out one tree; answers the number of the leaf behind its last.
    fn tree<T: Number>(
        &self,
        range: std::ops::Range<usize>,
        mut leaf: u32,
        slots: &mut Slots,
        nodes: &mut Vec<Wide<T::Key>>,
    ) -> Result<u32, BadGraph> {
        let size = range.len();
        let leaf_of = |left: &i32| {
            leaf += u32::from(*left < 0);
            leaf.wrapping_sub(1)
        };
        let leaf_of = self.left[range.clone()].iter().map(leaf_of).collect::<Vec<_>>();
        let mut queue = Vec::with_capacity(size);
        queue.push(0);
        let mut at = 0;
        while let Some(local) = queue.get(at).copied() {
            let place = range.start + local;
            if self.left[place] < 0 {
                nodes.push(Wide { limit: T::Key::of_leaf(leaf_of[local]), place: 0, ahead: 0 });
            } else {
                let child = |child: i32| usize::try_from(child).ok().filter(|child| *child < size);
                let (Some(left), Some(right)) = (child(self.left[place]), child(self.right[place])) else {
                    return bad("a node's child is outside of its tree");
                };
                let (limit, place, swapped) = self.test::<T>(place, slots)?;
                let ahead = u32::try_from(queue.len() - at).unwrap_or(u32::MAX);
                queue.extend(if swapped { [right, left] } else { [left, right] });
                if queue.len() > size {
                    return bad("a node is the child of several");
                }
                nodes.push(Wide { limit, place, ahead });
            }
            at += 1;
        }
        Ok(leaf)
    }

    /// What a node compares, where it finds it, and whether its children are swapped.
    fn test<T: Number>(&self, place: usize, slots: &mut Slots) -> Result<(T::Key, u32, bool), BadGraph> {
        let column = u32::try_from(self.feature[place]).ok().filter(|column| (*column as usize) < self.columns);
        let Some(column) = column else { return bad("a node looks at a column that is not there") };
        if let Some(set) = self.set.get(place).and_then(|set| u32::try_from(*set).ok()) {
            return Ok((T::Key::of_leaf(set), slots.place(column, false) | CATEGORIES, false));
        }
        let limit = T::limit(self.threshold[place], self.strict);
        let missing_left = self.missing_left[place] != 0;
        let limit = if missing_left { limit.opposite() } else { limit };
        Ok((limit.limit_key(), slots.place(column, missing_left), missing_left))
    }
}
