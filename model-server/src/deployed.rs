//! What is deployed, remembered across restarts in `deployed.json`.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use contract::{Environment, LoadRequest, ModelName};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

/// Where a model is served.
pub(crate) type Place = (ModelName, Environment);

type Entries = BTreeMap<Place, LoadRequest>;

/// The file and what it says.
#[derive(Debug)]
pub(crate) struct Deployed {
    path: PathBuf,
    entries: Mutex<Entries>,
}

#[derive(Serialize, Deserialize)]
struct File {
    models: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    model_name: ModelName,
    #[serde(flatten)]
    request: LoadRequest,
}

impl Deployed {
    /// Reads the file, if there is one.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let models = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<File>(&bytes)?.models,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let entries = models.into_iter().map(|entry| ((entry.model_name, entry.request.environment.clone()), entry.request));
        Ok(Self { path, entries: Mutex::new(entries.collect()) })
    }

    /// Everything that is to be served.
    pub(crate) async fn all(&self) -> Entries {
        self.entries.lock().await.clone()
    }

    /// What is to be served at a place.
    pub(crate) async fn get(&self, place: &Place) -> Option<LoadRequest> {
        self.entries.lock().await.get(place).cloned()
    }

    /// Remembers what is served at a place; `None` for nothing. Says what was there before. On an error nothing changes.
    pub(crate) async fn set(&self, place: Place, request: Option<LoadRequest>) -> io::Result<Option<LoadRequest>> {
        let mut entries = self.entries.lock().await;
        let mut next = entries.clone();
        let before = match request {
            Some(request) => next.insert(place, request),
            None => next.remove(&place),
        };
        let file = File {
            models: next
                .iter()
                .map(|((name, _), request)| Entry { model_name: name.clone(), request: request.clone() })
                .collect(),
        };
        let (path, bytes) = (self.path.clone(), serde_json::to_vec_pretty(&file)?);
        tokio::task::spawn_blocking(move || write(&path, &bytes)).await??;
        *entries = next;
        Ok(before)
    }
}

/// Writes a file that is always whole, even when the machine stops.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(folder)?.sync_all()
}
