//! Which kernel to start.

use std::path::PathBuf;

/// A kernel to start, and its limits.
#[derive(Debug, Clone)]
pub struct KernelSpec {
    /// The Python executable; its environment must have `ipykernel`.
    pub python: PathBuf,
    /// The most memory, in bytes, that the kernel and its children may take together.
    pub memory_limit: Option<u64>,
    /// Modules that kernels of a [`Pool`](crate::Pool) import ahead, where installed, such as `pandas`.
    pub preload: Vec<String>,
}
