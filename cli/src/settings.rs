//! Every setting of the embedded mode: read in one place, checked whole before the first socket opens.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use service::{Check, Secret, Setting};

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false }
}

const fn secret(name: &'static str, help: &'static str) -> Setting {
    Setting { name, default: "", help, secret: true }
}

/// What can be set, in the order the documentation shows.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("MLSYS_HOME", ".mlsys", "Where all state lives: databases, git remotes, artifacts, environments"),
    setting("MLSYS_HOST", "127.0.0.1", "The address that the API and the model-server listen on"),
    setting("MLSYS_PORT", "8000", "The API's port; 0 takes a free one"),
    setting("MODEL_SERVER_PORT", "8001", "The model-server's port; 0 takes a free one"),
    setting("MLFLOW_PORT", "5000", "The port of the MLflow server that mlsys starts; 0 takes a free one"),
    setting("MLFLOW_TRACKING_URI", "", "An MLflow server of your own; unset: mlsys starts one"),
    setting("MLSYS_URL", "", "The API that client commands talk to; unset: the one running under MLSYS_HOME"),
    secret("GITHUB_WEBHOOK_SECRET", "What deliveries are signed with; unset: generated and kept under MLSYS_HOME"),
    secret("INTERNAL_TOKEN", "What the processes show each other; unset: generated and kept under MLSYS_HOME"),
    secret("GITHUB_TOKEN", "Reads repositories on GitHub; needed for private ones"),
    setting("GITHUB_API_URL", "https://api.github.com", "GitHub's API; for GitHub Enterprise https://HOST/api/v3"),
    setting("AUTO_DEPLOY_ON_SUCCESS", "true", "Whether a model that passes its gates is deployed to dev"),
    setting("MIN_ACCURACY_THRESHOLD", "0.70", "The gate of a notebook without GATES: accuracy must reach it"),
    setting("WORKER_CONCURRENCY", "2", "How many pipelines run at the same time"),
    setting("KERNEL_POOL_SIZE", "1", "How many kernels are started ahead"),
    setting("KERNEL_MEMORY_LIMIT_MB", "", "What a notebook may use of memory; unset: three quarters of this machine's"),
    setting("RUN_TIMEOUT_SECONDS", "3600", "A notebook's whole run, unless its TIMEOUT_SECONDS says otherwise"),
    setting("CELL_TIMEOUT_SECONDS", "", "One cell; unset: only the run's time-out counts"),
    setting("LEASE_SECONDS", "15", "How long a silent worker keeps its pipeline"),
    setting(
        "MLSYS_PYTHON",
        "",
        "A Python with what crates/kernel/python/requirements.in names; unset: mlsys makes one under MLSYS_HOME",
    ),
    setting("MLSYS_UV", "", "The uv that builds Python environments; unset: mlsys installs its own under MLSYS_HOME"),
    setting("RUST_LOG", "info", "What is logged, as tracing's directives"),
    setting("LOG_FORMAT", "", "json: JSON lines also on a terminal"),
];

/// The settings as given.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    given: service::Settings,
    /// Where all state lives.
    pub home: PathBuf,
}

/// Ports chosen on the command line.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Ports {
    /// The API's port; 0 takes a free one
    #[arg(long)]
    pub port: Option<u16>,
    /// The model-server's port; 0 takes a free one
    #[arg(long)]
    pub model_server_port: Option<u16>,
    /// MLflow's port; 0 takes a free one
    #[arg(long)]
    pub mlflow_port: Option<u16>,
}

/// The settings of a whole stack, checked.
#[derive(Debug, Clone)]
pub(crate) struct StackSettings {
    pub host: std::net::IpAddr,
    pub port: u16,
    pub model_server_port: u16,
    pub mlflow_port: u16,
    pub mlflow_url: Option<String>,
    pub webhook_secret: Option<Secret>,
    pub internal_token: Option<Secret>,
    pub github_token: Option<Secret>,
    pub github_api_url: String,
    pub auto_deploy: bool,
    pub min_accuracy: f64,
    pub concurrency: usize,
    pub pool_size: usize,
    pub lease: Duration,
    pub execution: ExecutionSettings,
}

/// The bounds of a notebook's run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExecutionSettings {
    pub memory_limit: Option<u64>,
    pub run_timeout: Duration,
    pub cell_timeout: Option<Duration>,
}

impl Settings {
    /// Reads the environment and `.env`.
    pub fn load() -> anyhow::Result<Self> {
        let given = service::Settings::load(".env")?;
        let home = PathBuf::from(value(&given, "MLSYS_HOME"));
        let home = std::path::absolute(&home).with_context(|| format!("MLSYS_HOME: {}", home.display()))?;
        Ok(Self { given, home })
    }

    /// A setting's value or default; none when both are empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        Some(value(&self.given, name)).filter(|value| !value.is_empty())
    }

    /// The bounds of a notebook's run.
    pub fn execution(&self) -> anyhow::Result<ExecutionSettings> {
        let mut check = Check::default();
        let execution = self.read_execution(&mut check);
        check.finish()?;
        Ok(execution)
    }

    /// Everything a stack needs; all that is wrong is said at once.
    pub fn stack(&self, ports: Ports) -> anyhow::Result<StackSettings> {
        let given = &self.given;
        let mut check = Check::default();
        let loopback = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let settings = StackSettings {
            host: check.or(given.parse("MLSYS_HOST"), loopback),
            port: ports.port.unwrap_or_else(|| check.or(given.parse("MLSYS_PORT"), 8000)),
            model_server_port: ports.model_server_port.unwrap_or_else(|| check.or(given.parse("MODEL_SERVER_PORT"), 8001)),
            mlflow_port: ports.mlflow_port.unwrap_or_else(|| check.or(given.parse("MLFLOW_PORT"), 5000)),
            mlflow_url: self.get("MLFLOW_TRACKING_URI").map(str::to_owned),
            webhook_secret: given.secret("GITHUB_WEBHOOK_SECRET"),
            internal_token: given.secret("INTERNAL_TOKEN"),
            github_token: given.secret("GITHUB_TOKEN"),
            github_api_url: value(given, "GITHUB_API_URL").to_owned(),
            auto_deploy: check.or(given.parse("AUTO_DEPLOY_ON_SUCCESS"), true),
            min_accuracy: check.or(given.parse("MIN_ACCURACY_THRESHOLD"), 0.70),
            concurrency: check.or(given.parse("WORKER_CONCURRENCY"), 2),
            pool_size: check.or(given.parse("KERNEL_POOL_SIZE"), 1),
            lease: Duration::from_secs(check.or(given.parse("LEASE_SECONDS"), 15)),
            execution: self.read_execution(&mut check),
        };
        if settings.mlflow_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            check.refuse("MLFLOW_TRACKING_URI", "must be the http(s) address of an MLflow server");
        }
        if !settings.github_api_url.starts_with("http") {
            check.refuse("GITHUB_API_URL", "must be an http(s) address");
        }
        if settings.concurrency == 0 || settings.concurrency > 256 {
            check.refuse("WORKER_CONCURRENCY", "must be between 1 and 256");
        }
        if settings.lease < Duration::from_secs(3) {
            check.refuse("LEASE_SECONDS", "must be at least 3");
        }
        check.finish()?;
        Ok(settings)
    }

    fn read_execution(&self, check: &mut Check) -> ExecutionSettings {
        let memory: Option<u64> = check.or(self.given.parse("KERNEL_MEMORY_LIMIT_MB").map(|value| value.map(Some)), None);
        let run_timeout = check.or(self.given.parse("RUN_TIMEOUT_SECONDS"), 3600);
        let cell: Option<u64> = check.or(self.given.parse("CELL_TIMEOUT_SECONDS").map(|value| value.map(Some)), None);
        ExecutionSettings {
            memory_limit: memory.map(|megabytes| megabytes << 20).or_else(three_quarters_of_memory),
            run_timeout: Duration::from_secs(run_timeout),
            cell_timeout: cell.map(Duration::from_secs),
        }
    }
}

/// A setting's value, or its default.
fn value<'a>(given: &'a service::Settings, name: &str) -> &'a str {
    given
        .get(name)
        .unwrap_or_else(|| SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default))
}

/// Three quarters of what this machine, or this container, has of memory, in bytes. Sources: `proc_meminfo(5)`, and the
/// kernel's documentation of control groups, version 2 (`memory.max`) and 1 (`memory.limit_in_bytes`).
fn three_quarters_of_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = groups.iter().filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok());
    let total = limits.chain([kibibytes * 1024]).min()?;
    Some(total / 4 * 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Settings {
        let given = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings { given, home: PathBuf::from("/nowhere") }
    }

    #[test]
    fn the_documented_defaults_are_the_ones_in_force() {
        let pairs: Vec<_> = SETTINGS.iter().map(|setting| (setting.name, setting.default)).collect();
        let documented = given(&pairs).stack(Ports::default()).expect("the defaults are legal");
        let unset = given(&[]).stack(Ports::default()).expect("everything has a default");
        assert_eq!(format!("{documented:?}"), format!("{unset:?}"));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let wrong = [("MLSYS_PORT", "http"), ("MIN_ACCURACY_THRESHOLD", "high"), ("LEASE_SECONDS", "1")];
        let error = given(&wrong).stack(Ports::default()).expect_err("three are wrong").to_string();
        assert!(wrong.iter().all(|(name, _)| error.contains(name)), "{error}");
    }
}
