//! The server's settings.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use provenance::{PublicKey, SigningKey};
use service::{
    ALLOWED_HOSTS, Check, Hosts, METRICS_OPEN, Network, Open, PREDICT_OPEN, SIGNING_KEY, Secret, Setting, Settings,
    SettingsError, StoreSettings,
};

/// What the server is told at start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the program listens.
    pub listen: SocketAddr,
    /// What the server keeps: copies of the models' files, and what is deployed.
    pub state_directory: PathBuf,
    /// Where all models' files are.
    pub artifacts: StoreSettings,
    /// ONNX Runtime's shared library; none: the one of `python`.
    pub onnxruntime_library: Option<PathBuf>,
    /// The platform's Python interpreter, for models that name no environment.
    pub python: PathBuf,
    /// Holds the other environments: `{id}/bin/python`.
    pub environments_directory: PathBuf,
    /// Where the backend is asked what is deployed, e.g. `http://127.0.0.1:8000`; `None` to serve only what calls ask for.
    pub backend_url: Option<String>,
    /// The server's own address, as the backend and the workers reach it, e.g. `http://10.0.0.7:8001`.
    pub advertise: String,
    /// The names the server answers to.
    pub hosts: Hosts,
    /// What is between it and those who ask.
    pub network: Network,
    /// What our own processes show.
    pub internal_token: Secret,
    /// What needs no key.
    pub open: Open,
    /// What must be said, and by whom, of where a version comes from.
    pub provenance: ProvenanceRule,
    /// How many requests one model computes at the same time.
    pub threads: usize,
    /// The most requests that one model may have in hand, computed or waiting; more are turned away at once.
    pub queue: usize,
    /// The longest a prediction may take.
    pub prediction_limit: Duration,
    /// The most memory that all models may take together, in bytes: others sleep.
    pub memory_budget: Option<u64>,
    /// The most memory that one process of a model in Python may take, in bytes.
    pub memory_limit: Option<u64>,
    /// How models in Python are confined.
    pub sandbox: sandbox::Mode,
}

/// What must be said, and by whom, of where a version comes from.
#[derive(Debug, Clone, Default)]
pub struct ProvenanceRule {
    /// Of which one must have signed what is said; none: it is not looked at.
    pub keys: Vec<PublicKey>,
    /// Whether a version of which nothing is said is refused.
    pub required: bool,
}

impl ProvenanceRule {
    fn read(settings: &Settings, check: &mut Check) -> Self {
        let own = check.take(settings.secret_as::<SigningKey>(SIGNING_KEY.name)).flatten();
        let mut keys: Vec<_> = own.iter().map(SigningKey::public).collect();
        if let Some(given) = settings.get("VERIFYING_KEYS") {
            keys.clear();
            for text in given.split(',') {
                match text.trim().parse() {
                    Ok(key) => keys.push(key),
                    Err(_) => check.refuse("VERIFYING_KEYS", "must be keys of 64 hexadecimal digits, separated by commas"),
                }
            }
        }
        let required = check.or(settings.parse("REQUIRE_PROVENANCE"), false);
        if required && keys.is_empty() {
            check.refuse("REQUIRE_PROVENANCE", "needs keys to check it with: set VERIFYING_KEYS or SIGNING_KEY");
        }
        Self { keys, required }
    }
}

/// Every setting of the program.
pub const SETTINGS: &[Setting] = &[
    setting("MODEL_SERVER_LISTEN", "127.0.0.1:8001", "address the model-server listens on"),
    setting("BACKEND_URL", "", "the backend, which says what is deployed; unset: only calls do"),
    setting(
        "MODEL_SERVER_ADVERTISE",
        "http://$MODEL_SERVER_LISTEN",
        "the model-server's address as others reach it; where POD_IP is set, that with the port of MODEL_SERVER_LISTEN",
    ),
    ALLOWED_HOSTS,
    PREDICT_OPEN,
    METRICS_OPEN,
    SIGNING_KEY,
    setting(
        "VERIFYING_KEYS",
        "",
        "public keys of which one must have signed a version's provenance, separated by commas; unset: that of SIGNING_KEY",
    ),
    setting("REQUIRE_PROVENANCE", "false", "whether versions without signed provenance are refused"),
    setting(
        "FRONTEND_URL",
        "",
        "Where browsers and GitHub reach mlsys; a server behind the same address answers to its name",
    ),
    setting("MLSYS_HOME", ".mlsys", "folder of everything that mlsys keeps"),
    setting("MODEL_SERVER_STATE", "$MLSYS_HOME/model-server", "folder of the model-server's copies of models"),
    setting("MLSYS_PYTHON", "$MLSYS_HOME/python/bin/python", "the platform's Python interpreter"),
    setting("MLSYS_ENVIRONMENTS", "$MLSYS_HOME/environments", "folder of the other Python environments"),
    setting("ONNXRUNTIME_LIBRARY", "", "ONNX Runtime's shared library; found with MLSYS_PYTHON when unset"),
    setting(
        "MODEL_SERVER_THREADS",
        "",
        "requests one model computes at the same time, in Python in as many processes, natively twice as many when they are long; as many as processors when unset",
    ),
    setting(
        "MODEL_SERVER_QUEUE",
        "256",
        "the most requests one model has in hand, fewer where they would wait long; others get 429",
    ),
    setting("MODEL_SERVER_PREDICTION_SECONDS", "30", "the longest a prediction may take"),
    setting(
        "MODEL_SERVER_MEMORY_MB",
        "",
        "what all models of one model-server may use of memory: those that were asked least recently sleep, and wake when they are asked; unset: no limit",
    ),
    setting(
        "MODEL_MEMORY_LIMIT_MB",
        "",
        "what one process of a model in Python may use of memory; unset: three quarters of this machine's",
    ),
    setting(
        "SANDBOX",
        "auto",
        "What code of others (notebooks, builds, models in Python) is confined to: auto, the best this machine offers; require, and refuse to run without Landlock; landlock, as auto without namespaces; off",
    ),
    Setting {
        name: "INTERNAL_TOKEN",
        default: "",
        help: "the token between mlsys's own processes; must be set",
        secret: true,
    },
];

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false }
}

impl Config {
    /// Reads the settings; all that is wrong with them is said at once.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let mut check = Check::default();
        let home = PathBuf::from(settings.get("MLSYS_HOME").unwrap_or(".mlsys"));
        let path = |name: &str, default: &str| settings.get(name).map_or_else(|| home.join(default), PathBuf::from);
        let python = path("MLSYS_PYTHON", "python/bin/python");
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let listen = check.or(settings.parse("MODEL_SERVER_LISTEN"), SocketAddr::from(([127, 0, 0, 1], 8001)));
        let backend_url = address(settings, "BACKEND_URL", &mut check);
        let network = Network::read(settings, &mut check);
        let config = Self {
            listen,
            advertise: advertise(settings, (listen, backend_url.is_some()), network.has_tls(), &mut check),
            network,
            backend_url,
            hosts: Hosts::read(
                settings,
                &["MODEL_SERVER_ADVERTISE", "MODEL_SERVER_URL"],
                !listen.ip().is_loopback(),
                &mut check,
            ),
            state_directory: path("MODEL_SERVER_STATE", "model-server"),
            artifacts: StoreSettings::artifacts(settings, &home),
            onnxruntime_library: settings.get("ONNXRUNTIME_LIBRARY").map(PathBuf::from),
            python,
            environments_directory: path("MLSYS_ENVIRONMENTS", "environments"),
            internal_token: check.take(settings.require_secret("INTERNAL_TOKEN")).unwrap_or_else(|| Secret::new("")),
            open: Open::read(settings, &mut check),
            provenance: ProvenanceRule::read(settings, &mut check),
            threads: check.or(settings.parse("MODEL_SERVER_THREADS"), processors),
            queue: check.or(settings.parse("MODEL_SERVER_QUEUE"), 256),
            prediction_limit: Duration::from_secs(check.or(settings.parse("MODEL_SERVER_PREDICTION_SECONDS"), 30)),
            memory_budget: check
                .take(settings.parse::<u64>("MODEL_SERVER_MEMORY_MB"))
                .flatten()
                .map(|megabytes| megabytes.saturating_mul(1 << 20)),
            memory_limit: sandbox::memory_limit(check.take(settings.parse("MODEL_MEMORY_LIMIT_MB")).flatten()),
            sandbox: check.or(settings.parse("SANDBOX"), sandbox::Mode::Auto),
        };
        check.finish().map(|()| config)
    }
}

/// An http(s) address, if it is set.
fn address(settings: &Settings, name: &str, check: &mut Check) -> Option<String> {
    let url = settings.get(name)?.trim_end_matches('/');
    if !url.starts_with("http://") && !url.starts_with("https://") {
        check.refuse(name, "must be an http(s) address");
    }
    Some(url.to_owned())
}

/// Where others reach the server. Only a server that `must` be reached has to know.
fn advertise(settings: &Settings, (listen, must): (SocketAddr, bool), tls: bool, check: &mut Check) -> String {
    let pod = check.take(settings.parse::<IpAddr>("POD_IP")).flatten();
    address(settings, "MODEL_SERVER_ADVERTISE", check).unwrap_or_else(|| {
        let own = pod.map_or(listen, |ip| SocketAddr::new(ip, listen.port()));
        if must && own.ip().is_unspecified() {
            check.refuse("MODEL_SERVER_ADVERTISE", "must be set: MODEL_SERVER_LISTEN is no address that others could use");
        }
        // On this machine, plain HTTP is spoken as well, and the certificate is for no address of it.
        let scheme = if tls && !own.ip().is_loopback() { "https" } else { "http" };
        format!("{scheme}://{own}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_said_at_once() {
        let pairs = [("MODEL_SERVER_LISTEN", "nowhere"), ("MODEL_SERVER_QUEUE", "-1")];
        let settings: Settings = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let SettingsError(errors) = Config::from_settings(&settings).expect_err("three are wrong");
        let mut names: Vec<_> = errors.iter().map(|error| error.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["INTERNAL_TOKEN", "MODEL_SERVER_LISTEN", "MODEL_SERVER_QUEUE"]);
        assert!(names.iter().all(|name| SETTINGS.iter().any(|setting| setting.name == *name)));
    }
    #[test]
    fn a_server_that_is_to_be_found_says_where() {
        let listen = |text: &str| text.parse().expect("an address");
        for (pairs, own, expected) in [
            (&[][..], "127.0.0.1:8001", Ok("http://127.0.0.1:8001")),
            (&[("POD_IP", "10.1.2.3")], "0.0.0.0:9001", Ok("http://10.1.2.3:9001")),
            (&[("POD_IP", "fd00::7")], "[::]:9001", Ok("http://[fd00::7]:9001")),
            (&[("POD_IP", "10.1.2.3"), ("MODEL_SERVER_ADVERTISE", "https://m/")], "0.0.0.0:9001", Ok("https://m")),
            (&[], "0.0.0.0:9001", Err("MODEL_SERVER_ADVERTISE")),
            (&[("POD_IP", "here")], "127.0.0.1:9001", Err("POD_IP")),
            (&[("MODEL_SERVER_ADVERTISE", "m:9001")], "127.0.0.1:9001", Err("MODEL_SERVER_ADVERTISE")),
        ] {
            let settings: Settings = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let mut check = Check::default();
            let told = advertise(&settings, (listen(own), true), false, &mut check);
            match (check.finish(), expected) {
                (Ok(()), expected) => assert_eq!(Ok(told.as_str()), expected),
                (Err(SettingsError(errors)), expected) => assert_eq!(Err(errors[0].name.as_str()), expected, "{pairs:?}"),
            }
        }
    }
}
