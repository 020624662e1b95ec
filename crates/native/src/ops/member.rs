//! An estimator inside another one, and which of its answers the outer one computes with.

use crate::{
    BadGraph, Matrix, Prediction, Refused, Value, Wanted,
    file::Fields,
    operator::{Operate, Operator},
};

/// An operator, and what is taken of it.
#[derive(Debug)]
pub(crate) struct Member {
    then: Operator,
    takes: Vec<Take>,
}

#[derive(Debug)]
enum Take {
    /// What `predict` says; where that is a label, the number that stands for it.
    Prediction(Option<Vec<f64>>),
    /// What `predict_proba` says, or one column of it.
    Probabilities(Option<usize>),
    /// What `decision_function` says.
    Decision,
    /// What `transform` says; nothing else is taken then.
    Transform,
}

impl Member {
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let take = |fields: Fields<'_>| {
            Ok(match fields.word("of")? {
                "prediction" => Take::Prediction(fields.maybe_f64s("labels")?),
                "probabilities" if fields.has("column") => Take::Probabilities(Some(fields.count("column")?)),
                "probabilities" => Take::Probabilities(None),
                "decision" => Take::Decision,
                "transform" => Take::Transform,
                _ => return fields.wrong("of", "a known answer"),
            })
        };
        let takes = fields.inners("takes")?.into_iter().map(take).collect::<Result<Vec<_>, _>>()?;
        if takes.is_empty() || (takes.len() > 1 && takes.iter().any(|take| matches!(take, Take::Transform))) {
            return fields.wrong("takes", "answers of one operator");
        }
        Ok(Self { then: fields.operator("then")?, takes })
    }

    /// How many answers are taken.
    pub(crate) fn count(&self) -> usize {
        self.takes.len()
    }

    /// What is taken, for some rows: one matrix for each, of as many rows.
    pub(crate) fn say(&self, x: &Value<'_>) -> Result<Vec<Matrix>, Refused> {
        let said = if matches!(self.takes[..], [Take::Transform]) {
            let transformed = self.then.transform(x.clone())?;
            let width = transformed.width();
            vec![transformed.into_dense(width)?]
        } else {
            let any = |f: fn(&Take) -> bool| self.takes.iter().any(f);
            let wanted = Wanted {
                prediction: any(|take| matches!(take, Take::Prediction(_))),
                probabilities: any(|take| matches!(take, Take::Probabilities(_))),
                decision: any(|take| matches!(take, Take::Decision)),
            };
            let answer = self.then.answer(x, wanted)?;
            let taken = self.takes.iter().map(|take| match take {
                Take::Prediction(labels) => answer.prediction.as_ref().and_then(|said| numbers(said, labels.as_deref())),
                Take::Probabilities(None) => answer.probabilities.clone(),
                Take::Probabilities(Some(at)) => answer.probabilities.as_ref().and_then(|said| column(said, *at)),
                Take::Decision => answer.decision.clone(),
                Take::Transform => None,
            });
            taken.collect::<Option<_>>().ok_or_else(|| Refused::misfit("a member lacks an answer"))?
        };
        if said.iter().any(|matrix| matrix.rows != x.rows()) {
            return Err(Refused::misfit("a member answers other rows"));
        }
        Ok(said)
    }
}

/// A prediction as numbers: `None` where a label has none.
fn numbers(said: &Prediction, labels: Option<&[f64]>) -> Option<Matrix> {
    match said {
        Prediction::Values(values) => Some(values.clone()),
        Prediction::Labels(places) => {
            let number = |place: &u32| labels?.get(*place as usize).copied();
            let values = places.iter().map(number).collect::<Option<Vec<_>>>()?;
            Some(Matrix { rows: values.len(), width: 1, values, single: false })
        }
        Prediction::Several { .. } => None,
    }
}

/// One column of a matrix.
fn column(matrix: &Matrix, at: usize) -> Option<Matrix> {
    let values = matrix.each_row().map(|row| row.get(at).copied()).collect::<Option<Vec<_>>>()?;
    Some(Matrix { rows: matrix.rows, width: 1, values, single: matrix.single })
}

/// Matrices of the same rows, side by side. They are of 32 bits if all are.
pub(crate) fn side_by_side(rows: usize, parts: &[Matrix]) -> Matrix {
    let width = parts.iter().map(|part| part.width).sum();
    let mut joined = Matrix::zeros(rows, width);
    let mut start = 0;
    for part in parts {
        for (into, from) in joined.each_row_mut().zip(part.each_row()) {
            into[start..start + part.width].copy_from_slice(from);
        }
        start += part.width;
    }
    joined.single = !parts.is_empty() && parts.iter().all(|part| part.single);
    joined
}
