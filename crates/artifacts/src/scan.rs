//! Which versions lie in an environment's bucket, whoever put them there.

use std::collections::BTreeMap;

use contract::{Environment, MANIFEST_FILE, MODEL_FILE, ModelName};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde_json::Value;

use crate::{Error, Store, keys::Place};

/// How many objects are looked at: those of some ten thousand versions.
const MOST: usize = 200_000;
/// How large a `metadata.json` may be that is read for what it says, in bytes.
const METADATA: u64 = 16 << 20;

/// A version whose pickle lies in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The model, as its folder is called.
    pub model: ModelName,
    /// The version, as its folder is called.
    pub version: u64,
    /// The bucket, or the folder that stands for one.
    pub bucket: String,
    /// The version's folder in it.
    pub path: String,
    /// The size of all its files, in bytes.
    pub size: u64,
    /// When its pickle was last written.
    pub uploaded_at: Timestamp,
    /// Whether it has a `metadata.json`.
    has_metadata: bool,
}

/// What lies in a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The versions, by model and number.
    pub versions: Vec<Found>,
    /// Pickles that lie where no version's does, by their paths.
    pub strays: Vec<String>,
}

impl Store {
    /// Looks what lies in an environment's bucket as `{model}/v{N}/model.pkl`. What is not there at all is empty.
    ///
    /// # Errors
    /// When the bucket can't be listed, or holds more than 200,000 objects.
    pub async fn scan(&self, environment: &Environment) -> Result<Scanned, Error> {
        let (bucket, root) = (self.bucket(environment)?, self.layout.bucket(environment));
        let mut folders = BTreeMap::<String, Folder>::new();
        let mut seen = 0;
        let mut objects = std::pin::pin!(bucket.list(&root));
        while let Some((key, size, written)) = objects.try_next().await? {
            seen += 1;
            if seen > MOST {
                return Err(Error::Refused { uri: bucket.uri(&root), reason: "it holds too many objects to look at" });
            }
            let Some((folder, name)) = key.rsplit_once('/') else { continue };
            let of = folders.entry(folder.to_owned()).or_default();
            of.size += size;
            of.pickle = if name == MODEL_FILE { Some(written) } else { of.pickle };
            of.has_metadata |= name == MANIFEST_FILE;
        }
        let mut scanned = Scanned::default();
        for (key, Folder { size, pickle, has_metadata }) in folders {
            let Some(uploaded_at) = pickle else { continue };
            match self.layout.place(environment, &key) {
                Some(Place::Version(of, model, version)) if of == *environment => {
                    let bucket = bucket.uri(&root);
                    let bucket = bucket.trim_end_matches('/').to_owned();
                    let path = format!("{model}/v{version}");
                    scanned.versions.push(Found { model, version, bucket, path, size, uploaded_at, has_metadata });
                }
                Some(_) => {}
                None => scanned.strays.push(format!("{key}/{MODEL_FILE}")),
            }
        }
        // By number, not by text.
        scanned.versions.sort_by(|a, b| (a.model.as_str(), a.version).cmp(&(b.model.as_str(), b.version)));
        Ok(scanned)
    }

    /// What a version's `metadata.json` says, if there is one. Whoever uploaded it may have written anything.
    ///
    /// # Errors
    /// [`Error::BadManifest`] when it is no JSON, [`Error::Refused`] when it is too large or no file; whatever keeps it from being read.
    pub async fn said_of(&self, environment: &Environment, found: &Found) -> Result<Option<Value>, Error> {
        if !found.has_metadata {
            return Ok(None);
        }
        let place = Place::Version(environment.clone(), found.model.clone(), found.version);
        let key = format!("{}/{MANIFEST_FILE}", self.layout.key(&place));
        let bucket = self.bucket(environment)?;
        bucket.stay_within(&key).await?;
        let bytes = bucket.read(&key, METADATA).await?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::BadManifest { reason: error.to_string() })
    }
}

/// What lies in one folder.
#[derive(Default)]
struct Folder {
    size: u64,
    pickle: Option<Timestamp>,
    has_metadata: bool,
}
