//! `quantile`: of each number, which share of its column's is below it, spread evenly or as a normal distribution.
//! `QuantileTransformer`.

use super::interpolate::interpolate;
use crate::{BadGraph, Refused, Value, file::Fields, operator::Operate};

/// So close to the first or the last quantile, a number counts as it, in a normal distribution.
const NEXT_TO: f64 = 1e-7;

#[derive(Debug)]
pub(crate) struct Quantile {
    /// Of each column, its quantiles, ascending.
    columns: Vec<Points>,
    /// The shares that they stand for.
    shares: Points,
    /// The least and the largest that comes out; none of a uniform distribution.
    normal: Option<(f64, f64)>,
}

/// Ascending numbers, and the same with the other sign, ascending.
#[derive(Debug)]
struct Points {
    up: Vec<f64>,
    down: Vec<f64>,
}

impl Points {
    fn new(up: &[f64]) -> Self {
        Self { up: up.to_vec(), down: up.iter().rev().map(|value| -value).collect() }
    }
}

impl Operate for Quantile {
    const EACH: bool = true;

    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (shares, quantiles) = (fields.f64s("shares")?, fields.f64s("quantiles")?);
        if shares.is_empty() || quantiles.len() % shares.len() != 0 {
            return fields.wrong("quantiles", "[columns, shares]");
        }
        let columns = quantiles.chunks_exact(shares.len()).map(Points::new).collect();
        let normal = if fields.has("low") { Some((fields.number("low")?, fields.number("high")?)) } else { None };
        Ok(Self { columns, shares: Points::new(&shares), normal })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut x = x.into_dense(self.columns.len())?;
        for row in x.each_row_mut() {
            row.iter_mut().zip(&self.columns).for_each(|(value, column)| *value = self.of(*value, column));
        }
        x.round();
        Ok(Value::Dense(x))
    }
}

impl Quantile {
    #[expect(clippy::float_cmp, reason = "the very first or last quantile is meant")]
    fn of(&self, x: f64, column: &Points) -> f64 {
        if x.is_nan() {
            return x;
        }
        let (first, last) = (column.up[0], column.up[column.up.len() - 1]);
        let (below, above) = match self.normal {
            Some(_) => (x - NEXT_TO < first, x + NEXT_TO > last),
            None => (x == first, x == last),
        };
        // The mean of both directions: of repeated quantiles, the middle one.
        let share = if below {
            0.0
        } else if above {
            1.0
        } else {
            0.5 * (interpolate(x, &column.up, &self.shares.up) - interpolate(-x, &column.down, &self.shares.down))
        };
        match self.normal {
            Some((low, high)) => normal(share).max(low).min(high),
            None => share,
        }
    }
}

/// Which number a share of a normal distribution is below: to 16 digits where the share is further than 10⁻¹¹ from 0 and 1, else
/// infinite. M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37 (1988).
fn normal(share: f64) -> f64 {
    let from_middle = share - 0.5;
    if from_middle.abs() <= 0.425 {
        let r = 0.180_625 - from_middle * from_middle;
        return polynomial(r, &MIDDLE[0]) * from_middle / polynomial(r, &MIDDLE[1]);
    }
    let tail = if from_middle < 0.0 { share } else { 1.0 - share };
    let r = (-tail.ln()).sqrt();
    let size = if r <= 5.0 { polynomial(r - 1.6, &TAIL[0]) / polynomial(r - 1.6, &TAIL[1]) } else { f64::INFINITY };
    size.copysign(from_middle)
}

fn polynomial(x: f64, factors: &[f64]) -> f64 {
    factors.iter().fold(0.0, |sum, factor| sum * x + factor)
}

/// From the highest power on, of the dividend and the divisor.
const MIDDLE: [[f64; 8]; 2] = [
    [
        2_509.080_928_730_122_6,
        33_430.575_583_588_13,
        67_265.770_927_008_7,
        45_921.953_931_549_87,
        13_731.693_765_509_46,
        1_971.590_950_306_551_3,
        133.141_667_891_784_38,
        3.387_132_872_796_366_5,
    ],
    [
        5_226.495_278_852_854,
        28_729.085_735_721_943,
        39_307.895_800_092_71,
        21_213.794_301_586_597,
        5_394.196_021_424_751,
        687.187_007_492_057_9,
        42.313_330_701_600_91,
        1.0,
    ],
];
const TAIL: [[f64; 8]; 2] = [
    [
        7.745_450_142_783_414e-4,
        2.272_384_498_926_918_4e-2,
        0.241_780_725_177_450_6,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    [
        1.050_750_071_644_416_9e-9,
        5.475_938_084_995_345e-4,
        1.519_866_656_361_645_7e-2,
        0.148_103_976_427_480_08,
        0.689_767_334_985_1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
];
