//! The server as a whole.

use std::{path::absolute, sync::Arc};

use axum::Router;
use service::Secret;
use tokio::{fs, task::JoinHandle};

use crate::{
    Config, StartError,
    deployed::{self, Deployed},
    flavours::python::PROGRAM,
    loader::Loader,
    onnxruntime, routes,
    workshop::Workshop,
};

/// A running model-server. It serves no socket itself: [`ModelServer::router`] is for whoever has one.
#[derive(Debug)]
pub struct ModelServer {
    loader: Arc<Loader>,
    token: Secret,
    restoring: JoinHandle<()>,
}

impl ModelServer {
    /// Starts the server, and begins to bring back what is deployed. Until that has ended `/ready` answers 503.
    pub async fn start(mut config: Config) -> Result<Self, StartError> {
        for path in [&mut config.state_directory, &mut config.artifact_root] {
            fs::create_dir_all(&*path).await.map_err(StartError::state(&*path))?;
        }
        // Models' processes start elsewhere. An interpreter is not resolved: what it is linked to has other packages.
        for path in
            [&mut config.state_directory, &mut config.artifact_root, &mut config.python, &mut config.environments_directory]
        {
            *path = absolute(&*path).map_err(StartError::state(&*path))?;
        }
        let program = config.state_directory.join("serve_model.py");
        deployed::write(&program, PROGRAM.as_bytes()).map_err(StartError::state(&program))?;
        let file = config.state_directory.join("deployed.json");
        let deployed = Deployed::open(file.clone()).map_err(StartError::state(file))?;
        let onnxruntime = onnxruntime::environment(&config.onnxruntime_library)?;
        let token = config.internal_token.clone();
        let models = config.state_directory.join("models");
        let loader = Arc::new(Loader::new(Workshop::new(config, program, onnxruntime), models, deployed));
        loader.announce().await;
        let restoring = tokio::spawn(Arc::clone(&loader).restore());
        Ok(Self { loader, token, restoring })
    }

    /// The routes, with everything around them.
    pub fn router(&self) -> Router {
        service::layers(routes::router(Arc::clone(&self.loader), self.token.clone()))
    }

    /// Takes every model out of service and waits for their processes to end. What is deployed stays remembered.
    pub async fn shutdown(self) {
        self.restoring.abort();
        self.loader.close().await;
    }
}
