//! The objects of the double, their versions, and the changes that watches replay.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{selector::Selector, status::Refusal};

/// Changes that are kept for watches.
const HISTORY: usize = 10_000;

/// The resources that the double has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Jobs,
    Pods,
    Events,
}

impl Kind {
    pub fn parse(plural: &str) -> Option<Self> {
        match plural {
            "jobs" => Some(Self::Jobs),
            "pods" => Some(Self::Pods),
            "events" => Some(Self::Events),
            _ => None,
        }
    }

    pub fn plural(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Pods => "pods",
            Self::Events => "events",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Jobs => "Job",
            Self::Pods => "Pod",
            Self::Events => "Event",
        }
    }

    pub fn group(self) -> &'static str {
        if self == Self::Jobs { "batch" } else { "" }
    }

    pub fn api_version(self) -> &'static str {
        if self == Self::Jobs { "batch/v1" } else { "v1" }
    }

    /// As messages name it: `jobs.batch`.
    pub fn qualified(self) -> &'static str {
        if self == Self::Jobs { "jobs.batch" } else { self.plural() }
    }
}

/// One change, as a watch tells it.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub version: u64,
    pub kind: Kind,
    pub what: &'static str,
    pub object: Value,
}

struct Inner {
    version: u64,
    objects: BTreeMap<(Kind, String, String), Value>,
    history: VecDeque<Change>,
    /// Changes up to this version are no longer known.
    forgotten: u64,
}

/// All objects.
pub(super) struct State {
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
}

impl Default for State {
    fn default() -> Self {
        // As in a cluster that has been up for a while: version 0 has its own meaning.
        let inner = Inner { version: 1000, objects: BTreeMap::new(), history: VecDeque::new(), forgotten: 1000 };
        Self { inner: Mutex::new(inner), newest: watch::Sender::new(1000) }
    }
}

impl Inner {
    fn record(&mut self, kind: Kind, what: &'static str, object: &mut Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let change = Change { version: self.version, kind, what, object: object.clone() };
        self.history.push_back(change);
        if self.history.len() > HISTORY {
            self.forgotten = self.history.pop_front().map_or(self.forgotten, |change| change.version);
        }
    }
}

impl State {
    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock().expect("unpoisoned");
        let result = change(&mut inner);
        self.newest.send_replace(inner.version);
        result
    }

    /// Tells of every new version.
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Keeps a complete object.
    pub fn create(&self, kind: Kind, mut object: Value) -> Result<Value, Refusal> {
        let key = key(kind, &object);
        self.change(|inner| {
            if inner.objects.contains_key(&key) {
                return Err(Refusal::already_exists(kind, &key.2));
            }
            inner.record(kind, "ADDED", &mut object);
            inner.objects.insert(key, object.clone());
            Ok(object)
        })
    }

    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Value> {
        let inner = self.inner.lock().expect("unpoisoned");
        inner.objects.get(&(kind, namespace.to_owned(), name.to_owned())).cloned()
    }

    /// The objects that a selector takes, by name, and the version they are of.
    pub fn list(&self, kind: Kind, namespace: &str, selector: &Selector) -> (Vec<Value>, u64) {
        let inner = self.inner.lock().expect("unpoisoned");
        let all = inner
            .objects
            .iter()
            .filter(|((one, space, _), object)| *one == kind && space == namespace && selector.takes(object));
        (all.map(|(_, object)| object.clone()).collect(), inner.version)
    }

    /// Changes an object; answers it if it is there.
    pub fn update(&self, kind: Kind, namespace: &str, name: &str, update: impl FnOnce(&mut Value)) -> Option<Value> {
        self.change(|inner| {
            let key = (kind, namespace.to_owned(), name.to_owned());
            let mut object = inner.objects.get(&key)?.clone();
            update(&mut object);
            if inner.objects.get(&key) != Some(&object) {
                inner.record(kind, "MODIFIED", &mut object);
                inner.objects.insert(key, object.clone());
            }
            Some(object)
        })
    }

    /// Removes an object; answers its last state if it was there.
    pub fn remove(&self, kind: Kind, namespace: &str, name: &str) -> Option<Value> {
        self.change(|inner| {
            let mut object = inner.objects.remove(&(kind, namespace.to_owned(), name.to_owned()))?;
            inner.record(kind, "DELETED", &mut object);
            Some(object)
        })
    }

    /// The changes after a version, or `None` if they are no longer known; and the version they lead to.
    pub fn since(&self, version: u64, kind: Kind, namespace: &str) -> Option<(Vec<Change>, u64)> {
        let inner = self.inner.lock().expect("unpoisoned");
        if version < inner.forgotten {
            return None;
        }
        let news = inner.history.iter().filter(|change| {
            change.version > version && change.kind == kind && change.object["metadata"]["namespace"] == namespace
        });
        Some((news.cloned().collect(), inner.version))
    }

    /// Forgets all changes so far, as etcd's compaction does.
    pub fn compact(&self) {
        self.change(|inner| {
            inner.version += 1;
            inner.forgotten = inner.version;
            inner.history.clear();
        });
    }

    pub fn is_forgotten(&self, version: u64) -> bool {
        version < self.inner.lock().expect("unpoisoned").forgotten
    }
}

fn key(kind: Kind, object: &Value) -> (Kind, String, String) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (kind, text("namespace"), text("name"))
}
