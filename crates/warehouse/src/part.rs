//! Pieces of a table, which are read apart from each other.

use std::ops::Range;

use arrow_array::RecordBatch;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{Error, Snapshot};

/// How many files are looked into at the same time.
const AT_ONCE: usize = 16;

/// How many rows of a table in `BigQuery` are read as one part, at least, and how many parts there are at most.
const STREAM: u64 = 50_000;
const STREAMS: u64 = 1_000;

/// Row groups of a file that follow each other; of a table in `BigQuery`, a stream of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The file, from the table's folder, as the log says it; or the stream's name.
    pub path: String,
    /// The file's size in bytes, or about the stream's.
    pub size: u64,
    /// Which of its row groups.
    pub groups: Range<usize>,
    /// How many rows they hold; of a stream, about how many.
    pub rows: u64,
}

impl Snapshot {
    /// All its rows, in their order, as row groups. Looks at the end of each file. In `BigQuery`: as streams of the named columns, as
    /// the table is now; they can be read for six hours.
    pub async fn parts(&self, columns: &[String]) -> Result<Vec<Part>, Error> {
        if let (Some(found), Some(bigquery)) = (&self.found, &self.warehouse.bigquery) {
            let rows = found.rows.unwrap_or(STREAM * STREAMS);
            let most = i32::try_from((rows / STREAM).clamp(1, STREAMS)).unwrap_or(1);
            let session = Box::pin(bigquery.session(self.name(), found, columns, most)).await?;
            let count = (session.streams.len() as u64).max(1);
            // What is over, the first ones have.
            let share = |all: u64, at: u64| all / count + u64::from(at < all % count);
            let part = |(at, path)| Part {
                path,
                size: share(session.bytes, at),
                groups: 0..1,
                rows: share(found.rows.unwrap_or(0), at),
            };
            return Ok((0..).zip(session.streams).map(part).collect());
        }
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

    /// How many bytes it takes to read all of its parts: of its files, or, in `BigQuery`, which is paid for what is read, of the columns
    /// that they have.
    #[must_use]
    pub fn cost(&self, parts: &[Part]) -> u64 {
        match &self.found {
            Some(_) => parts.iter().fold(0, |sum, part| sum.saturating_add(part.size)),
            None => self.bytes(),
        }
    }

    /// The rows of some parts, in their order, in batches of the named columns alone.
    pub fn read(
        &self,
        parts: Vec<Part>,
        columns: &[String],
    ) -> Result<impl Stream<Item = Result<RecordBatch, Error>> + Send + use<>, Error> {
        let (snapshot, schema) = (self.clone(), self.select(Some(columns))?);
        if let (Some(_), Some(bigquery)) = (&self.found, self.warehouse.bigquery.clone()) {
            let name = self.name().clone();
            let rows = parts.into_iter().map(move |part| bigquery.rows(&name, part.path, &schema));
            return Ok(stream::iter(rows).flatten().boxed().left_stream());
        }
        let opened = stream::iter(parts).then(move |part| {
            let (snapshot, schema) = (snapshot.clone(), schema.clone());
            async move { snapshot.file(&part.path, part.size, (Some(part.groups), None), schema).await }
        });
        Ok(opened.try_flatten().right_stream())
    }
}
