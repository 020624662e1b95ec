//! `normalize`: each row divided by its norm. `Normalizer`.

use crate::{BadGraph, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Normalize {
    width: usize,
    norm: Norm,
}

#[derive(Debug, Clone, Copy)]
enum Norm {
    L1,
    L2,
    Max,
}

impl Norm {
    fn of(self, row: &[f64]) -> f64 {
        match self {
            Self::L1 => row.iter().map(|value| value.abs()).sum(),
            Self::L2 => row.iter().map(|value| value * value).sum::<f64>().sqrt(),
            Self::Max => row.iter().fold(0.0, |largest: f64, value| largest.max(value.abs())),
        }
    }
}

impl Operate for Normalize {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let norm = match fields.word("norm")? {
            "l1" => Norm::L1,
            "l2" => Norm::L2,
            "max" => Norm::Max,
            _ => return fields.wrong("norm", "a known norm"),
        };
        Ok(Self { width: fields.count("width")?, norm })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        if let Value::Sparse(mut sparse) = x {
            for ends in sparse.starts.windows(2) {
                let row = &mut sparse.values[ends[0]..ends[1]];
                let norm = self.norm.of(row);
                if norm > 0.0 {
                    for value in row.iter_mut() {
                        *value /= norm;
                    }
                }
            }
            return Ok(Value::Sparse(sparse));
        }
        let mut x = x.into_dense(self.width)?;
        // `_handle_zeros_in_scale`: a norm next to nothing counts as 1.
        let least = 10.0 * if x.single { f64::from(f32::EPSILON) } else { f64::EPSILON };
        for row in x.each_row_mut() {
            let norm = self.norm.of(row);
            if norm >= least {
                for value in row.iter_mut() {
                    *value /= norm;
                }
            }
        }
        x.round();
        Ok(Value::Dense(x))
    }
}
