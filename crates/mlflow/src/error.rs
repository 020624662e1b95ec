//! What can go wrong with MLflow, by what a caller would do about it.

use std::{io, path::PathBuf};

use reqwest::StatusCode;
use serde::Deserialize;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    /// The server cannot be reached, is too slow, too busy or broken: try again later.
    #[error("MLflow is not available: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// There is no such thing.
    #[error("not found in MLflow")]
    NotFound,
    /// There is one already.
    #[error("exists in MLflow already")]
    AlreadyExists,
    /// The server understood and refuses; the same call will be refused again.
    #[error("MLflow refuses: {message} ({code})")]
    Rejected {
        /// MLflow's error code, or the HTTP status where there is none.
        code: String,
        /// MLflow's words.
        message: String,
    },
    /// The answer is not what this API answers: is this an MLflow server?
    #[error("MLflow's answer cannot be read: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// A file to upload cannot be read.
    #[error("cannot read {} for MLflow: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The body of MLflow's error responses.
#[derive(Deserialize)]
struct Body {
    error_code: String,
    #[serde(default)]
    message: String,
}

/// How much of a foreign error page an error message repeats, in characters.
const EXCERPT: usize = 300;

impl MlflowError {
    /// Reads an error response.
    pub(crate) fn from_response(status: StatusCode, body: &[u8]) -> Self {
        let (code, message) = match serde_json::from_slice::<Body>(body) {
            Ok(body) => (body.error_code, body.message),
            Err(_) => (status.as_u16().to_string(), String::from_utf8_lossy(body).chars().take(EXCERPT).collect()),
        };
        match code.as_str() {
            "RESOURCE_DOES_NOT_EXIST" | "404" => Self::NotFound,
            "RESOURCE_ALREADY_EXISTS" | "ALREADY_EXISTS" => Self::AlreadyExists,
            "TEMPORARILY_UNAVAILABLE" | "REQUEST_LIMIT_EXCEEDED" => Self::Unavailable { reason: message },
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Self::Unavailable { reason: format!("{status}: {message}") }
            }
            _ => Self::Rejected { code, message },
        }
    }
}

impl From<reqwest::Error> for MlflowError {
    fn from(error: reqwest::Error) -> Self {
        // The source tells what the outer error does not: refused, unreachable, reset.
        let reason = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        if error.is_builder() || error.is_decode() { Self::Malformed { reason } } else { Self::Unavailable { reason } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_responses_become_what_a_caller_would_do() {
        let read = |status: u16, body: &str| {
            let error = MlflowError::from_response(StatusCode::from_u16(status).expect("a status"), body.as_bytes());
            match error {
                MlflowError::Unavailable { .. } => "unavailable".to_owned(),
                MlflowError::NotFound => "not found".to_owned(),
                MlflowError::AlreadyExists => "already exists".to_owned(),
                MlflowError::Rejected { code, message } => format!("{code}: {message}"),
                other => other.to_string(),
            }
        };
        let code = |code: &str| format!(r#"{{"error_code":"{code}","message":"why","sqlstate":"x"}}"#);
        assert_eq!(read(404, &code("RESOURCE_DOES_NOT_EXIST")), "not found");
        assert_eq!(read(404, "<html>no such page</html>"), "not found");
        assert_eq!(read(400, &code("RESOURCE_ALREADY_EXISTS")), "already exists");
        assert_eq!(read(400, &code("INVALID_PARAMETER_VALUE")), "INVALID_PARAMETER_VALUE: why");
        assert_eq!(read(403, "Invalid Host header"), "403: Invalid Host header");
        for (status, body) in [(503, code("TEMPORARILY_UNAVAILABLE")), (429, code("REQUEST_LIMIT_EXCEEDED"))] {
            assert_eq!(read(status, &body), "unavailable");
        }
        for status in [429, 500, 502, 504] {
            assert_eq!(read(status, ""), "unavailable");
        }
    }
}
