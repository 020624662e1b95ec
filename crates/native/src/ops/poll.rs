//! `poll`: several estimators asked on the same rows, each on its own columns, their answers added up or put side by side.
//! `Bagging…`, and `AdaBoost…` of any estimator.

use super::join::take;
use crate::{
    Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
pub(crate) struct Poll {
    parts: Vec<Part>,
    outputs: usize,
    adds: Adds,
    /// What the sums are divided by at the end.
    divide: Option<f64>,
}

#[derive(Debug)]
struct Part {
    /// All, where there are none.
    columns: Option<Vec<usize>>,
    of: Operator,
    /// Of each of its classes, which output its probability adds to; or what each of its labels adds to each output.
    classes: Vec<usize>,
    votes: Vec<f64>,
}

/// What of an estimator's answer is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Adds {
    Votes,
    Probabilities,
    Values,
    /// Each estimator's one value is an output of its own.
    Beside,
}

impl Operate for Poll {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let adds = match fields.word("adds")? {
            "votes" => Adds::Votes,
            "probabilities" => Adds::Probabilities,
            "values" => Adds::Values,
            "beside" => Adds::Beside,
            _ => return fields.wrong("adds", "a known word"),
        };
        let outputs = fields.f64s("start")?.len();
        let part = |fields: Fields<'_>| {
            let part = Part {
                columns: if fields.has("columns") { Some(fields.counts("columns")?) } else { None },
                of: fields.operator("of")?,
                classes: if adds == Adds::Probabilities { fields.counts("classes")? } else { Vec::new() },
                votes: if adds == Adds::Votes { fields.f64s("votes")? } else { Vec::new() },
            };
            if part.classes.iter().any(|class| *class >= outputs) || !part.votes.len().is_multiple_of(outputs.max(1)) {
                return fields.wrong("votes", "of as many outputs as there are");
            }
            Ok(part)
        };
        let parts = fields.inners("parts")?.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
        let known = match adds {
            Adds::Votes => parts.iter().all(|part| part.votes.len() >= outputs),
            Adds::Probabilities => parts.iter().any(|part| part.classes.contains(&outputs.saturating_sub(1))),
            Adds::Values => true,
            Adds::Beside => outputs == parts.len(),
        };
        if !known || outputs == 0 || parts.is_empty() {
            return fields.wrong("start", "a number for each output");
        }
        let divide = if fields.has("divide") { Some(fields.number("divide")?) } else { None };
        Ok(Self { parts, outputs, adds, divide })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut sums = Matrix::zeros(x.rows(), self.outputs);
        let wanted = if self.adds == Adds::Probabilities { Wanted::PROBABILITIES } else { Wanted::PREDICTION };
        for (at, part) in self.parts.iter().enumerate() {
            let answer = match &part.columns {
                Some(columns) => part.of.answer(&take(&x, columns)?, wanted)?,
                None => part.of.answer(&x, wanted)?,
            };
            self.add(at, part, answer, &mut sums)?;
        }
        if let Some(divide) = self.divide {
            sums.values.iter_mut().for_each(|sum| *sum /= divide);
        }
        Ok(Value::Dense(sums))
    }
}

impl Poll {
    fn add(&self, at: usize, part: &Part, answer: Answer, sums: &mut Matrix) -> Result<(), Refused> {
        let misfit = || Refused::misfit("an estimator that answers something else than the others");
        let rows = sums.values.chunks_exact_mut(self.outputs);
        match (self.adds, answer.prediction, answer.probabilities) {
            (Adds::Votes, Some(Prediction::Labels(labels)), _) => {
                for (sums, label) in rows.zip(labels) {
                    let start = label as usize * self.outputs;
                    let votes = part.votes.get(start..start + self.outputs).ok_or_else(misfit)?;
                    sums.iter_mut().zip(votes).for_each(|(sum, vote)| *sum += vote);
                }
            }
            (Adds::Probabilities, _, Some(shares)) if shares.width == part.classes.len() => {
                for (sums, shares) in rows.zip(shares.each_row()) {
                    part.classes.iter().zip(shares).for_each(|(class, share)| sums[*class] += share);
                }
            }
            (Adds::Values, Some(Prediction::Values(values)), _) if values.width == self.outputs => {
                sums.values.iter_mut().zip(&values.values).for_each(|(sum, value)| *sum += value);
            }
            (Adds::Beside, Some(Prediction::Values(values)), _) if values.width == 1 => {
                rows.zip(&values.values).for_each(|(sums, value)| sums[at] = *value);
            }
            _ => return Err(misfit()),
        }
        Ok(())
    }
}
