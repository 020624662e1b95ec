//! A real `mlsys up`, on free ports, with a home of its own.

use std::{
    io::{BufRead, BufReader},
    ops::Deref,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{sys::signal::Signal, unistd::Pid};
use serde_json::Value;
use tempfile::TempDir;

use crate::Api;

/// How long a start may take: MLflow's server dominates it.
const START: Duration = Duration::from_mins(3);

/// How an mlsys of a test differs from the ordinary.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Settings, as environment variables.
    pub environment: Vec<(String, String)>,
}

/// A running mlsys; what can be asked of it, see [`Api`]. Dropping it stops it.
pub struct Mlsys {
    binary: PathBuf,
    home: TempDir,
    options: Options,
    child: Option<Child>,
    addresses: Value,
    api: Api,
}

impl Mlsys {
    /// Starts `binary` (`mlsys`) and waits until it is ready.
    pub fn start(binary: &str, options: Options) -> Self {
        let home = crate::folder("mlsys-test-");
        let mut mlsys = Self {
            binary: PathBuf::from(binary),
            home,
            options,
            child: None,
            addresses: Value::Null,
            api: Api::new("", Vec::new()),
        };
        mlsys.resume();
        mlsys
    }

    /// Starts it again in the same home.
    pub fn resume(&mut self) {
        assert!(self.child.is_none(), "it is running");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.home().join("up.log")).expect("a log");
        let mut child = self
            .cli(&["up", "--json", "--leash", "--port", "0", "--model-server-port", "0", "--mlflow-port", "0"])
            // Its other end is held by the child's handle: when the test process ends, however it does, mlsys stops.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("mlsys starts");
        let stdout = child.stdout.take().expect("piped");
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens after the first line.
                let _ = sender.send(line);
            }
        });
        let line = receiver.recv_timeout(START).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("mlsys did not start:\n{}", self.log())
        });
        self.addresses = serde_json::from_str(&line).expect("addresses in JSON");
        self.api = Api::new(self.addresses["api"].as_str().expect("an address"), vec![self.home().join("up.log")]);
        self.api = self.api.clone().signed(self.token());
        self.child = Some(child);
    }

    /// Changes a setting, from the next start or command on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.options.environment.retain(|(set, _)| set != name);
        self.options.environment.push((name.to_owned(), value.to_owned()));
    }

    /// A command of the same binary, in the same home.
    pub fn cli(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env("MLSYS_HOME", self.home()).env("MLSYS_PYTHON", crate::python()).stdin(Stdio::null());
        // One `uv` for all homes: installing it takes a while.
        let uv = crate::workspace_root().join(".mlsys/uv/bin/uv");
        if uv.exists() && std::env::var_os("MLSYS_UV").is_none() {
            command.env("MLSYS_UV", uv);
        }
        // A kernel that is started ahead and that no run of the test takes has imported much for nothing.
        command.env("KERNEL_POOL_SIZE", "0");
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Its home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home().join("up.log")).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it is running").id()
    }

    /// The model-server's address, or a path of it.
    pub fn model_server(&self, path: &str) -> String {
        format!("{}{path}", self.addresses["model_server"].as_str().expect("an address"))
    }

    /// MLflow's address.
    pub fn mlflow(&self) -> &str {
        self.addresses["mlflow"].as_str().expect("an address")
    }

    /// What its command line shows.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.home().join("home.token")).expect("a token").trim().to_owned()
    }

    /// The address that signs a browser in, once.
    pub fn sign_in(&self) -> &str {
        self.addresses["sign_in"].as_str().expect("an address")
    }

    /// What webhook deliveries are signed with.
    pub fn webhook_secret(&self) -> String {
        std::fs::read_to_string(self.home().join("webhook.secret")).expect("a secret").trim().to_owned()
    }

    /// What deliveries of the local remote are signed with.
    pub fn local_secret(&self) -> String {
        std::fs::read_to_string(self.home().join("local.secret")).expect("a secret").trim().to_owned()
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it is running");
        child.kill().expect("killed");
        child.wait().expect("gone");
    }

    /// Stops it with SIGTERM; answers its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        nix::sys::signal::kill(pid, Signal::SIGTERM).expect("signalled");
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().expect("waited for") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        None
    }
}

impl Deref for Mlsys {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Drop for Mlsys {
    fn drop(&mut self) {
        self.stop();
    }
}
