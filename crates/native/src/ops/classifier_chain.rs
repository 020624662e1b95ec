//! `classifier_chain`: classifiers, each of which sees the rows and what those before it say. `ClassifierChain`, whose labels are
//! numbers.

use crate::{
    Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted, file::Fields, operator::Operate, ops::member::Member,
};

#[derive(Debug)]
pub(crate) struct ClassifierChain {
    features: usize,
    /// Of each, its prediction is taken, and then its probability and its decision, as far as the chain has them.
    members: Vec<Member>,
    /// Of each member, which output it is for.
    order: Vec<usize>,
    probabilities: bool,
    decision: bool,
    /// Which of the answers the members behind it see.
    passes: usize,
    /// They see its logarithm.
    log: bool,
}

impl Operate for ClassifierChain {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let members = fields.inners("members")?.into_iter().map(Member::read).collect::<Result<Vec<_>, _>>()?;
        let order = fields.counts("order")?;
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if members.is_empty() || !sorted.into_iter().eq(0..members.len()) {
            return fields.wrong("order", "each output once");
        }
        let (probabilities, decision) = (fields.flag("probabilities")?, fields.flag("decision")?);
        let takes = 1 + usize::from(probabilities) + usize::from(decision);
        if members.iter().any(|member| member.count() != takes) {
            return fields.wrong("members", "of as many answers as the chain has");
        }
        let (passes, log) = match fields.word("passes")? {
            "prediction" => (0, false),
            "probabilities" if probabilities => (1, false),
            "log_probabilities" if probabilities => (1, true),
            "decision" if decision => (takes - 1, false),
            _ => return fields.wrong("passes", "an answer that the chain has"),
        };
        Ok(Self { features: fields.count("features")?, members, order, probabilities, decision, passes, log })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let mut seen = match x {
            Value::Sparse(sparse) if sparse.width == self.features => Value::Sparse(sparse.clone()),
            other => Value::Dense(Matrix { single: false, ..other.dense(self.features)?.into_owned() }),
        };
        let takes = 1 + usize::from(self.probabilities) + usize::from(self.decision);
        let mut answers = vec![Matrix::zeros(x.rows(), self.members.len()); takes];
        for (member, place) in self.members.iter().zip(&self.order) {
            let mut said = member.say(&seen)?;
            if said.iter().any(|column| column.width != 1) {
                return Err(Refused::misfit("a member says something else than one number"));
            }
            for (into, column) in answers.iter_mut().zip(&said) {
                into.each_row_mut().zip(&column.values).for_each(|(row, value)| row[*place] = *value);
            }
            let mut passed = said.swap_remove(self.passes).values;
            if self.log {
                for value in &mut passed {
                    *value = value.ln();
                }
            }
            seen = seen.with_column(&passed)?;
        }
        let decision = if self.decision { answers.pop() } else { None };
        let probabilities = if self.probabilities { answers.pop() } else { None };
        Ok(Answer {
            prediction: answers.pop().filter(|_| wanted.prediction).map(Prediction::Values),
            probabilities: probabilities.filter(|_| wanted.probabilities),
            decision: decision.filter(|_| wanted.decision),
        })
    }
}
