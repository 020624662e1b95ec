//! The secrets of a repository that its notebooks ask for by name.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest name.
const NAME_MAX: usize = 64;
/// The longest value, in bytes.
const SECRET_MAX: usize = 64 << 10;
/// The shortest value, in characters: a shorter one is a part of innocent words, so it can't be blotted out.
pub const SECRET_MIN: usize = 4;
/// How many secrets one notebook may ask for.
pub const SECRETS_PER_RUN: usize = 20;
/// How many secrets a repository may have.
pub const SECRETS_PER_REPO: u64 = 100;

/// Variables that the system or mlsys sets for a run.
const TAKEN: [&str; 22] = [
    "BASH_ENV",
    "CUDA_VISIBLE_DEVICES",
    "ENV",
    "GIT_COMMIT",
    "HOME",
    "IFS",
    "LANG",
    "LOGNAME",
    "MODEL_OUTPUT_PATH",
    "NVIDIA_VISIBLE_DEVICES",
    "PATH",
    "PIPELINE_ID",
    "PWD",
    "RES_OPTIONS",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
];
/// What the names of such variables begin with.
const TAKEN_PREFIXES: [&str; 10] =
    ["MLFLOW_", "MLSYS_", "PYTHON", "LD_", "DYLD_", "LC_", "IPYTHON", "JUPYTER_", "PIP_", "UV_"];

/// Why a text is not the name of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretNameError {
    /// It has the wrong form.
    #[error("a secret's name has 1 to {NAME_MAX} capital letters, digits and _, and does not begin with a digit")]
    Form,
    /// The variable has a meaning already.
    #[error("{0} can't be a secret's name: mlsys or the system sets this variable; choose another, such as MY_{0}")]
    Taken(String),
}

/// A secret's name: that of the variable by which a notebook gets it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(pattern = "^[A-Z_][A-Z0-9_]{0,63}$")]
pub struct SecretName(String);

impl SecretName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SecretName {
    type Error = SecretNameError;
    fn try_from(name: String) -> Result<Self, SecretNameError> {
        let begins = name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_');
        let letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if !begins || name.len() > NAME_MAX || !name.bytes().all(letter) {
            return Err(SecretNameError::Form);
        }
        if TAKEN.contains(&name.as_str()) || TAKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            return Err(SecretNameError::Taken(name));
        }
        Ok(Self(name))
    }
}

impl FromStr for SecretName {
    type Err = SecretNameError;
    fn from_str(name: &str) -> Result<Self, SecretNameError> {
        Self::try_from(name.to_owned())
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a value can't be a secret, in words that don't show it.
pub fn check_secret(value: &str) -> Result<(), String> {
    if value.len() > SECRET_MAX {
        return Err(format!("a secret has at most {} KiB", SECRET_MAX >> 10));
    }
    if value.contains('\0') {
        return Err("a secret can't have a null character: no environment variable can".to_owned());
    }
    if !value.split(['\n', '\r']).any(|line| line.trim().chars().count() >= SECRET_MIN) {
        return Err(format!(
            "a secret has at least {SECRET_MIN} characters in one of its lines: a shorter one can't be blotted out of logs"
        ));
    }
    Ok(())
}

/// The secrets that a run is given: values by name. They can't be shown, nor sent anywhere as JSON.
#[derive(Clone, Default)]
pub struct RunSecrets(pub BTreeMap<SecretName, String>);

impl fmt::Debug for RunSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys().map(SecretName::as_str)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_something_already_are_refused_with_the_reason() {
        for good in ["A", "_", "WAREHOUSE_PASSWORD", "AWS_SECRET_ACCESS_KEY", "PATH2", "GIT_TOKEN", &"X".repeat(64)] {
            assert_eq!(good.parse::<SecretName>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for form in ["", "a", "1A", "A-B", "A B", "É", "A\n", &"X".repeat(65)] {
            assert_eq!(form.parse::<SecretName>(), Err(SecretNameError::Form), "{form:?}");
        }
        for taken in ["PATH", "HOME", "MLFLOW_RUN_ID", "PYTHONPATH", "LD_PRELOAD", "PIPELINE_ID", "MLSYS_UV"] {
            let error = taken.parse::<SecretName>().expect_err(taken).to_string();
            assert!(error.contains(taken) && error.contains("sets this variable"), "{error}");
        }
    }

    #[test]
    fn a_value_that_can_not_be_blotted_out_is_refused_without_being_shown() {
        for good in ["four", "ab\ncdef", "  pass  ", "ÄÖÜß", &"x".repeat(SECRET_MAX)] {
            assert_eq!(check_secret(good), Ok(()));
        }
        for bad in ["", "abc", "abc\ndef", "a b\r\n  c  ", "\0four", &"x".repeat(SECRET_MAX + 1)] {
            let error = check_secret(bad).expect_err("refused");
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
        let secrets = RunSecrets([("NAME".parse().expect("a name"), "hunter2".to_owned())].into());
        assert_eq!(format!("{secrets:?}"), r#"{"NAME"}"#);
    }
}
