//! What computes predictions: one module for each engine.

pub(crate) mod native;
pub(crate) mod onnx;
pub(crate) mod python;

use std::{path::Path, sync::Arc};

use contract::{Flavour, ModelManifest};

use self::{native::NativeEngine, onnx::OnnxEngine, python::PythonEngine};
use crate::{Batch, LoadError, PredictError, Prediction, Runtime, Schema};

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

    /// Computes the predictions for some rows.
    pub(crate) async fn predict(&self, batch: Batch) -> Result<Prediction, PredictError> {
        match self {
            Self::Native(engine) => engine.predict(batch).await,
            Self::Onnx(engine) => engine.predict(batch).await,
            Self::Python(engine) => engine.predict(batch).await,
        }
    }
}
