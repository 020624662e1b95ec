//! `threshold`: a binary classifier whose label depends on another threshold. `FixedThresholdClassifier`,
//! `TunedThresholdClassifierCV`.

use crate::{
    Answer, BadGraph, Explanation, Matrix, Prediction, Refused, Value, Wanted,
    explain::Traced,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
pub(crate) struct Threshold {
    then: Operator,
    /// The column of the probabilities that is the score; the decision where there is none.
    column: Option<usize>,
    /// The decision is of the other class.
    negated: bool,
    /// The threshold.
    from: f64,
    /// The place of the label below it, and of the one from it on.
    below: u32,
    above: u32,
}

impl Operate for Threshold {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let place = |field: &str| Ok(u32::try_from(fields.count(field)?).unwrap_or(u32::MAX));
        let [from] = fields.f64s("threshold")?[..] else { return fields.wrong("threshold", "one number") };
        Ok(Self {
            then: fields.operator("then")?,
            column: if fields.has("column") { Some(fields.count("column")?) } else { None },
            negated: fields.flag("negated")?,
            from,
            below: place("below")?,
            above: place("above")?,
        })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let by_probability = self.column.is_some();
        let inner = Wanted {
            prediction: false,
            probabilities: wanted.probabilities || (wanted.prediction && by_probability),
            decision: wanted.decision || (wanted.prediction && !by_probability),
        };
        let mut answer = self.then.answer(x, inner)?;
        if wanted.prediction {
            let labels = if by_probability {
                self.labels(answer.probabilities.as_ref())
            } else {
                self.labels(answer.decision.as_ref())
            };
            answer.prediction = labels.map(Prediction::Labels);
            if answer.prediction.is_none() {
                return Err(Refused::misfit("an estimator without the score that its threshold is for"));
            }
        }
        answer.probabilities = answer.probabilities.filter(|_| wanted.probabilities);
        answer.decision = answer.decision.filter(|_| wanted.decision);
        Ok(answer)
    }

    fn explain(&self, x: &Traced<'_>, columns: usize) -> Result<Explanation, Refused> {
        self.then.explain(x, columns)
    }
}

impl Threshold {
    fn labels(&self, scores: Option<&Matrix>) -> Option<Vec<u32>> {
        let label = |row: &[f64]| {
            let score = *row.get(self.column.unwrap_or(0))?;
            let score = if self.negated { -score } else { score };
            Some(if score >= self.from { self.above } else { self.below })
        };
        scores?.each_row().map(label).collect()
    }
}
