//! Logged models: a run's packaged model, as the registry takes it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

use crate::{Client, MlflowError};

/// A packaged model to upload.
#[derive(Debug, Clone, Copy)]
pub struct LoggedModel<'a> {
    /// The run's experiment.
    pub experiment_id: &'a str,
    /// The run that made it.
    pub run_id: &'a str,
    /// Its name, for people.
    pub name: &'a str,
    /// The folder that holds its files, `MLmodel` among them.
    pub directory: &'a Path,
}

#[derive(Deserialize)]
struct Created {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    model_id: String,
    artifact_uri: String,
}

impl Client {
    /// Uploads a model with all its files, makes it an output of its run, and answers its identifier, `m-…`. Each
    /// call makes a new one.
    pub async fn upload_model(&self, model: LoggedModel<'_>) -> Result<String, MlflowError> {
        let body = json!({ "experiment_id": model.experiment_id, "name": model.name, "source_run_id": model.run_id });
        let Created { model: Model { info } } = self.post("logged-models", &body).await?;
        let body = json!({ "run_id": model.run_id, "models": [{ "model_id": info.model_id, "step": 0 }] });
        self.post::<IgnoredAny>("runs/outputs", &body).await?;
        for (path, file) in files(model.directory).await? {
            // The notebook had this folder to itself: a link in it could lead anywhere.
            let open = sandbox::files::open_below(model.directory, Path::new(&path));
            self.put_file(&info.artifact_uri, &path, &file, open).await?;
        }
        let body = json!({ "model_id": info.model_id, "status": "LOGGED_MODEL_READY" });
        self.patch::<IgnoredAny>(&format!("logged-models/{}", info.model_id), &body).await?;
        Ok(info.model_id)
    }
}

/// All files below a folder, with their paths from it.
async fn files(directory: &Path) -> Result<Vec<(String, PathBuf)>, MlflowError> {
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), directory.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        let unreadable = |source| MlflowError::File { path: folder.clone(), source };
        let mut entries = tokio::fs::read_dir(&folder).await.map_err(unreadable)?;
        while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().await.map_err(unreadable)?.is_dir() {
                folders.push((format!("{path}/"), entry.path()));
            } else {
                files.push((path, entry.path()));
            }
        }
    }
    Ok(files)
}
