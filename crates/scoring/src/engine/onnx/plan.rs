//! How one model's rows become its graph's inputs and its graph's outputs become predictions: decided once, at load.

use std::collections::HashMap;

use contract::{Column, ConvertedModel, ModelManifest, OnnxLayout, Task};
use ort::{
    session::{Session, SessionInputValue},
    value::{Outlet, TensorElementType},
};
use serde_json::Value;

use super::{feed, read};
use crate::{Batch, Output, PredictError, Schema};

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) inputs: Inputs,
    /// What stands for missing text.
    pub(super) missing_string: Option<String>,
    pub(super) output: String,
    pub(super) probabilities: Option<String>,
    pub(super) target: Target,
}

/// The graph's inputs, in its order.
#[derive(Debug)]
pub(super) enum Inputs {
    /// `[rows, 1]` each, from the column at a place.
    Columns(Vec<(usize, Column, Element)>),
    /// One of `[rows, width]`, from all columns or the array.
    Matrix(Vec<Column>, Element),
}

/// The element types that graphs are fed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    F64,
    I64,
    I32,
    Bool,
    Text,
}

/// What the output means.
#[derive(Debug)]
pub(super) enum Target {
    /// Labels, by the place of their class.
    Classes(Classes),
    /// Numbers; whether the estimator gives each row's as a list.
    Numbers { nested: bool },
}

/// The place of each class, by the forms that graphs give labels in.
#[derive(Debug, Default)]
pub(super) struct Classes {
    pub(super) numbers: HashMap<i64, usize>,
    pub(super) texts: HashMap<String, usize>,
}

impl Plan {
    /// The plan for a model, or why its manifest and its graph do not fit.
    pub(super) fn new(manifest: &ModelManifest, schema: &Schema, session: &Session) -> Result<Self, String> {
        let converted = manifest.onnx.as_ref().ok_or("the flavour is onnx, but there is no \"onnx\"")?;
        let target = match manifest.task {
            Task::Classification => Target::Classes(Classes::new(manifest.classes.as_deref().unwrap_or_default())?),
            Task::Regression | Task::Transformation => {
                Target::Numbers { nested: manifest.expected_output["predictions"][0].is_array() }
            }
        };
        let inputs = inputs(converted, schema, session.inputs())?;
        let ConvertedModel { output, probabilities, missing_string, .. } = converted.clone();
        for name in [Some(&output), probabilities.as_ref()].into_iter().flatten() {
            let outlet = session.outputs().iter().find(|outlet| outlet.name() == name);
            outlet
                .and_then(|outlet| outlet.dtype().tensor_type())
                .ok_or(format!("the graph has no tensor output {name:?}"))?;
        }
        Ok(Self { inputs, missing_string, output, probabilities, target })
    }

    /// Runs the graph on some rows.
    pub(super) fn run(&self, session: &mut Session, batch: &Batch) -> Result<Output, PredictError> {
        let fed: Vec<SessionInputValue<'_>> = feed::inputs(self, batch)?;
        let outputs = session.run(fed.as_slice()).map_err(|error| PredictError::Failed(error.to_string()))?;
        read::output(self, &outputs)
    }
}

fn inputs(converted: &ConvertedModel, schema: &Schema, outlets: &[Outlet]) -> Result<Inputs, String> {
    match (converted.layout, schema) {
        (OnnxLayout::Columns, Schema::Table(schema)) => {
            let planned = outlets.iter().map(|outlet| {
                let at =
                    schema.find(outlet.name(), 0).ok_or(format!("the graph's input {:?} is no column", outlet.name()))?;
                Ok((at, schema.columns[at].clone(), Element::of(outlet)?))
            });
            planned.collect::<Result<_, String>>().map(Inputs::Columns)
        }
        (OnnxLayout::Columns, Schema::Array(_)) => Err("a tensor cannot be fed by columns".to_owned()),
        (OnnxLayout::Matrix, schema) => {
            let [outlet] = outlets else { return Err("a matrix needs a graph with one input".to_owned()) };
            let columns = match schema {
                Schema::Table(schema) => schema.columns.clone(),
                Schema::Array(schema) => {
                    vec![Column { nullable: converted.missing_numbers.unwrap_or(true), ..schema.element.clone() }]
                }
            };
            Ok(Inputs::Matrix(columns, Element::of(outlet)?))
        }
    }
}

impl Element {
    fn of(outlet: &Outlet) -> Result<Self, String> {
        Ok(match outlet.dtype().tensor_type() {
            Some(TensorElementType::Float32) => Self::F32,
            Some(TensorElementType::Float64) => Self::F64,
            Some(TensorElementType::Int64) => Self::I64,
            Some(TensorElementType::Int32) => Self::I32,
            Some(TensorElementType::Bool) => Self::Bool,
            Some(TensorElementType::String) => Self::Text,
            _ => return Err(format!("the graph's input {:?} has a type that is not fed", outlet.name())),
        })
    }
}

impl Classes {
    fn new(classes: &[Value]) -> Result<Self, String> {
        let mut places = Self::default();
        for (place, class) in classes.iter().enumerate() {
            match class {
                Value::String(text) => drop(places.texts.insert(text.clone(), place)),
                Value::Bool(truth) => drop(places.numbers.insert(i64::from(*truth), place)),
                #[expect(clippy::cast_possible_truncation, reason = "a class given as a float is a whole number")]
                Value::Number(number) => {
                    let whole =
                        number.as_i64().or(number.as_f64().filter(|value| value.fract() == 0.0).map(|value| value as i64));
                    places.numbers.insert(whole.ok_or("a class is a fraction")?, place);
                }
                _ => return Err("a class must be text, a whole number or true or false".to_owned()),
            }
        }
        if classes.is_empty() {
            return Err("a classifier must have classes".to_owned());
        }
        Ok(places)
    }
}
