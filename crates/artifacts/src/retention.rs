//! Removal of what nothing refers to any more.

use std::{fs, io::ErrorKind};

use contract::{Environment, ModelName};

use crate::{Error, Store, folder::blocking, keys};

impl Store {
    /// Removes a version's files from an environment's bucket, if they are there. Where this is cut off, the version cannot
    /// be fetched any more, and removing it again removes the rest.
    pub async fn remove_version(&self, environment: &Environment, model: &ModelName, version: u64) -> Result<(), Error> {
        let folder = self.root().join(keys::model_folder(environment, model)).join(keys::version_folder(version));
        blocking(move || match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(&folder)(error)),
            _ => Ok(()),
        })
        .await
    }
}
