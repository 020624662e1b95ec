//! `map`: one function of every number. `FunctionTransformer` of numpy's functions, `Binarizer`, and a step of `RBFSampler`,
//! `SkewedChi2Sampler` and `BernoulliRBM`.

use crate::math::logistic;
use crate::{BadGraph, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Map {
    width: usize,
    function: Function,
}

#[derive(Debug, Clone, Copy)]
enum Function {
    Plain(fn(f64) -> f64),
    /// 1 above it, else 0.
    Above(f64),
    /// The logarithm, where another number than a positive one is refused.
    PositiveLog,
}

fn plain(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "arctan" => f64::atan,
        "cbrt" => f64::cbrt,
        "ceil" => f64::ceil,
        "cos" => f64::cos,
        "degrees" => f64::to_degrees,
        "exp" => f64::exp,
        "exp2" => f64::exp2,
        "expm1" => f64::exp_m1,
        "floor" => f64::floor,
        "log" => f64::ln,
        "log10" => f64::log10,
        "log1p" => f64::ln_1p,
        "log2" => f64::log2,
        "logistic" => logistic,
        "nan_to_num" => |x| if x.is_nan() { 0.0 } else { x.clamp(f64::MIN, f64::MAX) },
        "negative" => |x| -x,
        "radians" => f64::to_radians,
        "reciprocal" => |x| 1.0 / x,
        "rint" => f64::round_ties_even,
        // As numpy's: 0 of 0, NaN of NaN.
        "sign" => |x| {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x + 0.0
            }
        },
        "sin" => f64::sin,
        "sqrt" => f64::sqrt,
        "square" => |x| x * x,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        _ => return None,
    })
}

impl Function {
    fn each(self, values: &mut [f64]) {
        match self {
            Self::Plain(function) => values.iter_mut().for_each(|value| *value = function(*value)),
            Self::PositiveLog => values.iter_mut().for_each(|value| *value = value.ln()),
            Self::Above(by) => values.iter_mut().for_each(|value| *value = f64::from(u8::from(*value > by))),
        }
    }
}

impl Operate for Map {
    const EACH: bool = true;

    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let width = fields.count("width")?;
        let function = match fields.word("do")? {
            "above" => Function::Above(fields.number("by")?),
            "positive_log" => Function::PositiveLog,
            name => match plain(name) {
                Some(function) => Function::Plain(function),
                None => return fields.wrong("do", "a known function"),
            },
        };
        Ok(Self { width, function })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut zero = [0.0];
        self.function.each(&mut zero);
        match x {
            Value::Sparse(mut sparse) if sparse.width == self.width && zero[0].abs() <= 0.0 => {
                self.function.each(&mut sparse.values);
                Ok(Value::Sparse(sparse))
            }
            other => {
                let mut x = other.into_dense(self.width)?;
                if matches!(self.function, Function::PositiveLog) && x.values.iter().any(|value| *value <= 0.0) {
                    return Err(Refused::rows("a number is too small for the model"));
                }
                self.function.each(&mut x.values);
                x.round();
                Ok(Value::Dense(x))
            }
        }
    }
}
