//! `bisect`: from the root of a tree of centers to a leaf, each time to the nearer of two. `BisectingKMeans`.

use crate::{
    Answer, BadGraph, Refused, Value, Wanted,
    file::Fields,
    math::{fused_dot, squared_distance},
    operator::Operate,
};

#[derive(Debug)]
pub(crate) struct Bisect {
    features: usize,
    /// `[nodes, features]`
    centers: Vec<f64>,
    /// Of each node, its left child, which the right one follows; 0 for a leaf.
    left: Vec<u32>,
    labels: Vec<u32>,
    /// Of each node, its center's square. Absent in graphs of an older mlsys, which compare the sums of squared differences.
    squares: Option<Vec<f64>>,
}

impl Operate for Bisect {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, left, labels) = (fields.count("features")?, fields.u32s("left")?, fields.u32s("labels")?);
        let behind = |(at, left): (usize, &u32)| *left == 0 || (*left as usize > at && (*left as usize) < labels.len() - 1);
        if features == 0 || labels.is_empty() || left.len() != labels.len() || !left.iter().enumerate().all(behind) {
            return fields.wrong("left", "places behind their node");
        }
        let centers = fields.f64s_of("centers", labels.len().saturating_mul(features))?;
        let squares = fields.has("squares").then(|| fields.f64s_of("squares", labels.len())).transpose()?;
        Ok(Self { features, centers, left, labels, squares })
    }

    fn answer(&self, x: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.features)?;
        let center = |node: usize| &self.centers[node * self.features..(node + 1) * self.features];
        // `|c|² - 2·x·c`, as scikit-learn's K-means compares them.
        let distance = |row: &[f64], node: usize| match &self.squares {
            Some(squares) => -2.0 * fused_dot(row, center(node)) + squares[node],
            None => squared_distance(row, center(node)),
        };
        let label = |row: &[f64]| {
            let mut node = 0;
            while self.left[node] > 0 {
                let left = self.left[node] as usize;
                let right_is_nearer = distance(row, left + 1) < distance(row, left);
                node = left + usize::from(right_is_nearer);
            }
            self.labels[node]
        };
        Ok(Answer::labels(x.each_row().map(label).collect()))
    }
}
