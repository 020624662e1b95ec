//! The emulator of Google `BigQuery` that the notebooks' package is tested with, which loads files from [`Gcs`].

use std::{fs, ops::Deref, os::unix::fs::symlink, path::Path, sync::OnceLock, time::Duration};

use tempfile::TempDir;

use crate::{Gcs, Program, free_port, http_status, workspace_root};

/// Where it is installed.
const INSTALLED: &str = "target/python-package/emulators";
/// How it is started.
const SERVER: &str = include_str!("bigquery.py");

/// A `BigQuery` that keeps everything in memory, beside its buckets. Start, kill, pause: see [`Program`].
pub struct BigQuery {
    program: Program,
    gcs: Gcs,
    port: u16,
    grpc_port: u16,
    _folder: TempDir,
}

impl BigQuery {
    /// The bucket that files are staged in.
    pub const BUCKET: &str = "staging";

    /// Starts one on free ports that believes everybody.
    pub fn start() -> Self {
        let emulators = workspace_root().join(INSTALLED);
        assert!(
            emulators.join("made-from").is_file(),
            "the emulator of BigQuery is missing: `make {INSTALLED}/made-from` installs it"
        );
        let gcs = Gcs::start();
        gcs.create_bucket(Self::BUCKET);
        let (folder, port, grpc_port) = (crate::folder("mlsys-bigquery-"), free_port(), free_port());
        install_extension(&emulators, folder.path());
        let python = emulators.join("bin/python").display().to_string();
        let (rest, grpc) = (port.to_string(), grpc_port.to_string());
        let command = [&*python, "-c", SERVER, "start", "--rest-port", &rest, "--grpc-port", &grpc, "--log-level", "error"];
        let home = folder.path().display().to_string();
        let program = Program::new("bigquery", folder.path(), command)
            .with([("STORAGE_EMULATOR_HOST", &*gcs.url()), ("HOME", &home), ("BQEMU_ENABLE_FORMAT_EXTENSIONS", "false")])
            .ready_when(Duration::from_mins(2), move || http_status(port, "/readyz") == Some(200));
        program.start();
        Self { program, gcs, port, grpc_port, _folder: folder }
    }

    /// The one that the tests of a process share, each with a project of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<BigQuery> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Its port for REST on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its buckets.
    pub fn gcs(&self) -> &Gcs {
        &self.gcs
    }

    /// The address of a project's warehouse there.
    pub fn address(&self, project: &str) -> String {
        format!("bigquery://{project}/{}/of/{project}", Self::BUCKET)
    }

    /// Makes a dataset.
    pub async fn create_dataset(&self, project: &str, dataset: &str) {
        let body = serde_json::json!({ "datasetReference": { "projectId": project, "datasetId": dataset } });
        self.post(&format!("/bigquery/v2/projects/{project}/datasets"), &body).await;
    }

    /// What becomes of the next requests for jobs: a status that is answered instead, `lost` (done, and not answered) or `slow` (the new
    /// job takes a while).
    pub async fn fail_next(&self, wanted: serde_json::Value) {
        self.post("/failures", &wanted).await;
    }

    /// Has something done as its own clients would.
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> serde_json::Value {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let answer = reqwest::Client::new().post(format!("{}{path}", self.url())).json(body).send().await;
        let answer = answer.expect("an answer").error_for_status().expect("done");
        answer.json().await.expect("JSON")
    }

    /// The settings by which a warehouse there is reached.
    pub fn access(&self) -> Vec<(&'static str, String)> {
        vec![
            ("BIGQUERY_EMULATOR_HOST", self.url()),
            ("BIGQUERY_STORAGE_GRPC_ENDPOINT", format!("127.0.0.1:{}", self.grpc_port)),
            ("STORAGE_EMULATOR_HOST", self.gcs.url()),
        ]
    }
}

impl Deref for BigQuery {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.program
    }
}

/// Puts `DuckDB`'s extension where the emulator looks for it, which would download it otherwise.
fn install_extension(emulators: &Path, home: &Path) {
    let found = |folder: &Path| -> Vec<_> {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let packages = found(&emulators.join("lib")).pop().expect("a Python").join("site-packages");
    for version in found(&packages.join("duckdb_extension_spatial/extensions")) {
        let folder = home.join(".duckdb/extensions").join(version.file_name().expect("a version"));
        let folder = folder.join(format!("linux_{machine}"));
        fs::create_dir_all(&folder).expect("a folder");
        let name = "spatial.duckdb_extension";
        symlink(version.join(name), folder.join(name)).expect("a link");
    }
}
