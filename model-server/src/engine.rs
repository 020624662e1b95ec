//! What computes predictions: one of the flavours.

use serde_json::value::RawValue;

use crate::{
    batch::Batch,
    error::PredictError,
    flavours::{onnx::OnnxEngine, python::PythonEngine},
    meter::Spent,
};

/// A running model.
#[derive(Debug)]
pub(crate) enum Engine {
    Onnx(OnnxEngine),
    Python(PythonEngine),
}

impl Engine {
    /// Computes the predictions for some rows, and says how long that took.
    pub(crate) async fn predict(&self, batch: Batch) -> Result<(Output, Spent), PredictError> {
        match self {
            Self::Onnx(engine) => engine.predict(batch).await,
            Self::Python(engine) => engine.predict(&batch).await,
        }
    }
}

/// Predictions, one per row.
#[derive(Debug)]
pub(crate) enum Output {
    /// A classifier's: places in the list of classes, and probabilities `[rows, classes]`.
    Classes { labels: Vec<usize>, probabilities: Option<Numbers> },
    /// A regression's.
    Numbers(Numbers),
    /// As JSON lists, from another process.
    Json { predictions: Box<RawValue>, probabilities: Option<Box<RawValue>> },
}

/// Numbers, row-major.
#[derive(Debug)]
pub(crate) struct Numbers {
    pub(crate) values: Vec<f64>,
    /// The length of each row's list; `None` where a row is one bare number.
    pub(crate) width: Option<usize>,
}
