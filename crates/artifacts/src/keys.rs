//! Every name under a store's root: `mlsys-models-{env}/{model}/v{N}/{file}`, and `packages/{pipeline}/{run}/{file}` for
//! what is not registered yet.

use std::path::{Path, PathBuf};

use contract::{Environment, ModelName, PipelineId};

/// The folder of a model's versions in an environment's bucket, relative to the root.
pub(crate) fn model_folder(environment: &Environment, model: &ModelName) -> PathBuf {
    Path::new(&format!("mlsys-models-{environment}")).join(model.as_str())
}

/// A version's folder name.
pub(crate) fn version_folder(version: u64) -> String {
    format!("v{version}")
}

/// The folder of a pipeline's packages, relative to the root.
pub(crate) fn packages(pipeline: PipelineId) -> PathBuf {
    Path::new("packages").join(pipeline.to_string())
}

/// The beginning of a folder's name while it is being filled.
pub(crate) const INCOMING: &str = ".incoming-";

/// Whether a file may be called this: one plain name, which no path or hidden file is.
pub(crate) fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}
