//! Kernels: how alike a row and each of many points are. Those of `SVC` and its relatives, of `KernelRidge`, and of Gaussian
//! processes, where they are sums, products and powers of others.
//!
//! Sources: `sklearn/svm/src/libsvm/svm.cpp`, `sklearn/metrics/pairwise.py`, `sklearn/gaussian_process/kernels.py`.

use crate::{
    BadGraph,
    file::Fields,
    lanes::{LANES, Lanes, fold},
};

/// A kernel and its points.
#[derive(Debug)]
pub(crate) enum Kernel {
    /// Of the same likeness to all.
    Constant(f64),
    Sum(Box<Self>, Box<Self>),
    Product(Box<Self>, Box<Self>),
    Power(Box<Self>, f64),
    Of(Points),
}

#[derive(Debug)]
pub(crate) struct Points {
    features: usize,
    lanes: Lanes,
    /// What each number of a row is divided by first, as those of the points are already.
    scale: Option<Vec<f64>>,
    form: Form,
}

/// What is made of the scalar product `p`, the squared distance `d²` or the sum of absolute differences `a`.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// `p + c`
    Linear { constant: f64 },
    /// `(g p + c)^n`; of a whole `n`, by repeated squaring.
    Polynomial { gamma: f64, constant: f64, degree: f64, whole: Option<u32> },
    /// `tanh(g p + c)`
    Sigmoid { gamma: f64, constant: f64 },
    /// `exp(-g d²)`
    Radial { gamma: f64 },
    /// `exp(-g a)`
    Laplacian { gamma: f64 },
    /// `exp(-d)`, `(1 + √3 d) exp(-√3 d)`, `(1 + √5 d + 5 d² / 3) exp(-√5 d)`
    Matern(Matern),
    /// `(1 + d² / b)^-a`
    Rational { by: f64, power: f64 },
    /// `exp(-2 (sin(π d / p) / l)²)`
    Periodic { period: f64, length: f64 },
}

#[derive(Debug, Clone, Copy)]
enum Matern {
    Half,
    OneAndHalf,
    TwoAndHalf,
}

/// What a kernel writes to on its way.
#[derive(Debug, Default)]
pub(crate) struct Room {
    row: Vec<f64>,
    values: Vec<Vec<f64>>,
}

impl Kernel {
    /// Reads one of so many points and features.
    pub(crate) fn read(fields: Fields<'_>, features: usize, count: usize) -> Result<Self, BadGraph> {
        let inner = |field| Ok(Box::new(Self::read(fields.inner(field)?, features, count)?));
        Ok(match fields.word("kernel")? {
            "constant" => Self::Constant(fields.number("constant")?),
            "sum" => Self::Sum(inner("one")?, inner("other")?),
            "product" => Self::Product(inner("one")?, inner("other")?),
            "power" => Self::Power(inner("one")?, fields.number("exponent")?),
            _ => {
                if features == 0 {
                    return fields.wrong("features", "one at least");
                }
                let points = fields.f64s_of("points", count.saturating_mul(features))?;
                let scale = fields.maybe_f64s("scale")?;
                if scale.as_ref().is_some_and(|scale| scale.len() != features) {
                    return fields.wrong("scale", "one for each feature");
                }
                Self::Of(Points { features, lanes: Lanes::of(&points, features), scale, form: Form::read(fields)? })
            }
        })
    }

    /// Writes how alike the row is to every point.
    pub(crate) fn fill(&self, row: &[f64], into: &mut [f64], room: &mut Room) {
        match self {
            Self::Constant(constant) => into.fill(*constant),
            Self::Sum(one, other) => {
                one.with(other, row, into, room, |value, other| value + other);
            }
            Self::Product(one, other) => {
                one.with(other, row, into, room, |value, other| value * other);
            }
            Self::Power(one, exponent) => {
                one.fill(row, into, room);
                for value in into {
                    *value = value.powf(*exponent);
                }
            }
            Self::Of(points) => points.fill(row, into, &mut room.row),
        }
    }

    fn with(&self, other: &Self, row: &[f64], into: &mut [f64], room: &mut Room, f: impl Fn(f64, f64) -> f64) {
        self.fill(row, into, room);
        let mut values = room.values.pop().unwrap_or_default();
        values.resize(into.len(), 0.0);
        other.fill(row, &mut values, room);
        into.iter_mut().zip(&values).for_each(|(value, other)| *value = f(*value, *other));
        room.values.push(values);
    }
}

impl Form {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let number = |field| fields.number(field);
        Ok(match fields.word("kernel")? {
            "linear" => Self::Linear { constant: number("constant")? },
            "polynomial" => {
                let whole = if fields.flag("whole")? { u32::try_from(fields.count("degree")?).ok() } else { None };
                Self::Polynomial { gamma: number("gamma")?, constant: number("constant")?, degree: number("degree")?, whole }
            }
            "sigmoid" => Self::Sigmoid { gamma: number("gamma")?, constant: number("constant")? },
            "radial" => Self::Radial { gamma: number("gamma")? },
            "laplacian" => Self::Laplacian { gamma: number("gamma")? },
            "matern_half" => Self::Matern(Matern::Half),
            "matern_one_and_half" => Self::Matern(Matern::OneAndHalf),
            "matern_two_and_half" => Self::Matern(Matern::TwoAndHalf),
            "rational" => Self::Rational { by: number("by")?, power: number("power")? },
            "periodic" => Self::Periodic { period: number("period")?, length: number("length")? },
            _ => return fields.wrong("kernel", "a known word"),
        })
    }
}

impl Points {
    fn fill(&self, row: &[f64], into: &mut [f64], scaled: &mut Vec<f64>) {
        let mut row = &row[..self.features.min(row.len())];
        if let Some(scale) = &self.scale {
            scaled.clear();
            scaled.extend(row.iter().zip(scale).map(|(x, scale)| x / scale));
            row = scaled;
        }
        let product = |sum, x: f64, point: f64| sum + x * point;
        let squares = |sum, x: f64, point: f64| sum + (x - point) * (x - point);
        match self.form {
            Form::Linear { constant } => self.each(row, into, product, |p| p + constant),
            Form::Polynomial { gamma, constant, whole: Some(degree), .. } => {
                self.each(row, into, product, |p| whole_power(gamma * p + constant, degree));
            }
            Form::Polynomial { gamma, constant, degree, .. } => {
                self.each(row, into, product, |p| (gamma * p + constant).powf(degree));
            }
            Form::Sigmoid { gamma, constant } => self.each(row, into, product, |p| (gamma * p + constant).tanh()),
            Form::Radial { gamma } => self.each(row, into, squares, |d| (-gamma * d).exp()),
            Form::Laplacian { gamma } => {
                self.each(row, into, |sum, x, point| sum + (x - point).abs(), |a| (-gamma * a).exp());
            }
            Form::Matern(Matern::Half) => self.each(row, into, squares, |d| (-d.sqrt()).exp()),
            Form::Matern(Matern::OneAndHalf) => self.each(row, into, squares, |d| {
                let k = d.sqrt() * 3_f64.sqrt();
                (1.0 + k) * (-k).exp()
            }),
            Form::Matern(Matern::TwoAndHalf) => self.each(row, into, squares, |d| {
                let k = d.sqrt() * 5_f64.sqrt();
                (1.0 + k + k * k / 3.0) * (-k).exp()
            }),
            Form::Rational { by, power } => self.each(row, into, squares, |d| (1.0 + d / by).powf(-power)),
            Form::Periodic { period, length } => self.each(row, into, squares, |d| {
                let share = (std::f64::consts::PI / period * d.sqrt()).sin() / length;
                (-2.0 * (share * share)).exp()
            }),
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "each use is a loop of its own")]
    fn each(&self, row: &[f64], into: &mut [f64], add: impl Fn(f64, f64, f64) -> f64, made: impl Fn(f64) -> f64) {
        for (into, block) in into.chunks_mut(LANES).zip(self.lanes.blocks(0)) {
            into.iter_mut().zip(fold(row, block, &add)).for_each(|(into, value)| *into = made(value));
        }
    }
}

/// As libsvm's `powi`.
fn whole_power(base: f64, mut times: u32) -> f64 {
    let (mut square, mut power) = (base, 1.0);
    while times > 0 {
        if times % 2 == 1 {
            power *= square;
        }
        square *= square;
        times /= 2;
    }
    power
}
