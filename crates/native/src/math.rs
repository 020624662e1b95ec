//! What several operators compute: sums of products, distances, and what becomes of scores.

use crate::Matrix;

/// The sum of products, in eight partial sums, which the compiler keeps in registers.
pub(crate) fn dot(one: &[f64], other: &[f64]) -> f64 {
    sum_of(one, other, |a, b| a * b)
}

/// The sum of products in two partial sums, as `scipy.spatial.distance` computes Mahalanobis distances.
pub(crate) fn dot_by_twos(one: &[f64], other: &[f64]) -> f64 {
    let (ones, ones_rest) = one.as_chunks::<2>();
    let (others, others_rest) = other.as_chunks::<2>();
    let mut sums = [0.0; 2];
    for (a, b) in ones.iter().zip(others) {
        sums[0] += a[0] * b[0];
        sums[1] += a[1] * b[1];
    }
    ones_rest.iter().zip(others_rest).fold(sums[0] + sums[1], |sum, (a, b)| sum + a * b)
}

/// The sum of products as a product of matrices has it: one after the other, each rounded once with its sum.
pub(crate) fn fused_dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).fold(0.0, |sum, (a, b)| a.mul_add(*b, sum))
}

/// The sum of squared differences.
pub(crate) fn squared_distance(one: &[f64], other: &[f64]) -> f64 {
    sum_of(one, other, |a, b| (a - b) * (a - b))
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "each use is a loop of its own")]
fn sum_of(one: &[f64], other: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (ones, ones_rest) = one.as_chunks::<8>();
    let (others, others_rest) = other.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in ones.iter().zip(others) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += term(*a, *b);
        }
    }
    let rest: f64 = ones_rest.iter().zip(others_rest).map(|(a, b)| term(*a, *b)).sum();
    ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7])) + rest
}

/// `1 / (1 + exp(-x))`, `scipy.special.expit`.
pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Of each row's one number, `[1 - logistic(x), logistic(x)]`.
pub(crate) fn logistic_pairs(scores: &Matrix) -> Matrix {
    pairs(scores, logistic)
}

/// Of each row's one number `x`, `[1 - f(x), f(x)]`.
pub(crate) fn pairs(scores: &Matrix, f: impl Fn(f64) -> f64) -> Matrix {
    let mut two = Matrix::zeros(scores.rows, 2);
    for (into, score) in two.values.chunks_exact_mut(2).zip(&scores.values) {
        into[1] = f(*score);
        into[0] = 1.0 - into[1];
    }
    two
}

/// Each number as a share of its row; where a row's sum is zero, all have the same: `LinearClassifierMixin._predict_proba_lr`.
pub(crate) fn shares(mut numbers: Matrix) -> Matrix {
    for row in numbers.each_row_mut() {
        let mut sum: f64 = row.iter().sum();
        if sum == 0.0 {
            row.fill(1.0);
            sum = row.iter().sum();
        }
        for share in row {
            *share /= sum;
        }
    }
    numbers
}

/// `exp(x - max) / Σ`, row by row: `sklearn.utils.extmath.softmax`.
pub(crate) fn softmax(mut scores: Matrix) -> Matrix {
    for row in scores.each_row_mut() {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for score in &mut *row {
            *score = (*score - largest).exp();
        }
        let sum: f64 = row.iter().sum();
        for score in row {
            *score /= sum;
        }
    }
    scores
}

/// `exp(x - log Σ exp(x))`, row by row: what becomes of joint log likelihoods. `scipy.special.logsumexp`.
pub(crate) fn posterior(mut scores: Matrix) -> Matrix {
    for row in scores.each_row_mut() {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|score| (*score - largest).exp()).sum();
        let all = largest + sum.ln();
        for score in row {
            *score = (*score - all).exp();
        }
    }
    scores
}

/// The sum as numpy adds up what lies side by side: in eight partial sums, and halves of what is longer than 128.
pub(crate) fn pairwise_sum(values: &[f64]) -> f64 {
    if values.len() < 8 {
        return values.iter().sum();
    }
    if values.len() > 128 {
        let half = values.len() / 2;
        let (one, other) = values.split_at(half - half % 8);
        return pairwise_sum(one) + pairwise_sum(other);
    }
    let (chunks, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
    }
    let sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    rest.iter().fold(sum, |sum, value| sum + value)
}
