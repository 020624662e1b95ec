//! Every setting of the embedded mode: read in one place, checked whole before the first socket opens.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use backend::PublicUrl;
use service::{ArtifactSettings, Check, EffectiveSetting, Secret, Setting};
use worker::{Runner, Tuning};

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false }
}

/// What only the command line reads.
const OWN: &[Setting] = &[
    setting("MLSYS_URL", "", "The API that client commands talk to; unset: the one running under MLSYS_HOME"),
    setting("MODEL_SERVER_PORT", "8001", "`mlsys up`: the model-server's port; 0 takes a free one"),
    setting("MLFLOW_PORT", "5000", "The port of the MLflow server that `mlsys up` starts; 0 takes a free one"),
];

/// What only processes of their own read, and what only client commands do; `KUBERNETES_*` beside them.
const NOT_EMBEDDED: [&str; 14] = [
    "DATABASE_URL",
    "REDIS_URL",
    "MODEL_SERVER_URL",
    "WORKER_PORT",
    "MLSYS_ENVIRONMENTS",
    "ONNXRUNTIME_LIBRARY",
    "MODEL_SERVER_LISTEN",
    "BACKEND_URL",
    "MODEL_SERVER_ADVERTISE",
    "MODEL_SERVER_STATE",
    "MODEL_SERVER_THREADS",
    "MODEL_SERVER_QUEUE",
    "MODEL_SERVER_PREDICTION_SECONDS",
    "MLSYS_URL",
];

/// Ctrl-C is a person who waits.
const EMBEDDED_GRACE: Duration = Duration::ZERO;

/// What every process reads.
const TELEMETRY: &[Setting] = &[
    setting("RUST_LOG", "info", "What is logged, as tracing's directives"),
    setting("LOG_FORMAT", "", "json: JSON lines also on a terminal"),
    setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "Where traces go, over OTLP/HTTP; unset: nowhere. The other OTEL_* variables count too",
    ),
];

/// What can be set, in the order the documentation shows; each once, however many processes read it.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    let tables = [
        service::CONNECTION_SETTINGS,
        backend::SETTINGS,
        worker::SETTINGS,
        worker::tasks::retention::SETTINGS,
        service::ARTIFACT_SETTINGS,
        worker::runner::SETTINGS,
        model_server::SETTINGS,
        OWN,
        TELEMETRY,
    ];
    let mut seen = std::collections::HashSet::new();
    tables.into_iter().flatten().filter(move |setting| seen.insert(setting.name))
}

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
    pub public_url: Option<PublicUrl>,
    pub artifacts: ArtifactSettings,
    pub tuning: Tuning,
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

    /// The platform's own Python environment.
    pub fn platform(&self) -> anyhow::Result<python::Platform> {
        let set = |name| self.get(name).map(PathBuf::from);
        let home = crate::home::Home::open(&self.home)?;
        Ok(python::Platform::new(home.path().to_owned(), set("MLSYS_PYTHON"), set("MLSYS_UV")))
    }

    /// Where all models' files are.
    pub fn artifacts(&self) -> ArtifactSettings {
        ArtifactSettings::read(&self.given, &self.home)
    }

    /// How notebooks are run.
    pub fn tuning(&self) -> anyhow::Result<Tuning> {
        let mut check = Check::default();
        let tuning = Tuning::read(&self.given, &mut check);
        check.finish()?;
        Ok(tuning)
    }

    /// What `mlsys up` reads, as it may be shown, with the ports of the command line.
    pub fn effective(&self, ports: Ports) -> Vec<EffectiveSetting> {
        let read = |one: &&Setting| !one.name.starts_with("KUBERNETES_") && !NOT_EMBEDDED.contains(&one.name);
        let mut effective = self.given.effective(all().filter(read));
        for one in &mut effective {
            let port = match one.setting.name {
                "MLSYS_PORT" => ports.port,
                "MODEL_SERVER_PORT" => ports.model_server_port,
                "MLFLOW_PORT" => ports.mlflow_port,
                "SHUTDOWN_GRACE_SECONDS" if !one.is_set => {
                    one.value = Some(EMBEDDED_GRACE.as_secs().to_string());
                    continue;
                }
                _ => continue,
            };
            if let Some(port) = port {
                (one.value, one.is_set) = (Some(port.to_string()), true);
            }
        }
        effective
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
            public_url: check.take(given.parse("FRONTEND_URL")).flatten(),
            artifacts: self.artifacts(),
            tuning: Tuning::read(given, &mut check),
        };
        if settings.mlflow_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            check.refuse("MLFLOW_TRACKING_URI", "must be the http(s) address of an MLflow server");
        }
        if !settings.github_api_url.starts_with("http") {
            check.refuse("GITHUB_API_URL", "must be an http(s) address");
        }
        if settings.tuning.runner == Runner::Kubernetes {
            check
                .refuse("RUNNER_BACKEND", "`mlsys up` runs notebooks itself; kubernetes is for a worker process of its own");
        }
        check.finish()?;
        let mut settings = settings;
        if given.get("SHUTDOWN_GRACE_SECONDS").is_none() {
            settings.tuning.grace = EMBEDDED_GRACE;
        }
        Ok(settings)
    }
}

/// A setting's value, or its default.
fn value<'a>(given: &'a service::Settings, name: &str) -> &'a str {
    given.get(name).unwrap_or_else(|| all().find(|setting| setting.name == name).map_or("", |setting| setting.default))
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
        // The grace that is documented is the worker's; Ctrl-C of `mlsys up` has none unless one is set.
        let documented = all().filter(|setting| setting.name != "SHUTDOWN_GRACE_SECONDS");
        let pairs: Vec<_> = documented.map(|setting| (setting.name, setting.default)).collect();
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
