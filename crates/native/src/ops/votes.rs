//! `votes`: of every two classes, the support vectors decide for one. `SVC`, `NuSVC`.
//!
//! Source: `svm_predict_values`, `svm_predict_probability` and `multiclass_probability` in `sklearn/svm/src/libsvm/svm.cpp`, and
//! `_ovr_decision_function` in `sklearn/utils/multiclass.py`.

use crate::{
    Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted,
    answer::argmax,
    file::Fields,
    kernel::{Kernel, Room},
    operator::Operate,
};

#[derive(Debug)]
pub(crate) struct Votes {
    features: usize,
    kernel: Kernel,
    /// Where each class's vectors start, and where the last one's end.
    starts: Vec<usize>,
    /// `[classes - 1, vectors]`
    coefficients: Vec<f64>,
    /// Of each pair of classes.
    intercepts: Vec<f64>,
    /// `A` and `B` of each pair's `1 / (1 + exp(A x + B))`.
    sigmoids: Option<(Vec<f64>, Vec<f64>)>,
    /// Decisions are of one class against the rest.
    against_rest: bool,
    /// Labels are by decisions, not by votes.
    break_ties: bool,
}

impl Operate for Votes {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, counts) = (fields.count("features")?, fields.u32s("counts")?);
        let mut starts = vec![0];
        starts.extend(counts.iter().scan(0_usize, |end, count| {
            *end += *count as usize;
            Some(*end)
        }));
        let (classes, vectors) = (counts.len(), starts[counts.len()]);
        if classes < 2 || vectors == 0 {
            return fields.wrong("counts", "those of two classes at least");
        }
        let coefficients = fields.f64s_of("coefficients", (classes - 1).saturating_mul(vectors))?;
        let pairs = classes.saturating_mul(classes - 1) / 2;
        let intercepts = fields.f64s_of("intercepts", pairs)?;
        let sigmoids = if fields.has("a") { Some((fields.f64s_of("a", pairs)?, fields.f64s_of("b", pairs)?)) } else { None };
        Ok(Self {
            features,
            kernel: Kernel::read(fields.inner("kernel")?, features, vectors)?,
            starts,
            coefficients,
            intercepts,
            sigmoids,
            against_rest: fields.flag("against_rest")?,
            break_ties: fields.flag("break_ties")?,
        })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.features)?;
        let mut decisions = Matrix::zeros(x.rows, self.intercepts.len());
        let (mut likeness, mut room) = (vec![0.0; self.vectors()], Room::default());
        for (row, into) in x.each_row().zip(decisions.each_row_mut()) {
            self.kernel.fill(row, &mut likeness, &mut room);
            self.decide(&likeness, into);
        }
        let probabilities = self.sigmoids.as_ref().filter(|_| wanted.probabilities).map(|(a, b)| {
            let mut probabilities = Matrix::zeros(x.rows, self.classes());
            let mut couple = Couple::new(self.classes());
            for (row, into) in decisions.each_row().zip(probabilities.each_row_mut()) {
                couple.pairs(row.iter().zip(a.iter().zip(b)).map(|(x, (a, b))| sigmoid(x * a + b)));
                couple.probabilities(into);
            }
            probabilities
        });
        let rest = (wanted.decision || self.break_ties).then(|| self.said(&decisions));
        let prediction = wanted.prediction.then(|| {
            Prediction::Labels(match &rest {
                Some(rest) if self.break_ties => argmax(rest),
                _ => self.votes(&decisions),
            })
        });
        Ok(Answer { prediction, probabilities, decision: rest.filter(|_| wanted.decision) })
    }
}

impl Votes {
    fn classes(&self) -> usize {
        self.starts.len() - 1
    }

    fn vectors(&self) -> usize {
        self.starts[self.classes()]
    }

    /// Every two classes, in libsvm's order.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let classes = self.classes();
        (0..classes).flat_map(move |one| (one + 1..classes).map(move |other| (one, other)))
    }

    fn decide(&self, likeness: &[f64], into: &mut [f64]) {
        let part = |row: usize, class: usize| {
            let (start, end) = (self.starts[class], self.starts[class + 1]);
            let coefficients = &self.coefficients[row * self.vectors()..][start..end];
            coefficients.iter().zip(&likeness[start..end]).map(|(coefficient, likeness)| coefficient * likeness)
        };
        for (into, ((one, other), intercept)) in into.iter_mut().zip(self.pairs().zip(&self.intercepts)) {
            *into = part(other - 1, one).chain(part(one, other)).sum::<f64>() + intercept;
        }
    }

    fn votes(&self, decisions: &Matrix) -> Vec<u32> {
        let mut votes = Matrix::zeros(decisions.rows, self.classes());
        for (row, votes) in decisions.each_row().zip(votes.each_row_mut()) {
            for (decision, (one, other)) in row.iter().zip(self.pairs()) {
                votes[if *decision > 0.0 { one } else { other }] += 1.0;
            }
        }
        argmax(&votes)
    }

    /// What `decision_function` says.
    fn said(&self, decisions: &Matrix) -> Matrix {
        if self.classes() == 2 {
            return Matrix { values: decisions.values.iter().map(|decision| -decision).collect(), ..*decisions };
        }
        if !self.against_rest {
            return decisions.clone();
        }
        let mut said = Matrix::zeros(decisions.rows, self.classes());
        let mut sums = vec![0.0; self.classes()];
        for (row, said) in decisions.each_row().zip(said.each_row_mut()) {
            sums.fill(0.0);
            for (decision, (one, other)) in row.iter().zip(self.pairs()) {
                sums[one] += decision;
                sums[other] -= decision;
                said[if *decision < 0.0 { other } else { one }] += 1.0;
            }
            for (said, sum) in said.iter_mut().zip(&sums) {
                *said += sum / (3.0 * (sum.abs() + 1.0));
            }
        }
        said
    }
}

/// `1 / (1 + exp(x))`, without cancellation, and neither 0 nor 1.
fn sigmoid(x: f64) -> f64 {
    let share = if x >= 0.0 { (-x).exp() / (1.0 + (-x).exp()) } else { 1.0 / (1.0 + x.exp()) };
    share.clamp(1e-7, 1.0 - 1e-7)
}

/// Probabilities of classes from those of pairs: method 2 of Wu, Lin and Weng, "Probability estimates for multi-class
/// classification by pairwise coupling", 2004.
struct Couple {
    classes: usize,
    /// `[classes, classes]` each.
    r: Vec<f64>,
    q: Vec<f64>,
    qp: Vec<f64>,
}

impl Couple {
    fn new(classes: usize) -> Self {
        let square = || vec![0.0; classes * classes];
        Self { classes, r: square(), q: square(), qp: vec![0.0; classes] }
    }

    fn pairs(&mut self, shares: impl Iterator<Item = f64>) {
        let k = self.classes;
        let pairs = (0..k).flat_map(|one| (one + 1..k).map(move |other| (one, other)));
        for ((one, other), share) in pairs.zip(shares) {
            self.r[one * k + other] = share;
            self.r[other * k + one] = 1.0 - share;
        }
        for t in 0..k {
            self.q[t * k + t] = (0..k).filter(|j| *j != t).map(|j| self.r[j * k + t] * self.r[j * k + t]).sum();
            for j in t + 1..k {
                self.q[t * k + j] = -self.r[j * k + t] * self.r[t * k + j];
                self.q[j * k + t] = self.q[t * k + j];
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a count")]
    fn probabilities(&mut self, p: &mut [f64]) {
        let k = self.classes;
        p.fill(1.0 / k as f64);
        for _ in 0..k.max(100) {
            let mut all = 0.0;
            for ((qp, q), p_t) in self.qp.iter_mut().zip(self.q.chunks_exact(k)).zip(p.iter()) {
                *qp = q.iter().zip(p.iter()).map(|(q, p)| q * p).sum();
                all += p_t * *qp;
            }
            let error = self.qp.iter().map(|qp| (qp - all).abs()).fold(0.0, f64::max);
            if error < 0.005 / k as f64 {
                break;
            }
            for t in 0..k {
                let own = self.q[t * k + t];
                let step = (-self.qp[t] + all) / own;
                p[t] += step;
                all = (all + step * (step * own + 2.0 * self.qp[t])) / (1.0 + step) / (1.0 + step);
                for (j, p) in p.iter_mut().enumerate() {
                    self.qp[j] = (self.qp[j] + step * self.q[t * k + j]) / (1.0 + step);
                    *p /= 1.0 + step;
                }
            }
        }
    }
}
