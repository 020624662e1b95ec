//! Runs a notebook on a Jupyter kernel over the native protocol.
//!
//! | file | its job |
//! |---|---|
//! | [`spec`], [`pool`] | which kernel to start; kernels started ahead |
//! | [`run`] | the run of one notebook, cell by cell: what to ask for, what comes back |
//! | [`notebook`] | the notebook file: parse, change, write |
//! | `launcher.py`, `process` | the kernel's process: clean environment, leash, signals, death |
//! | `wire`, `drive` | the sockets; one request from sending to idle, with its time limits |
//! | `record`, `outputs`, `fold`, `lines`, `spill` | outputs on their way to the notebook, the log, and the disk |
//! | `memory` | how much memory the kernel's process tree takes, and who killed it |
//! | `papermill`, `literal` | the executed notebook as papermill writes it |
//!
//! Deliberately absent: whether a notebook is fit to run, and what its results mean.

mod call;
mod cell;
mod drive;
mod error;
mod fold;
mod lines;
mod literal;
mod memory;
pub mod notebook;
mod outcome;
mod outputs;
mod papermill;
pub mod pool;
mod process;
mod record;
pub mod run;
pub mod spec;
mod spill;
mod start;
mod wire;

pub use error::KernelError;
pub use notebook::{NotebookError, NotebookFile};
pub use outcome::{DeathCause, Outcome};
pub use pool::Pool;
pub use run::{AfterCell, EventSink, RunReport, RunRequest, run};
pub use spec::KernelSpec;
pub use start::Kernel;
