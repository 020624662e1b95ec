//! Pieces of a table, which are read apart from each other.

use std::ops::Range;

use arrow_array::RecordBatch;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{Error, Snapshot};

/// How many files are looked into at the same time.
const AT_ONCE: usize = 16;

/// Row groups of a file that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The file, from the table's folder, as the log says it.
    pub path: String,
    /// The file's size in bytes.
    pub size: u64,
    /// Which of its row groups.
    pub groups: Range<usize>,
    /// How many rows they hold.
    pub rows: u64,
}

impl Snapshot {
    /// All its rows, in their order, in pieces of about so many: row groups are not split. Looks at the end of each file.
    pub async fn parts(&self, rows: u64) -> Result<Vec<Vec<Part>>, Error> {
        let files = stream::iter(self.files().to_vec()).map(async |file| {
            let path = self.path(&file.path)?;
            let opened = self.warehouse.file(&path, file.size).await?;
            let groups = opened.metadata().row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0));
            Ok::<_, Error>((file, groups.collect::<Vec<_>>()))
        });
        let mut files = std::pin::pin!(files.buffered(AT_ONCE));
        let (mut pieces, mut piece, mut in_piece) = (Vec::new(), Vec::<Part>::new(), 0);
        while let Some((file, groups)) = files.try_next().await? {
            for (group, held) in groups.into_iter().enumerate().filter(|(_, held)| *held > 0) {
                match piece.last_mut() {
                    Some(part) if part.path == file.path && part.groups.end == group => {
                        part.groups.end += 1;
                        part.rows += held;
                    }
                    _ => {
                        let (path, size) = (file.path.clone(), file.size);
                        piece.push(Part { path, size, groups: group..group + 1, rows: held });
                    }
                }
                in_piece += held;
                if in_piece >= rows {
                    pieces.push(std::mem::take(&mut piece));
                    in_piece = 0;
                }
            }
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    /// The rows of a piece, in their order, in batches.
    pub fn read(&self, piece: Vec<Part>) -> impl Stream<Item = Result<RecordBatch, Error>> + Send + use<> {
        let snapshot = self.clone();
        let opened = stream::iter(piece).then(move |part| {
            let snapshot = snapshot.clone();
            async move { snapshot.file(&part.path, part.size, Some(part.groups), snapshot.schema().clone()).await }
        });
        opened.try_flatten()
    }
}
