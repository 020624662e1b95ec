//! `prior`: the raw scores that an estimator's answers stand for. What `GradientBoosting…` with an `init` starts with.

use crate::{
    BadGraph, Matrix, Prediction, Refused, Value, Wanted,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
pub(crate) struct Prior {
    of: Operator,
    link: Link,
}

/// `sklearn._loss.link`.
#[derive(Debug, Clone, Copy)]
enum Link {
    /// Of what is predicted.
    Identity,
    /// `factor ln(p / (1 - p))` of the second class.
    Logit(f64),
    /// `ln(p / gm)` of each class, `gm` being the geometric mean.
    Multinomial,
}

impl Operate for Prior {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let link = match fields.word("link")? {
            "identity" => Link::Identity,
            "logit" => Link::Logit(1.0),
            "half_logit" => Link::Logit(0.5),
            "multinomial" => Link::Multinomial,
            _ => return fields.wrong("link", "a known link"),
        };
        Ok(Self { of: fields.operator("of")?, link })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let lacking = || Refused::misfit("an estimator that does not say what is started with");
        if matches!(self.link, Link::Identity) {
            return match self.of.answer(&x, Wanted::PREDICTION)?.prediction {
                Some(Prediction::Values(mut values)) => {
                    values.single = false;
                    Ok(Value::Dense(values))
                }
                _ => Err(lacking()),
            };
        }
        let mut shares = self.of.answer(&x, Wanted::PROBABILITIES)?.probabilities.ok_or_else(lacking)?;
        shares.single = false;
        for share in &mut shares.values {
            *share = share.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        }
        if let Link::Logit(factor) = self.link {
            if shares.width != 2 {
                return Err(lacking());
            }
            let values = shares.each_row().map(|row| factor * (row[1] / (1.0 - row[1])).ln()).collect();
            return Ok(Value::Dense(Matrix { rows: shares.rows, width: 1, values, single: false }));
        }
        shares.each_row_mut().for_each(multinomial);
        Ok(Value::Dense(shares))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of classes")]
fn multinomial(row: &mut [f64]) {
    let mean = (row.iter().map(|share| share.ln()).sum::<f64>() / row.len() as f64).exp();
    for share in row {
        *share = (*share / mean).ln();
    }
}
