//! A real PostgreSQL.

use std::{
    ops::Deref,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Program, free_port};

const PACKAGE: &str = "postgresql";
/// Whom the servers run as when the tests run as root, whom PostgreSQL refuses.
const USER: &str = "postgres";

/// A PostgreSQL that is as durable as in earnest. Start, kill, pause: see [`Program`].
pub struct Postgres {
    program: Program,
    port: u16,
    _folder: TempDir,
}

impl Postgres {
    /// Makes a cluster of databases and starts a server for it on a free port.
    pub fn start() -> Self {
        let (folder, port) = (super::folder("mlsys-postgres-"), free_port());
        let data = folder.path().join("data");
        let binary = |name: &str| super::installed(name, &folders(), PACKAGE).to_string_lossy().into_owned();
        if is_root() {
            give(folder.path());
        }
        let at = data.to_string_lossy().into_owned();
        let mut initdb =
            as_user(&[&binary("initdb"), "--no-sync", "--auth=trust", "--username=mlsys", "--encoding=UTF8", "-D", &at]);
        let made = run(&initdb.remove(0), &initdb, folder.path());
        assert!(made.0, "initdb: {}", made.1);
        let listen = format!("-clisten_addresses=127.0.0.1 -cport={port} -cunix_socket_directories= -cmax_connections=300");
        let server = binary("postgres");
        let command: Vec<&str> = [server.as_str(), "-D", &at].into_iter().chain(listen.split(' ')).collect();
        // SIGINT: "fast", without waiting for clients.
        let program =
            Program::new("postgres", folder.path(), as_user(&command)).with_its_family().stopped_by(Signal::SIGINT);
        let isready = binary("pg_isready");
        let program = program.ready_when(Duration::from_mins(1), move || {
            let arguments = ["-h", "127.0.0.1", "-p", &port.to_string(), "-t", "2"].map(str::to_owned);
            run(&isready, &arguments, Path::new("/")).0
        });
        program.start();
        Self { program, port, _folder: folder }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of its one database.
    pub fn url(&self) -> String {
        format!("postgres://mlsys@127.0.0.1:{}/postgres", self.port)
    }
}

impl Deref for Postgres {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.program
    }
}

/// Debian's folders of PostgreSQL's programs, the newest first.
fn folders() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}

/// The command as a user that PostgreSQL takes.
fn as_user(command: &[&str]) -> Vec<String> {
    let (user, group) = (format!("--reuid={USER}"), format!("--regid={USER}"));
    let prefix: &[&str] = if is_root() { &["setpriv", &user, &group, "--clear-groups"] } else { &[] };
    prefix.iter().chain(command).map(|&word| word.to_owned()).collect()
}

/// Whether this process runs as root, whom PostgreSQL refuses.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn give(folder: &Path) {
    let (well, said) = run("chown", &[USER.to_owned(), folder.to_string_lossy().into_owned()], folder);
    assert!(well, "{said} (apt install {PACKAGE})");
}

/// Runs a program to its end: whether it went well, and what it said.
fn run(program: &str, arguments: &[String], folder: &Path) -> (bool, String) {
    match Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(answer) => (answer.status.success(), String::from_utf8_lossy(&answer.stderr).into_owned()),
        Err(error) => (false, format!("{program}: {error}")),
    }
}
