//! `succession`: regressors, each of which sees the rows and what those before it predicted. `RegressorChain`.

use crate::{
    Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
pub(crate) struct Succession {
    features: usize,
    members: Vec<Operator>,
    /// Of each member, which output it predicts.
    order: Vec<usize>,
}

impl Operate for Succession {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (members, order) = (fields.operators("members")?, fields.counts("order")?);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if members.is_empty() || !sorted.into_iter().eq(0..members.len()) {
            return fields.wrong("order", "each output once");
        }
        Ok(Self { features: fields.count("features")?, members, order })
    }

    fn answer(&self, x: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.features)?;
        let (rows, mut seen) = (x.rows, Value::Dense(Matrix { single: false, ..x.into_owned() }));
        let mut outputs = Matrix::zeros(rows, self.members.len());
        for (member, place) in self.members.iter().zip(&self.order) {
            let answer = member.answer(&seen, Wanted::PREDICTION)?;
            let Some(Prediction::Values(said)) = answer.prediction.filter(|said| said.is_one_number_for(rows)) else {
                return Err(Refused::misfit("a member predicts no number"));
            };
            outputs.each_row_mut().zip(&said.values).for_each(|(row, value)| row[*place] = *value);
            seen = seen.with_column(&said.values)?;
        }
        Ok(Answer::values(outputs))
    }
}

impl Prediction {
    fn is_one_number_for(&self, rows: usize) -> bool {
        matches!(self, Self::Values(values) if values.rows == rows && values.width == 1)
    }
}
