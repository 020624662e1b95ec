//! The real servers that mlsys needs, each a [`Program`](crate::Program) that can be killed, paused and started again with
//! its port and its data.

mod bigquery;
mod mlflow;
mod moto;
mod postgres;
mod redis;

pub use bigquery::BigQuery;
pub use mlflow::{Mlflow, shared as shared_mlflow};
pub use moto::Moto;
pub use postgres::Postgres;
pub use redis::Redis;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What is made once under `target/testkit`, by one of the processes that want it while the others wait: its folder.
pub(crate) fn once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let target = crate::workspace_root().join("target/testkit");
    std::fs::create_dir_all(&target).expect("a folder");
    let lock = std::fs::File::create(target.join(format!("{name}.lock"))).expect("a file");
    lock.lock().expect("a lock");
    let (folder, done) = (target.join(name), target.join(format!("{name}.done")));
    if !done.exists() {
        // What a killed process left half made.
        let _ = std::fs::remove_dir_all(&folder);
        make(&folder);
        std::fs::write(done, "").expect("written");
    }
    folder
}

/// A Python that has some packages from `PyPI`, made once under `target/testkit`. Other packages want another name.
pub fn python_with(name: &str, packages: &[&str]) -> PathBuf {
    let folder = once(name, |folder| {
        run(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()]);
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(&folder.join("bin/python"), &[&install[..], packages].concat());
    });
    folder.join("bin/python")
}

fn run(program: &Path, arguments: &[&str]) {
    let answer =
        Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(answer.status.success(), "{} {arguments:?}:\n{}", program.display(), String::from_utf8_lossy(&answer.stderr));
}

/// A program on the path, or the name of the package that has it.
fn installed(program: &str, folders: &[PathBuf], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain(folders.iter().cloned()).map(|folder| folder.join(program));
    let mut found = found.filter(|file| Path::new(file).is_file());
    found.next().unwrap_or_else(|| panic!("{program} is missing: apt install {package}"))
}
