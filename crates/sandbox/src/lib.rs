//! Processes that run what others wrote.
//!
//! | file | its job |
//! |---|---|
//! | [`begin`](mode) | the setting `SANDBOX`, and what this machine offers for it |
//! | `confinement` | what a process may reach: folders, network, limits |
//! | `landlock`, `seccomp` | the same as the kernel of the system takes it |
//! | [`egress`](Egress), `supervisor` | whom it may connect to; each connection judged, and made from outside |
//! | `launch` | a process is started: confined, and with a reaper above it |
//! | `reaper` | the process above it, which no descendant outlives |
//! | [`files`] | files in folders that others write: opened without following a link |
//!
//! Deliberately absent: who is confined to what. Whoever starts a process says that.

mod confinement;
mod egress;
pub mod files;
#[cfg(target_os = "linux")]
mod landlock;
mod launch;
mod mode;
mod offer;
#[cfg(target_os = "linux")]
mod reaper;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
mod supervisor;

pub use confinement::{Confinement, Limits, python_folders};
pub use egress::{Egress, UnknownPlace};
#[cfg(target_os = "linux")]
pub use landlock::open_folder;
pub use launch::{Family, spawn};
pub use mode::{Mode, Refused, begin, make_undumpable, mode};
pub use offer::Offer;
