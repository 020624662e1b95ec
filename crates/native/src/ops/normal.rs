//! The normal distribution's `cdf`, as `scipy.special.ndtr` computes it: S. Moshier's Cephes library, `ndtr.c`.

const P: [f64; 9] = [
    2.461_969_814_735_305e-10,
    5.641_895_648_310_689e-1,
    7.463_210_564_422_699e0,
    4.863_719_709_856_814e1,
    1.965_208_329_560_771e2,
    5.264_451_949_954_773e2,
    9.345_285_271_719_576e2,
    1.027_551_886_895_157_2e3,
    5.575_353_353_693_994e2,
];
const Q: [f64; 9] = [
    1.0,
    1.322_819_511_547_449_9e1,
    8.670_721_408_859_897e1,
    3.549_377_788_878_199e2,
    9.757_085_017_432_055e2,
    1.823_909_166_879_097_3e3,
    2.246_337_608_187_109_7e3,
    1.656_663_091_941_613_4e3,
    5.575_353_408_177_277e2,
];
const R: [f64; 6] = [
    5.641_895_835_477_551e-1,
    1.275_366_707_599_781e0,
    5.019_050_422_511_805e0,
    6.160_210_979_930_536e0,
    7.409_742_699_504_489_5e0,
    2.978_866_653_721_002_2e0,
];
const S: [f64; 7] = [
    1.0,
    2.260_528_632_201_172_6e0,
    9.396_035_249_380_015e0,
    1.204_895_398_080_966_6e1,
    1.708_144_507_475_659e1,
    9.608_968_090_632_859e0,
    3.369_076_451_000_815e0,
];
const T: [f64; 5] = [
    9.604_973_739_870_516e0,
    9.002_601_972_038_427e1,
    2.232_005_345_946_843e3,
    7.003_325_141_128_051e3,
    5.559_230_130_103_949e4,
];
const U: [f64; 6] = [
    1.0,
    3.356_171_416_475_031e1,
    5.213_579_497_801_527e2,
    4.594_323_829_709_801e3,
    2.262_900_006_138_909_5e4,
    4.926_739_426_086_359e4,
];

/// The share of a normal distribution below a number.
pub(crate) fn cdf(number: f64) -> f64 {
    let x = number * std::f64::consts::FRAC_1_SQRT_2;
    if x.is_nan() {
        x
    } else if x.abs() < 1.0 {
        0.5 + 0.5 * erf(x)
    } else {
        let tail = 0.5 * erfc(x.abs());
        if x > 0.0 { 1.0 - tail } else { tail }
    }
}

fn erf(x: f64) -> f64 {
    let square = x * x;
    x * polynomial(square, &T) / polynomial(square, &U)
}

/// Of a number from 1.
fn erfc(x: f64) -> f64 {
    let power = (-x * x).exp();
    if power == 0.0 {
        return 0.0;
    }
    if x < 8.0 { power * polynomial(x, &P) / polynomial(x, &Q) } else { power * polynomial(x, &R) / polynomial(x, &S) }
}

/// The highest power's factor comes first.
fn polynomial(x: f64, factors: &[f64]) -> f64 {
    factors.iter().fold(0.0, |sum, factor| sum * x + factor)
}
