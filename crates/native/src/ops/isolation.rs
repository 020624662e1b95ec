//! `isolation`: how unlike the others a row is, by how soon trees part it from them. `IsolationForest`.

use crate::{
    Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
pub(crate) struct Isolation {
    /// How deep a row goes, in sum of all trees.
    depths: Operator,
    /// The depth of an average row.
    average: f64,
    offset: f64,
    /// Whoever goes less deep is an outlier.
    limit: f64,
}

impl Operate for Isolation {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        Ok(Self {
            depths: fields.operator("depths")?,
            average: fields.number("average")?,
            offset: fields.number("offset")?,
            limit: fields.number("limit")?,
        })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let mut depths = self.depths.transform(x.clone())?.into_dense(1)?;
        let label = |depth: &f64| u32::from(*depth >= self.limit);
        let prediction = wanted.prediction.then(|| Prediction::Labels(depths.values.iter().map(label).collect()));
        for depth in &mut depths.values {
            // Of a forest that was fitted on one row, the average is 0.
            let share = if self.average > 0.0 { *depth / self.average } else { 1.0 };
            *depth = -(-share).exp2() - self.offset;
        }
        let decision: Option<Matrix> = wanted.decision.then_some(depths);
        Ok(Answer { prediction, probabilities: None, decision })
    }
}
