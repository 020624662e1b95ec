//! `scores`: what boosted estimators say of their raw scores. `GradientBoosting…`, `HistGradientBoosting…`, and the
//! estimators of `XGBoost` and `LightGBM`.

use crate::math::softmax;
use crate::{
    Answer, BadGraph, Explained, Explanation, Matrix, Prediction, Refused, Value, Wanted,
    answer::argmax,
    explain::Traced,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
pub(crate) struct Scores {
    of: Operator,
    link: Link,
    /// None for numbers.
    labels: Option<Labels>,
    decision: bool,
    probabilities: bool,
    /// Of one probability, the other class has the rest.
    pair: bool,
}

/// What is made of the scores. In 32-bit floats, where the scores are such.
#[derive(Debug, Clone, Copy)]
enum Link {
    Identity,
    Exp,
    /// `1 / (1 + exp(-factor x))`.
    Logistic(f64),
    Softmax,
    /// The softmax of the scores, divided by a number; of one score, of its half, once negative. `AdaBoostClassifier`.
    Divided(f64),
    /// `ln(1 + exp(x))`.
    Softplus,
    /// With its sign.
    Square,
    /// 1 above 0, else 0.
    Step,
    /// The place of the largest.
    Largest,
}

/// Which class is the prediction.
#[derive(Debug, Clone, Copy)]
enum Labels {
    /// The second of two, if the score is above 0.
    Positive,
    /// The second of two, if the score is not below 0.
    NotNegative,
    /// The second of two, if its probability is above a half.
    Half,
    /// That of the largest score.
    Largest,
    /// That of the largest probability.
    MostProbable,
}

impl Operate for Scores {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let link = match fields.word("link")? {
            "identity" => Link::Identity,
            "exp" => Link::Exp,
            "logistic" => Link::Logistic(fields.number("factor")?),
            "softmax" => Link::Softmax,
            "divided" => Link::Divided(fields.number("by")?),
            "softplus" => Link::Softplus,
            "square" => Link::Square,
            "step" => Link::Step,
            "largest" => Link::Largest,
            _ => return fields.wrong("link", "a known link"),
        };
        let labels = match if fields.has("labels") { fields.word("labels")? } else { "" } {
            "" => None,
            "positive" => Some(Labels::Positive),
            "not_negative" => Some(Labels::NotNegative),
            "half" => Some(Labels::Half),
            "largest" => Some(Labels::Largest),
            "most_probable" => Some(Labels::MostProbable),
            _ => return fields.wrong("labels", "a known rule"),
        };
        let (decision, probabilities) = (fields.flag("decision")?, fields.flag("probabilities")?);
        Ok(Self { of: fields.operator("of")?, link, labels, decision, probabilities, pair: fields.flag("pair")? })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let raw = self.raw(x)?;
        let decides = self.decision && wanted.decision;
        let wanted = Wanted { probabilities: wanted.probabilities && self.probabilities, ..wanted };
        let Some(rule) = self.labels else {
            let decision = decides.then(|| raw.clone());
            return Ok(Answer { decision, ..Answer::values(self.link.of(raw)) });
        };
        if matches!(rule, Labels::MostProbable) {
            let decision = decides.then(|| raw.clone());
            return Ok(Answer { decision, ..Answer::most_probable(self.shares(raw), wanted) });
        }
        let half = matches!(rule, Labels::Half);
        let shares = (wanted.prediction && half || wanted.probabilities).then(|| self.shares(raw.clone()));
        let above = |test: fn(f64) -> bool| raw.values.iter().map(|score| u32::from(test(*score))).collect();
        let labels = || match (rule, &shares) {
            (Labels::Positive, _) => above(|score| score > 0.0),
            (Labels::NotNegative, _) => above(|score| score >= 0.0),
            (Labels::Half, Some(shares)) => shares.each_row().map(|row| u32::from(row.last() > Some(&0.5))).collect(),
            _ => argmax(&raw),
        };
        let prediction = wanted.prediction.then(|| Prediction::Labels(labels()));
        let probabilities = shares.filter(|_| wanted.probabilities);
        Ok(Answer { prediction, probabilities, decision: decides.then_some(raw) })
    }

    /// The raw scores are explained: what a link makes of them is no sum.
    fn explain(&self, x: &Traced<'_>, columns: usize) -> Result<Explanation, Refused> {
        let of = match (self.link, self.labels) {
            (Link::Identity, None) => Explained::Predictions,
            (Link::Identity, Some(Labels::MostProbable)) => Explained::Probabilities,
            _ => Explained::Scores,
        };
        Ok(Explanation { of, ..self.of.explain(x, columns)? })
    }
}

impl Scores {
    fn raw(&self, x: &Value<'_>) -> Result<Matrix, Refused> {
        if let Operator::Trees(trees) = &self.of {
            return trees.sums(x);
        }
        let raw = self.of.transform(x.clone())?;
        let width = raw.width();
        raw.into_dense(width)
    }

    fn shares(&self, raw: Matrix) -> Matrix {
        let shares = self.link.of(raw);
        if shares.width != 1 || !self.pair {
            return shares;
        }
        let values = shares.values.iter().flat_map(|share| [1.0 - share, *share]).collect();
        let mut both = Matrix { rows: shares.rows, width: 2, values, single: shares.single };
        both.round();
        both
    }
}

impl Link {
    fn of(self, mut scores: Matrix) -> Matrix {
        let single = scores.single;
        let mut each = |f: &dyn Fn(f64) -> f64| scores.values.iter_mut().for_each(|score| *score = f(*score));
        match self {
            Self::Identity => {}
            Self::Exp if single => each(&|x| f64::from(float(x).exp())),
            Self::Exp => each(&f64::exp),
            Self::Logistic(_) if single => each(&|x| f64::from(logistic_single(float(x)))),
            Self::Logistic(factor) => each(&|x| 1.0 / (1.0 + (-factor * x).exp())),
            Self::Softplus => each(&|x| x.exp().ln_1p()),
            Self::Square => each(&|x| if x < 0.0 { -(x * x) } else { x * x }),
            Self::Step => each(&|x| f64::from(u8::from(x > 0.0))),
            Self::Softmax if single => scores.each_row_mut().for_each(softmax_single),
            Self::Softmax => return softmax(scores),
            Self::Divided(_) if scores.width == 1 => {
                let values = scores.values.iter().flat_map(|score| [-score / 2.0, score / 2.0]).collect();
                return softmax(Matrix { rows: scores.rows, width: 2, values, single });
            }
            Self::Divided(by) => {
                each(&|x| x / by);
                return softmax(scores);
            }
            Self::Largest => {
                let values = argmax(&scores).into_iter().map(f64::from).collect();
                return Matrix { rows: scores.rows, width: 1, values, single };
            }
        }
        scores
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is one already")]
fn float(x: f64) -> f32 {
    x as f32
}

/// `Sigmoid` of `XGBoost`, in `src/common/math.h`.
fn logistic_single(x: f32) -> f32 {
    1.0 / ((-x).min(88.7).exp() + 1.0 + 1e-16)
}

/// `Softmax` of `XGBoost`, in `src/common/math.h`: the sum is a double, rounded at last.
fn softmax_single(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in row.iter_mut() {
        *score = f64::from((float(*score) - float(largest)).exp());
        sum += *score;
    }
    for share in row {
        *share = f64::from(float(*share) / float(sum));
    }
}
