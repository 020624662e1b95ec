//! The copies of versions' files on this machine.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use contract::{LoadRequest, ModelName, is_sha256};

use super::LoadError;

/// A folder for each model, with one for each of its versions.
#[derive(Debug)]
pub(crate) struct Copies {
    root: PathBuf,
}

impl Copies {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// A version's own folder. It bears the digest, too, for a store that was emptied counts its versions anew.
    pub(crate) fn folder(&self, name: &ModelName, request: &LoadRequest) -> Result<PathBuf, LoadError> {
        let digest = request.sha256.get(..12).filter(|_| is_sha256(&request.sha256)).ok_or(LoadError::BadDigest)?;
        Ok(self.root.join(name.as_str()).join(format!("v{}-{digest}", request.version)))
    }

    /// The models that have copies here.
    pub(crate) async fn models(&self) -> Vec<ModelName> {
        let root = self.root.clone();
        let names = tokio::task::spawn_blocking(move || {
            let entries = fs::read_dir(root).into_iter().flatten().filter_map(Result::ok);
            entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
        });
        names.await.unwrap_or_default()
    }

    /// Removes the copies of a model's versions, except for these.
    pub(crate) async fn sweep(&self, name: &ModelName, kept: BTreeSet<PathBuf>) {
        let folder = self.root.join(name.as_str());
        let swept = tokio::task::spawn_blocking(move || remove_others(&folder, &kept));
        if let Ok(Err(error)) = swept.await {
            tracing::warn!(model.name = %name, %error, "old copies could not be removed");
        }
    }
}

fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        // No version ever came as far as a copy.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if !kept.contains(&path) {
            fs::remove_dir_all(path)?;
        }
    }
    if kept.is_empty() { fs::remove_dir(folder) } else { Ok(()) }
}
