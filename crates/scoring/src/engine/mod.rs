//! What computes predictions: one module for each engine.

pub(crate) mod native;
pub(crate) mod onnx;
pub(crate) mod python;

use std::{path::Path, sync::Arc};

use contract::{Flavour, ModelManifest};

use self::{native::NativeEngine, onnx::OnnxEngine, python::PythonEngine};
use crate::{Batch, Extras, LoadError, Memory, PredictError, Prediction, Runtime, Schema};

/// A running model.
#[derive(Debug)]
pub(crate) enum Engine {
    Native(NativeEngine),
    Onnx(OnnxEngine),
    Python(PythonEngine),
}

impl Engine {
    /// Starts a model and warms it up with its example, which is given back.
    pub(crate) async fn start(
        (folder, manifest): (&Path, &ModelManifest),
        schema: &Arc<Schema>,
        example: Batch,
        runtime: &Runtime,
    ) -> Result<(Self, Batch), LoadError> {
        match manifest.flavour {
            Flavour::Native => {
                let (engine, example) = NativeEngine::start((folder, manifest), schema, example, runtime).await?;
                Ok((Self::Native(engine), example))
            }
            Flavour::Onnx => {
                let (engine, example) = OnnxEngine::start((folder, manifest), schema, example, runtime).await?;
                Ok((Self::Onnx(engine), example))
            }
            Flavour::Python => {
                let engine = PythonEngine::start((folder, manifest), schema, runtime).await?;
                Ok((Self::Python(engine), example))
            }
        }
    }

    /// How much memory it takes now.
    pub(crate) fn memory(&self) -> Memory {
        match self {
            Self::Native(engine) => engine.memory(),
            Self::Onnx(engine) => engine.memory(),
            Self::Python(engine) => engine.memory(),
        }
    }

    /// Computes the predictions for some rows, and what is asked for besides.
    pub(crate) async fn predict(&self, batch: Batch, extras: Extras) -> Result<Prediction, PredictError> {
        match self {
            Self::Native(engine) => engine.predict(batch, extras).await,
            Self::Onnx(_) | Self::Python(_) if extras.any() => Err(PredictError::BadInput(
                "this model gives no decision values and no explanations; models that are computed natively do".to_owned(),
            )),
            Self::Onnx(engine) => engine.predict(batch).await,
            Self::Python(engine) => engine.predict(batch).await,
        }
    }

    /// The estimator's method that gives decision values, if it gives any here.
    pub(crate) fn decides(&self) -> Option<&'static str> {
        match self {
            Self::Native(engine) => engine.decides(),
            Self::Onnx(_) | Self::Python(_) => None,
        }
    }
}
