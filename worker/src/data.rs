//! The data of notebooks: the package `mlsys` that they reach tables and files by, where these lie, and what a run read.
//!
//! In folders, the sandbox opens to a run what its repository's notebooks may reach, and nothing beside it. In Google Cloud, the
//! credentials decide that the repository has as secrets.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use contract::{DataAccess, DataGrant, DataKind, DataRead, TableRead};
use serde::Deserialize;
use serde_json::Value;
use service::{Settings, StoreSettings};

/// The notebooks' package by its files' names, in an array that the build script lists: `SOURCES`.
mod sources {
    include!(concat!(env!("OUT_DIR"), "/package_sources.rs"));
}

/// What a run wrote down of what it read is looked at up to here, in bytes.
const READS_SIZE: u64 = 4 << 20;
/// How many queries of a run are kept.
const READS_MAX: usize = 100;
/// How much of a query is kept, in characters.
const QUERY_MAX: usize = 1000;
/// How much of the names and versions of a query's tables is kept.
const TABLES_MAX: usize = 50;
const NAME_MAX: usize = 800;

/// Lays out the notebooks' package in a folder: `{folder}/mlsys`.
///
/// # Errors
/// When it can't be written.
pub fn lay_out_package(folder: &Path) -> io::Result<()> {
    let package = folder.join("mlsys");
    fs::create_dir_all(&package)?;
    sources::SOURCES.iter().try_for_each(|(name, text)| fs::write(package.join(name), text))
}

/// Where tables and files lie that notebooks reach.
#[derive(Debug, Clone)]
pub struct DataPlaces {
    warehouse: Lies,
    buckets: Lies,
    /// The project that pays in Google Cloud, and emulators of it.
    google: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone)]
enum Lies {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// Elsewhere: at an address, or in Google Cloud by the package's word for it.
    Elsewhere(String),
}

impl Lies {
    fn read(address: &str) -> Self {
        let folder = address.strip_prefix("file://").unwrap_or(address);
        if folder.contains("://") {
            return Self::Elsewhere(address.to_owned());
        }
        // The notebook's own folder is another than ours.
        Self::Folder(std::path::absolute(folder).unwrap_or_else(|_| folder.into()))
    }

    fn told(&self) -> String {
        match self {
            Self::Folder(folder) => folder.to_string_lossy().into_owned(),
            Self::Elsewhere(address) => address.clone(),
        }
    }
}

/// Folders that a run may reach beside its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folders {
    /// Those that it may read.
    pub read: Vec<PathBuf>,
    /// Those that it may change as well.
    pub write: Vec<PathBuf>,
}

impl Folders {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty()
    }
}

impl DataPlaces {
    /// Those that are set.
    pub fn read(settings: &Settings, home: &Path) -> Self {
        let buckets = match settings.get("MLSYS_BUCKETS") {
            None => Lies::read(&home.join("buckets").to_string_lossy()),
            Some("gcs") => Lies::Elsewhere("gcs".to_owned()),
            Some(folder) => Lies::read(folder),
        };
        let google = ["GCP_PROJECT_ID", "BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"];
        Self {
            warehouse: Lies::read(&StoreSettings::warehouse(settings, home).address),
            buckets,
            google: google.iter().filter_map(|name| Some((*name, settings.get(name)?.to_owned()))).collect(),
        }
    }

    /// What tells the package.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, String)> + use<'_> {
        let places = [("MLSYS_WAREHOUSE", self.warehouse.told()), ("MLSYS_BUCKETS", self.buckets.told())];
        places.into_iter().chain(self.google.iter().cloned())
    }

    /// The folders of what may be reached; those that are not there yet are made.
    ///
    /// # Errors
    /// When one can't be made, or lies behind a link.
    pub fn open(&self, grants: &[DataGrant]) -> io::Result<Folders> {
        let mut folders = Folders::default();
        for DataGrant { place, access } in grants {
            let (lies, within) = match place.kind() {
                DataKind::Dataset { project, dataset } => (&self.warehouse, Path::new(project).join(dataset)),
                DataKind::Bucket(bucket) => (&self.buckets, PathBuf::from(bucket)),
            };
            let Lies::Folder(root) = lies else { continue };
            fs::create_dir_all(root.join(&within))?;
            let folder = root.canonicalize()?.join(&within);
            if folder.canonicalize()? != folder {
                return Err(io::Error::other(format!("{place} lies behind a link: put the folder itself in its place")));
            }
            if *access == DataAccess::Write { folders.write.push(folder) } else { folders.read.push(folder) }
        }
        Ok(folders)
    }
}

/// A line of what the package writes down: `python/mlsys/_lineage.py`.
#[derive(Deserialize)]
struct Line {
    query: String,
    tables: Vec<LineTable>,
    rows: u64,
    at: String,
}

#[derive(Deserialize)]
struct LineTable {
    table: String,
    version: Value,
}

/// What a run wrote down of what it read. The notebook could have written anything there; what is no such note is passed over.
pub(crate) fn reads(file: &Path) -> Vec<DataRead> {
    let Ok(file) = sandbox::files::open_regular(file) else { return Vec::new() };
    let mut text = Vec::new();
    if file.take(READS_SIZE).read_to_end(&mut text).is_err() {
        return Vec::new();
    }
    let mut reads: Vec<DataRead> = Vec::new();
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    for line in lines {
        let tables = line.tables.into_iter().take(TABLES_MAX).map(|LineTable { table, version }| {
            let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
            TableRead { table: brief(&table, NAME_MAX), version: brief(&version, NAME_MAX) }
        });
        let read = DataRead {
            query: brief(&line.query, QUERY_MAX),
            tables: tables.collect(),
            rows: line.rows,
            at: brief(&line.at, 40),
        };
        // The same again, as in a loop, says nothing more.
        let is_same = |known: &DataRead| known.query == read.query && known.tables == read.tables && known.rows == read.rows;
        if !reads.iter().any(is_same) && reads.len() < READS_MAX {
            reads.push(read);
        }
    }
    reads
}

fn brief(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(given: &[(&str, &str)]) -> DataPlaces {
        let settings = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        DataPlaces::read(&settings, Path::new("/srv/mlsys"))
    }

    #[test]
    fn the_package_is_told_where_tables_and_files_lie() {
        let told = |given: &[(&str, &str)]| places(given).variables().collect::<Vec<_>>();
        let folders = [("MLSYS_WAREHOUSE", "/srv/mlsys/warehouse"), ("MLSYS_BUCKETS", "/srv/mlsys/buckets")];
        assert_eq!(told(&[]), folders.map(|(name, value)| (name, value.to_owned())));
        let cloud = [("MLSYS_WAREHOUSE", "gs://tables/all"), ("MLSYS_BUCKETS", "gcs"), ("GCP_PROJECT_ID", "shop")];
        assert_eq!(told(&cloud), cloud.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn folders_are_opened_as_far_as_they_may_be_and_never_through_links() {
        let home = tempfile::tempdir().expect("a folder");
        let home = home.path().canonicalize().expect("a path");
        let at = |name: &str| home.join(name).to_string_lossy().into_owned();
        let places = places(&[("MLSYS_WAREHOUSE", &at("tables")), ("MLSYS_BUCKETS", &at("files"))]);
        let grant = |place: &str, access| DataGrant { place: place.parse().expect(place), access };
        let (read, write) = (DataAccess::Read, DataAccess::Write);
        let folders = places.open(&[grant("local.titanic", read), grant("gs://shop", write)]).expect("folders");
        let expected = Folders { read: vec![home.join("tables/local/titanic")], write: vec![home.join("files/shop")] };
        assert_eq!(folders, expected);
        std::os::unix::fs::symlink("/etc", home.join("tables/local/secret")).expect("a link");
        let refused = places.open(&[grant("local.secret", read)]).expect_err("a link").to_string();
        assert!(refused.contains("local.secret lies behind a link"), "{refused}");
    }

    #[test]
    fn what_was_read_is_kept_within_bounds_whatever_the_notebook_wrote() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("reads");
        assert_eq!(reads(&file), Vec::new());
        let line = |query: &str| {
            format!(
                "{{\"query\":\"{query}\",\"tables\":[{{\"table\":\"a.b.c\",\"version\":3}}],\"rows\":7,\"at\":\"2026-01-01T00:00:00Z\"}}\n"
            )
        };
        let long = line(&"x".repeat(5000));
        let many: String = (0..500).map(|number| line(&number.to_string())).collect();
        fs::write(&file, [&line("SELECT 1"), "no JSON\n", "{}\n", &line("SELECT 1"), &long, &many].concat())
            .expect("written");
        let found = reads(&file);
        assert_eq!(found.len(), READS_MAX);
        assert_eq!((found[0].query.as_str(), found[0].rows), ("SELECT 1", 7));
        assert_eq!(found[0].tables, [TableRead { table: "a.b.c".to_owned(), version: "3".to_owned() }]);
        assert_eq!(found[1].query.chars().count(), QUERY_MAX + 1);
        fs::remove_file(&file).expect("removed");
        std::os::unix::fs::symlink("/etc/passwd", &file).expect("a link");
        assert_eq!(reads(&file), Vec::new());
    }
}
