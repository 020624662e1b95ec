//! What each column adds to the sums of trees: exact Shapley values of the game in which a column that is not known sends a row
//! both ways, by the shares of the training rows that went there. It is the game of `TreeExplainer` with `tree_path_dependent`
//! (S. Lundberg, G. Erion, S. Lee, "Consistent Individualized Feature Attribution for Tree Ensembles", 2018, algorithm 1).
//!
//! They are computed by another way than its algorithm 2, with the same result. Where a row reaches a leaf with the columns in
//! `S` known, the leaf counts with `Π_{i∈S} o_i · Π_{i∉S} z_i`: `o_i` is 1 if the row takes all of column `i`'s turns towards
//! the leaf, else 0, and `z_i` is the share of training rows that took them. A Shapley value is the integral of the game's
//! multilinear extension (G. Owen, "Multilinear Extensions of Games", 1972), so what column `i` gets of a leaf of value `v` is
//!
//! `v (o_i − z_i) ∫₀¹ Π_{j≠i} (t o_j + (1 − t) z_j) dt`.
//!
//! That is the integral of a polynomial, for which Gauss and Legendre's rule is exact. Products are kept at its points on the way
//! down, and summed over the leaves below each node on the way up, as P. Yu et al. do in "Linear `TreeShap`" (2022): the work is
//! nodes times points.

use super::{
    Trees,
    build::Nodes,
    node::{Key as _, Node},
};
use crate::{
    BadGraph, Explained, Explanation, Refused,
    explain::Traced,
    file::{Fields, bad},
};

/// The deepest tree that is explained.
const DEEPEST: usize = 512;
/// So many steps at most, of a node, a point and a value, are spent on some rows: some seconds.
const WORK: usize = 1 << 29;

/// Leaves that count with less than this count for nothing.
const NOTHING: f64 = 1e-200;

/// How many training rows, by weight, reached each leaf.
pub(super) fn read_covers(fields: &Fields<'_>, leaves: usize) -> Result<Option<Vec<f64>>, BadGraph> {
    if !fields.has("covers") {
        return Ok(None);
    }
    let covers = fields.f64s_of("covers", leaves)?;
    // Their sum must be a number, too.
    let most = f64::MAX / f64::from(u32::MAX);
    if covers.iter().all(|cover| (0.0..=most).contains(cover)) {
        Ok(Some(covers))
    } else {
        bad("a leaf's cover is no weight")
    }
}

impl Trees {
    pub(super) fn attribute(&self, x: &Traced<'_>, columns: usize) -> Result<Explanation, Refused> {
        if self.before.is_some() || self.linear.is_some() || self.one_hot {
            return Err(Refused::rows(
                "boosting that starts with another estimator, and trees of linear models, are not explained",
            ));
        }
        let Some(covers) = &self.covers else {
            return Err(Refused::rows(
                "this version was deployed without what explanations of its trees need; deploy the model again",
            ));
        };
        match &self.built.nodes {
            Nodes::Narrow(nodes) => self.attribute_by(x, columns, nodes, covers, |node, number| number <= node.limit()),
            Nodes::Single(nodes) => self.attribute_by(x, columns, nodes, covers, |node, number| number <= node.limit()),
            Nodes::Double(nodes) => self.attribute_by(x, columns, nodes, covers, |node, number| number <= node.limit()),
            Nodes::Categories(nodes, sets) => {
                self.attribute_by(x, columns, nodes, covers, |node, number| sets.send_left(node, number))
            }
        }
    }

    fn attribute_by<N: Node>(
        &self,
        x: &Traced<'_>,
        columns: usize,
        nodes: &[N],
        covers: &[f64],
        left: impl Fn(&N, N::Key) -> bool,
    ) -> Result<Explanation, Refused> {
        let depth = depth(nodes);
        let points = rule(depth.min(self.used.len()).div_ceil(2).max(1));
        let each = if self.groups.is_empty() { self.start.len() } else { 1 };
        let work = [nodes.len(), points.len(), each].into_iter().try_fold(x.value.rows(), usize::checked_mul);
        if depth > DEEPEST || work.is_none_or(|work| work > WORK) {
            return Err(Refused::rows("explaining these rows would take too long; explain fewer rows at once"));
        }
        let covers = self.covers_of_nodes(nodes, covers);
        let mut made = Explanation::new(Explained::Scores, self.base(nodes, &covers, each), (x.value.rows(), columns))?;
        let rows = self.rows(&x.value)?;
        let width = points.len() * each;
        let mut walk = Walk {
            nodes,
            covers: &covers,
            values: &self.values,
            each,
            features: &self.used_by_slots,
            left,
            numbers: vec![N::Key::default(); self.built.slots.len() + 1],
            turns: vec![Turns { taken: 1.0, share: 1.0 }; self.used.len()],
            products: vec![1.0; (depth + 1) * points.len()],
            sums: vec![0.0; (depth + 1) * width],
            added: vec![0.0; self.used.len() * each],
            points: &points,
        };
        for row in 0..x.value.rows() {
            self.fill(&rows, row, |slot, value| walk.numbers[slot] = N::Key::of(value));
            for (tree, root) in self.built.roots.iter().enumerate() {
                walk.added.fill(0.0);
                walk.descend(*root as usize, 0);
                let output = self.groups.get(tree).map_or(0, |group| *group as usize);
                for (column, added) in self.used.iter().zip(walk.added.chunks_exact(each)) {
                    let cell = &mut made.cell(row, x.origins[*column as usize])[output..output + each];
                    cell.iter_mut().zip(added).for_each(|(cell, added)| *cell += added);
                }
            }
        }
        if let Some(divide) = self.divide {
            made.values.iter_mut().chain(&mut made.base).for_each(|value| *value /= divide);
        }
        Ok(made)
    }

    /// Of each node, the cover of all leaves below it. Where no row with a weight reached a tree, all leaves are alike.
    fn covers_of_nodes<N: Node>(&self, nodes: &[N], of_leaves: &[f64]) -> Vec<f64> {
        let mut covers = vec![0.0; nodes.len()];
        let mut end = nodes.len();
        for root in self.built.roots.iter().rev().map(|root| *root as usize) {
            for alike in [false, true] {
                for at in (root..end).rev() {
                    let ahead = nodes[at].ahead();
                    covers[at] = match ahead {
                        0 if alike => 1.0,
                        0 => of_leaves[nodes[at].leaf()],
                        _ => covers[at + ahead] + covers[at + ahead + 1],
                    };
                }
                if covers[root] > 0.0 {
                    break;
                }
            }
            end = root;
        }
        covers
    }

    /// What the trees say where nothing is known: the mean of their leaves.
    fn base<N: Node>(&self, nodes: &[N], covers: &[f64], each: usize) -> Vec<f64> {
        let mut base = self.start.clone();
        for (tree, root) in self.built.roots.iter().enumerate() {
            let end = self.built.roots.get(tree + 1).map_or(nodes.len(), |next| *next as usize);
            let output = self.groups.get(tree).map_or(0, |group| *group as usize);
            for at in *root as usize..end {
                if nodes[at].ahead() == 0 {
                    let share = covers[at] / covers[*root as usize];
                    let values = &self.values[nodes[at].leaf() * each..(nodes[at].leaf() + 1) * each];
                    base[output..output + each].iter_mut().zip(values).for_each(|(base, value)| *base += share * value);
                }
            }
        }
        base
    }
}

/// How one row shares what a tree says among columns.
struct Walk<'t, N: Node, L> {
    nodes: &'t [N],
    covers: &'t [f64],
    /// `[leaves, each]`
    values: &'t [f64],
    each: usize,
    /// Of each slot, its column's place among those that nodes look at.
    features: &'t [u32],
    left: L,
    /// The row's, by slot.
    numbers: Vec<N::Key>,
    /// Of each column that nodes look at, its turns on the way to where we are.
    turns: Vec<Turns>,
    points: &'t [Point],
    /// `[depth, points]`: of the way to where we are, the product of the columns' factors.
    products: Vec<f64>,
    /// `[depth, points, each]`: the values below, times their products.
    sums: Vec<f64>,
    /// `[columns, each]`: what they add.
    added: Vec<f64>,
}

/// A column's turns on the way to a node.
#[derive(Debug, Clone, Copy)]
struct Turns {
    /// 1 if the row takes all of them, else 0.
    taken: f64,
    /// The share of training rows that took them.
    share: f64,
}

impl Turns {
    fn factor(self, at: f64) -> f64 {
        at * self.taken + (1.0 - at) * self.share
    }
}

impl<N: Node, L: Fn(&N, N::Key) -> bool> Walk<'_, N, L> {
    /// Leaves what the leaves below say in `sums`, and adds what columns get at the nodes below.
    fn descend(&mut self, at: usize, depth: usize) {
        let (points, each) = (self.points.len(), self.each);
        let (products, sums) = (depth * points, depth * points * each);
        let node = self.nodes[at];
        if node.ahead() == 0 {
            let values = &self.values[node.leaf() * each..(node.leaf() + 1) * each];
            let products = &self.products[products..products + points];
            for (sums, product) in self.sums[sums..].chunks_exact_mut(each).zip(products) {
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum = product * value);
            }
            return;
        }
        self.sums[sums..sums + points * each].fill(0.0);
        let slot = node.slot();
        let feature = self.features[slot] as usize;
        let before = self.turns[feature];
        let left = at + node.ahead();
        let goes_left = (self.left)(&node, self.numbers[slot]);
        for (child, is_taken) in [(left, goes_left), (left + 1, !goes_left)] {
            // Where no row was before, none tells which way others go.
            let share = if self.covers[at] > 0.0 { self.covers[child] / self.covers[at] } else { 0.5 };
            let now = Turns { taken: if is_taken { before.taken } else { 0.0 }, share: before.share * share };
            if now.taken + now.share < NOTHING {
                continue;
            }
            for (place, point) in self.points.iter().enumerate() {
                let changed = now.factor(point.at) / before.factor(point.at);
                self.products[products + points + place] = self.products[products + place] * changed;
            }
            self.turns[feature] = now;
            self.descend(child, depth + 1);
            self.gather(feature, (before, now), depth);
        }
        self.turns[feature] = before;
    }

    /// Adds what the leaves below one child say to their parent's, and to the column that the parent looks at.
    fn gather(&mut self, feature: usize, (before, now): (Turns, Turns), depth: usize) {
        let (each, width) = (self.each, self.points.len() * self.each);
        let (above, below) = self.sums[depth * width..].split_at_mut(width);
        let added = &mut self.added[feature * each..(feature + 1) * each];
        let sums = above.chunks_exact_mut(each).zip(below.chunks_exact(each));
        for (point, (above, below)) in self.points.iter().zip(sums) {
            // Turns before this one had the leaves below counted by what it was known of them.
            let gain =
                (now.taken - now.share) / now.factor(point.at) - (before.taken - before.share) / before.factor(point.at);
            for ((added, above), below) in added.iter_mut().zip(above).zip(below) {
                *added += point.weight * gain * below;
                *above += below;
            }
        }
    }
}

/// How many nodes are on the longest way from a root to a leaf, without the leaf.
fn depth<N: Node>(nodes: &[N]) -> usize {
    let mut depths = vec![0_usize; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        let ahead = node.ahead();
        if ahead > 0 {
            depths[at + ahead] = depths[at] + 1;
            depths[at + ahead + 1] = depths[at] + 1;
        }
    }
    depths.into_iter().max().unwrap_or(0)
}

/// Where a polynomial is looked at, and how much that counts.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: f64,
    weight: f64,
}

/// Gauss and Legendre's rule of so many points for integrals from 0 to 1: exact for polynomials of a degree below twice as many.
/// Source: M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions", 25.4.29; the roots by Newton's method.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn rule(count: usize) -> Vec<Point> {
    let n = count as f64;
    let point = |place: usize| {
        let mut x = (std::f64::consts::PI * (place as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut value, mut before) = (1.0, 0.0);
            for degree in 1..=count {
                let degree = degree as f64;
                (value, before) = (((2.0 * degree - 1.0) * x * value - (degree - 1.0) * before) / degree, value);
            }
            slope = n * (x * value - before) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        Point { at: f64::midpoint(1.0, x), weight: 1.0 / ((1.0 - x * x) * slope * slope) }
    };
    (0..count).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_exact_for_polynomials_of_a_degree_below_twice_its_points() {
        for count in [1, 2, 3, 7, 20, 64, 256] {
            let points = rule(count);
            for power in [0, 1, count, 2 * count - 1] {
                let power = i32::try_from(power).expect("small");
                let sum: f64 = points.iter().map(|point| point.weight * point.at.powi(power)).sum();
                let wanted = 1.0 / f64::from(power + 1);
                assert!((sum - wanted).abs() < 1e-13, "{count} points, power {power}: {sum} {wanted}");
            }
        }
    }
}
