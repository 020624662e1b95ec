//! Watches: changes as lines of JSON, as they happen.
//!
//! Source: "Efficient detection of changes" in Kubernetes's API concepts.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};

use super::{
    selector::Selector,
    state::{Kind, State},
    status::Refusal,
};

/// How often a silent watch tells its version; the real one does it about once a minute.
const BOOKMARK: Duration = Duration::from_millis(500);

/// What a watch is asked for.
pub(super) struct Asked {
    pub kind: Kind,
    pub namespace: String,
    pub selector: Selector,
    /// None or 0: what there is, then changes.
    pub from: Option<u64>,
    pub bookmarks: bool,
    pub lasting: Duration,
}

struct Watch {
    state: Arc<State>,
    asked: Asked,
    at: u64,
    ready: VecDeque<Value>,
    versions: watch::Receiver<u64>,
    end: Instant,
    ended: bool,
}

/// Answers a watch.
pub(super) fn answer(state: Arc<State>, asked: Asked) -> Response {
    let versions = state.versions();
    let mut ready = VecDeque::new();
    let at = asked.from.filter(|version| *version > 0).unwrap_or_else(|| {
        let (objects, version) = state.list(asked.kind, &asked.namespace, &asked.selector);
        ready.extend(objects.into_iter().map(|object| json!({"type": "ADDED", "object": object})));
        version
    });
    let end = Instant::now() + asked.lasting;
    let watch = Watch { state, asked, at, ready, versions, end, ended: false };
    let lines = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        let mut line = event.to_string();
        line.push('\n');
        Some((Ok::<_, Infallible>(Bytes::from(line)), watch))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response()
}

impl Watch {
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            self.versions.mark_unchanged();
            let Some((changes, version)) = self.state.since(self.at, self.asked.kind, &self.asked.namespace) else {
                self.ended = true;
                return Some(json!({"type": "ERROR", "object": Refusal::gone(self.at).body()}));
            };
            self.at = version;
            let taken = changes.into_iter().filter(|change| self.asked.selector.takes(&change.object));
            self.ready.extend(taken.map(|change| json!({"type": change.what, "object": change.object})));
            if !self.ready.is_empty() {
                continue;
            }
            tokio::select! {
                _ = self.versions.changed() => {}
                () = tokio::time::sleep(BOOKMARK), if self.asked.bookmarks => return Some(self.bookmark()),
                () = tokio::time::sleep_until(self.end) => {
                    self.ended = true;
                    return self.asked.bookmarks.then(|| self.bookmark());
                }
            }
        }
    }

    fn bookmark(&self) -> Value {
        json!({"type": "BOOKMARK", "object": {
            "kind": self.asked.kind.name(), "apiVersion": self.asked.kind.api_version(),
            "metadata": {"resourceVersion": self.at.to_string(), "creationTimestamp": null},
        }})
    }
}
