//! `forest`: the mean of decision trees. `RandomForest…`, `ExtraTrees…`, `DecisionTree…`, `ExtraTree…`.

use crate::{Answer, BadGraph, Matrix, Refused, Value, Wanted, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Forest {
    features: usize,
    outputs: usize,
    classifies: bool,
    trees: Vec<Tree>,
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    /// `[leaves, outputs]`
    values: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// The largest 32-bit float that is not above the fitted threshold: a 32-bit float is not above one if and only if it is
    /// not above the other.
    threshold: f32,
    /// None for a leaf.
    feature: Option<u32>,
    /// Of a leaf, its place in the values.
    left: u32,
    right: u32,
    missing_left: bool,
}

#[expect(clippy::cast_possible_truncation, reason = "the rounding is corrected")]
fn floor32(threshold: f64) -> f32 {
    let rounded = threshold as f32;
    if f64::from(rounded) <= threshold { rounded } else { rounded.next_down() }
}

impl Operate for Forest {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, outputs) = (fields.count("features")?, fields.count("outputs")?.max(1));
        let (sizes, feature, threshold) = (fields.u32s("sizes")?, fields.i32s("feature")?, fields.f64s("threshold")?);
        let (left, right, missing) = (fields.i32s("left")?, fields.i32s("right")?, fields.u8s("missing_left")?);
        let values = fields.f64s("values")?;
        let total = sizes.iter().map(|size| *size as usize).sum::<usize>();
        if [feature.len(), threshold.len(), left.len(), right.len(), missing.len()] != [total; 5]
            || sizes.is_empty()
            || values.len() % outputs != 0
        {
            return fields.wrong("sizes", "the lengths of the trees");
        }
        let (mut start, mut leaf_start, mut trees) = (0, 0, Vec::with_capacity(sizes.len()));
        for size in sizes.iter().map(|size| *size as usize) {
            let (mut nodes, mut leaves) = (Vec::with_capacity(size), 0_u32);
            for at in 0..size {
                let place = start + at;
                let child = |child: i32| usize::try_from(child).ok().filter(|child| *child > at && *child < size);
                let node = if left[place] < 0 {
                    leaves += 1;
                    Node { threshold: 0.0, feature: None, left: leaves - 1, right: 0, missing_left: false }
                } else {
                    let (Some(left), Some(right)) = (child(left[place]), child(right[place])) else {
                        return fields.wrong("left", "places behind their node");
                    };
                    let Some(feature) = u32::try_from(feature[place]).ok().filter(|at| (*at as usize) < features) else {
                        return fields.wrong("feature", "places of features");
                    };
                    #[expect(clippy::cast_possible_truncation, reason = "below the size, which is of 32 bits")]
                    let (left, right) = (left as u32, right as u32);
                    Node {
                        threshold: floor32(threshold[place]),
                        feature: Some(feature),
                        left,
                        right,
                        missing_left: missing[place] != 0,
                    }
                };
                nodes.push(node);
            }
            let end = leaf_start + leaves as usize * outputs;
            let Some(values) = values.get(leaf_start..end) else { return fields.wrong("values", "[leaves, outputs]") };
            if nodes.is_empty() {
                return fields.wrong("sizes", "at least one");
            }
            trees.push(Tree { nodes, values: values.to_vec() });
            (start, leaf_start) = (start + size, end);
        }
        Ok(Self { features, outputs, classifies: fields.flag("classifies")?, trees })
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "trees compare 32-bit floats; a count")]
    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.features)?;
        let mut sums = Matrix::zeros(x.rows, self.outputs);
        for tree in &self.trees {
            for (row, sums) in x.each_row().zip(sums.values.chunks_exact_mut(self.outputs)) {
                let mut node = tree.nodes[0];
                while let Some(feature) = node.feature {
                    let value = row[feature as usize] as f32;
                    let goes_left = if value.is_nan() { node.missing_left } else { value <= node.threshold };
                    node = tree.nodes[if goes_left { node.left } else { node.right } as usize];
                }
                let leaf = node.left as usize * self.outputs;
                sums.iter_mut().zip(&tree.values[leaf..]).for_each(|(sum, value)| *sum += value);
            }
        }
        sums.values.iter_mut().for_each(|sum| *sum /= self.trees.len() as f64);
        Ok(if self.classifies { Answer::most_probable(sums, wanted) } else { Answer::values(sums) })
    }
}
