//! A real PostgreSQL.

use std::{
    ops::Deref,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Program, free_port};

const PACKAGE: &str = "postgresql";
/// Whom the servers run as when the tests run as root, whom PostgreSQL refuses.
const USER: &str = "postgres";

/// A PostgreSQL. Start, kill, pause: see [`Program`].
pub struct Postgres {
    program: Program,
    port: u16,
    databases: AtomicU32,
    _folder: TempDir,
}

impl Postgres {
    /// Starts a server with an empty database on a free port. Its processes may die and keep what they acknowledged; the
    /// machine does not, so that nothing waits for the disk.
    pub fn start() -> Self {
        let (folder, port) = (crate::folder("mlsys-postgres-"), free_port());
        let data = folder.path().join("data").to_string_lossy().into_owned();
        run("cp", &["-a".to_owned(), new_cluster().to_string_lossy().into_owned(), data.clone()]);
        let listen = format!("-clisten_addresses=127.0.0.1 -cport={port} -cunix_socket_directories=");
        let (server, settings) = (binary("postgres"), format!("{listen} -cmax_connections=400 -cfsync=off"));
        let command: Vec<&str> = [server.as_str(), "-D", &data].into_iter().chain(settings.split(' ')).collect();
        if is_root() {
            run("chown", &[USER.to_owned(), folder.path().to_string_lossy().into_owned()]);
        }
        // SIGINT: "fast", without waiting for clients.
        let program =
            Program::new("postgres", folder.path(), as_user(&command)).with_its_family().stopped_by(Signal::SIGINT);
        let isready = binary("pg_isready");
        let program = program.ready_when(Duration::from_mins(1), move || {
            let arguments = ["-h", "127.0.0.1", "-p", &port.to_string(), "-t", "2"];
            Command::new(&isready).args(arguments).output().is_ok_and(|answer| answer.status.success())
        });
        program.start();
        Self { program, port, databases: AtomicU32::new(1), _folder: folder }
    }

    /// The one that the tests of a process share, each with a database of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of the database that it always has.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Makes a new database; its address.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let arguments = ["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "mlsys", &name].map(str::to_owned);
        run(&binary("createdb"), &arguments);
        self.url_of(&name)
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://mlsys@127.0.0.1:{}/{database}", self.port)
    }
}

impl Deref for Postgres {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.program
    }
}

/// The files of a new server: `initdb` takes seconds, a copy of what it made does not.
fn new_cluster() -> PathBuf {
    let initdb = binary("initdb");
    let made = super::once(&format!("postgres-{}", initdb.replace('/', "-")), |made| {
        // Not under `target`, which the server's user need not be able to enter.
        let folder = crate::folder("mlsys-initdb-");
        if is_root() {
            run("chown", &[USER.to_owned(), folder.path().to_string_lossy().into_owned()]);
        }
        let data = folder.path().join("data").to_string_lossy().into_owned();
        let options = ["--no-sync", "--no-locale", "--auth=trust", "--username=mlsys", "--encoding=UTF8", "-D", &data];
        let mut command = as_user(&[&[initdb.as_str()][..], &options].concat());
        run(&command.remove(0), &command);
        std::fs::create_dir(made).expect("a folder");
        run("cp", &["-a".to_owned(), data, made.join("data").to_string_lossy().into_owned()]);
    });
    made.join("data")
}

fn binary(name: &str) -> String {
    super::installed(name, &folders(), PACKAGE).to_string_lossy().into_owned()
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

/// Runs a program to its end, which must be a good one.
fn run(program: &str, arguments: &[String]) {
    let answer = Command::new(program).args(arguments).current_dir("/").output();
    let answer = answer.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(answer.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
}
