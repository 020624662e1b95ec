//! How long what is kept.

use std::time::Duration;

use service::{Check, Setting, Settings};

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false }
}

/// What can be set, in the order the documentation shows.
pub const SETTINGS: &[Setting] = &[
    setting(
        "RETENTION_LOG_DAYS",
        "90",
        "How long logs and executed notebooks are kept after their pipeline ended; 0: for ever",
    ),
    setting("RETENTION_LOG_GB", "20", "How much logs and executed notebooks may take; the oldest go first; 0: any amount"),
    setting("RETENTION_PIPELINE_DAYS", "365", "How long ended pipelines without a version are kept; 0: for ever"),
    setting("RETENTION_PIPELINES", "100000", "How many ended pipelines are kept; 0: any number"),
    setting("RETENTION_DELIVERY_DAYS", "30", "How long webhook deliveries are kept; 0: for ever"),
    setting("RETENTION_AUDIT_DAYS", "365", "How long the audit log is kept; 0: for ever"),
    setting("RETENTION_VERSION_DAYS", "90", "How long versions that are not deployed are kept; 0: for ever"),
    setting(
        "RETENTION_DEPLOYMENTS",
        "10",
        "Of how many of the last deployments of each model in each environment all is kept, for rollbacks; 0: of all",
    ),
    setting(
        "RETENTION_MLFLOW_RUNS",
        "false",
        "Whether MLflow loses the runs of pipelines and the registry's versions that are removed, too",
    ),
    setting(
        "RETENTION_PYTHON_ENVIRONMENT_DAYS",
        "30",
        "How long Python environments that nothing uses are kept, on each worker; 0: for ever",
    ),
    setting(
        "RETENTION_PYTHON_ENVIRONMENT_GB",
        "50",
        "How much Python environments may take, on each worker; of those that nothing uses the oldest go first; 0: any amount",
    ),
];

/// How long what is kept. `None` and 0 keep for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Logs and executed notebooks.
    pub logs: Option<Duration>,
    /// How many bytes they may take.
    pub log_bytes: u64,
    /// Ended pipelines.
    pub pipelines: Option<Duration>,
    /// How many ended pipelines.
    pub pipelines_count: u64,
    /// Webhook deliveries.
    pub deliveries: Option<Duration>,
    /// The audit log.
    pub audit: Option<Duration>,
    /// Versions that are not deployed.
    pub versions: Option<Duration>,
    /// How many of the last deployments of each model in each environment.
    pub deployments: u32,
    /// Whether MLflow's runs go with their pipelines, and its registry's versions with ours.
    pub mlflow_runs: bool,
    /// Python environments that nothing uses.
    pub python_environments: Option<Duration>,
    /// How many bytes they may take.
    pub python_environment_bytes: u64,
}

impl RetentionSettings {
    /// Reads them; what is wrong is kept in `check`.
    pub fn read(settings: &Settings, check: &mut Check) -> Self {
        let days = |check: &mut Check, name: &str, default: u32| match check.or(settings.parse(name), default) {
            0 => None,
            days => Some(Duration::from_hours(24) * days),
        };
        let gigabytes = |check: &mut Check, name: &str, default: u32| {
            u64::from(check.or(settings.parse::<u32>(name), default)) * 1_000_000_000
        };
        Self {
            logs: days(check, "RETENTION_LOG_DAYS", 90),
            log_bytes: gigabytes(check, "RETENTION_LOG_GB", 20),
            pipelines: days(check, "RETENTION_PIPELINE_DAYS", 365),
            pipelines_count: u64::from(check.or(settings.parse::<u32>("RETENTION_PIPELINES"), 100_000)),
            deliveries: days(check, "RETENTION_DELIVERY_DAYS", 30),
            audit: days(check, "RETENTION_AUDIT_DAYS", 365),
            versions: days(check, "RETENTION_VERSION_DAYS", 90),
            deployments: check.or(settings.parse("RETENTION_DEPLOYMENTS"), 10),
            mlflow_runs: check.or(settings.parse("RETENTION_MLFLOW_RUNS"), false),
            python_environments: days(check, "RETENTION_PYTHON_ENVIRONMENT_DAYS", 30),
            python_environment_bytes: gigabytes(check, "RETENTION_PYTHON_ENVIRONMENT_GB", 50),
        }
    }
}
