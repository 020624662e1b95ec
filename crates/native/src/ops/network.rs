//! `network`: layers of neurons, each fed by all of the layer before. `MLPClassifier`, `MLPRegressor`.

use crate::{
    Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted,
    file::Fields,
    math::{logistic, pairs, softmax},
    operator::Operate,
};

#[derive(Debug)]
pub(crate) struct Network {
    features: usize,
    layers: Vec<Layer>,
    classifies: bool,
}

#[derive(Debug)]
struct Layer {
    /// `[inputs, outputs]`
    weights: Vec<f64>,
    intercepts: Vec<f64>,
    activation: Activation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activation {
    Identity,
    Logistic,
    Tanh,
    Relu,
    Exp,
    Softmax,
}

impl Operate for Network {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let features = fields.count("features")?;
        let mut inputs = features;
        let mut layer = |fields: Fields<'_>| {
            let intercepts = fields.f64s("intercepts")?;
            let weights = fields.f64s_of("weights", inputs.saturating_mul(intercepts.len()))?;
            inputs = intercepts.len();
            let activation = match fields.word("activation")? {
                "identity" => Activation::Identity,
                "logistic" => Activation::Logistic,
                "tanh" => Activation::Tanh,
                "relu" => Activation::Relu,
                "exp" => Activation::Exp,
                "softmax" => Activation::Softmax,
                _ => return fields.wrong("activation", "a known word"),
            };
            Ok(Layer { weights, intercepts, activation })
        };
        let layers = fields.inners("layers")?.into_iter().map(&mut layer).collect::<Result<Vec<_>, _>>()?;
        if layers.is_empty() || layers.iter().any(|layer| layer.intercepts.is_empty()) {
            return fields.wrong("layers", "at least one, each with an output");
        }
        Ok(Self { features, layers, classifies: fields.flag("classifies")? })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.features)?;
        let mut values: Option<Matrix> = None;
        for layer in &self.layers {
            values = Some(layer.forward(values.as_ref().unwrap_or(&x)));
        }
        let Some(values) = values else { return Err(Refused::misfit("a network without layers")) };
        if !self.classifies {
            return Ok(Answer::values(values));
        }
        if values.width > 1 {
            return Ok(Answer::most_probable(values, wanted));
        }
        let above_half = || values.values.iter().map(|share| u32::from(*share > 0.5)).collect();
        let prediction = wanted.prediction.then(|| Prediction::Labels(above_half()));
        let probabilities = wanted.probabilities.then(|| pairs(&values, |share| share));
        Ok(Answer { prediction, probabilities, decision: None })
    }
}

impl Layer {
    fn forward(&self, x: &Matrix) -> Matrix {
        let width = self.intercepts.len();
        let mut out = Matrix::zeros(x.rows, width);
        for (row, into) in x.each_row().zip(out.values.chunks_exact_mut(width)) {
            for (value, weights) in row.iter().zip(self.weights.chunks_exact(width)) {
                // What is encoded, and what a rectifier let not pass, is zero most of the time.
                if *value != 0.0 {
                    into.iter_mut().zip(weights).for_each(|(into, weight)| *into += value * weight);
                }
            }
            into.iter_mut().zip(&self.intercepts).for_each(|(into, intercept)| *into += intercept);
            let f = match self.activation {
                Activation::Identity | Activation::Softmax => continue,
                Activation::Relu => |x: f64| if x > 0.0 || x.is_nan() { x } else { 0.0 },
                Activation::Logistic => logistic,
                Activation::Tanh => f64::tanh,
                Activation::Exp => f64::exp,
            };
            for value in into {
                *value = f(*value);
            }
        }
        if self.activation == Activation::Softmax { softmax(out) } else { out }
    }
}
