//! What keeps a kernel from working.

use std::{io, path::PathBuf, time::Duration};

use crate::{DeathCause, zmtp::MESSAGE_MAX};

/// Why there is no working kernel. A failing notebook is not among them: that is an [`Outcome`](crate::Outcome).
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The configured Python cannot be started.
    #[error("cannot start Python at {}: {source}; check that the path names a Python executable", python.display())]
    Python {
        /// The configured path.
        python: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel ended before it was ready.
    #[error("the kernel of {} ended at its start ({cause}); is ipykernel installed there?{}", python.display(), quoted(stderr))]
    EndedAtStart {
        /// The configured Python.
        python: PathBuf,
        /// How it ended.
        cause: DeathCause,
        /// The end of what it wrote to its standard error.
        stderr: String,
    },
    /// The kernel did not answer in time.
    #[error("the kernel of {} did not answer within {} s of its start", python.display(), after.as_secs())]
    NoAnswer {
        /// The configured Python.
        python: PathBuf,
        /// How long it was given.
        after: Duration,
    },
    /// The kernel's private files cannot be written.
    #[error("cannot write the kernel's private files: {0}; check free space and rights of the temporary directory")]
    Files(#[from] io::Error),
    /// The connection to a living kernel broke.
    #[error("the connection to the kernel broke: {0}")]
    Wire(String),
    /// What runs in the kernel sent more at once than is read.
    #[error("the kernel sent a message of more than {} MB, or of very many parts: write large data to a file instead of showing it", MESSAGE_MAX >> 20)]
    MessageTooLarge,
    /// The kernel could not take up the run's directory, environment or variables.
    #[error("the kernel could not be prepared for the run: {0}")]
    Prepare(String),
    /// There are too many secrets, or they are too long, to be looked for in what the run puts out.
    #[error("the run's secrets are too large to be kept out of its log: ask for fewer, or store shorter ones")]
    Secrets,
    /// A parameter's name cannot be assigned in Python.
    #[error("parameter {0:?} is not a Python variable name; rename it")]
    ParameterName(String),
}

fn quoted(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(" It wrote: {stderr}") }
}
