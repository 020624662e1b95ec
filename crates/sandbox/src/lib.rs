//! Processes that run what others wrote.
//!
//! | file | its job |
//! |---|---|
//! | [`begin`](mode) | the setting `SANDBOX`, and what this machine offers for it |
//! | `confinement` | what a process may reach: folders, network, limits |
//! | `landlock`, `seccomp` | the same as the kernel of the system takes it |
//! | [`egress`](Egress), `supervisor` | whom it may connect to; each connection judged, and made from outside |
//! | `launch` | a process is started: confined, and with a reaper above it |
//! | `namespaces` | a list of processes, shared memory and System V's objects of its own |
//! | `reaper`, `forget` | the process above it, which no descendant outlives, and which holds next to no memory |
//! | [`Watch`], `group` | how much memory it takes, and an end for those that take too much |
//! | [`Seal`] | what processes of one family give up for themselves, that must not know of each other |
//! | [`files`] | files in folders that others write: opened without following a link |
//!
//! Deliberately absent: who is confined to what. Whoever starts a process says that.

mod confinement;
mod egress;
pub mod files;
#[cfg(target_os = "linux")]
mod forget;
mod group;
#[cfg(target_os = "linux")]
mod landlock;
mod launch;
mod memory;
mod mode;
#[cfg(target_os = "linux")]
mod namespaces;
mod offer;
#[cfg(target_os = "linux")]
mod reaper;
mod seal;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
mod supervisor;

pub use confinement::{Confinement, Limits, python_folders};
pub use egress::{Egress, UnknownPlace};
pub use launch::{Family, spawn};
pub use memory::{Footprint, Watch, memory_limit};
pub use mode::{Mode, OpenFolder, Refused, begin, keep_closed, make_undumpable, mode};
pub use offer::Offer;
pub use seal::{Seal, child_of};
