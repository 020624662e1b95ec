//! The worker's settings.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use assembly::Connections;
use provenance::SigningKey;
use service::{Check, SIGNING_KEY, Setting, Settings, SettingsError};

use crate::{data::DataPlaces, runner::KubernetesConfig, tasks::retention::RetentionSettings};

/// How long a phase may go on once its worker is to stop, in seconds, unless set.
const GRACE_SECONDS: u64 = 30;

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false }
}

/// What can be set beside [`assembly::CONNECTION_SETTINGS`], in the order the documentation shows.
pub const SETTINGS: &[Setting] = &[
    setting(
        "WORKER_PORT",
        "8002",
        "The port of the worker's /health, /ready and /metrics; 0 takes a free one. In `mlsys up`, only if it is set",
    ),
    setting("WORKER_CONCURRENCY", "2", "How many pipelines run at the same time"),
    setting("LEASE_SECONDS", "15", "How long a silent worker keeps its pipeline"),
    setting(
        "SHUTDOWN_GRACE_SECONDS",
        "30",
        "How long a phase may go on after SIGTERM before it is handed back; in `mlsys up` 0, unless it is set",
    ),
    setting("RUNNER_BACKEND", "local", "local: notebooks run on the worker; kubernetes: in one Job each"),
    setting("AUTO_DEPLOY_ON_SUCCESS", "true", "Whether a model that passes its gates is deployed to dev"),
    setting("MIN_ACCURACY_THRESHOLD", "0.70", "The gate of a notebook without GATES: accuracy must reach it"),
    setting("KERNEL_POOL_SIZE", "1", "How many kernels are started ahead"),
    setting("KERNEL_MEMORY_LIMIT_MB", "", "What a notebook may use of memory; unset: three quarters of this machine's"),
    setting(
        "BUILD_MEMORY_LIMIT_MB",
        "",
        "What building a Python environment may use of memory; unset: three quarters of this machine's",
    ),
    setting("RUN_TIMEOUT_SECONDS", "3600", "A notebook's whole run, unless its TIMEOUT_SECONDS says otherwise"),
    setting("CELL_TIMEOUT_SECONDS", "", "One cell; unset: only the run's time-out counts"),
    setting(
        "PACKAGE_TIMEOUT_SECONDS",
        "120",
        "Packaging a model, beside the notebook's own time: what takes longer is given up for the next best way of serving it",
    ),
    setting("PACKAGE_MEMORY_MB", "2048", "What packaging a model may use of memory, beside what the notebook may"),
    setting(
        "MLSYS_PYTHON",
        "",
        "A Python with what crates/python/platform/requirements.in names; unset: python under MLSYS_HOME",
    ),
    setting(
        "SANDBOX",
        "auto",
        "What code of others (notebooks, builds, models in Python) is confined to: auto, the best this machine offers; require, and refuse to run without Landlock; landlock, as auto without namespaces; off",
    ),
    setting("SANDBOX_READ", "", "Folders that notebooks may read beside their own, separated by colons, such as data sets"),
    setting(
        "MLSYS_BUCKETS",
        "",
        "The files that notebooks reach by mlsys.gcs: a folder with one for each bucket, or gcs for Google Cloud Storage; unset: buckets under MLSYS_HOME",
    ),
    setting("GCP_PROJECT_ID", "", "The Google Cloud project that pays for what notebooks do by mlsys.bq and mlsys.gcs"),
    setting(
        "SANDBOX_EGRESS",
        "all",
        "Whom notebooks may connect to: all, none, or hosts, addresses and networks by commas, such as example.org:443,10.0.0.0/8; never this machine's own ports nor a cloud's metadata service, unless they are named as well (all,localhost:5432)",
    ),
    setting(
        "ALLOW_SOURCE_BUILDS",
        "false",
        "Whether what notebooks depend on may be built from source, and be had from paths and URLs; otherwise only wheels of the package index are installed",
    ),
    SIGNING_KEY,
    setting("MLSYS_UV", "", "The uv that builds Python environments; unset: uv under MLSYS_HOME"),
];

/// How pipelines are run, wherever the worker runs.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// How many pipelines run at the same time.
    pub concurrency: usize,
    /// How long a silent worker keeps its pipeline.
    pub lease: Duration,
    /// How long a phase may go on once the worker is to stop.
    pub grace: Duration,
    /// Where notebooks run.
    pub runner: Runner,
    /// The gate of a notebook without `GATES`.
    pub min_accuracy: f64,
    /// Whether a model that passes its gates is deployed to `dev`.
    pub auto_deploy: bool,
    /// How many kernels are started ahead.
    pub pool_size: usize,
    /// A kernel and its children together, in bytes.
    pub memory_limit: Option<u64>,
    /// Building a Python environment, in bytes.
    pub build_memory_limit: Option<u64>,
    /// A notebook's whole run, unless its `TIMEOUT_SECONDS` says otherwise.
    pub run_timeout: Duration,
    /// One cell; none: only the run's time-out counts.
    pub cell_timeout: Option<Duration>,
    /// Packaging a model, beside the run.
    pub package_timeout: Duration,
    /// Packaging a model, beside the kernel's limit, in bytes.
    pub package_memory: u64,
    /// How long what is kept.
    pub retention: RetentionSettings,
}

/// Where notebooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// On the worker.
    Local,
    /// In one Kubernetes Job each.
    Kubernetes,
}

impl std::str::FromStr for Runner {
    type Err = &'static str;
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "local" => Ok(Self::Local),
            "kubernetes" => Ok(Self::Kubernetes),
            _ => Err("must be local or kubernetes"),
        }
    }
}

impl Tuning {
    /// Reads them; what is wrong is kept in `check`.
    pub fn read(settings: &Settings, check: &mut Check) -> Self {
        let seconds =
            |check: &mut Check, name: &str, default: u64| Duration::from_secs(check.or(settings.parse(name), default));
        let memory = |check: &mut Check, name: &str| sandbox::memory_limit(check.take(settings.parse(name)).flatten());
        let cell: Option<u64> = check.take(settings.parse("CELL_TIMEOUT_SECONDS")).flatten();
        let tuning = Self {
            concurrency: check.or(settings.parse("WORKER_CONCURRENCY"), 2),
            lease: seconds(check, "LEASE_SECONDS", 15),
            grace: seconds(check, "SHUTDOWN_GRACE_SECONDS", GRACE_SECONDS),
            runner: check.or(settings.parse("RUNNER_BACKEND"), Runner::Local),
            min_accuracy: check.or(settings.parse("MIN_ACCURACY_THRESHOLD"), 0.70),
            auto_deploy: check.or(settings.parse("AUTO_DEPLOY_ON_SUCCESS"), true),
            pool_size: check.or(settings.parse("KERNEL_POOL_SIZE"), 1),
            memory_limit: memory(check, "KERNEL_MEMORY_LIMIT_MB"),
            build_memory_limit: memory(check, "BUILD_MEMORY_LIMIT_MB"),
            run_timeout: seconds(check, "RUN_TIMEOUT_SECONDS", 3600),
            cell_timeout: cell.map(Duration::from_secs),
            package_timeout: seconds(check, "PACKAGE_TIMEOUT_SECONDS", 120),
            package_memory: check.or(settings.parse("PACKAGE_MEMORY_MB"), 2048_u64).saturating_mul(1 << 20),
            retention: RetentionSettings::read(settings, check),
        };
        if tuning.concurrency == 0 || tuning.concurrency > 256 {
            check.refuse("WORKER_CONCURRENCY", "must be between 1 and 256");
        }
        if tuning.lease < Duration::from_secs(3) {
            check.refuse("LEASE_SECONDS", "must be at least 3");
        }
        if tuning.package_timeout < Duration::from_secs(10) {
            check.refuse("PACKAGE_TIMEOUT_SECONDS", "must be at least 10");
        }
        tuning
    }
}

/// A worker's process.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// Where `/health`, `/ready` and `/metrics` are served.
    pub listen: SocketAddr,
    /// The outside servers.
    pub connections: Connections,
    /// How pipelines are run.
    pub tuning: Tuning,
    /// The platform's Python interpreter.
    pub python: PathBuf,
    /// What builds other environments.
    pub uv: PathBuf,
    /// How code of others is confined.
    pub sandbox: sandbox::Mode,
    /// What notebooks may read beside their own.
    pub sandbox_read: Vec<PathBuf>,
    /// Where the tables and files of notebooks lie.
    pub data: DataPlaces,
    /// Whom notebooks may connect to.
    pub sandbox_egress: sandbox::Egress,
    /// Whether packages may be built from source, and be had from paths and URLs.
    pub source_builds: bool,
    /// What versions' provenance is signed with; none: they get none.
    pub signing_key: Option<Arc<SigningKey>>,
    /// Where pipelines run in pods; none: this process runs them.
    pub kubernetes: Option<KubernetesConfig>,
}

impl ProcessConfig {
    /// Reads the settings; all that is wrong with them is said at once.
    ///
    /// # Errors
    /// When a value can't be used, or one that must be set is not.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let mut check = Check::default();
        let connections = Connections::read(settings, &mut check);
        let path =
            |name: &str, default: &str| settings.get(name).map_or_else(|| connections.home.join(default), PathBuf::from);
        let host = check.or(settings.parse("MLSYS_HOST"), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let tuning = Tuning::read(settings, &mut check);
        let config = Self {
            listen: SocketAddr::new(host, check.or(settings.parse("WORKER_PORT"), 8002)),
            kubernetes: (tuning.runner == Runner::Kubernetes).then(|| KubernetesConfig::read(settings, &mut check)),
            tuning,
            signing_key: check.take(settings.secret_as(SIGNING_KEY.name)).flatten().map(Arc::new),
            python: path("MLSYS_PYTHON", "python/bin/python"),
            uv: path("MLSYS_UV", "uv/bin/uv"),
            sandbox: check.or(settings.parse("SANDBOX"), sandbox::Mode::Auto),
            data: DataPlaces::read(settings, &connections.home),
            sandbox_egress: check.or(settings.parse("SANDBOX_EGRESS"), sandbox::Egress::all()),
            source_builds: check.or(settings.parse("ALLOW_SOURCE_BUILDS"), false),
            sandbox_read: settings.get("SANDBOX_READ").map(std::env::split_paths).into_iter().flatten().collect(),
            connections,
        };
        check.finish().map(|()| config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuning(pairs: &[(&str, &str)]) -> (Tuning, Check) {
        let settings = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut check = Check::default();
        (Tuning::read(&settings, &mut check), check)
    }

    #[test]
    fn the_documented_defaults_are_the_ones_in_force() {
        let pairs: Vec<_> = SETTINGS.iter().map(|setting| (setting.name, setting.default)).collect();
        assert_eq!(format!("{:?}", tuning(&pairs).0), format!("{:?}", tuning(&[]).0));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let wrong = [("WORKER_CONCURRENCY", "0"), ("LEASE_SECONDS", "1"), ("RUNNER_BACKEND", "docker")];
        let error = tuning(&wrong).1.finish().expect_err("three are wrong").to_string();
        assert!(wrong.iter().all(|(name, _)| error.contains(name)), "{error}");
    }
}
