//! `sketch`: the product, in the sense of polynomials, of several count sketches. `PolynomialCountSketch`.

use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Sketch {
    features: usize,
    outputs: usize,
    /// The root of gamma, which each number is multiplied by.
    times: f64,
    /// A last column that is the same in all rows.
    last: Option<f64>,
    /// `[degree, columns]`: where each column goes, and 1 or −1.
    places: Vec<u32>,
    signs: Vec<f64>,
}

impl Operate for Sketch {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let (features, outputs) = (fields.count("features")?, fields.count("outputs")?);
        let last = if fields.has("last") { Some(fields.number("last")?) } else { None };
        let places = fields.u32s("places")?;
        let signs = fields.f64s_of("signs", places.len())?;
        let width = features + usize::from(last.is_some());
        if width == 0 || places.is_empty() || places.len() % width != 0 {
            return fields.wrong("places", "[degree, columns]");
        }
        // A sketch needs no more places than 2^12; more would only allocate.
        if outputs > 4096 || places.iter().any(|place| *place as usize >= outputs) {
            return fields.wrong("outputs", "above every place, and at most 4096");
        }
        Ok(Self { features, outputs, times: fields.number("times")?, last, places, signs })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let x = x.into_dense(self.features)?;
        let width = self.features + usize::from(self.last.is_some());
        let mut made = Matrix::zeros(x.rows, self.outputs);
        let (mut one, mut product) = (vec![0.0; self.outputs], vec![0.0; self.outputs]);
        for (row, into) in x.each_row().zip(made.values.chunks_exact_mut(self.outputs)) {
            let sketches = self.places.chunks_exact(width).zip(self.signs.chunks_exact(width));
            for (degree, (places, signs)) in sketches.enumerate() {
                one.fill(0.0);
                for ((value, place), sign) in row.iter().zip(places).zip(signs) {
                    one[*place as usize] += sign * (self.times * value);
                }
                if let (Some(last), Some(place), Some(sign)) = (self.last, places.last(), signs.last()) {
                    one[*place as usize] += sign * last;
                }
                if degree == 0 {
                    into.copy_from_slice(&one);
                    continue;
                }
                product.copy_from_slice(into);
                circular(&product, &one, into);
            }
        }
        Ok(Value::Dense(made))
    }
}

/// The circular convolution, which is what the inverse of a product of Fourier transforms is.
fn circular(one: &[f64], other: &[f64], into: &mut [f64]) {
    into.fill(0.0);
    for (shift, factor) in one.iter().enumerate() {
        let (start, end) = into.split_at_mut(shift);
        let (first, rest) = other.split_at(other.len() - shift);
        end.iter_mut().zip(first).for_each(|(into, value)| *into += factor * value);
        start.iter_mut().zip(rest).for_each(|(into, value)| *into += factor * value);
    }
}
