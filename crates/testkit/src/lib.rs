//! For the tests: mlsys as it really runs, in one process or in many, and the world around it.
//!
//! - [`Mlsys`]: a real `mlsys up` on free ports; [`Project`]: a git project that pushes to it.
//! - [`Cluster`]: backends, workers and model-servers as processes over real servers, to be killed and paused.
//! - [`Api`]: what a test asks of either.
//! - [`Redis`], [`Postgres`], [`Mlflow`]: the real servers; [`Proxy`]: a network that fails; [`Program`]: any process.
//! - [`Moto`]: a server that speaks S3; [`Gcs`]: a double of Google Cloud Storage; [`BigQuery`]: its emulator.
//! - [`GitHub`]: a double over real git repositories, with signed deliveries.
//! - [`Books`]: what was acknowledged, held against what there is.
//! - [`kubernetes`]: a double of Kubernetes that really runs its pods' programs.
//! - [`Notebook`]: notebooks, built cell by cell; [`packaged`]: models, ready to be loaded.
#![expect(clippy::missing_panics_doc, reason = "a test helper panics: that is how a test fails")]

mod api;
mod background;
mod books;
mod cluster;
pub mod family;
mod folder;
mod gcs;
mod github;
pub mod kubernetes;
mod notebook;
mod packaged;
mod ports;
mod program;
mod project;
mod proxy;
mod servers;
mod timeline;
mod up;

pub use api::Api;
pub(crate) use background::background;
pub use books::{Books, Entry, Outcome, Summary};
pub use cluster::{Answer, Cluster, Links, Member, Size};
pub use folder::folder;
pub use gcs::Gcs;
pub use github::{Asked, GitHub, Push, Repository, Rights};
pub use notebook::Notebook;
pub use packaged::packaged;
pub use ports::free_port;
pub use program::{Program, http_status, tail};
pub use project::Project;
pub use proxy::Proxy;
pub use servers::{BigQuery, Mlflow, Moto, Postgres, Redis, python_with, shared_mlflow};
pub use timeline::Timeline;
pub use up::{Mlsys, Options};

use std::path::{Path, PathBuf};

/// The workspace's root folder.
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/testkit lies two folders deep")
}

/// The platform's Python: `MLSYS_PYTHON`, or the one that `mlsys prepare` makes under the workspace.
pub fn python() -> PathBuf {
    let python = std::env::var_os("MLSYS_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| workspace_root().join(".mlsys/python/bin/python"));
    assert!(python.exists(), "{} is missing: `make build && target/debug/mlsys prepare` makes it", python.display());
    python
}

/// A binary of the workspace: in `MLSYS_BINARIES`, or where this test's own was built.
pub fn binary(name: &str) -> PathBuf {
    let folder = std::env::var_os("MLSYS_BINARIES").map_or_else(
        || {
            let own = std::env::current_exe().expect("a test has a file");
            own.ancestors().nth(2).expect("in deps").to_owned()
        },
        PathBuf::from,
    );
    let file = std::path::absolute(folder).expect("a folder").join(name);
    assert!(file.is_file(), "{} is missing: `cargo build --workspace --bins` makes it", file.display());
    file
}

/// Runs a Python program with arguments and answers its standard output; fails with its standard error.
pub fn run_python(code: &str, arguments: &[&str]) -> String {
    let answer = std::process::Command::new(python()).arg("-c").arg(code).args(arguments).output().expect("Python runs");
    assert!(answer.status.success(), "Python failed:\n{}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).expect("UTF-8")
}

/// Command lines of the processes that have a text in their command line, working folder or environment.
/// Source: proc(5).
pub fn processes_that_mention(text: &str) -> Vec<String> {
    let own = std::process::id().to_string();
    let folders = std::fs::read_dir("/proc").expect("a /proc").filter_map(Result::ok).map(|entry| entry.path());
    let numbered = folders.filter(|path| {
        path.file_name().is_some_and(|name| name != own.as_str() && name.as_encoded_bytes()[0].is_ascii_digit())
    });
    let mut found = Vec::new();
    for process in numbered {
        let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        let folder = std::fs::read_link(process.join("cwd")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(text)
            || String::from_utf8_lossy(&environment).contains(text)
            || folder.to_string_lossy().contains(text)
        {
            found.push(command);
        }
    }
    found
}

/// The value of `X-Hub-Signature-256` for a body.
pub fn signature(secret: &str, body: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}
