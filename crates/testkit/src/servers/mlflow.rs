//! A real MLflow tracking server with its registry, over SQLite.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tempfile::TempDir;

use crate::{Program, free_port, http_status};

/// An MLflow server. Start, kill, pause: see [`Program`].
pub struct Mlflow {
    program: Program,
    port: u16,
    _folder: TempDir,
}

impl Mlflow {
    /// Starts one on a free port, which takes 5 to 20 s.
    pub fn start() -> Self {
        let (folder, port) = (crate::folder("mlsys-mlflow-"), free_port());
        let python = crate::python().to_string_lossy().into_owned();
        let port_text = port.to_string();
        let command = [&python, "-P", "-c", include_str!("../../../mlflow/src/serve.py"), &port_text];
        let database = format!("sqlite:///{}/mlflow.db", folder.path().display());
        let artifacts = folder.path().join("artifacts").display().to_string();
        // Source of the names: `mlflow/server/constants.py`.
        let settings = [
            ("_MLFLOW_SERVER_FILE_STORE", database.as_str()),
            ("_MLFLOW_SERVER_REGISTRY_STORE", &database),
            ("_MLFLOW_SERVER_ARTIFACT_ROOT", "mlflow-artifacts:/"),
            ("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true"),
            ("_MLFLOW_SERVER_ARTIFACT_DESTINATION", &artifacts),
            ("_MLFLOW_SGI_NAME", "uvicorn"),
            ("MLFLOW_SERVER_ALLOWED_HOSTS", "127.0.0.1:*,localhost:*"),
            ("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false"),
            ("MLFLOW_DISABLE_TELEMETRY", "true"),
        ];
        let program = Program::new("mlflow", folder.path(), command).with(settings);
        // A call that needs the database, which the first one makes.
        let call = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default";
        let program = program.ready_when(Duration::from_mins(3), move || http_status(port, call) == Some(200));
        program.start();
        Self { program, port, _folder: folder }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Deref for Mlflow {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.program
    }
}

/// One MLflow for all tests of this process that can share it: it takes a while to start. It ends when nobody holds it.
pub fn shared() -> Arc<Mlflow> {
    static SHARED: Mutex<Weak<Mlflow>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let mlflow = Arc::new(Mlflow::start());
        *shared = Arc::downgrade(&mlflow);
        mlflow
    })
}
