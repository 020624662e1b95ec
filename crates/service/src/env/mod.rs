//! Settings: environment variables, and a `.env` file beneath them.
//!
//! The process's own environment is read once and never changed.

mod effective;
mod file;
mod open;
mod secret;
mod stores;
mod unknown;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::Path,
    str::FromStr,
};

use crate::telemetry::blot_out;

pub use effective::EffectiveSetting;
pub use open::{METRICS_OPEN, Open, PREDICT_OPEN};
pub use secret::Secret;
pub use stores::{ARTIFACT_SETTINGS, StoreSettings, WAREHOUSE_SETTINGS};

/// One setting's row in the generated documentation.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// What holds when it is unset; empty for nothing.
    pub default: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

/// Why a `.env` file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvFileError {
    /// It is there but cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not `NAME=value`. The line itself is not shown: it may hold a secret.
    #[error("{path}, line {line}: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Why a variable's value cannot be used. The value itself is not shown: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct SettingError {
    /// The variable.
    pub name: String,
    /// What is wrong.
    pub reason: String,
}

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError(pub Vec<SettingError>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be used:")?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl std::error::Error for SettingsError {}

/// What signs where a version comes from.
pub const SIGNING_KEY: Setting = Setting {
    name: "SIGNING_KEY",
    default: "",
    help: "What versions' provenance is signed with, the same for all workers: 64 hexadecimal digits, as `openssl rand -hex 32` makes them; `mlsys up` generates one when it is unset",
    secret: true,
};

/// How many characters a secret has at least: fewer can be guessed.
const SHORTEST_SECRET: usize = 16;
/// Values that someone forgot to replace.
const PLACEHOLDERS: [&str; 5] = ["changeme", "change-me", "default", "password", "insecure"];

/// The settings of this process. An empty value counts as unset.
#[derive(Clone, Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
    /// What only the `.env` file names.
    in_file: BTreeSet<String>,
}

impl Settings {
    /// Reads the environment and, beneath it, the file at `path` if there is one.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, EnvFileError> {
        let path = path.as_ref();
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(EnvFileError::Unreadable { path: shown, source }),
        };
        let file = file::parse(&text).map_err(|(line, reason)| EnvFileError::Malformed { path: shown, line, reason })?;
        // Variables that are not UTF-8 cannot be ours.
        let own =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let own: BTreeMap<_, _> = own.filter(|(_, value)| !value.is_empty()).collect();
        let in_file = file.iter().map(|(name, _)| name.clone()).filter(|name| !own.contains_key(name)).collect();
        let values = file.into_iter().chain(own).collect();
        Ok(Self { values, in_file })
    }

    /// The value of a variable, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of a secret variable, if it is set. It is kept out of the log from now on.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        let secret = Secret::new(self.get(name)?);
        blot_out(&secret);
        Some(secret)
    }

    /// The value of a variable as a `T`, if it is set.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Option<T>, SettingError> {
        let parsed = self.get(name).map(|value| value.trim().parse::<T>()).transpose();
        parsed.map_err(|error| SettingError { name: name.to_owned(), reason: error.to_string() })
    }

    /// The value of a variable as a `T`, which must be set.
    pub fn require<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<T, SettingError> {
        self.parse(name)?.ok_or_else(|| SettingError { name: name.to_owned(), reason: "must be set".to_owned() })
    }

    /// The value of a secret that must be set, and not to what can be guessed.
    pub fn require_secret(&self, name: &str) -> Result<Secret, SettingError> {
        self.strong_secret(name)?.ok_or_else(|| SettingError {
            name: name.to_owned(),
            reason: "must be set, to the same value for all processes; `openssl rand -hex 32` makes one".to_owned(),
        })
    }

    /// The value of a secret, if it is set: not to what a template had in its place, nor to a few characters.
    pub fn strong_secret(&self, name: &str) -> Result<Option<Secret>, SettingError> {
        let refused = |reason: String| Err(SettingError { name: name.to_owned(), reason });
        match self.secret(name) {
            Some(secret) if PLACEHOLDERS.contains(&secret.expose().to_lowercase().as_str()) => {
                refused("is a placeholder: `openssl rand -hex 32` makes a secret".to_owned())
            }
            Some(secret) if secret.expose().chars().count() < SHORTEST_SECRET => {
                refused(format!("must have at least {SHORTEST_SECRET} characters: `openssl rand -hex 32` makes a secret"))
            }
            secret => Ok(secret),
        }
    }

    /// The value of a secret as a `T`, if it is set. It is kept out of the log from now on.
    pub fn secret_as<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Option<T>, SettingError> {
        let parsed = self.secret(name).map(|secret| secret.expose().trim().parse::<T>()).transpose();
        parsed.map_err(|error| SettingError { name: name.to_owned(), reason: error.to_string() })
    }

    /// Sets a variable, whatever it was.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// Sets a variable that is unset.
    pub fn fill(&mut self, name: &str, value: impl Into<String>) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }
}

impl fmt::Debug for Settings {
    /// Names only: any value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// From pairs; later ones win.
impl FromIterator<(String, String)> for Settings {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self { values: pairs.into_iter().collect(), in_file: BTreeSet::new() }
    }
}

/// Collects what is wrong with several settings, so that all of it is said at once.
#[derive(Debug, Default)]
pub struct Check(Vec<SettingError>);

impl Check {
    /// The value, or nothing, with the error kept.
    pub fn take<T>(&mut self, read: Result<T, SettingError>) -> Option<T> {
        read.map_err(|error| self.0.push(error)).ok()
    }

    /// The value or, when it is unset or wrong, the default; a wrong one is kept as an error.
    pub fn or<T>(&mut self, read: Result<Option<T>, SettingError>, default: T) -> T {
        self.take(read).flatten().unwrap_or(default)
    }

    /// Keeps an error that is not about parsing one value.
    pub fn refuse(&mut self, name: &str, reason: impl Into<String>) {
        self.0.push(SettingError { name: name.to_owned(), reason: reason.into() });
    }

    /// All errors so far, or nothing.
    pub fn finish(self) -> Result<(), SettingsError> {
        if self.0.is_empty() { Ok(()) } else { Err(SettingsError(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_wrong_value_is_named_but_not_shown() {
        let error = settings(&[("PORT", "hunter2")]).parse::<u16>("PORT").expect_err("not a number");
        assert_eq!(error.name, "PORT");
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused_and_not_shown() {
        for (secret, legal) in [("changeme", false), ("7q#", false), ("fifteen letters", false), ("sixteen  letters", true)]
        {
            let settings = settings(&[("TOKEN", secret)]);
            for read in [settings.require_secret("TOKEN").map(Some), settings.strong_secret("TOKEN")] {
                assert_eq!(read.is_ok(), legal, "{secret}");
                let said = read.err().map(|error| error.to_string());
                assert!(said.is_none_or(|said| said.contains("openssl rand") && !said.contains(secret)));
            }
        }
        assert_eq!(settings(&[]).strong_secret("TOKEN").map(|secret| secret.is_none()), Ok(true));
    }

    #[test]
    fn an_empty_value_counts_as_unset() {
        let settings = settings(&[("PORT", ""), ("TOKEN", "")]);
        assert_eq!(settings.parse::<u16>("PORT"), Ok(None));
        assert!(settings.secret("TOKEN").is_none());
        assert_eq!(settings.require::<u16>("PORT").map_err(|error| error.to_string()), Err("PORT: must be set".to_owned()));
    }

    #[test]
    fn all_errors_are_said_at_once() {
        let settings = settings(&[("A", "x"), ("B", "7"), ("C", "y")]);
        let mut check = Check::default();
        check.or(settings.parse::<u16>("A"), 1);
        assert_eq!(check.or(settings.parse::<u16>("B"), 1), 7);
        check.take(settings.require::<f64>("C"));
        let SettingsError(errors) = check.finish().expect_err("two are wrong");
        assert_eq!(errors.iter().map(|error| error.name.as_str()).collect::<Vec<_>>(), ["A", "C"]);
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".env");
        // PATH is set in every test process.
        std::fs::write(&path, "PATH=from-file\nMLSYS_TEST_ONLY_IN_FILE=yes\n").expect("written");
        let settings = Settings::load(&path).expect("loads");
        assert_ne!(settings.get("PATH"), Some("from-file"));
        assert_eq!(settings.get("MLSYS_TEST_ONLY_IN_FILE"), Some("yes"));
        assert!(std::env::var("MLSYS_TEST_ONLY_IN_FILE").is_err(), "the process's environment is left alone");
        assert!(Settings::load(folder.path().join("absent")).is_ok(), "no file is fine");
    }

    #[test]
    fn a_malformed_line_is_numbered_but_not_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(".env");
        std::fs::write(&path, "A=1\nhunter2\n").expect("written");
        let error = Settings::load(&path).expect_err("line 2").to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }
}
