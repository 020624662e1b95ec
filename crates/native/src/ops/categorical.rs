//! `categorical`: the log probabilities of a row's categories, summed for each class. `CategoricalNB`.

use crate::{Answer, BadGraph, Matrix, Refused, Value, Wanted, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Categorical {
    priors: Vec<f64>,
    /// Of each column, `[categories, classes]`.
    columns: Vec<Vec<f64>>,
}

impl Operate for Categorical {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let priors = fields.f64s("priors")?;
        let columns =
            fields.inners("columns")?.into_iter().map(|column| column.f64s("logs")).collect::<Result<Vec<_>, _>>()?;
        if priors.is_empty() || columns.iter().any(|logs| logs.len() % priors.len() != 0) {
            return fields.wrong("columns", "[categories, classes]");
        }
        Ok(Self { priors, columns })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let (x, classes) = (x.dense(self.columns.len())?, self.priors.len());
        let mut scores = Matrix::zeros(x.rows, classes);
        for (row, scores) in x.each_row().zip(scores.values.chunks_exact_mut(classes)) {
            for (value, logs) in row.iter().zip(&self.columns) {
                // As numpy's cast to whole numbers, which cuts off digits. NaN is refused before.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "beyond is refused")]
                let place = if *value > -1.0 { *value as usize } else { usize::MAX };
                let start = place.checked_mul(classes);
                let Some(logs) = start.and_then(|start| logs.get(start..start.checked_add(classes)?)) else {
                    return Err(Refused::rows("a category that the model was not trained on"));
                };
                scores.iter_mut().zip(logs).for_each(|(score, log)| *score += log);
            }
            scores.iter_mut().zip(&self.priors).for_each(|(score, prior)| *score += prior);
        }
        Ok(Answer::most_likely(scores, wanted))
    }
}
