//! Which tables and files the notebooks of a repository may reach, and what a run of one read.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::words;

/// The longest part of a name, in bytes: folders bear them.
const PART_MAX: usize = 255;
/// What a bucket's name follows.
const BUCKET: &str = "gs://";
/// How many places the notebooks of a repository may reach.
pub const PLACES_PER_REPO: u64 = 100;

/// Why a text names no place of data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} names no data: write a dataset as project.dataset, such as local.titanic, or a bucket as gs://bucket{hint}"
)]
pub struct DataPlaceError {
    given: String,
    hint: &'static str,
}

/// A place of data: a dataset with all its tables, `project.dataset`, or a bucket, `gs://bucket`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(example = "local.titanic")]
pub struct DataPlace(String);

/// What a place of data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKind<'a> {
    /// A dataset.
    Dataset {
        /// Its project.
        project: &'a str,
        /// Its name in there.
        dataset: &'a str,
    },
    /// A bucket.
    Bucket(&'a str),
}

impl DataPlace {
    /// Its name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is.
    pub fn kind(&self) -> DataKind<'_> {
        match (self.0.strip_prefix(BUCKET), self.0.split_once('.')) {
            (None, Some((project, dataset))) => DataKind::Dataset { project, dataset },
            (bucket, _) => DataKind::Bucket(bucket.unwrap_or(&self.0)),
        }
    }
}

impl FromStr for DataPlace {
    type Err = DataPlaceError;

    fn from_str(given: &str) -> Result<Self, DataPlaceError> {
        let bad = |hint| DataPlaceError { given: given.chars().take(2 * PART_MAX).collect(), hint };
        if let Some(bucket) = given.strip_prefix(BUCKET) {
            let bucket = bucket.strip_suffix('/').unwrap_or(bucket);
            return if is_bucket(bucket) { Ok(Self(format!("{BUCKET}{bucket}"))) } else { Err(bad("")) };
        }
        match given.split('.').collect::<Vec<_>>()[..] {
            [project, dataset] if is_part(project) && is_part(dataset) => Ok(Self(given.to_owned())),
            [_, _, _] => Err(bad(". All tables of a dataset may be reached, or none: leave the table out")),
            _ => Err(bad("")),
        }
    }
}

/// As a part of a table's name.
fn is_part(part: &str) -> bool {
    let letters = part.chars().all(|letter| letter.is_alphanumeric() || "-_".contains(letter));
    !part.is_empty() && part.len() <= PART_MAX && !part.starts_with('-') && letters
}

fn is_bucket(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [name.bytes().next(), name.bytes().next_back()].into_iter().flatten().all(plain);
    (3..=222).contains(&name.len())
        && ends
        && name.bytes().all(|byte| plain(byte) || b"-_.".contains(&byte))
        && !name.contains("..")
}

impl fmt::Display for DataPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DataPlace {
    type Error = DataPlaceError;
    fn try_from(given: String) -> Result<Self, DataPlaceError> {
        given.parse()
    }
}

impl From<DataPlace> for String {
    fn from(place: DataPlace) -> Self {
        place.0
    }
}

words! {
    /// What notebooks may do with a place of data.
    DataAccess {
        /// Read it.
        Read = "read",
        /// Read it and change it.
        Write = "write",
    }
}

/// A place of data that the notebooks of a repository may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataGrant {
    /// The place.
    pub place: DataPlace,
    /// What they may do with it.
    pub access: DataAccess,
}

/// What a run read by one query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DataRead {
    /// The query, or its beginning.
    pub query: String,
    /// The tables that it named, as it saw them.
    pub tables: Vec<TableRead>,
    /// How many rows it gave.
    pub rows: u64,
    /// When, by the clock of the machine that ran it.
    pub at: String,
}

/// A table as a query saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableRead {
    /// Its full name.
    pub table: String,
    /// Its version: how many changes there had been before, or what `BigQuery` calls it.
    pub version: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_datasets_and_buckets() {
        for good in ["local.titanic", "my-project.mlsys_dev", "gs://shop-models", "gs://a.b"] {
            assert_eq!(good.parse::<DataPlace>().expect(good).to_string(), good);
        }
        assert_eq!("gs://shop/".parse::<DataPlace>().expect("a bucket").to_string(), "gs://shop");
        let bad = [
            "",
            "local",
            "local.",
            ".x",
            "a.b.c",
            "a./",
            "a...",
            "a.-b",
            "gs://",
            "gs://../x",
            "gs://a/b",
            "gs://A-b",
            "s3://abc",
        ];
        for bad in bad {
            assert!(bad.parse::<DataPlace>().is_err(), "{bad}");
        }
    }
}
