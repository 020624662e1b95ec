//! What changed a table, and when.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    Error, Snapshot,
    log::{self, Action},
};

/// How many changes are fetched at the same time.
const AT_ONCE: usize = 16;

/// A table's version, and the change that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub version: u64,
    /// When, in milliseconds since 1970, if whoever made it said so.
    pub at: Option<i64>,
    /// What whoever made it calls it.
    pub operation: Option<String>,
    /// How many rows it added, if that is said of each file.
    pub rows: Option<u64>,
    /// How many bytes of files it added.
    pub bytes: u64,
    /// The job that it was made for.
    pub job: Option<String>,
}

impl Snapshot {
    /// The last changes up to this version, newest first; fewer where the log does not go back so far.
    pub async fn history(&self, most: u64) -> Result<Vec<Version>, Error> {
        if self.found.is_some() {
            // It keeps no list of them.
            let (version, bytes) = (self.version(), self.bytes());
            let last = Version { version, at: self.written_at(), operation: None, rows: self.rows(), bytes, job: None };
            return Ok(vec![last]);
        }
        let folder = self.name().folder().join(log::FOLDER);
        let first = (self.version() + 1).saturating_sub(most);
        let changes = stream::iter((first..=self.version()).rev()).map(async |version| {
            match self.warehouse.change(&folder, version).await {
                Ok((version, actions)) => Ok(Some(described(version, &actions))),
                Err(Error::Objects(objects::Error::Missing { .. })) => Ok(None),
                Err(error) => Err(error),
            }
        });
        // What is missing was cleared away with all that is older.
        changes
            .buffered(AT_ONCE)
            .try_take_while(|change| std::future::ready(Ok(change.is_some())))
            .try_filter_map(async |change| Ok(change))
            .try_collect()
            .await
    }
}

fn described(version: u64, actions: &[Action]) -> Version {
    let mut change = Version { version, at: None, operation: None, rows: Some(0), bytes: 0, job: None };
    for action in actions {
        match action {
            Action::Add(add) => {
                change.bytes = change.bytes.saturating_add(add.size);
                change.rows = change.rows.zip(log::rows(add)).map(|(sum, rows)| sum.saturating_add(rows));
            }
            Action::Txn(transaction) => change.job = Some(transaction.app_id.clone()),
            Action::CommitInfo(info) => {
                change.at = info["timestamp"].as_i64();
                let operation = info["operation"].as_str();
                let replaces = info["operationParameters"]["mode"].as_str() == Some("Overwrite");
                change.operation =
                    operation.map(|name| if replaces { format!("{name} (in place of all)") } else { name.to_owned() });
            }
            _ => {}
        }
    }
    if change.at.is_none() {
        change.at = actions
            .iter()
            .filter_map(|action| if let Action::Add(add) = action { Some(add.modification_time) } else { None })
            .max();
    }
    change
}
