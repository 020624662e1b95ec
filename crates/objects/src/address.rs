//! Where the store is: `file:///folder`, a plain path, `s3://bucket/prefix` or `gs://bucket/prefix`.

use std::{fs, path::Path};

use crate::Error;

/// What stands for the environment in an address whose environments are apart.
const ENVIRONMENT: &str = "{env}";

/// What a bucket may be called.
const BUCKETS_NAME: &str = "a bucket's name is of lower-case letters, digits, '-', '.' and '_'";

/// Which kind of store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A folder on this machine, or mounted by it.
    File,
    /// Amazon S3, or what speaks like it.
    S3,
    /// Google Cloud Storage.
    Gcs,
}

/// A store's address, in its one spelling: with a scheme, without a slash at its end.
#[derive(Debug, Clone)]
pub struct Address {
    scheme: Scheme,
    text: String,
}

impl Address {
    /// Reads an address. A folder is made if it is not there, and named by its path without links.
    pub fn parse(given: &str) -> Result<Self, Error> {
        let refused = |reason| Error::Refused { uri: given.to_owned(), reason };
        // An address is taken literally: '%' has no special meaning and no place in it.
        if given.contains(['%', '?', '#', '\0']) {
            return Err(refused("it holds one of '%', '?' and '#'"));
        }
        let (scheme, rest) = given.split_once("://").unwrap_or(("file", given));
        let rest = if rest.len() > 1 { rest.trim_end_matches('/') } else { rest };
        if rest.matches('{').count() > rest.matches(ENVIRONMENT).count() || rest.matches(ENVIRONMENT).count() > 1 {
            return Err(refused("the one placeholder it may hold, once, is {env}"));
        }
        let scheme = match scheme {
            "file" => Scheme::File,
            "s3" => Scheme::S3,
            "gs" => Scheme::Gcs,
            _ => return Err(refused("it must be a path, or begin with file://, s3:// or gs://")),
        };
        if scheme != Scheme::File {
            let mut parts = rest.split('/');
            let bucket = parts.next().unwrap_or_default().replace(ENVIRONMENT, "");
            if rest.starts_with('/') || !is_plain(&bucket) || rest.is_empty() {
                return Err(refused(BUCKETS_NAME));
            }
            if parts.any(|part| matches!(part, "" | "." | "..")) {
                return Err(refused("it holds an empty part, '.' or '..'"));
            }
            let name = if scheme == Scheme::S3 { "s3" } else { "gs" };
            return Ok(Self { scheme, text: format!("{name}://{rest}") });
        }
        Ok(Self { scheme, text: format!("file://{}", folder(rest)?) })
    }

    /// Which kind of store it is.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether each environment has a store of its own.
    #[must_use]
    pub fn is_by_environment(&self) -> bool {
        self.text.contains(ENVIRONMENT)
    }

    /// The address of an environment's store in a bucket of another name.
    pub fn in_bucket(&self, environment: &str, bucket: &str) -> Result<String, Error> {
        let refused = |reason| Error::Refused { uri: format!("gs://{bucket}"), reason };
        if bucket.is_empty() || !is_plain(bucket) {
            return Err(refused(BUCKETS_NAME));
        }
        if self.scheme != Scheme::Gcs || !self.is_by_environment() {
            return Err(refused("it replaces a bucket in an address gs://… whose {env} stands for the environment"));
        }
        let place = self.of(environment);
        let prefix = place.trim_start_matches("gs://").split_once('/').map_or(String::new(), |(_, rest)| format!("/{rest}"));
        Ok(format!("gs://{bucket}{prefix}"))
    }

    /// The address of an environment's store.
    #[must_use]
    pub fn of(&self, environment: &str) -> String {
        self.text.replace(ENVIRONMENT, environment)
    }
}

fn is_plain(bucket: &str) -> bool {
    bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte))
}

/// A folder's path without links and with its placeholder, whose every part that can be made is there.
fn folder(given: &str) -> Result<String, Error> {
    // What comes after the placeholder is another folder in each environment.
    let (fixed, rest) = match given.find(ENVIRONMENT) {
        Some(at) => given.split_at(given[..at].rfind('/').map_or(0, |slash| slash + 1)),
        None => (given, ""),
    };
    let fixed = Path::new(if fixed.is_empty() { "." } else { fixed });
    fs::create_dir_all(fixed).map_err(Error::io(fixed))?;
    let root = fs::canonicalize(fixed).map_err(Error::io(fixed))?;
    let refused = |reason| Error::Refused { uri: root.display().to_string(), reason };
    let text = root.to_str().ok_or_else(|| refused("the path is not UTF-8"))?;
    if text.contains(['%', '?', '#']) || Path::new(rest).components().any(|part| part.as_os_str() == "..") {
        return Err(refused("the path holds '%', '?', '#' or '..'"));
    }
    Ok(if rest.is_empty() { text.to_owned() } else { format!("{}/{rest}", text.trim_end_matches('/')) })
}
