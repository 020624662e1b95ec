//! Which of many points are near a row: trees as scikit-learn builds and searches them, so that ties are broken as it does.
//!
//! Source: `sklearn/neighbors/_binary_tree.pxi.tp`, `_kd_tree.pyx.tp`, `_ball_tree.pyx.tp`, `sklearn/utils/_heap.pyx`. A search of
//! all points in their order is one of a tree that is a leaf.

use crate::{
    BadGraph,
    file::Fields,
    lanes::{LANES, Lanes, fold},
};

/// Points, and the tree that they are leaves of.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) features: usize,
    /// How many points there are.
    pub(crate) count: usize,
    metric: Metric,
    /// The points in the order of the leaves; a leaf starts with a new block.
    lanes: Lanes,
    /// The place of each lane's point among all; of those that fill up a leaf's last block, nothing.
    places: Vec<[u32; LANES]>,
    /// Of each node, its blocks and number of points; none where its children are `2i + 1` and `2i + 2`.
    leaves: Vec<Option<Leaf>>,
    bounds: Bounds,
}

#[derive(Debug, Clone, Copy)]
struct Leaf {
    block: usize,
    count: usize,
}

#[derive(Debug, Clone, Copy)]
enum Metric {
    Euclidean,
    Manhattan,
    Chebyshev,
    Minkowski(f64),
}

/// Where a node's points are.
#[derive(Debug)]
enum Bounds {
    Nowhere,
    /// Between two corners: `[nodes, features]` each.
    Boxes {
        low: Vec<f64>,
        high: Vec<f64>,
    },
    /// About a center: `[nodes, features]`.
    Balls {
        centers: Vec<f64>,
        radii: Vec<f64>,
    },
}

/// The nearest points so far: a heap with the farthest first.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Distances; while searching, as `Metric::reduced` has them.
    pub(crate) distances: Vec<f64>,
    pub(crate) places: Vec<u32>,
}

impl Search {
    /// Reads and checks it: afterwards, every leaf and child that a search comes to is there.
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, order) = (fields.count("features")?, fields.u32s("order")?);
        let count = order.len();
        if features == 0 || count == 0 || order.iter().any(|place| *place as usize >= count) {
            return fields.wrong("order", "places of points, which have at least one column");
        }
        let points = fields.f64s_of("points", count.saturating_mul(features))?;
        let metric = match fields.word("metric")? {
            "euclidean" => Metric::Euclidean,
            "manhattan" => Metric::Manhattan,
            "chebyshev" => Metric::Chebyshev,
            "minkowski" => Metric::Minkowski(fields.number("p")?),
            _ => return fields.wrong("metric", "a known word"),
        };
        let (starts, ends, is_leaf) = (fields.u32s("starts")?, fields.u32s("ends")?, fields.u8s("is_leaf")?);
        let nodes = is_leaf.len();
        if starts.len() != nodes || ends.len() != nodes {
            return fields.wrong("starts", "one for each node");
        }
        let each = || nodes.saturating_mul(features);
        let bounds = match fields.word("bounds")? {
            "nowhere" => Bounds::Nowhere,
            "boxes" => Bounds::Boxes { low: fields.f64s_of("low", each())?, high: fields.f64s_of("high", each())? },
            "balls" => Bounds::Balls { centers: fields.f64s_of("centers", each())?, radii: fields.f64s_of("radii", nodes)? },
            _ => return fields.wrong("bounds", "a known word"),
        };
        let (lanes, leaves) = (Lanes::new(features), vec![None; nodes]);
        let mut search = Self { features, count, metric, lanes, places: Vec::new(), leaves, bounds };
        let (mut left, mut to_see) = (count, vec![0]);
        while let Some(node) = to_see.pop() {
            match is_leaf.get(node) {
                None => return fields.wrong("is_leaf", "one for each node that is come to"),
                Some(0) => to_see.extend([2 * node + 2, 2 * node + 1]),
                Some(_) => {
                    let Some(order) =
                        order.get(starts[node] as usize..ends[node] as usize).filter(|order| order.len() <= left)
                    else {
                        return fields.wrong("starts", "ranges of points of which no two meet");
                    };
                    left -= order.len();
                    search.add_leaf(node, order, &points);
                }
            }
        }
        Ok(search)
    }

    fn add_leaf(&mut self, node: usize, order: &[u32], points: &[f64]) {
        self.leaves[node] = Some(Leaf { block: self.places.len(), count: order.len() });
        for order in order.chunks(LANES) {
            let mut places = [0; LANES];
            places.iter_mut().zip(order).for_each(|(into, place)| *into = *place);
            self.places.push(places);
            self.lanes.add(order.iter().map(|place| &points[*place as usize * self.features..][..self.features]));
        }
    }

    /// The `found.distances.len()` nearest points, the nearest first.
    pub(crate) fn nearest(&self, row: &[f64], found: &mut Found) {
        found.distances.fill(f64::INFINITY);
        found.places.fill(0);
        self.search(0, row, found, self.least(0, row));
        found.sort();
        found.distances.iter_mut().for_each(|distance| *distance = self.metric.distance(*distance));
    }

    fn search(&self, node: usize, row: &[f64], found: &mut Found, least: f64) {
        if least > found.distances[0] {
            return;
        }
        if let Some(leaf) = self.leaves[node] {
            self.each_of(leaf, row, |distance, place| found.push(distance, place));
            return;
        }
        let (one, other) = (2 * node + 1, 2 * node + 2);
        let (to_one, to_other) = (self.least(one, row), self.least(other, row));
        if to_one <= to_other {
            self.search(one, row, found, to_one);
            self.search(other, row, found, to_other);
        } else {
            self.search(other, row, found, to_other);
            self.search(one, row, found, to_one);
        }
    }

    /// All points within a distance, in the order of the tree.
    pub(crate) fn within(&self, row: &[f64], radius: f64, found: &mut Found) {
        found.distances.clear();
        found.places.clear();
        self.collect(0, row, (radius, self.metric.reduced(radius)), found);
        found.distances.iter_mut().for_each(|distance| *distance = self.metric.distance(*distance));
    }

    fn collect(&self, node: usize, row: &[f64], (radius, mut reduced): (f64, f64), found: &mut Found) {
        let (least, most) = self.between(node, row);
        if least > radius {
            return;
        }
        if most <= radius {
            reduced = f64::INFINITY;
        }
        let radius = if reduced.is_infinite() { f64::INFINITY } else { radius };
        if let Some(leaf) = self.leaves[node] {
            self.each_of(leaf, row, |distance, place| {
                if distance <= reduced {
                    found.distances.push(distance);
                    found.places.push(place);
                }
            });
            return;
        }
        self.collect(2 * node + 1, row, (radius, reduced), found);
        self.collect(2 * node + 2, row, (radius, reduced), found);
    }

    fn each_of(&self, leaf: Leaf, row: &[f64], mut each: impl FnMut(f64, u32)) {
        let mut left = leaf.count;
        let blocks = self.lanes.blocks(leaf.block).zip(&self.places[leaf.block..]);
        for (block, places) in blocks.take(leaf.count.div_ceil(LANES)) {
            let distances = self.metric.between(row, block);
            distances.iter().zip(places).take(left).for_each(|(distance, place)| each(*distance, *place));
            left = left.saturating_sub(LANES);
        }
    }

    /// The least reduced distance that a point of a node can have.
    fn least(&self, node: usize, row: &[f64]) -> f64 {
        match &self.bounds {
            Bounds::Nowhere => 0.0,
            Bounds::Boxes { low, high } => {
                let bounds = self.part(low, node).iter().zip(self.part(high, node));
                self.metric.sum(row.iter().zip(bounds).map(|(x, (low, high))| outside(*x, *low, *high)))
            }
            Bounds::Balls { .. } => self.metric.reduced(self.between(node, row).0),
        }
    }

    /// The least and the largest distance that a point of a node can have.
    fn between(&self, node: usize, row: &[f64]) -> (f64, f64) {
        match &self.bounds {
            Bounds::Nowhere => (0.0, f64::INFINITY),
            Bounds::Boxes { low, high } => {
                let bounds = self.part(low, node).iter().zip(self.part(high, node));
                let farthest = row.iter().zip(bounds).map(|(x, (low, high))| (low - x).abs().max((x - high).abs()));
                (self.metric.distance(self.least(node, row)), self.metric.distance(self.metric.sum(farthest)))
            }
            Bounds::Balls { centers, radii } => {
                let apart = row.iter().zip(self.part(centers, node)).map(|(x, center)| (x - center).abs());
                let distance = self.metric.distance(self.metric.sum(apart));
                ((distance - radii[node]).max(0.0), distance + radii[node])
            }
        }
    }

    fn part<'a>(&self, values: &'a [f64], node: usize) -> &'a [f64] {
        &values[node * self.features..(node + 1) * self.features]
    }
}

/// How far a number is outside of two others.
fn outside(x: f64, low: f64, high: f64) -> f64 {
    let (below, above) = (low - x, x - high);
    0.5 * ((below + below.abs()) + (above + above.abs()))
}

impl Metric {
    /// The reduced distances of a row to each lane's point, every one summed up in the order of the columns.
    fn between(self, row: &[f64], block: &[[f64; LANES]]) -> [f64; LANES] {
        match self {
            Self::Euclidean => fold(row, block, |sum, x, point| sum + (x - point) * (x - point)),
            Self::Manhattan => fold(row, block, |sum, x, point| sum + (x - point).abs()),
            Self::Chebyshev => fold(row, block, |sum, x, point| sum.max((x - point).abs())),
            Self::Minkowski(p) => fold(row, block, |sum, x, point| sum + (x - point).abs().powf(p)),
        }
    }

    /// The same, of differences.
    fn sum(self, apart: impl Iterator<Item = f64>) -> f64 {
        match self {
            Self::Euclidean => apart.map(|apart| apart * apart).sum(),
            Self::Manhattan => apart.map(f64::abs).sum(),
            Self::Chebyshev => apart.fold(0.0, |most, apart| most.max(apart.abs())),
            Self::Minkowski(p) => apart.map(|apart| apart.abs().powf(p)).sum(),
        }
    }

    fn distance(self, reduced: f64) -> f64 {
        match self {
            Self::Euclidean => reduced.sqrt(),
            Self::Manhattan | Self::Chebyshev => reduced,
            Self::Minkowski(p) => reduced.powf(1.0 / p),
        }
    }

    fn reduced(self, distance: f64) -> f64 {
        match self {
            Self::Euclidean => distance * distance,
            Self::Manhattan | Self::Chebyshev => distance,
            Self::Minkowski(p) => distance.powf(p),
        }
    }
}

impl Found {
    /// Room for so many.
    pub(crate) fn room(count: usize) -> Self {
        Self { distances: vec![f64::INFINITY; count], places: vec![0; count] }
    }

    fn push(&mut self, distance: f64, place: u32) {
        // A NaN is none of the nearest.
        if distance >= self.distances[0] || distance.is_nan() {
            return;
        }
        let (size, mut at) = (self.distances.len(), 0);
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= size {
                break;
            }
            let larger = if right >= size || self.distances[left] >= self.distances[right] { left } else { right };
            if distance >= self.distances[larger] {
                break;
            }
            self.distances[at] = self.distances[larger];
            self.places[at] = self.places[larger];
            at = larger;
        }
        self.distances[at] = distance;
        self.places[at] = place;
    }

    /// By insertion, as scikit-learn does up to 15; of more, only sums could differ, by the order of equal distances.
    fn sort(&mut self) {
        if self.distances.len() > 15 {
            let mut pairs: Vec<_> = self.distances.iter().copied().zip(self.places.iter().copied()).collect();
            pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
            for (at, (distance, place)) in pairs.into_iter().enumerate() {
                (self.distances[at], self.places[at]) = (distance, place);
            }
            return;
        }
        for from in 1..self.distances.len() {
            let mut at = from;
            while at > 0 && self.distances[at - 1] > self.distances[at] {
                self.distances.swap(at - 1, at);
                self.places.swap(at - 1, at);
                at -= 1;
            }
        }
    }
}
