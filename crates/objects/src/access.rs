//! How each kind of store is spoken to: with which credentials, for how long, how often.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    gcp::{GcpCredentialProvider, GoogleCloudStorageBuilder},
    local::LocalFileSystem,
};
use serde_json::json;

use crate::{Error, Scheme};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one request may take; none carries more than a piece of a file.
const REQUEST: Duration = Duration::from_mins(1);
/// How often a request is made again when the store says that it is busy or broken, and for how long.
const RETRIES: usize = 5;
const RETRY_FOR: Duration = Duration::from_mins(1);

/// What answers a token for Google Cloud, and renews it in time.
pub type GoogleCredentials = GcpCredentialProvider;

/// Settings by name. Shown without their values.
#[derive(Clone, Default)]
pub struct Access(Vec<(String, String)>);

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Access {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl Access {
    /// A client of the bucket or folder with this name.
    pub fn open(&self, scheme: Scheme, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        // Who uses TLS chooses the cryptography of the process; the first choice stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(match scheme {
            Scheme::File => {
                let folder = Path::new(name);
                std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
                let files = LocalFileSystem::new_with_prefix(folder).map_err(failed(scheme, name))?;
                Arc::new(files.with_fsync(true).with_automatic_cleanup(true))
            }
            Scheme::S3 => Arc::new(self.s3(name).build().map_err(failed(scheme, name))?),
            Scheme::Gcs => Arc::new(self.gcs(name).build().map_err(failed(scheme, name))?),
        })
    }

    /// The credentials for Google Cloud's other services: those that buckets are opened with.
    pub fn google(&self) -> Result<GoogleCredentials, Error> {
        let client = self.gcs("none").build().map_err(failed(Scheme::Gcs, "the credentials for Google Cloud"))?;
        Ok(client.credentials().clone())
    }

    fn s3(&self, bucket: &str) -> AmazonS3Builder {
        let given = self.0.iter().filter(|(name, _)| name.starts_with("AWS_"));
        let known = given.filter_map(|(name, value)| Some((name.to_lowercase().parse::<AmazonS3ConfigKey>().ok()?, value)));
        let http = self.get("AWS_ALLOW_HTTP").is_some_and(|value| value == "true" || value == "1");
        known
            .fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key, value))
            .with_bucket_name(bucket)
            .with_client_options(client(http))
            .with_retry(retry())
    }

    fn gcs(&self, bucket: &str) -> GoogleCloudStorageBuilder {
        let builder = GoogleCloudStorageBuilder::new().with_bucket_name(bucket).with_retry(retry());
        if let Some(host) = self.get("STORAGE_EMULATOR_HOST") {
            let url = if host.contains("://") { host.to_owned() } else { format!("http://{host}") };
            let key = json!({
                "gcs_base_url": url.trim_end_matches('/'), "disable_oauth": true,
                "client_email": "", "private_key": "", "private_key_id": "",
            });
            return builder.with_client_options(client(true)).with_service_account_key(key.to_string());
        }
        let builder = builder.with_client_options(client(false));
        match (self.get("GOOGLE_SERVICE_ACCOUNT_KEY"), self.get("GOOGLE_APPLICATION_CREDENTIALS")) {
            (Some(key), _) => builder.with_service_account_key(key),
            (None, Some(file)) => builder.with_application_credentials(file),
            (None, None) => builder,
        }
    }

    /// A setting's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

fn client(http: bool) -> ClientOptions {
    ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(REQUEST).with_allow_http(http)
}

fn retry() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: RETRY_FOR }
}

/// Turns a store's error about something into ours.
pub fn failed(scheme: Scheme, path: &str) -> impl FnOnce(object_store::Error) -> Error {
    use object_store::Error as Failure;
    let path = path.to_owned();
    move |error| match (&error, scheme) {
        (Failure::NotFound { .. }, _) => Error::Missing { path },
        (Failure::PermissionDenied { .. } | Failure::Unauthenticated { .. }, Scheme::S3 | Scheme::Gcs) => {
            denied(scheme, path, &error)
        }
        (Failure::Generic { source, .. }, Scheme::S3 | Scheme::Gcs) if is_about_credentials(&source.to_string()) => {
            denied(scheme, path, &error)
        }
        _ => Error::Unavailable { path, source: error.into() },
    }
}

/// Whether credentials could not be read, or got us no token: the client has no kind of its own for it.
fn is_about_credentials(text: &str) -> bool {
    let refused = text.starts_with("Error performing token request") && text.contains("status code: 4");
    refused
        || text.contains("credentials file")
        || text.contains("decode service account")
        || text.contains("service account file")
}

fn denied(scheme: Scheme, path: String, error: &object_store::Error) -> Error {
    let settings = match scheme {
        Scheme::S3 => "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION",
        _ => "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT_KEY",
    };
    let text = error.to_string();
    // A store may answer with the whole request.
    let end = text.char_indices().nth(300).map_or(text.len(), |(at, _)| at);
    Error::Denied { path, settings, reason: text[..end].to_owned() }
}
