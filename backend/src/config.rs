//! The backend's settings.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use assembly::{CONNECTION_SETTINGS, Connections};
use serde::Serialize;
use service::{
    ALLOWED_HOSTS, ARTIFACT_SETTINGS, Check, EffectiveSetting, Hosts, METRICS_OPEN, NETWORK_SETTINGS, Network, Open,
    PREDICT_OPEN, PublicUrl, Secret, Setting, SettingError, Settings, SettingsError, WAREHOUSE_SETTINGS,
};
use utoipa::ToSchema;

use crate::auth::oidc::{OIDC_SETTINGS, OidcConfig};

/// What can be set beside [`CONNECTION_SETTINGS`], in the order the documentation shows.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "MLSYS_HOST",
        default: "127.0.0.1",
        help: "The address that the API, the worker's health and, in `mlsys up`, the model-server listen on",
        secret: false,
    },
    Setting { name: "MLSYS_PORT", default: "8000", help: "The API's port; 0 takes a free one", secret: false },
    Setting {
        name: "GITHUB_WEBHOOK_SECRET",
        default: "",
        help: "What deliveries of GitHub repositories without a secret of their own are signed with; `mlsys up` generates one when it is unset",
        secret: true,
    },
    Setting {
        name: "LOCAL_WEBHOOK_SECRET",
        default: "",
        help: "What deliveries of the local git remote are signed with; `mlsys up` generates one when it is unset, and a backend by itself takes none then",
        secret: true,
    },
    Setting {
        name: "FRONTEND_URL",
        default: "",
        help: "Where browsers and GitHub reach mlsys, e.g. https://mlsys.example.org; unset: what it listens on",
        secret: false,
    },
    ALLOWED_HOSTS,
    PREDICT_OPEN,
    Setting {
        name: "PROD_APPROVAL",
        default: "none",
        help: "second-person: a promotion to prod waits, a day at most, until somebody else approves it",
        secret: false,
    },
    METRICS_OPEN,
    Setting {
        name: "MODEL_SERVER_URL",
        default: "",
        help: "Where predictions are passed on to; unset: in `mlsys up` its own model-server, else the ones that report, in turn",
        secret: false,
    },
];

/// Whether everything is one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// `mlsys up`.
    Embedded,
    /// Processes of their own.
    Distributed,
}

/// How the backend works.
#[derive(Debug, Clone)]
pub struct Config {
    /// What deliveries of GitHub repositories are signed with that have no secret of their own.
    pub webhook_secret: Secret,
    /// What the local remote signs its deliveries with; none: there is no local remote.
    pub local_secret: Option<Secret>,
    /// What the model-servers show.
    pub internal_token: Secret,
    /// What the command line of an embedded mlsys shows; none: it shows a key like all others.
    pub home_token: Option<Secret>,
    /// What needs no key.
    pub open: Open,
    /// Whether a promotion to production waits for a second person.
    pub prod_approval: bool,
    /// Where predictions are passed on to; none: the model-servers that report, in turn.
    pub model_server_url: Option<String>,
    /// MLflow's base address, for the readiness check.
    pub mlflow_url: String,
    /// Where browsers and GitHub reach this mlsys, where that is not what it listens on.
    pub public_url: Option<PublicUrl>,
    /// The names it answers to.
    pub hosts: Hosts,
    /// What is between it and those who ask.
    pub network: Network,
    /// Where people sign in who have no password here.
    pub oidc: Option<OidcConfig>,
    /// What the settings are, as they may be shown.
    pub settings: Vec<EffectiveSetting>,
    /// Whether everything is one process.
    pub mode: Mode,
}

/// A backend's process.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// Where the API is served.
    pub listen: SocketAddr,
    /// The outside servers.
    pub connections: Connections,
    /// How the backend works.
    pub backend: Config,
}

impl ProcessConfig {
    /// Reads the settings; all that is wrong with them is said at once.
    ///
    /// # Errors
    /// When a value can't be used, or one that must be set is not.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let mut check = Check::default();
        let connections = Connections::read(settings, &mut check);
        let host = check.or(settings.parse("MLSYS_HOST"), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let config = Self {
            listen: SocketAddr::new(host, check.or(settings.parse("MLSYS_PORT"), 8000)),
            backend: Config {
                webhook_secret: check
                    .take(settings.require_secret("GITHUB_WEBHOOK_SECRET"))
                    .unwrap_or_else(|| Secret::new("")),
                local_secret: check.take(settings.strong_secret("LOCAL_WEBHOOK_SECRET")).flatten(),
                internal_token: connections.internal_token.clone(),
                home_token: None,
                open: Open::read(settings, &mut check),
                prod_approval: check.or(second_person(settings), false),
                model_server_url: settings.get("MODEL_SERVER_URL").map(str::to_owned),
                mlflow_url: connections.mlflow_url.clone(),
                public_url: settings.parse("FRONTEND_URL").ok().flatten(),
                hosts: Hosts::read(settings, &["BACKEND_URL"], !host.is_loopback(), &mut check),
                network: Network::read(settings, &mut check),
                oidc: OidcConfig::read(settings, &mut check),
                settings: settings.effective(
                    [CONNECTION_SETTINGS, ARTIFACT_SETTINGS, WAREHOUSE_SETTINGS, SETTINGS, NETWORK_SETTINGS, OIDC_SETTINGS]
                        .into_iter()
                        .flatten(),
                ),
                mode: Mode::Distributed,
            },
            connections,
        };
        if config.backend.model_server_url.as_ref().is_some_and(|url| !url.starts_with("http")) {
            check.refuse("MODEL_SERVER_URL", "must be an http(s) address");
        }
        check.finish().map(|()| config)
    }
}

/// Whether production takes a second person.
fn second_person(settings: &Settings) -> Result<Option<bool>, SettingError> {
    match settings.get("PROD_APPROVAL").map(str::trim) {
        None | Some("none") => Ok(Some(false)),
        Some("second-person") => Ok(Some(true)),
        Some(_) => {
            Err(SettingError { name: "PROD_APPROVAL".to_owned(), reason: "must be second-person or none".to_owned() })
        }
    }
}
