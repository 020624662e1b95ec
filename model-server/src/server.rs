//! The server as a whole.

use std::{
    path::absolute,
    sync::{Arc, atomic::AtomicBool},
};

use axum::Router;
use service::Secret;
use tokio::fs;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Config, StartError,
    backend::Backend,
    deployed::{self, Deployed},
    flavours::python::PROGRAM,
    loader::Loader,
    onnxruntime,
    reconcile::Reconciler,
    routes::{self, Serving},
    workshop::Workshop,
};

/// A running model-server. It serves no socket itself: [`ModelServer::router`] is for whoever has one.
#[derive(Debug)]
pub struct ModelServer {
    serving: Serving,
    token: Secret,
    _restoring: AbortOnDropHandle<()>,
    _following: Option<AbortOnDropHandle<()>>,
}

impl ModelServer {
    /// Starts the server, begins to bring back what is deployed, and to follow the backend if there is one. `/ready` answers
    /// 503 until the former has ended and the latter was reached and followed, or was not reached for ten seconds.
    pub async fn start(mut config: Config) -> Result<Self, StartError> {
        let state = &config.state_directory;
        fs::create_dir_all(state).await.map_err(StartError::state(state))?;
        let artifacts = artifacts::Store::open(&config.artifacts.address, config.artifacts.access())?;
        // Models' processes start elsewhere. An interpreter is not resolved: what it is linked to has other packages.
        for path in [&mut config.state_directory, &mut config.python, &mut config.environments_directory] {
            *path = absolute(&*path).map_err(StartError::state(&*path))?;
        }
        let program = config.state_directory.join("serve_model.py");
        deployed::write(&program, PROGRAM.as_bytes()).map_err(StartError::state(&program))?;
        let file = config.state_directory.join("deployed.json");
        let deployed = Deployed::open(file.clone()).map_err(StartError::state(file))?;
        let onnxruntime = onnxruntime::environment(&config.onnxruntime_library)?;
        let token = config.internal_token.clone();
        let backend = config.backend_url.as_deref();
        let backend = backend.map(|url| Backend::new(url, token.clone(), config.advertise.clone())).transpose()?;
        let models = config.state_directory.join("models");
        let loader = Arc::new(Loader::new(Workshop::new(config, artifacts, program, onnxruntime), models, deployed).await);
        let restoring = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&loader).restore()));
        let caught_up = Arc::new(AtomicBool::new(backend.is_none()));
        let following = backend.map(|backend| {
            let reconciler = Reconciler::new(Arc::clone(&loader), backend, Arc::clone(&caught_up));
            AbortOnDropHandle::new(tokio::spawn(reconciler.run()))
        });
        Ok(Self { serving: Serving { loader, caught_up }, token, _restoring: restoring, _following: following })
    }

    /// The routes, with everything around them.
    pub fn router(&self) -> Router {
        service::layers(routes::router(self.serving.clone(), self.token.clone()))
    }

    /// Takes every model out of service and waits for their processes to end. What is deployed stays remembered.
    pub async fn shutdown(self) {
        let Self { serving, _restoring: restoring, _following: following, .. } = self;
        drop((restoring, following));
        serving.loader.close().await;
    }
}
