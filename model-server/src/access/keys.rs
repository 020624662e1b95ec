//! The keys that let somebody in, as the backend has said, remembered across restarts in `keys.json`.

use std::{collections::HashMap, fs, io, path::PathBuf, sync::Arc};

use arc_swap::ArcSwapOption;
use contract::{AccessList, Grant, ModelName, RepoName};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::files;

/// A key, without what lets it in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) grants: Vec<Grant>,
    /// Whether any of them is for a repository, so that it must be known whose a model is.
    pub(super) by_repo: bool,
    expires_at: Option<Timestamp>,
}

/// Why a key lets nobody in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// It is none, or not any more.
    Unknown,
    /// Nobody has said yet which keys there are.
    NoList,
}

/// What the backend said last. Read by every request that shows a key, changed by swapping the whole table.
#[derive(Debug)]
pub(crate) struct Keys {
    path: PathBuf,
    table: ArcSwapOption<Table>,
}

/// The list, and its keys by their SHA-256.
#[derive(Debug)]
struct Table {
    list: AccessList,
    keys: HashMap<[u8; 32], Arc<Key>>,
}

impl Table {
    fn new(list: AccessList) -> Self {
        let mut keys = HashMap::with_capacity(list.keys.len());
        for listed in &list.keys {
            let mut digest = [0; 32];
            // What is no SHA-256 is that of no key.
            if hex::decode_to_slice(&listed.sha256, &mut digest).is_ok() {
                let (grants, by_repo) = (listed.grants.clone(), listed.grants.iter().any(|grant| grant.repo.is_some()));
                keys.insert(digest, Arc::new(Key { grants, by_repo, expires_at: listed.expires_at }));
            }
        }
        Self { list, keys }
    }
}

impl Keys {
    /// What was said before the process started, if anything was.
    pub(crate) fn open(path: PathBuf) -> Self {
        let read = fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice::<AccessList>(&bytes)?));
        let table = match read {
            Ok(list) => Some(Arc::new(Table::new(list))),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(path = %path.display(), %error, "the keys that were known are not; the backend will say");
                }
                None
            }
        };
        Self { path, table: ArcSwapOption::new(table) }
    }

    /// The key that somebody shows.
    pub(super) fn find(&self, shown: &str) -> Result<Arc<Key>, NoKey> {
        let table = self.table.load();
        let table = table.as_ref().ok_or(NoKey::NoList)?;
        // Nobody can choose what a key's SHA-256 begins with, so how long the look takes tells nothing of any key.
        let digest: [u8; 32] = Sha256::digest(shown.as_bytes()).into();
        let key = table.keys.get(&digest).ok_or(NoKey::Unknown)?;
        let in_time = key.expires_at.is_none_or(|end| Timestamp::now() < end);
        if in_time { Ok(Arc::clone(key)) } else { Err(NoKey::Unknown) }
    }

    /// Whose a deployed model's name is.
    pub(super) fn owner(&self, model: &ModelName) -> Option<RepoName> {
        self.table.load().as_ref()?.list.owners.get(model).cloned()
    }

    /// Takes over what the backend says, at once; that it can't be remembered changes nothing.
    pub(crate) async fn replace(&self, list: AccessList) {
        if self.table.load().as_ref().is_some_and(|table| table.list == list) {
            return;
        }
        let bytes = serde_json::to_vec(&list);
        self.table.store(Some(Arc::new(Table::new(list))));
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || files::write(&path, &bytes?)).await;
        if let Err(error) = written.map_err(io::Error::from).flatten() {
            tracing::warn!(path = %self.path.display(), %error, "the keys could not be written down: a restart would know the older ones");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use contract::{ListedKey, Role};

    use super::*;

    fn listed(key: &str, expires_at: Option<Timestamp>) -> ListedKey {
        let sha256 = hex::encode(Sha256::digest(key));
        ListedKey { sha256, grants: vec![Grant::everywhere(Role::Predictor)], expires_at }
    }

    #[tokio::test]
    async fn keys_are_known_while_they_are_listed_and_not_over_and_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.json");
        let keys = Keys::open(path.clone());
        assert_eq!(keys.find("one"), Err(NoKey::NoList));
        let (over, later) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let bad = ListedKey { sha256: "no digest".to_owned(), ..listed("bad", None) };
        let all = vec![listed("one", None), listed("over", Some(over)), listed("later", Some(later)), bad];
        keys.replace(AccessList { keys: all, ..AccessList::default() }).await;
        let again = Keys::open(path.clone());
        for keys in [&keys, &again] {
            assert!(keys.find("one").is_ok() && keys.find("later").is_ok());
            for none in ["over", "bad", "no digest", "", &hex::encode(Sha256::digest("one"))] {
                assert_eq!(keys.find(none), Err(NoKey::Unknown), "{none}");
            }
        }
        let text = fs::read_to_string(&path).expect("it is written");
        assert!(!text.contains("one") && text.contains(&hex::encode(Sha256::digest("one"))), "{text}");
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        again.replace(AccessList::default()).await;
        assert_eq!(Keys::open(path.clone()).find("one"), Err(NoKey::Unknown), "a list of none is a list");
        fs::write(&path, "{").expect("written");
        assert_eq!(Keys::open(path).find("one"), Err(NoKey::NoList));
    }
}
