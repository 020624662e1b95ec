//! The outside servers that the backend and the workers share, and the secrets between mlsys's own processes.

use std::path::{Path, PathBuf};

use service::{Check, Secret, Setting, Settings, StoreSettings};

use crate::keys::SecretsKey;

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help, secret: false }
}

const fn secret(name: &'static str, help: &'static str) -> Setting {
    Setting { name, default: "", help, secret: true }
}

/// What can be set, in the order the documentation shows.
pub const CONNECTION_SETTINGS: &[Setting] = &[
    setting("MLSYS_HOME", ".mlsys", "Where a process keeps its files: databases, git remotes, artifacts, environments"),
    secret("DATABASE_URL", "postgres://USER:PASSWORD@HOST/DATABASE or sqlite:///PATH; unset: mlsys.db under MLSYS_HOME"),
    secret("REDIS_URL", "redis://HOST:6379, for jobs and live logs; unset: a queue in a file under MLSYS_HOME"),
    setting("MLFLOW_TRACKING_URI", "", "An MLflow server of your own; unset: `mlsys up` starts one"),
    secret("GITHUB_TOKEN", "Reads repositories on GitHub, needed for private ones; adds their webhooks where it may"),
    setting("GITHUB_API_URL", "https://api.github.com", "GitHub's API; for GitHub Enterprise https://HOST/api/v3"),
    secret(
        "SECRETS_KEY",
        "What secrets in the database are sealed with, the same for backend and workers: 32 bytes in hexadecimal digits or base64, as `openssl rand -hex 32` makes them; further keys, after a space or in lines of their own, only open",
    ),
    setting(
        "SECRETS_KEY_FILE",
        "",
        "A file that holds it, where SECRETS_KEY is unset; `mlsys up` makes secrets.key under MLSYS_HOME when all three are unset",
    ),
    setting("SECRETS_KEY_COMMAND", "", "A shell command that prints it, run once at the start, where both others are unset"),
    secret("INTERNAL_TOKEN", "What the processes show each other; `mlsys up` generates one when it is unset"),
];

/// Where a process finds the others. Shown without its secrets.
#[derive(Debug, Clone)]
pub struct Connections {
    /// Where the process keeps its files; absolute.
    pub home: PathBuf,
    /// The database's address. It may hold a password.
    pub database_url: Secret,
    /// The queue's address. It may hold a password.
    pub queue_url: Secret,
    /// Redis, if there is one: live logs go through it.
    pub redis_url: Option<Secret>,
    /// MLflow's base address.
    pub mlflow_url: String,
    /// GitHub's API.
    pub github_api_url: String,
    /// Reads repositories.
    pub github_token: Option<Secret>,
    /// What the processes show each other.
    pub internal_token: Secret,
    /// Where the keys are that secrets in the database are sealed with; none: there are no secrets for runs.
    pub secrets_key: Option<SecretsKey>,
    /// Where all model versions' files are.
    pub artifacts: StoreSettings,
    /// Where all tables are.
    pub warehouse: StoreSettings,
}

impl Connections {
    /// Reads them for a process of its own, which generates no secret: an unset or forgotten one is refused.
    pub fn read(settings: &Settings, check: &mut Check) -> Self {
        let home = home(settings, check);
        let file = |name: &str| Secret::new(format!("sqlite://{}", home.join(name).display()));
        let redis_url = settings.secret("REDIS_URL");
        let connections = Self {
            database_url: settings.secret("DATABASE_URL").unwrap_or_else(|| file("mlsys.db")),
            queue_url: redis_url.clone().unwrap_or_else(|| file("queue.db")),
            redis_url,
            mlflow_url: check.take(settings.require("MLFLOW_TRACKING_URI")).unwrap_or_default(),
            github_api_url: settings.get("GITHUB_API_URL").unwrap_or("https://api.github.com").to_owned(),
            github_token: settings.secret("GITHUB_TOKEN"),
            internal_token: check.take(settings.require_secret("INTERNAL_TOKEN")).unwrap_or_else(|| Secret::new("")),
            secrets_key: SecretsKey::read(settings),
            artifacts: StoreSettings::artifacts(settings, &home),
            warehouse: StoreSettings::warehouse(settings, &home),
            home,
        };
        let schemes = |url: &Secret, known: &[&str]| known.iter().any(|scheme| url.expose().starts_with(scheme));
        if !schemes(&connections.database_url, &["postgres://", "postgresql://", "sqlite://"]) {
            check.refuse("DATABASE_URL", "must begin with postgres:// or sqlite://");
        }
        if connections.redis_url.as_ref().is_some_and(|url| !schemes(url, &["redis://", "rediss://"])) {
            check.refuse("REDIS_URL", "must begin with redis:// or rediss://");
        }
        for (name, url) in
            [("MLFLOW_TRACKING_URI", &connections.mlflow_url), ("GITHUB_API_URL", &connections.github_api_url)]
        {
            if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
                check.refuse(name, "must be an http(s) address");
            }
        }
        connections
    }
}

/// `MLSYS_HOME` as an absolute path.
fn home(settings: &Settings, check: &mut Check) -> PathBuf {
    let given = Path::new(settings.get("MLSYS_HOME").unwrap_or(".mlsys"));
    std::path::absolute(given).unwrap_or_else(|error| {
        check.refuse("MLSYS_HOME", error.to_string());
        given.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (Connections, Vec<String>) {
        let settings = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut check = Check::default();
        let connections = Connections::read(&settings, &mut check);
        let names = check.finish().err().map(|errors| errors.0.into_iter().map(|error| error.name).collect());
        (connections, names.unwrap_or_default())
    }

    #[test]
    fn an_unset_or_forgotten_secret_is_refused() {
        let given = [("MLFLOW_TRACKING_URI", "http://mlflow:5000")];
        assert_eq!(read(&given).1, ["INTERNAL_TOKEN"]);
        assert_eq!(read(&[given[0], ("INTERNAL_TOKEN", "ChangeMe")]).1, ["INTERNAL_TOKEN"]);
        assert_eq!(read(&[given[0], ("INTERNAL_TOKEN", "af31c0d2b4e6f8a0")]).1, [""; 0]);
    }

    #[test]
    fn addresses_of_the_wrong_kind_are_named_without_their_passwords() {
        let given = [("DATABASE_URL", "mysql://u:hunter2@h/d"), ("REDIS_URL", "h:6379"), ("MLFLOW_TRACKING_URI", "mlflow")];
        let (connections, mut names) = read(&given);
        names.sort_unstable();
        assert_eq!(names, ["DATABASE_URL", "INTERNAL_TOKEN", "MLFLOW_TRACKING_URI", "REDIS_URL"]);
        assert!(!format!("{connections:?}").contains("hunter2"));
    }
}
