//! What stands for the beginning of a long log: a checkpoint, one Parquet file or several, written now and then.

use arrow_json::LineDelimitedWriter;
use futures_util::TryStreamExt;
use object_store::{ObjectStoreExt, path::Path};
use parquet::arrow::ProjectionMask;

use crate::{Error, Warehouse, log, snapshot::State};

/// How many actions are read at once.
const BATCH: usize = 1024;
/// The columns that say what there is, and what was.
const COLUMNS: [&str; 5] = ["protocol", "metaData", "add", "remove", "txn"];

/// A checkpoint that is there whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The last change that it stands for.
    pub version: u64,
    files: Vec<String>,
}

impl Checkpoint {
    /// The newest of those that the files of a log are.
    pub fn newest(names: &[&str], is_wanted: impl Fn(&u64) -> bool) -> Option<Self> {
        let parts = sorted(names).into_iter().filter(|((version, ..), _)| is_wanted(version)).collect::<Vec<_>>();
        let whole = whole(&parts).next_back()?;
        Some(Self { version: whole[0].0.0, files: whole.iter().map(|(_, name)| (*name).to_owned()).collect() })
    }

    /// The version of the oldest of them.
    pub fn oldest(names: &[&str]) -> Option<u64> {
        whole(&sorted(names)).next().map(|whole| whole[0].0.0)
    }
}

/// A version, how many parts there are, which of them it is; and its file.
type Part<'a> = ((u64, u64, u64), &'a str);

fn sorted<'a>(names: &[&'a str]) -> Vec<Part<'a>> {
    let mut parts: Vec<_> = names.iter().filter_map(|name| Some((part(name)?, *name))).collect();
    parts.sort_unstable();
    parts
}

/// Of parts in order, those of each checkpoint that has all of them.
fn whole<'a, 'b>(parts: &'a [Part<'b>]) -> impl DoubleEndedIterator<Item = &'a [Part<'b>]> {
    let same = |one: &Part<'_>, other: &Part<'_>| (one.0.0, one.0.1) == (other.0.0, other.0.1);
    parts.chunk_by(same).filter(|parts| parts.len() as u64 == parts[0].0.1)
}

/// Of a checkpoint's file, its version, how many parts there are, and which of them it is.
fn part(name: &str) -> Option<(u64, u64, u64)> {
    let mut words = name.strip_suffix(".parquet")?.split('.');
    let version = words.next().filter(|digits| digits.len() == 20)?.parse().ok()?;
    if words.next()? != "checkpoint" {
        return None;
    }
    let (at, count) = match (words.next(), words.next(), words.next()) {
        (None, ..) => (1, 1),
        (Some(at), Some(count), None) => (at.parse().ok()?, count.parse().ok()?),
        _ => return None,
    };
    (1..=count).contains(&at).then_some((version, count, at))
}

impl Warehouse {
    /// What the changes add up to that a checkpoint stands for.
    pub(crate) async fn checkpoint(&self, folder: &Path, checkpoint: &Checkpoint) -> Result<State, Error> {
        let mut state = State::default();
        for file in &checkpoint.files {
            let path = folder.clone().join(&**file);
            let wrong = |error| self.file_failed(&path, error);
            let size = self.objects.head(&path).await.map_err(|error| self.failed(&path, error))?.size;
            let builder = self.file(&path, size).await?;
            let mask = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
            let mut batches = builder.with_projection(mask).with_batch_size(BATCH).build().map_err(wrong)?;
            while let Some(batch) = batches.try_next().await.map_err(wrong)? {
                let mut lines = LineDelimitedWriter::new(Vec::new());
                let written = lines.write(&batch).and_then(|()| lines.finish());
                written.map_err(|error| self.damaged(&path, error.to_string()))?;
                let actions = log::read(&lines.into_inner()).map_err(|error| self.damaged(&path, error.to_string()))?;
                state.extend(actions);
            }
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_checkpoint_that_is_whole_and_wanted_is_found() {
        let names = [
            "00000000000000000010.checkpoint.parquet",
            "00000000000000000020.checkpoint.0000000001.0000000002.parquet",
            "00000000000000000020.checkpoint.0000000002.0000000002.parquet",
            "00000000000000000030.checkpoint.0000000001.0000000002.parquet",
            "00000000000000000040.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
            "00000000000000000041.json",
            "_last_checkpoint",
        ];
        let newest = |until| Checkpoint::newest(&names, |version| *version <= until);
        assert_eq!(newest(99).map(|found| (found.version, found.files.len())), Some((20, 2)));
        assert_eq!(newest(19).map(|found| (found.version, found.files.len())), Some((10, 1)));
        assert_eq!(newest(9), None);
    }
}
