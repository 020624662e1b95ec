//! `vote`: the label that most estimators predict, the first of several. `VotingClassifier` with `voting="hard"`.

use crate::{Answer, BadGraph, Prediction, Refused, Value, Wanted, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Vote {
    classes: u32,
    /// One for each estimator, above zero.
    weights: Vec<f64>,
}

impl Operate for Vote {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let weights = fields.f64s("weights")?;
        if weights.is_empty() || weights.iter().any(|weight| *weight <= 0.0 || !weight.is_finite()) {
            return fields.wrong("weights", "numbers above zero");
        }
        let classes = u32::try_from(fields.count("classes")?).unwrap_or(u32::MAX);
        Ok(Self { classes, weights })
    }

    fn answer(&self, x: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        let votes = x.dense(self.weights.len())?;
        let labels = votes.each_row().map(|row| self.winner(row)).collect::<Option<Vec<_>>>();
        let labels = labels.ok_or_else(|| Refused::misfit("a vote for no class"))?;
        Ok(Answer { prediction: Some(Prediction::Labels(labels)), ..Answer::default() })
    }
}

impl Vote {
    /// `numpy.argmax(numpy.bincount(row, weights))`: each label's weights are added in the estimators' order.
    fn winner(&self, row: &[f64]) -> Option<u32> {
        let mut best: Option<(f64, u32)> = None;
        for label in row {
            let place = as_place(*label).filter(|place| *place < self.classes)?;
            let for_it = row.iter().zip(&self.weights).filter(|(other, _)| as_place(**other) == Some(place));
            let votes = for_it.map(|(_, weight)| weight).sum::<f64>();
            if best.is_none_or(|(most, first)| votes > most || (votes >= most && place < first)) {
                best = Some((votes, place));
            }
        }
        best.map(|(_, place)| place)
    }
}

/// A label's place, where a number is one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
pub(crate) fn as_place(number: f64) -> Option<u32> {
    (number.fract().abs() <= 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}
