//! Runs a notebook on a Jupyter kernel over the native protocol.
//!
//! | file | its job |
//! |---|---|
//! | `spec`, `start`, `pool` | which kernel to start; from its start to its end; kernels started ahead |
//! | `request` | what a run is given, whom it tells, what it gives back |
//! | `run` | the run of one notebook, cell by cell |
//! | [`notebook`], `cell` | the notebook file: parse, change, write |
//! | `launcher/`, `process`, `room` | the kernel's process: clean environment, leash, signals, death; the folder of one that is confined |
//! | `zmtp`, `wire`, `call`, `drive` | the transport; the sockets; our calls into the kernel; one request from sending to idle, with its time limits |
//! | `record`, `outputs`, `fold`, `lines`, `spill` | outputs on their way to the notebook, the log, and the disk |
//! | `blot` | the secrets of a run, taken out of all that is told of it |
//! | `papermill`, `literal` | the executed notebook as papermill writes it |
//!
//! Deliberately absent: whether a notebook is fit to run, and what its results mean.

mod blot;
mod call;
mod cell;
mod drive;
mod error;
mod fold;
mod lines;
mod literal;
pub mod notebook;
mod outcome;
mod outputs;
mod papermill;
mod pool;
mod process;
mod record;
mod request;
mod room;
mod run;
mod spec;
mod spill;
mod start;
mod wire;
mod zmtp;

pub use error::KernelError;
pub use notebook::{NotebookError, NotebookFile};
pub use outcome::{DeathCause, Outcome, brief};
pub use pool::Pool;
pub use request::{AfterCell, EventSink, RunReport, RunRequest, Then, Unanswered};
pub use room::Room;
pub use run::run;
pub use spec::{Confined, KernelSpec};
pub use start::Kernel;
