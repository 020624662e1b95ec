//! `calibrate`: scores as probabilities. The second half of each of `CalibratedClassifierCV`'s classifiers.

use crate::{
    BadGraph, Matrix, Refused, Value,
    file::Fields,
    math::{logistic, softmax},
    operator::Operate,
};

#[derive(Debug)]
pub(crate) struct Calibrate {
    classes: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Of each column of scores, the place of its class, and its curve.
    Curves(Vec<(usize, Curve)>),
    /// The softmax of the scores times this.
    Temperature(f64, Logits),
}

#[derive(Debug, Clone, Copy)]
enum Logits {
    /// Scores as they are; of two classes' one score `x`, `-x` and `x`.
    Scores,
    /// The logarithms of probabilities.
    Logarithms,
}

#[derive(Debug)]
enum Curve {
    /// `1 / (1 + exp(a·x + b))`
    Sigmoid(f64, f64),
    /// Straight between points whose first coordinates ascend. `single`: in 32-bit floats.
    Isotonic { x: Vec<f64>, y: Vec<f64>, single: bool },
}

impl Operate for Calibrate {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let classes = fields.count("classes")?;
        if classes < 2 {
            return fields.wrong("classes", "two or more");
        }
        if let Some(beta) = fields.maybe_f64s("temperature")? {
            let [beta] = beta[..] else { return fields.wrong("temperature", "one number") };
            let logits = if fields.flag("probabilities")? { Logits::Logarithms } else { Logits::Scores };
            return Ok(Self { classes, kind: Kind::Temperature(beta, logits) });
        }
        let curve = |fields: Fields<'_>| {
            let place = fields.count("place")?;
            if place >= classes {
                return fields.wrong("place", "one of the classes");
            }
            Ok((place, Curve::read(fields)?))
        };
        let curves = fields.inners("curves")?.into_iter().map(curve).collect::<Result<Vec<_>, _>>()?;
        // What is computed for each row is of the order of the file.
        if curves.len() > classes || classes > curves.len() * 64 {
            return fields.wrong("curves", "one a class");
        }
        Ok(Self { classes, kind: Kind::Curves(curves) })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let width = x.width();
        let scores = x.into_dense(width)?;
        let mut probabilities = match &self.kind {
            Kind::Curves(curves) => self.curves(curves, &scores)?,
            Kind::Temperature(beta, logits) => self.temperature(*beta, *logits, scores)?,
        };
        for value in &mut probabilities.values {
            if *value > 1.0 && *value <= 1.0 + 1e-5 {
                *value = 1.0;
            }
        }
        Ok(Value::Dense(probabilities))
    }
}

impl Calibrate {
    fn curves(&self, curves: &[(usize, Curve)], scores: &Matrix) -> Result<Matrix, Refused> {
        if scores.width < curves.len() {
            return Err(Refused::misfit("fewer scores than classes"));
        }
        let mut probabilities = Matrix::zeros(scores.rows, self.classes);
        for (row, into) in scores.each_row().zip(probabilities.values.chunks_exact_mut(self.classes)) {
            for (score, (place, curve)) in row.iter().zip(curves) {
                into[*place] = curve.at(*score)?;
            }
            if let [first, second] = into {
                *first = 1.0 - *second;
                continue;
            }
            let sum = into.iter().sum::<f64>();
            for share in &mut *into {
                #[expect(clippy::cast_precision_loss, reason = "a count")]
                let uniform = 1.0 / self.classes as f64;
                *share = if sum == 0.0 { uniform } else { *share / sum };
            }
        }
        Ok(probabilities)
    }

    fn temperature(&self, beta: f64, logits: Logits, scores: Matrix) -> Result<Matrix, Refused> {
        if scores.values.iter().any(|score| !score.is_finite()) {
            return Err(Refused::rows("a score is missing or infinite, which can't be calibrated"));
        }
        let mut scores = if scores.width == 1 && self.classes == 2 {
            let pair = |score: &f64| match logits {
                Logits::Scores => [-score, *score],
                Logits::Logarithms => [1.0 - score, *score],
            };
            Matrix { rows: scores.rows, width: 2, values: scores.values.iter().flat_map(pair).collect(), single: false }
        } else {
            scores
        };
        if scores.width != self.classes {
            return Err(Refused::misfit("another number of scores than classes"));
        }
        for score in &mut scores.values {
            *score = beta * if matches!(logits, Logits::Logarithms) { (*score + 1e-12).ln() } else { *score };
        }
        Ok(softmax(scores))
    }
}

impl Curve {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        if let Some(line) = fields.maybe_f64s("line")? {
            let [a, b] = line[..] else { return fields.wrong("line", "a slope and an intercept") };
            return Ok(Self::Sigmoid(a, b));
        }
        let (x, y) = (fields.f64s("x")?, fields.f64s("y")?);
        if x.is_empty() || x.len() != y.len() || x.iter().any(|x| !x.is_finite()) || !x.is_sorted() {
            return fields.wrong("x", "ascending, as many as y");
        }
        Ok(Self::Isotonic { x, y, single: fields.flag("single")? })
    }

    fn at(&self, score: f64) -> Result<f64, Refused> {
        match self {
            Self::Sigmoid(a, b) => Ok(logistic(-(a * score + b))),
            Self::Isotonic { x, y, single } => {
                if !score.is_finite() {
                    return Err(Refused::rows("a score is missing or infinite, which can't be calibrated"));
                }
                Ok(if *single { straight_single(x, y, score) } else { straight(x, y, score) })
            }
        }
    }
}

/// `numpy.interp` within the points, which `scipy.interpolate.interp1d` calls for doubles.
pub(crate) fn straight(x: &[f64], y: &[f64], at: f64) -> f64 {
    let last = x.len() - 1;
    let at = at.max(x[0]).min(x[last]);
    // The last point that is not above.
    let below = x.partition_point(|x| *x <= at).saturating_sub(1);
    if below >= last || x[below] >= at {
        return y[below.min(last)];
    }
    let slope = (y[below + 1] - y[below]) / (x[below + 1] - x[below]);
    let here = slope * (at - x[below]) + y[below];
    if here.is_nan() { slope * (at - x[below + 1]) + y[below + 1] } else { here }
}

/// The same by `interp1d` itself, which computes in the points' own 32 bits.
fn straight_single(x: &[f64], y: &[f64], at: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "the rounding is what is wanted")]
    let round = |value: f64| f64::from(value as f32);
    let last = x.len() - 1;
    if last == 0 {
        return y[0];
    }
    let at = round(at).max(x[0]).min(x[last]);
    let above = x.partition_point(|x| *x < at).clamp(1, last);
    let below = above - 1;
    let slope = round(round(y[above] - y[below]) / round(x[above] - x[below]));
    round(round(slope * round(at - x[below])) + y[below])
}
