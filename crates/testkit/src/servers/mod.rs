//! The real servers that mlsys needs, each a [`Program`](crate::Program) that can be killed, paused and started again with
//! its port and its data.

mod mlflow;
mod moto;
mod postgres;
mod redis;

pub use mlflow::Mlflow;
pub use moto::Moto;
pub use postgres::Postgres;
pub use redis::{Fsync, Redis};

use std::path::{Path, PathBuf};

/// A folder of a server, which another user may enter.
fn folder(prefix: &str) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::Permissions::from_mode(0o755);
    tempfile::Builder::new().prefix(prefix).permissions(open).tempdir().expect("a folder")
}

/// A program on the path, or the name of the package that has it.
fn installed(program: &str, folders: &[PathBuf], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain(folders.iter().cloned()).map(|folder| folder.join(program));
    let mut found = found.filter(|file| Path::new(file).is_file());
    found.next().unwrap_or_else(|| panic!("{program} is missing: apt install {package}"))
}
