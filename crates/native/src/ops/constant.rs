//! `constant`: the same answer for every row. `DummyClassifier`, `DummyRegressor`, and what stands for a binary classifier that
//! saw one class only.

use crate::{Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Constant {
    /// A label's place, or numbers.
    label: Option<u32>,
    values: Option<Vec<f64>>,
    probabilities: Option<Vec<f64>>,
    decision: Option<Vec<f64>>,
}

impl Operate for Constant {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let label = if fields.has("label") { u32::try_from(fields.count("label")?).ok() } else { None };
        let values = fields.maybe_f64s("values")?;
        if label.is_some() == values.is_some() {
            return fields.wrong("label", "there, or values instead");
        }
        Ok(Self {
            label,
            values,
            probabilities: fields.maybe_f64s("probabilities")?,
            decision: fields.maybe_f64s("decision")?,
        })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let rows = x.rows();
        let repeated = |row: &Option<Vec<f64>>| {
            let row = row.as_ref()?;
            Some(Matrix { rows, width: row.len(), values: row.repeat(rows), single: false })
        };
        let prediction = match self.label {
            Some(label) => Some(Prediction::Labels(vec![label; rows])),
            None => repeated(&self.values).map(Prediction::Values),
        };
        Ok(Answer {
            prediction: prediction.filter(|_| wanted.prediction),
            probabilities: repeated(&self.probabilities).filter(|_| wanted.probabilities),
            decision: repeated(&self.decision).filter(|_| wanted.decision),
        })
    }
}
