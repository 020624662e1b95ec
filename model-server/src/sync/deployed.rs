//! What is deployed, remembered across restarts in `deployed.json`.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use contract::DesiredModel;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{
    files,
    serve::{Place, place_of},
};

type Entries = BTreeMap<Place, Vec<DesiredModel>>;

/// The file and what it says.
#[derive(Debug)]
pub(crate) struct Deployed {
    path: PathBuf,
    entries: Mutex<Entries>,
}

/// A list of versions. Several may be of one place; one without a weight has it to itself.
#[derive(Serialize, Deserialize)]
struct File {
    models: Vec<DesiredModel>,
}

impl Deployed {
    /// Reads the file, if there is one.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let models = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<File>(&bytes)?.models,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut entries = Entries::new();
        for model in models {
            entries.entry(place_of(&model)).or_default().push(model);
        }
        Ok(Self { path, entries: Mutex::new(entries) })
    }

    /// Everything that is to be served.
    pub(crate) async fn all(&self) -> Entries {
        self.entries.lock().await.clone()
    }

    /// What is to be served at a place.
    pub(crate) async fn get(&self, place: &Place) -> Vec<DesiredModel> {
        self.entries.lock().await.get(place).cloned().unwrap_or_default()
    }

    /// Remembers what is served at a place. Says whether anything was before. On an error nothing changes.
    pub(crate) async fn set(&self, place: &Place, models: Vec<DesiredModel>) -> io::Result<bool> {
        let mut entries = self.entries.lock().await;
        let before = entries.get(place);
        let something = before.is_some();
        if before.map_or(&[][..], Vec::as_slice) == models {
            return Ok(something);
        }
        let mut next = entries.clone();
        if models.is_empty() {
            next.remove(place);
        } else {
            next.insert(place.clone(), models);
        }
        let file = File { models: next.values().flatten().cloned().collect() };
        let (path, bytes) = (self.path.clone(), serde_json::to_vec_pretty(&file)?);
        tokio::task::spawn_blocking(move || files::write(&path, &bytes)).await??;
        *entries = next;
        Ok(something)
    }
}
