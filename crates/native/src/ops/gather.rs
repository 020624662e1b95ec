//! `gather`: answers of several estimators on the same rows, side by side. The first half of `Voting…`, `Stacking…`,
//! `CalibratedClassifierCV`, `MultiOutputRegressor`, `OneVsRestClassifier` and their like; or all of one that only collects.

use crate::{
    Answer, BadGraph, Matrix, Refused, Value, Wanted,
    file::Fields,
    operator::Operate,
    ops::member::{Member, side_by_side},
};

#[derive(Debug)]
pub(crate) struct Gather {
    members: Vec<Member>,
}

impl Operate for Gather {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let members = fields.inners("members")?.into_iter().map(Member::read).collect::<Result<Vec<_>, _>>()?;
        if members.is_empty() { fields.wrong("members", "at least one") } else { Ok(Self { members }) }
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        self.matrix(&x).map(Value::Dense)
    }

    fn answer(&self, x: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        self.matrix(x).map(Answer::values)
    }
}

impl Gather {
    fn matrix(&self, x: &Value<'_>) -> Result<Matrix, Refused> {
        let mut parts = Vec::with_capacity(self.members.len());
        for member in &self.members {
            parts.extend(member.say(x)?);
        }
        Ok(side_by_side(x.rows(), &parts))
    }
}
