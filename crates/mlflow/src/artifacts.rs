//! Files of runs and models, through the server's artifact proxy.

use std::{io, path::Path};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Body, header};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use crate::{Client, MlflowError, Run};

/// What need not be encoded in a part of a path.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Client {
    /// Stores a file with a run, under `path` (parts separated by `/`). It is read as it is sent, never whole.
    pub async fn put_artifact(&self, run: &Run, path: &str, file: &Path) -> Result<(), MlflowError> {
        self.put_file(&run.artifact_uri, path, file, sandbox::files::open_regular(file)).await
    }

    /// Stores bytes as a file with a run, under `path`.
    pub async fn put_artifact_bytes(&self, run: &Run, path: &str, bytes: Vec<u8>) -> Result<(), MlflowError> {
        let request = self.upload(&proxied(&run.artifact_uri, path)?).body(bytes);
        self.send(request).await.map(drop)
    }

    /// Stores a file, which was opened, under a path of an artifact root.
    pub(crate) async fn put_file(
        &self,
        root: &str,
        path: &str,
        file: &Path,
        open: io::Result<std::fs::File>,
    ) -> Result<(), MlflowError> {
        let unreadable = |source| MlflowError::File { path: file.to_owned(), source };
        let open = File::from_std(open.map_err(unreadable)?);
        let size = open.metadata().await.map_err(unreadable)?.len();
        let request = self
            .upload(&proxied(root, path)?)
            .header(header::CONTENT_LENGTH, size)
            .body(Body::wrap_stream(ReaderStream::with_capacity(open, 1 << 16)));
        self.send(request).await.map(drop)
    }
}

/// The server's path for a file under an artifact root.
fn proxied(root: &str, path: &str) -> Result<String, MlflowError> {
    let root = root.strip_prefix("mlflow-artifacts:/").ok_or_else(|| MlflowError::Rejected {
        code: "ARTIFACTS_NOT_SERVED".to_owned(),
        message: format!(
            "the server does not serve its artifacts itself (they live at {root}): start it with --serve-artifacts"
        ),
    })?;
    let parts = root.split('/').chain(path.split('/')).filter(|part| !part.is_empty());
    let encoded: Vec<String> = parts.map(|part| utf8_percent_encode(part, PART).to_string()).collect();
    Ok(format!("/api/2.0/mlflow-artifacts/artifacts/{}", encoded.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_part_by_part() {
        let path = proxied("mlflow-artifacts:/1/run/artifacts", "plots/a b#1?.png").expect("served");
        assert_eq!(path, "/api/2.0/mlflow-artifacts/artifacts/1/run/artifacts/plots/a%20b%231%3F.png");
        assert!(matches!(proxied("s3://bucket/1", "a"), Err(MlflowError::Rejected { .. })));
    }
}
