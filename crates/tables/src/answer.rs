//! A model's answers as columns.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array,
    builder::{Float64Builder, ListBuilder},
};
use arrow_schema::{DataType, Field};
use arrow_select::take::{TakeOptions, take};
use contract::{ModelManifest, Task};
use scoring::{Numbers, Output};
use serde_json::Value;

use crate::Error;

/// What a model's predictions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Int,
    Float,
    Text,
    /// A list of numbers for each row.
    Floats,
    /// What has no type of its own is text: a text as it is, all else as JSON.
    Json,
}

/// How a model answers.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    kind: Kind,
    classes: Vec<Value>,
    /// Whether it says how probable its predictions are.
    pub(crate) is_probable: bool,
}

impl Answer {
    /// As the manifest has it: by its classes, and by what it answers for its example.
    pub(crate) fn of(manifest: &ModelManifest) -> Self {
        let example = |name: &str| manifest.expected_output[name].as_array().cloned().unwrap_or_default();
        let classes = manifest.classes.clone().filter(|_| manifest.task == Task::Classification).unwrap_or_default();
        let predictions = if classes.is_empty() { example("predictions") } else { classes.clone() };
        let mut kind = kind_of(&predictions);
        // A regression's whole numbers are so by chance.
        if kind == Kind::Int && manifest.task != Task::Classification {
            kind = Kind::Float;
        }
        Self { kind, classes, is_probable: !example("probabilities").is_empty() && manifest.classes.is_some() }
    }

    /// The type of the column of predictions.
    pub(crate) fn data_type(&self) -> DataType {
        match self.kind {
            Kind::Bool => DataType::Boolean,
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Text | Kind::Json => DataType::Utf8,
            Kind::Floats => DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true))),
        }
    }

    /// The predictions, and how probable each is to the model.
    pub(crate) fn columns(&self, output: &Output) -> Result<(ArrayRef, Option<ArrayRef>), Error> {
        match output {
            Output::Classes { labels, probabilities } => {
                let probable = probabilities.as_ref().filter(|_| self.is_probable).map(|numbers| {
                    let width = numbers.width.unwrap_or(1).max(1);
                    let of = labels.iter().zip(numbers.values.chunks_exact(width));
                    let values = of.map(|(label, row)| row.get(*label).copied());
                    Arc::new(values.collect::<Float64Array>()) as ArrayRef
                });
                Ok((self.labels(labels)?, probable))
            }
            Output::Numbers(numbers) => Ok((self.numbers(numbers)?, None)),
            Output::Json { predictions, probabilities } => {
                let values: Vec<Value> = serde_json::from_str(predictions.get()).map_err(|error| misfit(&error))?;
                let probable = probabilities.as_ref().filter(|_| self.is_probable);
                let probable = probable.map(|rows| self.probabilities(rows.get(), &values)).transpose()?;
                Ok((self.values(&values)?, probable))
            }
        }
    }

    fn labels(&self, labels: &[usize]) -> Result<ArrayRef, Error> {
        let places: UInt64Array = labels.iter().map(|label| u64::try_from(*label).ok()).collect();
        take(&self.values(&self.classes)?, &places, Some(TakeOptions { check_bounds: true })).map_err(|error| misfit(&error))
    }

    fn numbers(&self, numbers: &Numbers) -> Result<ArrayRef, Error> {
        match (self.kind, numbers.width) {
            (Kind::Floats, Some(width)) => Ok(lists(numbers.values.chunks_exact(width.max(1)))),
            (Kind::Float, None | Some(1)) => Ok(Arc::new(Float64Array::from(numbers.values.clone()))),
            _ => Err(misfit(&"numbers of another shape than those of its example")),
        }
    }

    fn values(&self, values: &[Value]) -> Result<ArrayRef, Error> {
        let wrong = || misfit(&"a prediction of another type than those of its example");
        Ok(match self.kind {
            Kind::Bool => {
                let all = values.iter().map(|value| present(value, |value| value.as_bool().ok_or_else(wrong)));
                Arc::new(all.collect::<Result<BooleanArray, _>>()?)
            }
            Kind::Int => {
                let all = values.iter().map(|value| present(value, |value| whole(value).ok_or_else(wrong)));
                Arc::new(all.collect::<Result<Int64Array, _>>()?)
            }
            Kind::Float => {
                let all = values.iter().map(|value| number(value).ok_or_else(wrong));
                Arc::new(Float64Array::from(all.collect::<Result<Vec<_>, _>>()?))
            }
            Kind::Floats => {
                let row = |value: &Value| value.as_array()?.iter().map(number).collect::<Option<Vec<_>>>();
                let rows = values.iter().map(|value| row(value).ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
                lists(rows.iter().map(Vec::as_slice))
            }
            Kind::Text | Kind::Json => {
                let all = values.iter().map(|value| (!value.is_null()).then(|| text(value)));
                Arc::new(all.collect::<StringArray>())
            }
        })
    }

    /// Of each row's probabilities, that of the class which was predicted.
    fn probabilities(&self, rows: &str, predicted: &[Value]) -> Result<ArrayRef, Error> {
        let rows: Vec<Value> = serde_json::from_str(rows).map_err(|error| misfit(&error))?;
        let of = rows.iter().zip(predicted).map(|(row, label)| {
            let at = self.classes.iter().position(|class| class == label || text(class) == text(label))?;
            row.get(at).and_then(number)
        });
        Ok(Arc::new(of.collect::<Float64Array>()))
    }
}

/// A value, if there is one.
fn present<T>(value: &Value, of: impl Fn(&Value) -> Result<T, Error>) -> Result<Option<T>, Error> {
    if value.is_null() { Ok(None) } else { of(value).map(Some) }
}

fn kind_of(values: &[Value]) -> Kind {
    let given = values.iter().any(|value| !value.is_null());
    let all = |is: fn(&Value) -> bool| given && values.iter().all(|value| value.is_null() || is(value));
    if all(Value::is_boolean) {
        Kind::Bool
    } else if all(Value::is_i64) {
        Kind::Int
    } else if all(|value| number(value).is_some()) {
        Kind::Float
    } else if all(Value::is_string) {
        Kind::Text
    } else if all(|value| value.as_array().is_some_and(|row| row.iter().all(|value| number(value).is_some()))) {
        Kind::Floats
    } else {
        Kind::Json
    }
}

/// Numbers that JSON has none for come as their names.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Null => Some(f64::NAN),
        Value::String(name) => match &**name {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// A whole number, also where it comes as one with a point.
fn whole(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
    let from = |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(from))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn lists<'r>(rows: impl Iterator<Item = &'r [f64]>) -> ArrayRef {
    let mut lists = ListBuilder::new(Float64Builder::new());
    for row in rows {
        lists.values().append_slice(row);
        lists.append(true);
    }
    Arc::new(lists.finish())
}

fn misfit(what: &dyn std::fmt::Display) -> Error {
    Error::Refused(format!("the model answers what its description does not tell: {what}"))
}
