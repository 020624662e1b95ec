//! The whole of outputs that the notebook holds only in part, on disk.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, Sender},
    thread::JoinHandle,
};

/// A file takes at most this many bytes; what is beyond is dropped.
const FILE_LIMIT: u64 = 1 << 30;

/// Appends texts to files of one directory on a thread of its own, so that the caller never waits for a disk.
#[derive(Debug)]
pub(crate) struct Spill {
    pieces: Sender<(String, String)>,
    writer: JoinHandle<Vec<PathBuf>>,
}

impl Spill {
    /// Starts the writer. The directory is created when the first text comes.
    pub(crate) fn start(directory: PathBuf) -> Self {
        let (pieces, received) = mpsc::channel();
        Self { pieces, writer: std::thread::spawn(move || write_all(&directory, &received)) }
    }

    /// Appends a text to a file.
    pub(crate) fn append(&self, file: &str, text: String) {
        // The writer ends only when this sender is gone.
        let _ = self.pieces.send((file.to_owned(), text));
    }

    /// Writes what is left and names the files that are complete. Blocks.
    pub(crate) fn finish(self) -> Vec<PathBuf> {
        drop(self.pieces);
        self.writer.join().unwrap_or_default()
    }
}

fn write_all(directory: &Path, pieces: &Receiver<(String, String)>) -> Vec<PathBuf> {
    let mut files: HashMap<String, io::Result<SpillFile>> = HashMap::new();
    for (name, text) in pieces {
        let file = files.entry(name).or_insert_with_key(|name| SpillFile::create(directory, name));
        if let Ok(open) = file
            && let Err(error) = open.append(&text)
        {
            *file = Err(error);
        }
    }
    let finished = files.into_iter().filter_map(|(name, file)| match file.and_then(SpillFile::finish) {
        Ok(path) => Some(path),
        Err(error) => {
            tracing::warn!(file = name, %error, "cannot keep the whole of an output");
            None
        }
    });
    let mut paths: Vec<_> = finished.collect();
    paths.sort();
    paths
}

struct SpillFile {
    path: PathBuf,
    writer: BufWriter<File>,
    written: u64,
}

impl SpillFile {
    fn create(directory: &Path, name: &str) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join(name);
        Ok(Self { writer: BufWriter::new(sandbox::files::create_new(&path)?), path, written: 0 })
    }

    fn append(&mut self, text: &str) -> io::Result<()> {
        let room = usize::try_from(FILE_LIMIT - self.written).unwrap_or(usize::MAX);
        let text = &text[..text.floor_char_boundary(room)];
        self.written += text.len() as u64;
        self.writer.write_all(text.as_bytes())
    }

    fn finish(mut self) -> io::Result<PathBuf> {
        self.writer.flush()?;
        Ok(self.path)
    }
}
