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
    /// All its rows, in their order, as row groups. Looks at the end of each file.
    pub async fn parts(&self) -> Result<Vec<Part>, Error> {
        let files = stream::iter(self.files().to_vec()).map(async |file| {
            let path = self.path(&file.path)?;
            let opened = self.warehouse.file(&path, file.size).await?;
            let groups = opened.metadata().row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0));
            Ok::<_, Error>((file, groups.collect::<Vec<_>>()))
        });
        let mut files = std::pin::pin!(files.buffered(AT_ONCE));
        let mut parts = Vec::new();
        while let Some((file, groups)) = files.try_next().await? {
            let held = groups.into_iter().enumerate().filter(|(_, rows)| *rows > 0);
            let part = |(group, rows)| Part { path: file.path.clone(), size: file.size, groups: group..group + 1, rows };
            parts.extend(held.map(part));
        }
        Ok(parts)
    }

    /// The rows of some parts, in their order, in batches of the named columns alone.
    pub fn read(
        &self,
        parts: Vec<Part>,
        columns: &[String],
    ) -> Result<impl Stream<Item = Result<RecordBatch, Error>> + Send + use<>, Error> {
        let (snapshot, schema) = (self.clone(), self.select(Some(columns))?);
        let opened = stream::iter(parts).then(move |part| {
            let (snapshot, schema) = (snapshot.clone(), schema.clone());
            async move { snapshot.file(&part.path, part.size, (Some(part.groups), None), schema).await }
        });
        Ok(opened.try_flatten())
    }
}
