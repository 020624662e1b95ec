//! Where tables lie, and which there are.

use std::{path::PathBuf, sync::Arc};

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, path::Path, prefix::PrefixStore};
use objects::{Access, Address, Scheme, failed};

use crate::{
    Error, TableName,
    bigquery::{self, BigQuery},
    log,
};

/// How many folders are looked into at the same time.
const AT_ONCE: usize = 16;

/// A folder or bucket of tables, or `BigQuery`. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Warehouse {
    scheme: Scheme,
    url: String,
    /// Where the tables' files are; of `BigQuery`, those that are staged.
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) bigquery: Option<Arc<BigQuery>>,
}

impl Warehouse {
    /// Opens the one at an address: a path or `file:///…`, which is made if it is not there, `s3://bucket/prefix` or
    /// `gs://bucket/prefix`; or `bigquery://project/bucket/prefix`, where files are staged in that bucket. `access` are settings by
    /// their names: `AWS_*`, `GOOGLE_*`, `STORAGE_EMULATOR_HOST`, `BIGQUERY_*`. Nothing is asked of a bucket or of `BigQuery` yet.
    pub fn open<'a>(address: &str, access: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let access = access.into_iter().collect::<Access>();
        if !address.starts_with(bigquery::SCHEME) {
            return Self::open_files(address, &access);
        }
        let (project, staging) = BigQuery::parse(address)?;
        let files = Self::open_files(&staging, &access)?;
        let bigquery = BigQuery::open(project, files.url.clone(), &access)?;
        Ok(Self { url: address.trim_end_matches('/').to_owned(), bigquery: Some(Arc::new(bigquery)), ..files })
    }

    fn open_files(address: &str, access: &Access) -> Result<Self, Error> {
        let address = Address::parse(address)?;
        let (scheme, url) = (address.scheme(), address.of(""));
        if address.is_by_environment() {
            let reason = "the tables of all environments lie in one place: their datasets bear the environment's name";
            return Err(objects::Error::Refused { uri: address.of("{env}"), reason }.into());
        }
        let place = url.split_once("://").map_or("", |(_, place)| place);
        let objects: Arc<dyn ObjectStore> = match (scheme, place.split_once('/')) {
            (Scheme::S3 | Scheme::Gcs, Some((bucket, prefix))) => {
                let refused = |_| objects::Error::Refused { uri: url.clone(), reason: "it holds what no object's name may" };
                Arc::new(PrefixStore::new(access.open(scheme, bucket)?, Path::parse(prefix).map_err(refused)?))
            }
            _ => access.open(scheme, place)?,
        };
        Ok(Self { scheme, url, objects, bigquery: None })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The names of all tables, sorted. What lies there otherwise is passed over.
    pub async fn tables(&self) -> Result<Vec<TableName>, Error> {
        if let Some(bigquery) = &self.bigquery {
            return Box::pin(bigquery.names()).await;
        }
        let mut folders = self.folders(Path::default()).await?;
        for _ in 0..2 {
            let inner = stream::iter(folders).map(async |folder: Path| match self.folders(folder).await {
                // What mlsys may not look into is none of its tables.
                Err(Error::Objects(error)) if self.scheme == Scheme::File => {
                    tracing::debug!(%error, "a folder in the warehouse is passed over");
                    Ok(Vec::new())
                }
                found => found,
            });
            folders = inner.buffer_unordered(AT_ONCE).try_concat().await?;
        }
        let found = stream::iter(folders).map(async |folder: Path| {
            let name: Option<TableName> = folder.as_ref().replace('/', ".").parse().ok();
            let first = self.objects.list(Some(&folder.join(log::FOLDER))).next().await;
            name.filter(|_| matches!(first, Some(Ok(_))))
        });
        let mut names: Vec<_> = found.buffer_unordered(AT_ONCE).filter_map(async |name| name).collect().await;
        names.sort();
        Ok(names)
    }

    /// The folders in one that bear a part of a table's name.
    async fn folders(&self, folder: Path) -> Result<Vec<Path>, Error> {
        let within = (folder != Path::default()).then_some(&folder);
        let found = self.objects.list_with_delimiter(within).await.map_err(|error| self.failed(&folder, error))?;
        let is_part = |path: &Path| path.parts().next_back().is_some_and(|part| TableName::is_part(part.as_ref()));
        Ok(found.common_prefixes.into_iter().filter(is_part).collect())
    }

    /// A small object.
    pub(crate) async fn get(&self, path: &Path, limit: u64) -> Result<bytes::Bytes, Error> {
        self.stay_within(path).await?;
        let found = self.objects.get(path).await.map_err(|error| self.failed(path, error))?;
        if found.meta.size > limit {
            return Err(Error::Damaged { path: self.uri(path), reason: format!("it is longer than {limit} bytes") });
        }
        found.bytes().await.map_err(|error| self.failed(path, error))
    }

    /// Makes sure that what is to be read or written lies in the warehouse's folder, and is a file or a folder: others may have put a
    /// link there, or a pipe that never ends.
    pub(crate) async fn stay_within(&self, path: &Path) -> Result<(), Error> {
        let Some(root) = self.url.strip_prefix("file://").filter(|_| self.scheme == Scheme::File) else { return Ok(()) };
        let (root, uri) = (PathBuf::from(root), self.uri(path));
        let file = root.join(path.as_ref());
        let lost = |error| objects::Error::Unavailable { path: "file work".to_owned(), source: Box::new(error) };
        let looked = tokio::task::spawn_blocking(move || {
            // What is not there yet will be made in the nearest folder that is. A link to nowhere is there.
            let within = file.ancestors().take_while(|part| part.starts_with(&root));
            let nearest = within.into_iter().find(|part| part.symlink_metadata().is_ok());
            let leads_out = nearest.is_some_and(|part| !part.canonicalize().is_ok_and(|real| real.starts_with(&root)));
            let is_strange = file.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
            (leads_out, is_strange)
        });
        match looked.await.map_err(lost)? {
            (false, false) => Ok(()),
            (true, _) => Err(objects::Error::Refused { uri, reason: "it leads out of the warehouse" }.into()),
            (false, true) => Err(objects::Error::Refused { uri, reason: "it is neither a file nor a folder" }.into()),
        }
    }

    pub(crate) fn uri(&self, path: &Path) -> String {
        format!("{}/{path}", self.url.trim_end_matches('/'))
    }

    pub(crate) fn failed(&self, path: &Path, error: object_store::Error) -> Error {
        failed(self.scheme, &self.uri(path))(error).into()
    }
}
