//! What backend and worker both work with, opened once from the settings that name it.
//!
//! A process of its own opens [`Adapters`] for itself; `mlsys up` opens them once for both. What only one of the processes
//! has, such as kernels, that process makes.

mod adapters;
mod connections;
mod keys;

pub use adapters::Adapters;
pub use connections::{CONNECTION_SETTINGS, Connections};
pub use keys::SecretsKey;
