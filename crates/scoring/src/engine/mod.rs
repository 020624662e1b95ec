//! What computes predictions: one module for each engine.

pub(crate) mod native;
pub(crate) mod onnx;
pub(crate) mod python;

use std::{path::Path, sync::Arc};

use contract::{Flavour, ModelManifest};

use self::{
    native::{NativeEngine, Turn},
    onnx::OnnxEngine,
    python::PythonEngine,
};
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
        if let Some(lacks) = self.lacks(extras) {
            return Err(PredictError::BadInput(format!("this model gives no {lacks}")));
        }
        match self {
            Self::Native(engine) => engine.predict(batch, extras).await,
            // What native requests hold stays small, for it is moved about.
            Self::Onnx(engine) => Box::pin(engine.predict(batch)).await,
            Self::Python(engine) => Box::pin(engine.predict(batch, extras.decision)).await,
        }
    }

    /// A turn to compute in this process, once a thread is free; none where another computes.
    pub(crate) async fn turn(&self) -> Result<Option<Turn>, PredictError> {
        match self {
            Self::Native(engine) => engine.turn().await.map(Some),
            Self::Onnx(_) | Self::Python(_) => Ok(None),
        }
    }

    /// What is asked for and not there, and why, unless the engine says that itself.
    fn lacks(&self, extras: Extras) -> Option<&'static str> {
        match self {
            Self::Onnx(_) if extras.any() => {
                Some("decision values and no explanations: ONNX Runtime computes it; models that are computed natively do")
            }
            Self::Python(_) if extras.explanations => {
                Some("explanations: its own Python library computes it, and has none; models that are computed natively do")
            }
            Self::Python(engine) if extras.decision && engine.decides().is_none() => {
                Some("decision values: its estimator has neither decision_function nor score_samples")
            }
            _ => None,
        }
    }

    /// The estimator's method that gives decision values, if it gives any here.
    pub(crate) fn decides(&self) -> Option<&'static str> {
        match self {
            Self::Native(engine) => engine.decides(),
            Self::Onnx(_) => None,
            Self::Python(engine) => engine.decides(),
        }
    }

    /// About how many small requests that wait are computed in the time of one.
    pub(crate) fn joined(&self) -> usize {
        match self {
            Self::Native(_) | Self::Onnx(_) => 1,
            Self::Python(engine) => engine.joined(),
        }
    }
}
