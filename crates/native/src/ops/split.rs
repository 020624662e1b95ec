//! `split`: one operator transforms, another predicts, a third gives probabilities, for an estimator whose methods have little
//! in common. `LinearDiscriminantAnalysis`, `PLSRegression`, `NearestCentroid`.

use crate::{
    Answer, BadGraph, Explanation, Refused, Value, Wanted,
    explain::Traced,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
pub(crate) struct Split {
    transform: Option<Operator>,
    /// What predicts, where that is another than what gives probabilities.
    predict: Option<Operator>,
    answer: Option<Operator>,
}

impl Operate for Split {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let maybe = |field| if fields.has(field) { fields.operator(field).map(Some) } else { Ok(None) };
        Ok(Self { transform: maybe("transform")?, predict: maybe("predict")?, answer: maybe("answer")? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        match &self.transform {
            Some(transform) => transform.transform(x),
            None => Err(Refused::misfit("an estimator where a transformer must be")),
        }
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let Some(answer) = &self.answer else {
            return Err(Refused::misfit("a transformer where an estimator must be"));
        };
        let Some(predict) = &self.predict else { return answer.answer(x, wanted) };
        let said = answer.answer(x, Wanted { prediction: false, ..wanted })?;
        let prediction = if wanted.prediction { predict.answer(x, Wanted::PREDICTION)?.prediction } else { None };
        Ok(Answer { prediction, ..said })
    }

    fn explain(&self, x: &Traced<'_>, columns: usize) -> Result<Explanation, Refused> {
        match (&self.answer, &self.predict) {
            (Some(answer), None) => answer.explain(x, columns),
            _ => Err(Refused::rows(
                "this model predicts by something else than what its probabilities are of, and is not explained",
            )),
        }
    }
}
