//! Where `BigQuery` is: the address, the credentials, and what names stand for.

use std::fmt;

use objects::Access;

use super::{rest::Rest, session::Reader};
use crate::{Error, TableName};

/// How the address begins.
pub(crate) const SCHEME: &str = "bigquery://";
/// The part of a table's name that stands for the address's own project, as it does where there are no projects. Google's have six
/// letters at least.
const OWN: &str = "local";

/// `BigQuery`, as one project asks it.
pub(crate) struct BigQuery {
    /// The project that asks, and pays.
    project: String,
    /// Where files are staged.
    staging: String,
    pub(super) rest: Rest,
    pub(super) reader: Reader,
}

impl fmt::Debug for BigQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BigQuery").field("project", &self.project).field("staging", &self.staging).finish_non_exhaustive()
    }
}

impl BigQuery {
    /// The project that an address names, `bigquery://project/bucket/prefix`, and the address of the bucket's folder.
    pub fn parse(address: &str) -> Result<(String, String), Error> {
        let refused = |reason| objects::Error::Refused { uri: address.to_owned(), reason };
        let place = address.strip_prefix(SCHEME).unwrap_or(address).trim_end_matches('/');
        let (project, bucket) = place.split_once('/').ok_or_else(|| {
            refused(
                "it must be bigquery://PROJECT/BUCKET or bigquery://PROJECT/BUCKET/PREFIX: files are staged in that bucket",
            )
        })?;
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if project.is_empty() || !project.chars().all(is_plain) {
            return Err(refused("a project's id is of lower-case letters, digits and '-'").into());
        }
        Ok((project.to_owned(), format!("gs://{bucket}")))
    }

    /// As a project asks it; nothing is asked yet.
    pub fn open(project: String, staging: String, access: &Access) -> Result<Self, Error> {
        let emulator = access.get("BIGQUERY_EMULATOR_HOST");
        let tokens = if emulator.is_some() { None } else { Some(access.google()?) };
        let rest = Rest::new(emulator, tokens.clone())?;
        let reader = Reader::new(emulator.is_some(), access.get("BIGQUERY_STORAGE_GRPC_ENDPOINT"), tokens);
        Ok(Self { project, staging, rest, reader })
    }

    /// The project that asks.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// Where a staged file is, from its path in the warehouse.
    pub fn staged(&self, path: &object_store::path::Path) -> String {
        format!("{}/{path}", self.staging)
    }

    /// The project, the dataset and the table that a name stands for.
    pub fn parts<'a>(&'a self, name: &'a TableName) -> [&'a str; 3] {
        let [project, dataset, table] = name.parts();
        [if project == OWN { &self.project } else { project }, dataset, table]
    }
}

/// What proves who asks; nothing for an emulator.
pub(super) type Tokens = Option<objects::GoogleCredentials>;

/// A token that is good now.
pub(super) async fn token(tokens: &Tokens) -> Result<Option<String>, Error> {
    let Some(tokens) = tokens else { return Ok(None) };
    let given = tokens.get_credential().await.map_err(objects::failed(objects::Scheme::Gcs, "BigQuery"))?;
    Ok(Some(given.bearer.clone()).filter(|bearer| !bearer.is_empty()))
}
