//! The graph's output tensors as predictions.

use ort::{
    session::SessionOutputs,
    value::{DynValue, TensorElementType},
};

use super::plan::{Classes, Plan, Target};
use crate::{Numbers, Output, PredictError};

/// The predictions in a run's outputs.
pub(super) fn output(plan: &Plan, outputs: &SessionOutputs<'_>) -> Result<Output, PredictError> {
    let find = |name: &str| outputs.get(name).ok_or_else(|| PredictError::Failed(format!("the graph gave no {name:?}")));
    let output = find(&plan.output)?;
    match &plan.target {
        Target::Classes(classes) => Ok(Output::Classes {
            labels: labels(classes, output)?,
            probabilities: plan.probabilities.as_deref().map(|name| numbers(find(name)?, true)).transpose()?,
        }),
        Target::Numbers { nested } => Ok(Output::Numbers(numbers(output, *nested)?)),
    }
}

fn labels(classes: &Classes, output: &DynValue) -> Result<Vec<usize>, PredictError> {
    let place =
        |found: Option<&usize>| found.copied().ok_or_else(|| PredictError::Failed("a label that is no class".to_owned()));
    if output.dtype().tensor_type() == Some(TensorElementType::String) {
        let (_, labels) = output.try_extract_strings().map_err(|error| failed(&error))?;
        return labels.iter().map(|label| place(classes.texts.get(label))).collect();
    }
    #[expect(clippy::cast_possible_truncation, reason = "labels are whole")]
    let number = |value: &f64| place(classes.numbers.get(&(*value as i64)));
    numbers(output, false)?.values.iter().map(number).collect()
}

/// Numbers of any type, as doubles.
#[expect(clippy::cast_precision_loss, reason = "predictions are doubles, labels small")]
fn numbers(output: &DynValue, nested: bool) -> Result<Numbers, PredictError> {
    macro_rules! values {
        ($type:ty, $widen:expr) => {{
            let (shape, values) = output.try_extract_tensor::<$type>().map_err(|error| failed(&error))?;
            let width = shape.iter().skip(1).product::<i64>();
            (usize::try_from(width).unwrap_or(1), values.iter().copied().map($widen).collect::<Vec<f64>>())
        }};
    }
    let (width, values) = match output.dtype().tensor_type() {
        Some(TensorElementType::Float32) => values!(f32, f64::from),
        Some(TensorElementType::Float64) => values!(f64, |value| value),
        Some(TensorElementType::Int64) => values!(i64, |value| value as f64),
        Some(TensorElementType::Int32) => values!(i32, f64::from),
        Some(TensorElementType::Bool) => values!(bool, |value| f64::from(u8::from(value))),
        _ => return Err(PredictError::Failed("the graph gave an output of a type that is not read".to_owned())),
    };
    Ok(Numbers { values, width: (nested || width > 1).then_some(width) })
}

fn failed(error: &ort::Error) -> PredictError {
    PredictError::Failed(error.to_string())
}
