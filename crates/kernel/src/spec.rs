//! Which kernel to start.

use std::path::PathBuf;

use sandbox::Egress;

/// What a kernel that runs code of others may reach, beside the system's libraries and its Python environment.
#[derive(Debug, Clone)]
pub struct Confined {
    /// Each kernel gets a new folder in here.
    pub rooms: PathBuf,
    /// More that it may read.
    pub read: Vec<PathBuf>,
    /// More that it may change.
    pub write: Vec<PathBuf>,
    /// Whom it may connect to.
    pub egress: Egress,
}

/// A kernel to start, and its limits.
#[derive(Debug, Clone)]
pub struct KernelSpec {
    /// The Python executable; its environment must have `ipykernel`.
    pub python: PathBuf,
    /// The most memory, in bytes, that the kernel and its children may take together.
    pub memory_limit: Option<u64>,
    /// Modules that kernels of a [`Pool`](crate::Pool) import ahead, where installed, such as `pandas`.
    pub preload: Vec<String>,
    /// To what it is confined; none: the code is the caller's own, and may do what the caller may.
    pub confined: Option<Confined>,
}
