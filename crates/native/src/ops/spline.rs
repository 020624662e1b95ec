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
    /// None where nothing is said beyond an interval of knots.
    ends: Option<Ends>,
}

/// How a column goes on beyond an interval of knots.
#[derive(Debug)]
struct Ends {
    low: f64,
    high: f64,
    /// So many of the first and the last splines are not zero there.
    reach: usize,
    /// The splines' values and slopes at both ends.
    at_low: Vec<f64>,
    at_high: Vec<f64>,
    low_slope: Vec<f64>,
    high_slope: Vec<f64>,
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
                let edge = fields.count("edge")?;
                let (Some(low), Some(high)) = (knots.get(edge), knots.iter().nth_back(edge)) else {
                    return fields.wrong("edge", "the place of a knot");
                };
                Some(Ends {
                    low: *low,
                    high: *high,
                    reach: fields.count("reach")?.min(count),
                    at_low: fields.f64s_of("at_low", count)?,
                    at_high: fields.f64s_of("at_high", count)?,
                    low_slope: fields.f64s_of("low_slope", count)?,
                    high_slope: fields.f64s_of("high_slope", count)?,
                })
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

    fn origins(&self, of: &[u32], _: usize) -> Option<Vec<u32>> {
        Some(of.iter().flat_map(|of| std::iter::repeat_n(*of, self.kept)).collect())
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
            (_, Some(ends)) if x < ends.low || x > ends.high => {
                self.extend(x, ends, parts);
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

    fn extend(&self, x: f64, ends: &Ends, parts: &mut [f64]) {
        let below = x < ends.low;
        let (from, values, slopes) =
            if below { (ends.low, &ends.at_low, &ends.low_slope) } else { (ends.high, &ends.at_high, &ends.high_slope) };
        let range = if below { 0..ends.reach } else { self.count - ends.reach..self.count };
        for place in range {
            let more = if self.beyond == Beyond::Linear { (x - from) * slopes[place] } else { 0.0 };
            parts[place] = values[place] + more;
        }
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
