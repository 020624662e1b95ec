//! A bucket or a folder: its objects, read and written a piece at a time, so that no model ever sits in memory.

use std::{
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use contract::ModelFile;
use futures_util::{Stream, StreamExt, TryStreamExt, pin_mut, stream};
use jiff::Timestamp;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutPayload, path::Path};
use objects::{Access, Scheme, failed};
use tokio::task::JoinSet;

use crate::{
    Error,
    local::{self, blocking},
    manifest::Measure,
};

/// How much of a file is read or written at once. More than the 5 MiB that S3 asks of a part, and ten thousand of them, which
/// is S3's limit, are 80 GB.
pub(crate) const PIECE: usize = 8 << 20;
/// How many pieces of a file are on their way at the same time.
const IN_FLIGHT: usize = 2;
/// What S3 copies in one call, in bytes.
const COPY_LIMIT: u64 = 5 << 30;

/// A bucket with the prefix that all our objects have there, or a folder.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    scheme: Scheme,
    /// Its address, which an object's is one slash and its key away from.
    url: String,
    prefix: Path,
    objects: Arc<dyn ObjectStore>,
}

impl Bucket {
    /// Opens the one at an address, as [`objects::Address::of`] gives it. Nothing is asked of it yet.
    pub fn open(scheme: Scheme, url: String, access: &Access) -> Result<Self, Error> {
        let place = url.split_once("://").map_or("", |(_, place)| place);
        let (name, prefix) = match scheme {
            Scheme::File => (place, ""),
            Scheme::S3 | Scheme::Gcs => place.split_once('/').unwrap_or((place, "")),
        };
        let objects = access.open(scheme, name)?;
        Ok(Self { scheme, prefix: Path::from(prefix), objects, url })
    }

    /// The address of a key.
    pub fn uri(&self, key: &str) -> String {
        format!("{}/{key}", self.url)
    }

    /// The key at an address, if that lies in this bucket.
    pub fn key<'a>(&self, uri: &'a str) -> Option<&'a str> {
        uri.strip_prefix(&self.url)?.strip_prefix('/')
    }

    /// Whether it copies objects of `from` by itself, each of its own.
    pub fn copies(&self, from: &Self) -> bool {
        // A file's copy would be a second name of the same bytes.
        self.scheme != Scheme::File && Arc::ptr_eq(&self.objects, &from.objects)
    }

    /// Whether reading from it costs nothing but time.
    pub fn is_local(&self) -> bool {
        self.scheme == Scheme::File
    }

    /// Makes sure that a folder's links do not lead out of the store.
    pub async fn stay_within(&self, key: &str) -> Result<(), Error> {
        if self.scheme != Scheme::File {
            return Ok(());
        }
        let (root, uri) = (self.url.trim_start_matches("file://").to_owned(), self.uri(key));
        let path = FilePath::new(&root).join(key);
        blocking(move || {
            // What is not there yet will be made in the nearest folder that is.
            match path.ancestors().find_map(|folder| folder.canonicalize().ok()) {
                Some(found) if !found.starts_with(&root) && FilePath::new(&root).exists() => {
                    Err(Error::Refused { uri, reason: "it leads out of the artifact store" })
                }
                _ => Ok(()),
            }
        })
        .await
    }

    /// A small object, no larger than `limit`.
    pub async fn read(&self, key: &str, limit: u64) -> Result<Bytes, Error> {
        self.regular(key).await?;
        let found = self.objects.get(&self.path(key)).await.map_err(|error| self.failed(key, error))?;
        if found.meta.size > limit {
            return Err(Error::Refused { uri: self.uri(key), reason: "it is too large for what it should be" });
        }
        found.bytes().await.map_err(|error| self.failed(key, error))
    }

    /// Puts a small object where there is none. False if there is one.
    pub async fn create(&self, key: &str, bytes: Bytes) -> Result<bool, Error> {
        match self.objects.put_opts(&self.path(key), bytes.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed(key, error)),
        }
    }

    /// An object's pieces, in order. Its size must be the expected one.
    pub async fn pieces(
        &self,
        key: &str,
        name: &str,
        expected: &ModelFile,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>, Error> {
        self.regular(key).await?;
        let found = self.objects.head(&self.path(key)).await.map_err(|error| self.failed(key, error))?;
        if found.size != expected.size {
            return Err(Error::mismatch(name));
        }
        let (bucket, key, size) = (self.clone(), key.to_owned(), found.size);
        let piece = move |start: u64| {
            let (bucket, key) = (bucket.clone(), key.clone());
            async move {
                let range = start..size.min(start + PIECE as u64);
                bucket.objects.get_range(&bucket.path(&key), range).await.map_err(|error| bucket.failed(&key, error))
            }
        };
        Ok(stream::iter((0..size).step_by(PIECE)).map(piece).buffered(IN_FLIGHT))
    }

    /// Checks that an object is the expected file.
    pub async fn check(&self, key: &str, name: &str, expected: &ModelFile) -> Result<(), Error> {
        let pieces = self.pieces(key, name, expected).await?;
        pin_mut!(pieces);
        let mut measure = Measure::default();
        while let Some(piece) = pieces.try_next().await? {
            measure = add(measure, &piece).await?;
        }
        measure.check(name, expected)
    }

    /// Writes an object, in place of one that may be there, unless its pieces are not the expected file.
    pub async fn write(
        &self,
        key: &str,
        (name, expected): (&str, &ModelFile),
        pieces: impl Stream<Item = Result<Bytes, Error>>,
    ) -> Result<(), Error> {
        pin_mut!(pieces);
        if expected.size > PIECE as u64 {
            let upload = self.objects.put_multipart(&self.path(key)).await;
            let mut upload = upload.map_err(|error| self.failed(key, error))?;
            let sent = self.send(key, (name, expected), pieces, &mut *upload).await;
            if sent.is_err() {
                // What is left of it costs money until the bucket's own rule removes it.
                if let Err(error) = upload.abort().await {
                    tracing::warn!(%error, key, "an upload could not be abandoned");
                }
                return sent;
            }
            return upload.complete().await.map(drop).map_err(|error| self.failed(key, error));
        }
        let (mut measure, mut whole) = (Measure::default(), Vec::new());
        while let Some(piece) = pieces.try_next().await? {
            measure = add(measure, &piece).await?;
            whole.push(piece);
        }
        measure.check(name, expected)?;
        let payload: PutPayload = whole.into_iter().collect();
        self.objects.put(&self.path(key), payload).await.map(drop).map_err(|error| self.failed(key, error))
    }

    /// Sends the parts of an upload, and makes sure that they were the expected file.
    async fn send(
        &self,
        key: &str,
        (name, expected): (&str, &ModelFile),
        mut pieces: impl Stream<Item = Result<Bytes, Error>> + Unpin,
        upload: &mut dyn MultipartUpload,
    ) -> Result<(), Error> {
        // Dropped, it ends them.
        let mut parts = JoinSet::new();
        let sent = |part: Result<object_store::Result<()>, _>| match part {
            Ok(part) => part.map_err(|error| self.failed(key, error)),
            Err(lost) => Err(self.failed(key, object_store::Error::JoinError { source: lost })),
        };
        let mut measure = Measure::default();
        while let Some(piece) = pieces.try_next().await? {
            measure = add(measure, &piece).await?;
            if parts.len() == IN_FLIGHT
                && let Some(part) = parts.join_next().await
            {
                sent(part)?;
            }
            parts.spawn(upload.put_part(piece.into()));
        }
        while let Some(part) = parts.join_next().await {
            sent(part)?;
        }
        measure.check(name, expected)
    }

    /// Has the store copy an object. False where it is too large for that.
    pub async fn copy(&self, from: &str, to: &str, (name, expected): (&str, &ModelFile)) -> Result<bool, Error> {
        if expected.size > COPY_LIMIT {
            return Ok(false);
        }
        let copied = self.objects.copy(&self.path(from), &self.path(to)).await;
        copied.map_err(|error| self.failed(from, error))?;
        let found = self.objects.head(&self.path(to)).await.map_err(|error| self.failed(to, error))?;
        if found.size == expected.size { Ok(true) } else { Err(Error::mismatch(name)) }
    }

    /// Makes a folder, which a bucket of objects has none of.
    pub async fn make_folder(&self, key: &str) -> Result<(), Error> {
        let Some(path) = self.folder(key) else { return Ok(()) };
        self.stay_within(key).await?;
        blocking(move || std::fs::create_dir_all(&path).map_err(Error::io(&path))).await
    }

    /// Removes all objects below a key.
    pub async fn remove_all(&self, key: &str) -> Result<(), Error> {
        if let Some(path) = self.folder(key) {
            self.stay_within(key).await?;
            let root = self.folder("").unwrap_or_default();
            return blocking(move || local::remove_folder(&root, &path)).await;
        }
        let found = self.objects.list(Some(&self.path(key))).map_ok(|object| object.location).boxed();
        let mut removed = self.objects.delete_stream(found);
        while let Some(gone) = removed.next().await {
            match gone {
                // Somebody else was faster.
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed(key, error)),
            }
        }
        Ok(())
    }

    /// All objects below a key, by their keys, with their sizes and when they were written.
    pub fn list(&self, key: &str) -> impl Stream<Item = Result<(String, u64, Timestamp), Error>> + Send + use<> {
        let (bucket, root, of) = (self.clone(), self.path(""), key.to_owned());
        self.objects.list(Some(&self.path(key))).map(move |object| {
            let object = object.map_err(|error| bucket.failed(&of, error))?;
            let parts = object.location.prefix_match(&root).into_iter().flatten();
            let key = parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/");
            let written = Timestamp::from_millisecond(object.last_modified.timestamp_millis()).unwrap_or_default();
            Ok((key, object.size, written))
        })
    }

    /// Makes sure that what is to be read is a file: a folder that others write to may hold a link to anywhere, or a pipe that
    /// never ends.
    async fn regular(&self, key: &str) -> Result<(), Error> {
        let Some(path) = self.folder(key) else { return Ok(()) };
        let uri = self.uri(key);
        blocking(move || match std::fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => Err(Error::Refused { uri, reason: "not a regular file" }),
            // Whoever reads it says that it is not there.
            _ => Ok(()),
        })
        .await
    }

    /// Where a key's folder is, if it is one on this machine.
    fn folder(&self, key: &str) -> Option<PathBuf> {
        let root = self.url.strip_prefix("file://").filter(|_| self.scheme == Scheme::File)?;
        Some(FilePath::new(root).join(key))
    }

    fn path(&self, key: &str) -> Path {
        self.prefix.parts().chain(Path::from(key).parts()).collect()
    }

    fn failed(&self, key: &str, error: object_store::Error) -> Error {
        let uri = self.uri(key);
        let error = Error::from(failed(self.scheme, &uri)(error));
        let root = FilePath::new(self.url.trim_start_matches("file://"));
        match error {
            // A volume that is not mounted has lost nothing.
            Error::Missing { path } if self.scheme == Scheme::File && !root.exists() => {
                Error::Unavailable { path, source: "the artifact store's folder is not there".into() }
            }
            error => error,
        }
    }
}

/// Sums up one more piece, where that may take its time.
async fn add(mut measure: Measure, piece: &Bytes) -> Result<Measure, Error> {
    let piece = piece.clone();
    blocking(move || {
        measure.add(&piece);
        Ok(measure)
    })
    .await
}
