//! `pairwise`: a kernel between each row and each of some fitted rows. `sklearn.metrics.pairwise.pairwise_kernels`.

use crate::math::dot;
use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Pairwise {
    features: usize,
    /// `[count, features]`
    fitted: Vec<f64>,
    count: usize,
    kernel: Kernel,
    gamma: f64,
    coef0: f64,
    degree: f64,
}

#[derive(Debug, Clone, Copy)]
enum Kernel {
    Linear,
    Polynomial,
    Sigmoid,
    Rbf,
    Laplacian,
    Cosine,
    AdditiveChi2,
    Chi2,
}

impl Operate for Pairwise {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, count, mut fitted) = (fields.count("features")?, fields.count("count")?, fields.f64s("fitted")?);
        if features == 0 || features.checked_mul(count) != Some(fitted.len()) {
            return fields.wrong("fitted", "[count, features]");
        }
        let kernel = match fields.word("kernel")? {
            "linear" => Kernel::Linear,
            "poly" => Kernel::Polynomial,
            "sigmoid" => Kernel::Sigmoid,
            "rbf" => Kernel::Rbf,
            "laplacian" => Kernel::Laplacian,
            "cosine" => Kernel::Cosine,
            "additive_chi2" => Kernel::AdditiveChi2,
            "chi2" => Kernel::Chi2,
            _ => return fields.wrong("kernel", "a known kernel"),
        };
        if matches!(kernel, Kernel::Cosine) {
            fitted.chunks_exact_mut(features).for_each(unit);
        }
        let number = |field: &str| if fields.has(field) { fields.number(field) } else { Ok(1.0) };
        let (gamma, coef0, degree) = (number("gamma")?, number("coef0")?, number("degree")?);
        Ok(Self { features, fitted, count, kernel, gamma, coef0, degree })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut x = x.into_dense(self.features)?;
        if matches!(self.kernel, Kernel::AdditiveChi2 | Kernel::Chi2) && x.values.iter().any(|value| *value < 0.0) {
            return Err(Refused::rows("a number is negative, where the model takes none"));
        }
        if matches!(self.kernel, Kernel::Cosine) {
            x.each_row_mut().for_each(unit);
        }
        let mut made = Matrix::zeros(x.rows, self.count);
        for (row, into) in x.each_row().zip(made.values.chunks_exact_mut(self.count.max(1))) {
            for (value, fitted) in into.iter_mut().zip(self.fitted.chunks_exact(self.features)) {
                *value = self.of(row, fitted);
            }
        }
        Ok(Value::Dense(made))
    }
}

impl Pairwise {
    fn of(&self, one: &[f64], other: &[f64]) -> f64 {
        match self.kernel {
            Kernel::Linear | Kernel::Cosine => dot(one, other),
            Kernel::Polynomial => (self.gamma * dot(one, other) + self.coef0).powf(self.degree),
            Kernel::Sigmoid => (self.gamma * dot(one, other) + self.coef0).tanh(),
            Kernel::Rbf => (-self.gamma * sum(one, other, |a, b| (a - b) * (a - b))).exp(),
            Kernel::Laplacian => (-self.gamma * sum(one, other, |a, b| (a - b).abs())).exp(),
            Kernel::AdditiveChi2 => -sum(one, other, chi2),
            Kernel::Chi2 => (-self.gamma * sum(one, other, chi2)).exp(),
        }
    }
}

/// The sum of a term of each pair, in four partial sums, which the compiler keeps in one register.
fn sum(one: &[f64], other: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (ones, others) = (one.chunks_exact(4), other.chunks_exact(4));
    let rest: f64 = ones.remainder().iter().zip(others.remainder()).map(|(a, b)| term(*a, *b)).sum();
    let mut sums = [0.0; 4];
    for (a, b) in ones.zip(others) {
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum += term(a[at], b[at]);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

fn chi2(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if sum.abs() > 0.0 { (a - b) * (a - b) / sum } else { 0.0 }
}

/// Divides a row by its length, unless that is next to nothing.
fn unit(row: &mut [f64]) {
    let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length >= 10.0 * f64::EPSILON {
        for value in row.iter_mut() {
            *value /= length;
        }
    }
}
