//! A server that speaks S3: moto's, installed once under `target/`.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use tempfile::TempDir;

use crate::{Program, free_port, http_status};

/// What is installed; another version gets a folder of its own.
const PACKAGES: [&str; 3] = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];
const VERSION: &str = "5.2.5";

/// An S3 server that keeps everything in memory. Start, kill, pause: see [`Program`].
pub struct Moto {
    program: Program,
    port: u16,
    _folder: TempDir,
}

impl Moto {
    /// Starts one on a free port that accepts every key.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one that knows no key at all, and refuses all as AWS does.
    pub fn locked() -> Self {
        Self::with(&[("INITIAL_NO_AUTH_ACTION_COUNT", "0")])
    }

    /// The one that the tests of a process share, each with a bucket of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn with(environment: &[(&str, &str)]) -> Self {
        let (folder, port) = (crate::folder("mlsys-moto-"), free_port());
        let server = installed().join("bin/moto_server").display().to_string();
        let command = [server, "-H".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port.to_string()];
        let program = Program::new("moto", folder.path(), command).with(environment.iter().copied());
        let program =
            program.ready_when(Duration::from_mins(1), move || http_status(port, "/moto-api/data.json") == Some(200));
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

impl Deref for Moto {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.program
    }
}

/// The Python environment with moto.
fn installed() -> PathBuf {
    super::once(&format!("moto-{VERSION}"), |folder| {
        run(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()]);
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(&folder.join("bin/python"), &[&install[..], &PACKAGES].concat());
    })
}

fn run(program: &Path, arguments: &[&str]) {
    let answer =
        Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(answer.status.success(), "{} {arguments:?}:\n{}", program.display(), String::from_utf8_lossy(&answer.stderr));
}
