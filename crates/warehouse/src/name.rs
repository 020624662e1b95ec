//! What tables may be called.

use std::{fmt, str::FromStr};

use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::{Error, log};

/// How long each part of a name may be, in bytes: folders bear them.
const LONGEST: usize = 255;

/// The full name of a table: `project.dataset.table`. Letters of any language, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName {
    project: String,
    dataset: String,
    table: String,
}

impl TableName {
    /// The folder that it lies in.
    pub(crate) fn folder(&self) -> Path {
        let parts = format!("{}/{}/{}", self.project, self.dataset, self.table);
        // Letters are themselves there, not percent-encoded; none of them is one that a path could not have.
        Path::parse(&parts).unwrap_or_else(|_| Path::from(parts))
    }

    /// Its project, its dataset, and what the table is called there.
    pub(crate) fn parts(&self) -> [&str; 3] {
        [&self.project, &self.dataset, &self.table]
    }

    /// Whether a folder may be a part of a name.
    pub(crate) fn is_part(part: &str) -> bool {
        check(part).is_ok()
    }
}

impl FromStr for TableName {
    type Err = Error;

    /// Reads a name, as people and `BigQuery` write it: backticks around it are no part of it.
    fn from_str(given: &str) -> Result<Self, Error> {
        let bad = |reason| Error::BadName { given: given.chars().take(3 * LONGEST).collect(), reason };
        let bare = given.strip_prefix('`').and_then(|inner| inner.strip_suffix('`')).unwrap_or(given);
        let parts: Vec<_> = bare.split('.').collect();
        let [project, dataset, table] = parts[..] else {
            return Err(bad("it must have three parts, project.dataset.table"));
        };
        for part in [project, dataset, table] {
            check(part).map_err(bad)?;
        }
        Ok(Self { project: project.to_owned(), dataset: dataset.to_owned(), table: table.to_owned() })
    }
}

/// Which rule a part of a name breaks.
fn check(part: &str) -> Result<(), &'static str> {
    if part.is_empty() {
        return Err("one of its three parts, project.dataset.table, is empty");
    }
    if part.starts_with('-') || !part.chars().all(|letter| letter.is_alphanumeric() || "-_".contains(letter)) {
        return Err("its parts are of letters, digits, '_' and '-', which is never the first");
    }
    if part.len() > LONGEST {
        return Err("its parts have at most 255 bytes");
    }
    if part == log::FOLDER {
        return Err("that is what a table's log is called");
    }
    Ok(())
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.project, self.dataset, self.table)
    }
}

impl TryFrom<String> for TableName {
    type Error = Error;
    fn try_from(given: String) -> Result<Self, Error> {
        given.parse()
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_three_plain_parts() {
        for good in ["local.titanic.train", "my-project-1.mlsys_dev.model_registry", "`a.b.c`", "A.B.C-d_e", "län.Käse.表"]
        {
            let name: TableName = good.parse().expect(good);
            assert_eq!(name.to_string(), good.trim_matches('`'));
        }
        let long = format!("a.b.{}", "c".repeat(256));
        for bad in [
            "",
            "a",
            "a.b",
            "a.b.c.d",
            "a..c",
            ".b.c",
            "a.b.",
            "a.b.c d",
            "a/b.c.d",
            "a.b.../c",
            "a.b.-c",
            "a.b.`c`",
            "`a.b.c",
            "a.b._delta_log",
            "a.b.c\n",
            "a.b.c\0",
            "a.b.%2e",
            &long,
        ] {
            assert!(matches!(bad.parse::<TableName>(), Err(Error::BadName { .. })), "{bad:?}");
        }
    }
}
