//! `chain`: steps one after the other. `Pipeline`.

use crate::{
    Answer, BadGraph, Explanation, Refused, Value, Wanted,
    explain::Traced,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
pub(crate) struct Chain {
    steps: Vec<Operator>,
    last: Operator,
}

impl Operate for Chain {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let mut steps = fields.operators("steps")?;
        match steps.pop() {
            Some(last) => Ok(Self { steps, last }),
            None => fields.wrong("steps", "at least one operator"),
        }
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let x = self.steps.iter().try_fold(x, |x, step| step.transform(x))?;
        self.last.transform(x)
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        match self.steps.split_first() {
            None => self.last.answer(x, wanted),
            Some((first, rest)) => {
                let x = rest.iter().try_fold(first.transform(x.clone())?, |x, step| step.transform(x))?;
                self.last.answer(&x, wanted)
            }
        }
    }

    fn trace<'a>(&'a self, x: Traced<'a>) -> Result<Traced<'a>, Refused> {
        let x = self.steps.iter().try_fold(x, |x, step| step.trace(x))?;
        self.last.trace(x)
    }

    fn explain(&self, x: &Traced<'_>, columns: usize) -> Result<Explanation, Refused> {
        let x = self.steps.iter().try_fold(x.clone(), |x, step| step.trace(x))?;
        self.last.explain(&x, columns)
    }
}
