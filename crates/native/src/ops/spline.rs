//! `spline`: each column as its B-splines' values. `SplineTransformer`.

use crate::{
    BadGraph, Matrix, Refused, Value,
    file::{Fields, bad},
    operator::Operate,
};

#[derive(Debug)]
pub(crate) struct Splines {
    columns: Vec<Spline>,
    degree: usize,
    /// So many a column are computed, and so many of them come out.
    count: usize,
    kept: usize,
    beyond: Beyond,
    sparse: bool,
}

#[derive(Debug)]
struct Spline {
    knots: Vec<f64>,
    /// Values and slopes at the first and the last knot of the base interval; none where they are not used.
    ends: Option<[Vec<f64>; 4]>,
}

/// What becomes of a number beyond the base interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beyond {
    Refused,
    Continued,
    Periodic,
    Constant,
    Linear,
}

impl Operate for Splines {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (degree, count, kept) = (fields.count("degree")?, fields.count("count")?, fields.count("kept")?);
        let beyond = match fields.word("beyond")? {
            "refused" => Beyond::Refused,
            "continued" => Beyond::Continued,
            "periodic" => Beyond::Periodic,
            "constant" => Beyond::Constant,
            "linear" => Beyond::Linear,
            _ => return fields.wrong("beyond", "a known word"),
        };
        let around = if beyond == Beyond::Periodic { 2 * degree + 1 } else { degree + 1 };
        let column = |fields: Fields<'_>| {
            let knots = fields.f64s("knots")?;
            if Some(knots.len()) != count.checked_add(around) || !knots.is_sorted() {
                return fields.wrong("knots", "ascending, of the right number");
            }
            let ends = if matches!(beyond, Beyond::Constant | Beyond::Linear) {
                let [low, high] = ["low", "high"].map(|field| fields.f64s_of(field, count));
                let [low_slope, high_slope] = ["low_slope", "high_slope"].map(|field| fields.f64s_of(field, count));
                Some([low?, high?, low_slope?, high_slope?])
            } else {
                None
            };
            Ok(Spline { knots, ends })
        };
        if count <= degree && beyond != Beyond::Periodic || count == 0 || kept > count {
            return bad("a spline of too few parts");
        }
        let columns = fields.inners("columns")?.into_iter().map(column).collect::<Result<Vec<_>, _>>()?;
        if columns.is_empty() {
            return fields.wrong("columns", "at least one");
        }
        Ok(Self { columns, degree, count, kept, beyond, sparse: fields.flag("sparse")? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let x = x.into_dense(self.columns.len())?;
        let width = self.columns.len() * self.kept;
        let mut made = Matrix { single: x.single && !self.sparse, ..Matrix::zeros(x.rows, width) };
        let (mut parts, mut basis) = (vec![0.0; self.count], vec![0.0; 2 * self.degree + 2]);
        for (row, into) in x.each_row().zip(made.values.chunks_exact_mut(width.max(1))) {
            for ((value, spline), into) in row.iter().zip(&self.columns).zip(into.chunks_exact_mut(self.kept.max(1))) {
                self.parts(*value, spline, &mut parts, &mut basis)?;
                into.copy_from_slice(&parts[..self.kept]);
            }
        }
        made.round();
        Ok(if self.sparse { Value::Sparse(made.into_sparse()) } else { Value::Dense(made) })
    }
}

impl Splines {
    /// Of one number, what each of a column's splines is there.
    fn parts(&self, x: f64, spline: &Spline, parts: &mut [f64], basis: &mut [f64]) -> Result<(), Refused> {
        parts.fill(0.0);
        if x.is_nan() {
            return Ok(());
        }
        let (degree, knots) = (self.degree, &spline.knots);
        let last = knots.len() - 1 - degree;
        let (low, high) = (knots[degree], knots[last]);
        let mut at = x;
        match (self.beyond, &spline.ends) {
            (Beyond::Periodic, _) if high - low > 0.0 => at = low + modulo(x - low, high - low),
            (Beyond::Periodic, _) => at = 0.0,
            (Beyond::Refused, _) if x < low || x > high => {
                return Err(Refused::rows("a number is beyond the knots"));
            }
            (kind @ (Beyond::Constant | Beyond::Linear), Some([at_low, at_high, low_slope, high_slope]))
                if x < low || x > high =>
            {
                let (from, values, slopes) = if x < low { (low, at_low, low_slope) } else { (high, at_high, high_slope) };
                let reach = if kind == Beyond::Linear && degree <= 1 { degree + 1 } else { degree }.min(self.count);
                let range = if x < low { 0..reach } else { self.count - reach..self.count };
                for place in range {
                    parts[place] = values[place];
                    if kind == Beyond::Linear {
                        parts[place] += (x - from) * slopes[place];
                    }
                }
                return Ok(());
            }
            _ => {}
        }
        let interval = degree + knots[degree + 1..last].partition_point(|knot| *knot <= at);
        de_boor(knots, at, degree, interval, basis);
        for (place, value) in basis[..=degree].iter().enumerate() {
            parts[(interval - degree + place) % self.count] += value;
        }
        Ok(())
    }
}

/// As Python's `%`, of a positive divisor.
fn modulo(x: f64, by: f64) -> f64 {
    let rest = x % by;
    if rest < 0.0 { rest + by } else { rest }
}

/// The `degree + 1` splines that are not zero in an interval between knots, by de Boor's recursion, in scipy's order; `basis`
/// has twice as many places.
fn de_boor(knots: &[f64], x: f64, degree: usize, interval: usize, basis: &mut [f64]) {
    let (now, before) = basis.split_at_mut(degree + 1);
    now[0] = 1.0;
    for order in 1..=degree {
        before[..order].copy_from_slice(&now[..order]);
        now[0] = 0.0;
        for n in 1..=order {
            let (above, below) = (knots[interval + n], knots[interval + n - order]);
            if above - below == 0.0 {
                now[n] = 0.0;
                continue;
            }
            let weight = before[n - 1] / (above - below);
            now[n - 1] += weight * (above - x);
            now[n] = weight * (x - below);
        }
    }
}
