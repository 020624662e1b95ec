//! The server's settings.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use service::{Check, Secret, Setting, Settings, SettingsError};

use crate::onnxruntime::find_onnxruntime;

/// What the server is told at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the program listens.
    pub listen: SocketAddr,
    /// What the server keeps: copies of the models' files, and what is deployed.
    pub state_directory: PathBuf,
    /// The folder that every artifact lies within.
    pub artifact_root: PathBuf,
    /// ONNX Runtime's shared library.
    pub onnxruntime_library: PathBuf,
    /// The platform's Python interpreter, for models that name no environment.
    pub python: PathBuf,
    /// Holds the other environments: `{id}/bin/python`.
    pub environments_directory: PathBuf,
    /// What `/internal` routes ask for.
    pub internal_token: Secret,
    /// How many requests one model computes at the same time.
    pub threads: usize,
    /// How many requests one model may have in hand, computed or waiting; more are turned away at once.
    pub queue: usize,
    /// The longest a prediction may take.
    pub prediction_limit: Duration,
}

/// Every setting of the program.
pub const SETTINGS: &[Setting] = &[
    setting("MODEL_SERVER_LISTEN", "127.0.0.1:8001", "address the model-server listens on"),
    setting("MLSYS_HOME", ".mlsys", "folder of everything that mlsys keeps"),
    setting("MODEL_SERVER_STATE", "$MLSYS_HOME/model-server", "folder of the model-server's copies of models"),
    setting("MLSYS_ARTIFACTS", "$MLSYS_HOME/artifacts", "folder that all model artifacts lie within"),
    setting("MLSYS_PYTHON", "$MLSYS_HOME/python/bin/python", "the platform's Python interpreter"),
    setting("MLSYS_ENVIRONMENTS", "$MLSYS_HOME/environments", "folder of the other Python environments"),
    setting("ONNXRUNTIME_LIBRARY", "", "ONNX Runtime's shared library; found with MLSYS_PYTHON when unset"),
    setting("MODEL_SERVER_THREADS", "", "requests one model computes at the same time; as many as processors when unset"),
    setting("MODEL_SERVER_QUEUE", "256", "requests one model may have in hand; more get 429"),
    setting("MODEL_SERVER_PREDICTION_SECONDS", "30", "the longest a prediction may take"),
    Setting {
        name: "INTERNAL_TOKEN",
        default: "",
        help: "the token between mlsys's own processes; must be set",
        secret: true,
    },
];

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false }
}

impl Config {
    /// Reads the settings; all that is wrong with them is said at once.
    pub async fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let mut check = Check::default();
        let home = PathBuf::from(settings.get("MLSYS_HOME").unwrap_or(".mlsys"));
        let path = |name: &str, default: &str| settings.get(name).map_or_else(|| home.join(default), PathBuf::from);
        let python = path("MLSYS_PYTHON", "python/bin/python");
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let config = Self {
            listen: check.or(settings.parse("MODEL_SERVER_LISTEN"), SocketAddr::from(([127, 0, 0, 1], 8001))),
            state_directory: path("MODEL_SERVER_STATE", "model-server"),
            artifact_root: path("MLSYS_ARTIFACTS", "artifacts"),
            onnxruntime_library: library(settings, &python, &mut check).await,
            python,
            environments_directory: path("MLSYS_ENVIRONMENTS", "environments"),
            internal_token: check.take(settings.require("INTERNAL_TOKEN")).unwrap_or_else(|| Secret::new("")),
            threads: check.or(settings.parse("MODEL_SERVER_THREADS"), processors),
            queue: check.or(settings.parse("MODEL_SERVER_QUEUE"), 256),
            prediction_limit: Duration::from_secs(check.or(settings.parse("MODEL_SERVER_PREDICTION_SECONDS"), 30)),
        };
        check.finish().map(|()| config)
    }
}

async fn library(settings: &Settings, python: &Path, check: &mut Check) -> PathBuf {
    match settings.get("ONNXRUNTIME_LIBRARY") {
        Some(path) => path.into(),
        None => find_onnxruntime(python).await.unwrap_or_else(|error| {
            check.refuse("ONNXRUNTIME_LIBRARY", error.to_string());
            PathBuf::new()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everything_wrong_is_said_at_once() {
        let pairs = [("MODEL_SERVER_LISTEN", "nowhere"), ("MODEL_SERVER_QUEUE", "-1"), ("MLSYS_PYTHON", "/nowhere/python")];
        let settings: Settings = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let SettingsError(errors) = Config::from_settings(&settings).await.expect_err("four are wrong");
        let mut names: Vec<_> = errors.iter().map(|error| error.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["INTERNAL_TOKEN", "MODEL_SERVER_LISTEN", "MODEL_SERVER_QUEUE", "ONNXRUNTIME_LIBRARY"]);
        assert!(names.iter().all(|name| SETTINGS.iter().any(|setting| setting.name == *name)));
    }
}
