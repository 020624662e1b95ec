//! `nearest_code`: the class whose code is nearest to a row of scores. `OutputCodeClassifier`.

use crate::{
    Answer, BadGraph, Prediction, Refused, Value, Wanted, file::Fields, math::fused_dot as product, operator::Operate,
};

#[derive(Debug)]
pub(crate) struct NearestCode {
    width: usize,
    /// `[classes, width]`
    codes: Vec<f64>,
    /// Of each class, its code's square.
    squares: Vec<f64>,
}

impl Operate for NearestCode {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let width = fields.count("width")?;
        let codes = fields.f64s("codes")?;
        if width == 0 || codes.is_empty() || codes.len() % width != 0 {
            return fields.wrong("codes", "[classes, width]");
        }
        let squares = codes.chunks_exact(width).map(|code| product(code, code)).collect();
        Ok(Self { width, codes, squares })
    }

    /// `|x|² - 2·x·code + |code|²`, the first smallest, as `pairwise_distances_argmin` computes it.
    fn answer(&self, x: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.width)?;
        let nearest = |row: &[f64]| {
            let square = product(row, row);
            let (mut best, mut least) = (0, f64::MAX);
            for (place, (code, of_code)) in (0_u32..).zip(self.codes.chunks_exact(self.width).zip(&self.squares)) {
                let distance = (square + -2.0 * product(row, code) + of_code).max(0.0);
                if distance < least {
                    (best, least) = (place, distance);
                }
            }
            best
        };
        if x.values.iter().any(|value| !value.is_finite()) {
            return Err(Refused::rows("a score is missing or infinite, which is near to no class"));
        }
        let labels = x.each_row().map(nearest).collect();
        Ok(Answer { prediction: Some(Prediction::Labels(labels)), ..Answer::default() })
    }
}
