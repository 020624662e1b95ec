//! Where the models' files and the tables are, and how a process gets at them.

use std::path::Path;

use crate::{Secret, Setting, Settings};

const fn setting(name: &'static str, help: &'static str) -> Setting {
    Setting { name, default: "", help, secret: false }
}

const fn secret(name: &'static str, help: &'static str) -> Setting {
    Setting { name, default: "", help, secret: true }
}

/// What can be set, in the order the documentation shows. All but the first are credentials and what belongs to them.
pub const ARTIFACT_SETTINGS: &[Setting] = &[
    setting(
        "MLSYS_ARTIFACTS",
        "All models' files, the same for all processes: a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX; {env} in it \
         stands for the environment; unset: artifacts under MLSYS_HOME, or gs://mlsys-models-{env} where one of the three below is set",
    ),
    setting(
        "GCS_BUCKET_MODELS_DEV",
        "gs://: the bucket of dev, in the place of the one that MLSYS_ARTIFACTS with {env} names",
    ),
    setting("GCS_BUCKET_MODELS_STAGING", "gs://: the same of staging"),
    setting("GCS_BUCKET_MODELS_PROD", "gs://: the same of prod"),
    secret("AWS_ACCESS_KEY_ID", "s3://: the key; unset: the machine's role"),
    secret("AWS_SECRET_ACCESS_KEY", "s3://: the key's secret"),
    secret("AWS_SESSION_TOKEN", "s3://: the token of a key that expires"),
    setting("AWS_REGION", "s3://: the bucket's region; unset: us-east-1"),
    setting("AWS_ENDPOINT_URL", "s3://: another server than AWS's, e.g. https://minio:9000"),
    setting("AWS_ALLOW_HTTP", "s3://: true: that server may be spoken to without TLS"),
    setting("AWS_ROLE_ARN", "s3://: the role to take on; EKS sets it"),
    setting("AWS_WEB_IDENTITY_TOKEN_FILE", "s3://: the file that proves who asks for the role; EKS sets it"),
    setting("AWS_CONTAINER_CREDENTIALS_FULL_URI", "s3://: where a pod's keys are asked for; EKS sets it"),
    setting("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "s3://: the file that proves who asks for them; EKS sets it"),
    setting("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "s3://: where a container's keys are asked for; ECS sets it"),
    setting(
        "GOOGLE_APPLICATION_CREDENTIALS",
        "gs://: the file with the service account's key; unset: the machine's account",
    ),
    secret("GOOGLE_SERVICE_ACCOUNT_KEY", "gs://: the key itself, as JSON, in place of a file"),
    setting("STORAGE_EMULATOR_HOST", "gs://: another server than Google's, for tests; nothing proves to it who asks"),
];

/// Where the tables are.
pub const WAREHOUSE_SETTINGS: &[Setting] = &[
    setting(
        "MLSYS_WAREHOUSE",
        "All tables: a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, or bigquery://PROJECT/BUCKET/PREFIX (BigQuery, by way of \
         files in that bucket), with the credentials of MLSYS_ARTIFACTS; unset: warehouse under MLSYS_HOME",
    ),
    setting("BIGQUERY_EMULATOR_HOST", "bigquery://: another server than Google's, for tests; nothing proves to it who asks"),
    setting("BIGQUERY_STORAGE_GRPC_ENDPOINT", "bigquery://: where that server has the Storage Read API, as host:port"),
];

/// A store of files, and how a process gets at it. Shown without its secrets.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// A path, or an address.
    pub address: String,
    access: Vec<(&'static str, Secret)>,
}

impl StoreSettings {
    /// Those of the models' files; a folder in `home` where no other is set.
    pub fn artifacts(settings: &Settings, home: &Path) -> Self {
        let of_environments = ["DEV", "STAGING", "PROD"].map(|name| format!("GCS_BUCKET_MODELS_{name}"));
        let has_own = of_environments.iter().any(|name| settings.get(name).is_some());
        let default = if has_own { "gs://mlsys-models-{env}".into() } else { home.join("artifacts") };
        Self::read(settings, "MLSYS_ARTIFACTS", &default)
    }

    /// Those of the tables; a folder in `home` where no other is set.
    pub fn warehouse(settings: &Settings, home: &Path) -> Self {
        Self::read(settings, "MLSYS_WAREHOUSE", &home.join("warehouse"))
    }

    fn read(settings: &Settings, name: &str, default: &Path) -> Self {
        let address = settings.get(name).map(str::to_owned);
        let value = |one: &Setting| {
            let plain = || settings.get(one.name).map(Secret::new);
            if one.secret { settings.secret(one.name) } else { plain() }
        };
        let given =
            ARTIFACT_SETTINGS.iter().skip(1).chain(&WAREHOUSE_SETTINGS[1..]).filter_map(|one| Some((one.name, value(one)?)));
        Self { address: address.unwrap_or_else(|| default.to_string_lossy().into_owned()), access: given.collect() }
    }

    /// The folder, where it is one.
    pub fn folder(&self) -> &Path {
        Path::new(self.address.strip_prefix("file://").unwrap_or(&self.address))
    }

    /// The credentials, and what belongs to them, by their settings' names.
    pub fn access(&self) -> impl Iterator<Item = (&str, &str)> {
        self.access.iter().map(|(name, value)| (*name, value.expose()))
    }
}
