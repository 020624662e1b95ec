//! TLS with the certificate of two files, which are read again when they change.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    InconsistentKeys, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};

use crate::{Check, Settings};

/// How often it is looked whether the files have changed.
pub(crate) const LOOK: Duration = Duration::from_secs(5);

/// TLS. Clones share what was read last.
#[derive(Debug, Clone)]
pub(crate) struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cert: PathBuf,
    key: PathBuf,
    current: Mutex<(Arc<ServerConfig>, Stamp)>,
}

/// What tells one content of the files from another.
type Stamp = [Option<(u64, i64, i64, u64)>; 2];

/// Why the files can't be used.
#[derive(Debug, thiserror::Error)]
enum TlsError {
    #[error("{0}: {1}")]
    Unreadable(PathBuf, pem::Error),
    #[error("{0}: has no certificate")]
    NoCertificate(PathBuf),
    #[error("{0} is not the key of {1}")]
    OtherKey(PathBuf, PathBuf),
    #[error("{0}: {1}")]
    Unusable(PathBuf, rustls::Error),
}

impl Tls {
    /// TLS, if the settings name its files.
    pub(crate) fn read(settings: &Settings, check: &mut Check) -> Option<Self> {
        let path = |name| settings.get(name).map(PathBuf::from);
        let (cert, key) = match (path("TLS_CERT"), path("TLS_KEY")) {
            (Some(cert), Some(key)) => (cert, key),
            (None, None) => return None,
            (Some(_), None) => {
                check.refuse("TLS_KEY", "must be set where TLS_CERT is");
                return None;
            }
            (None, Some(_)) => {
                check.refuse("TLS_CERT", "must be set where TLS_KEY is");
                return None;
            }
        };
        let stamp = stamp(&cert, &key);
        match load(&cert, &key) {
            Ok(config) => Some(Self(Arc::new(Shared { cert, key, current: Mutex::new((config, stamp)) }))),
            Err(error) => {
                let name = match &error {
                    TlsError::Unreadable(path, _) if *path == key => "TLS_KEY",
                    TlsError::OtherKey(..) => "TLS_KEY",
                    _ => "TLS_CERT",
                };
                check.refuse(name, error.to_string());
                None
            }
        }
    }

    /// What connections are encrypted with from now on.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.current.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Reads the files again if they have changed. What can't be used changes nothing. Blocks.
    pub(crate) fn refresh(&self) {
        let (cert, key) = (&self.0.cert, &self.0.key);
        let seen = stamp(cert, key);
        if self.0.current.lock().unwrap_or_else(PoisonError::into_inner).1 == seen {
            return;
        }
        let loaded = load(cert, key);
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Of what can't be used, it is said once.
        current.1 = seen;
        match loaded {
            Ok(config) => {
                current.0 = config;
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!(%error, "the new certificate can't be used; the one before goes on"),
        }
    }
}

fn stamp(cert: &Path, key: &Path) -> Stamp {
    [cert, key].map(|path| {
        let found = fs::metadata(path).ok()?;
        Some((found.ino(), found.mtime(), found.mtime_nsec(), found.size()))
    })
}

fn load(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        |error| TlsError::Unreadable(path, error)
    };
    let chain = CertificateDer::pem_file_iter(cert).map_err(unreadable(cert))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(unreadable(cert))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(cert.to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let unusable = |error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::OtherKey(key.to_owned(), cert.to_owned())
        }
        error => TlsError::Unusable(cert.to_owned(), error),
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(unusable)?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, secret).map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
