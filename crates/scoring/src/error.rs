//! What can go wrong, by what a caller does about it.

use std::{io, path::PathBuf};

/// Why no model can be run here at all.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// ONNX Runtime's library cannot be loaded.
    #[error("ONNX Runtime at {}: {reason}", path.display())]
    OnnxRuntime {
        /// The library.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
    /// The Python interpreter cannot say where its ONNX Runtime is.
    #[error("no ONNX Runtime was found with {}: {reason}", python.display())]
    NoOnnxRuntime {
        /// The interpreter that was asked.
        python: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The programs of models' processes cannot be written.
    #[error("{}: {source}", path.display())]
    Program {
        /// Where it was to be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Why a model cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its manifest is of a kind that is not served, or does not fit its files.
    #[error("metadata.json: {0}")]
    BadManifest(String),
    /// The Python environment that it names is not on this machine.
    #[error("the Python environment {0:?} is not here")]
    NoEnvironment(String),
    /// It does not start.
    #[error("the model does not start: {0}")]
    NotStarted(String),
    /// It does not answer its own example as the estimator did.
    #[error("the model's answer to its example is not the expected one: {0}")]
    SelfTest(String),
}

/// Why rows were not predicted.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The rows are not what the model takes. The text names columns, never values.
    #[error("{0}")]
    BadInput(String),
    /// As many requests as the model may have are in hand.
    #[error("the model has as many requests as it can take; try again")]
    Overloaded,
    /// The model's processes died; another one is starting.
    #[error("the model's process is restarting ({0}); try again")]
    Restarting(String),
    /// The model's process died of these rows.
    #[error("the model's process ended while it had these rows: {0}")]
    Died(String),
    /// The model slept, and is not awake yet.
    #[error("the model is waking; try again")]
    Waking,
    /// The model sleeps, and cannot be woken now.
    #[error("the model sleeps and can't be woken: {0}")]
    Asleep(String),
    /// It took too long.
    #[error("the prediction took too long")]
    TimedOut,
    /// The model failed on rows that it should take. The text is for the log, and for who sends whole tables.
    #[error("{0}")]
    Failed(String),
}
