//! An MLflow server of our own, as a child process that cannot outlive us.

use std::{
    fs::File,
    io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep, timeout},
};

use crate::{Client, MlflowError, Timeouts};

/// Which server to run.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The Python that has MLflow.
    pub python: PathBuf,
    /// Where the server keeps its database and its files. Created where it is missing.
    pub directory: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// Where its output goes. Overwritten at each start.
    pub log_file: PathBuf,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// It cannot be started: the port is taken, or there is no such Python.
    #[error("the MLflow server cannot be started: {0}")]
    Start(#[from] io::Error),
    /// It ended by itself; with its last words.
    #[error("the MLflow server ended: {log}")]
    Ended {
        /// The end of its log.
        log: String,
    },
    /// It runs and does not answer; with its last words.
    #[error("the MLflow server does not answer after {} s: {log}", after.as_secs())]
    NotReady {
        /// How long it had.
        after: Duration,
        /// The end of its log.
        log: String,
    },
}

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    url: String,
    log_file: PathBuf,
    supervisor: Child,
    /// The supervisor kills the server when this closes, however we end.
    leash: ChildStdin,
}

/// Holds the server on a leash. See there.
const SUPERVISOR: &str = include_str!("supervisor.py");
/// The server itself.
const SERVE: &str = include_str!("serve.py");
/// What the server inherits of our environment.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"];
/// How long the server may take to end when asked.
const GRACE: Duration = Duration::from_secs(5);
/// How often to look whether it is ready.
const POLL: Duration = Duration::from_millis(50);
/// How much of its log an error repeats, in lines.
const LAST_WORDS: usize = 15;

impl Server {
    /// Starts a server with its user interface. It answers only after [`wait_ready`](Self::wait_ready).
    pub async fn start(config: ServerConfig) -> Result<Self, ServerError> {
        tokio::fs::create_dir_all(config.directory.join("artifacts")).await?;
        let directory = tokio::fs::canonicalize(&config.directory).await?;
        // Another server there would answer for ours until ours has found out.
        drop(TcpListener::bind((Ipv4Addr::LOCALHOST, config.port))?);
        let log = File::create(&config.log_file)?;
        // Absolute, but with its links: through them Python finds its environment.
        let python = std::path::absolute(&config.python)?;
        let mut supervisor = Command::new(&python)
            .args(["-I", "-S", "-c", SUPERVISOR])
            .arg(&python)
            .args(["-P", "-c", SERVE, &config.port.to_string()])
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(settings(&directory))
            .current_dir(&directory)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C at the terminal is for us; the server hears of it through its leash.
            .process_group(0)
            .spawn()?;
        let leash = supervisor.stdin.take().ok_or_else(|| io::Error::other("no pipe to the supervisor"))?;
        Ok(Self { url: format!("http://127.0.0.1:{}", config.port), log_file: config.log_file, supervisor, leash })
    }

    /// Where the server answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the server answers and its database is ready.
    pub async fn wait_ready(&mut self, within: Duration) -> Result<(), ServerError> {
        let deadline = Instant::now() + within;
        let client = Client::new(self.url.clone(), None).map_err(io::Error::other)?;
        let client = client.with_timeouts(Timeouts { call: within, ..Timeouts::default() });
        loop {
            if self.supervisor.try_wait()?.is_some() {
                return Err(ServerError::Ended { log: self.last_words() });
            }
            // Any call that needs the database: the first one creates it, which takes seconds.
            let ready = timeout(deadline.saturating_duration_since(Instant::now()), client.get_alias("none", "none")).await;
            match ready {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(MlflowError::Unavailable { .. })) if Instant::now() < deadline => sleep(POLL).await,
                _ => return Err(ServerError::NotReady { after: within, log: self.last_words() }),
            }
        }
    }

    /// Waits until the server ends by itself; answers with its last words.
    pub async fn ended(&mut self) -> ServerError {
        match self.supervisor.wait().await {
            Ok(_) => ServerError::Ended { log: self.last_words() },
            Err(error) => error.into(),
        }
    }

    /// Asks the server to end, and kills it if it does not.
    pub async fn shutdown(mut self) -> Result<(), ServerError> {
        // A leash that cannot be written to is held by nobody: the server has ended.
        if self.leash.write_all(b"stop\n").await.is_ok() && timeout(GRACE, self.supervisor.wait()).await.is_ok() {
            return Ok(());
        }
        drop(self.leash);
        if timeout(GRACE, self.supervisor.wait()).await.is_err() {
            self.supervisor.kill().await?;
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let log = std::fs::read(&self.log_file).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n")
    }
}

/// The server's settings, as `mlflow server` hands them to the process that answers.
/// Source of the names: `mlflow/server/constants.py`.
fn settings(directory: &Path) -> [(&'static str, String); 9] {
    let database = format!("sqlite:///{}", directory.join("mlflow.db").display());
    [
        ("_MLFLOW_SERVER_FILE_STORE", database.clone()),
        ("_MLFLOW_SERVER_REGISTRY_STORE", database),
        ("_MLFLOW_SERVER_ARTIFACT_ROOT", "mlflow-artifacts:/".to_owned()),
        ("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true".to_owned()),
        ("_MLFLOW_SERVER_ARTIFACT_DESTINATION", directory.join("artifacts").display().to_string()),
        ("_MLFLOW_SGI_NAME", "uvicorn".to_owned()),
        ("MLFLOW_SERVER_ALLOWED_HOSTS", "127.0.0.1:*,localhost:*".to_owned()),
        ("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false".to_owned()),
        ("MLFLOW_DISABLE_TELEMETRY", "true".to_owned()),
    ]
}
