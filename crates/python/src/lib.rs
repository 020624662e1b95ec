//! Python environments: the platform's own, and those that notebooks ask for. Hides `uv`.
//!
//! - `platform`: the platform's own, from a lock file.
//! - `requirements`: what a notebook depends on, and where it says so; `local`: what of it lies in the repository; `plain`: what means the same in all of them; `text`: files in whatever encoding they came.
//! - `environments`: building what a notebook asks for, cached by content; `reason`: why `uv` could not, in a sentence.
//! - `kept`: which environments this machine keeps, when each was last used, and removing one that nobody uses.

mod environments;
mod kept;
mod local;
mod plain;
mod platform;
mod reason;
mod requirements;
mod text;
mod uv;

pub use environments::{EnvironmentError, Environments};
pub use kept::{Kept, PythonEnvironment, Removal};
pub use platform::{Platform, PlatformError, Say, base_python, check};
pub use requirements::{RequirementsError, Script};
pub use text::Undecodable;
