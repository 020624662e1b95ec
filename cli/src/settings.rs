//! Every setting of the embedded mode: read in one place, checked whole before the first socket opens.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use service::{
    Check, EffectiveSetting, Secret, Setting, SettingError, SettingsError, StoreSettings,
    telemetry::{self, Telemetry},
};
use worker::{Tuning, data::DataPlaces};

use crate::home::{Addresses, Home};

/// Where the model-server listens.
const LISTEN: &str = "MODEL_SERVER_LISTEN";

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false }
}

/// What only the command line reads.
const OWN: &[Setting] = &[
    setting("MLSYS_URL", "", "The API that client commands talk to; unset: the one running under MLSYS_HOME"),
    Setting {
        name: "MLSYS_API_KEY",
        default: "",
        help: "What client commands show; unset: what `mlsys login` kept for MLSYS_URL, or MLSYS_HOME's own token",
        secret: true,
    },
    setting(
        "MODEL_SERVER_PORT",
        "8001",
        "`mlsys up`: the model-server's port, unless MODEL_SERVER_LISTEN names it; 0 takes a free one",
    ),
    setting("MLFLOW_PORT", "5000", "The port of the MLflow server that `mlsys up` starts; 0 takes a free one"),
];

/// Ctrl-C is a person who waits.
const EMBEDDED_GRACE_SECONDS: u64 = 0;
/// What Kubernetes and the tests set.
const NOT_OURS: [&str; 3] = ["POD_IP", "MLSYS_BINARIES", "MLSYS_TEST_KEEP"];
/// Variables that begin with these are meant for mlsys.
const PREFIXES: &[&str] = &["MLSYS_", "MODEL_SERVER_", "WORKER_", "RETENTION_", "KERNEL_"];

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
        assembly::CONNECTION_SETTINGS,
        backend::SETTINGS,
        backend::OIDC_SETTINGS,
        service::NETWORK_SETTINGS,
        worker::SETTINGS,
        worker::tasks::retention::SETTINGS,
        service::ARTIFACT_SETTINGS,
        service::WAREHOUSE_SETTINGS,
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

/// What the processes of `mlsys up` are told, checked.
pub(crate) struct Processes {
    pub backend: backend::ProcessConfig,
    pub worker: worker::ProcessConfig,
    /// Whether the worker's health has a port of its own; the backend tells it as well.
    pub worker_listens: bool,
    pub model_server: model_server::Config,
    /// Whether `mlsys up` starts MLflow, and where.
    pub mlflow_port: Option<u16>,
    /// Whether the database is a file that no mlsys but this home's uses.
    pub own_database: bool,
}

/// What a process of its own must be told, and `mlsys up` knows by itself.
pub(crate) struct Known {
    pub webhook_secret: Secret,
    pub local_secret: Secret,
    pub internal_token: Secret,
    pub signing_key: Secret,
    /// The file with the key of secrets, where no setting names one.
    pub secrets_key: Option<PathBuf>,
    pub python: PathBuf,
    pub addresses: Addresses,
}

impl Settings {
    /// Reads the environment and `.env`.
    pub fn load() -> anyhow::Result<Self> {
        let given = service::Settings::load(".env")?;
        let home = PathBuf::from(value(&given, "MLSYS_HOME"));
        let home = std::path::absolute(&home).with_context(|| format!("MLSYS_HOME: {}", home.display()))?;
        Ok(Self { given, home })
    }

    /// These, with the ports of the command line in the place of what is set.
    pub fn with(mut self, ports: Ports) -> Self {
        let mut set = |name, port: Option<u16>| {
            if let Some(port) = port {
                self.given.set(name, port.to_string());
            }
        };
        set("MLSYS_PORT", ports.port);
        set("MLFLOW_PORT", ports.mlflow_port);
        if let Some(port) = ports.model_server_port {
            match self.given.parse::<SocketAddr>(LISTEN) {
                Ok(Some(listen)) => self.given.set(LISTEN, SocketAddr::new(listen.ip(), port).to_string()),
                _ => self.given.set("MODEL_SERVER_PORT", port.to_string()),
            }
        }
        self
    }

    /// Starts this process's telemetry.
    pub fn telemetry(&self, default_directive: &str) -> Telemetry {
        telemetry::init("mlsys", default_directive, &self.given)
    }

    /// A setting's value or default; none when both are empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        Some(value(&self.given, name)).filter(|value| !value.is_empty())
    }

    /// A secret, if it is set.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.given.secret(name)
    }

    /// The platform's own Python environment.
    pub fn platform(&self) -> anyhow::Result<python::Platform> {
        let set = |name| self.get(name).map(PathBuf::from);
        let home = Home::open(&self.home)?;
        Ok(python::Platform::new(home.path().to_owned(), set("MLSYS_PYTHON"), set("MLSYS_UV")))
    }

    /// Where all models' files are.
    pub fn artifacts(&self) -> StoreSettings {
        StoreSettings::artifacts(&self.given, &self.home)
    }

    /// Where the tables and files are that notebooks reach.
    pub fn data_places(&self) -> DataPlaces {
        DataPlaces::read(&self.given, &self.home)
    }

    /// Where the tables are.
    pub fn warehouse(&self) -> StoreSettings {
        StoreSettings::warehouse(&self.given, &self.home)
    }

    /// How notebooks are run.
    pub fn tuning(&self) -> anyhow::Result<Tuning> {
        let mut check = Check::default();
        let tuning = Tuning::read(&self.given, &mut check);
        check.finish()?;
        Ok(tuning)
    }

    /// The database that `mlsys up` works with.
    pub fn database_url(&self) -> anyhow::Result<String> {
        match self.get("DATABASE_URL") {
            Some(url) => Ok(url.to_owned()),
            None => Ok(format!("sqlite://{}", Home::open(&self.home)?.join("mlsys.db").display())),
        }
    }

    /// What is set and is no setting, or has no effect in `mlsys up`, one sentence each.
    pub fn without_effect(&self) -> Vec<String> {
        let settings = all().map(|setting| setting.name).filter(|name| !name.starts_with("OTEL_"));
        let known: Vec<_> = settings.chain(NOT_OURS).collect();
        let mut told = self.given.unknown(&known, PREFIXES);
        let beside = [("MODEL_SERVER_PORT", LISTEN), ("MLFLOW_PORT", "MLFLOW_TRACKING_URI")];
        let unused = beside.into_iter().filter(|(name, other)| self.is_set(name) && self.is_set(other));
        told.extend(unused.map(|(name, other)| format!("{name} has no effect: {other} is set")));
        told
    }

    /// What `mlsys up` works with, as it may be shown.
    pub fn effective(&self, known: &Known) -> Vec<EffectiveSetting> {
        let read =
            |one: &&Setting| !one.name.starts_with("KUBERNETES_") && !["MLSYS_URL", "MLSYS_API_KEY"].contains(&one.name);
        let mut effective = self.filled(Some(known)).effective(all().filter(read));
        for one in &mut effective {
            one.is_set = self.given.get(one.setting.name).is_some();
            if one.setting.name == "WORKER_PORT" && !one.is_set {
                one.value = None;
            }
        }
        effective
    }

    /// What the processes of `mlsys up` are told; all that is wrong is said at once. What is not `known` yet has
    /// something legal in its place, so that all can be checked before the first thing is done.
    pub fn processes(&self, known: Option<&Known>) -> Result<Processes, SettingsError> {
        let settings = self.filled(known);
        let mut wrong = Vec::new();
        let mut port = Check::default();
        let mlflow_port = port.or(self.given.parse("MLFLOW_PORT"), 5000);
        port.or(self.given.parse::<u16>("MODEL_SERVER_PORT"), 8001);
        if settings.get("RUNNER_BACKEND") == Some("kubernetes") {
            let why = "`mlsys up` runs notebooks itself; kubernetes is for a worker process of its own";
            port.refuse("RUNNER_BACKEND", why);
        }
        let backend = kept(backend::ProcessConfig::from_settings(&settings), &mut wrong);
        let worker = kept(worker::ProcessConfig::from_settings(&settings), &mut wrong);
        let model_server = kept(model_server::Config::from_settings(&settings), &mut wrong);
        kept(port.finish(), &mut wrong);
        let (Some(backend), Some(worker), Some(model_server), true) = (backend, worker, model_server, wrong.is_empty())
        else {
            return Err(SettingsError(wrong));
        };
        Ok(Processes {
            backend,
            worker,
            worker_listens: self.is_set("WORKER_PORT"),
            model_server,
            mlflow_port: (!self.is_set("MLFLOW_TRACKING_URI")).then_some(mlflow_port),
            own_database: !self.is_set("DATABASE_URL"),
        })
    }

    /// Whether it is said where the key of secrets is.
    pub fn has_secrets_key(&self) -> bool {
        ["SECRETS_KEY", "SECRETS_KEY_FILE", "SECRETS_KEY_COMMAND"].into_iter().any(|name| self.is_set(name))
    }

    fn is_set(&self, name: &str) -> bool {
        self.given.get(name).is_some()
    }

    /// The settings with what `mlsys up` knows by itself where nothing is set.
    fn filled(&self, known: Option<&Known>) -> service::Settings {
        let mut settings = self.given.clone();
        settings.set("MLSYS_HOME", self.home.to_string_lossy());
        settings.fill("SHUTDOWN_GRACE_SECONDS", EMBEDDED_GRACE_SECONDS.to_string());
        let host = value(&self.given, "MLSYS_HOST");
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        settings.fill(LISTEN, format!("{host}:{}", value(&self.given, "MODEL_SERVER_PORT")));
        let secret = |pick: fn(&Known) -> &Secret| known.map_or("not known before the start", |known| pick(known).expose());
        settings.fill("GITHUB_WEBHOOK_SECRET", secret(|known| &known.webhook_secret));
        settings.fill("LOCAL_WEBHOOK_SECRET", secret(|known| &known.local_secret));
        settings.fill("INTERNAL_TOKEN", secret(|known| &known.internal_token));
        settings.fill("SIGNING_KEY", known.map_or("00".repeat(32), |known| known.signing_key.expose().to_owned()));
        if let Some(path) = known.and_then(|known| known.secrets_key.as_ref()) {
            settings.fill("SECRETS_KEY_FILE", path.to_string_lossy());
        }
        let address = |pick: fn(&Addresses) -> &str| known.map_or("http://localhost", |known| pick(&known.addresses));
        settings.fill("MLFLOW_TRACKING_URI", address(|at| &at.mlflow));
        settings.fill("BACKEND_URL", address(|at| &at.api));
        settings.fill("MODEL_SERVER_URL", address(|at| &at.model_server));
        settings.fill("MODEL_SERVER_ADVERTISE", address(|at| &at.model_server));
        if let Some(known) = known {
            settings.fill("MLSYS_PYTHON", known.python.to_string_lossy());
        }
        settings
    }
}

/// The value; what is wrong with it, once, in `wrong`: several processes read the same settings.
fn kept<T>(read: Result<T, SettingsError>, wrong: &mut Vec<SettingError>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(SettingsError(errors)) => {
            for error in errors {
                if !wrong.contains(&error) {
                    wrong.push(error);
                }
            }
            None
        }
    }
}

/// A setting's value, or its default.
fn value<'a>(given: &'a service::Settings, name: &str) -> &'a str {
    given.get(name).unwrap_or_else(|| all().find(|setting| setting.name == name).map_or("", |setting| setting.default))
}

#[cfg(test)]
mod tests;
