//! Metrics, parameters and tags of a run, cut to what one request may carry.
//!
//! The limits are those of MLflow's `utils/validation.py`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::Metric;

/// What to record on a run, in any amount.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Measured numbers.
    pub metrics: Vec<Metric>,
    /// What the run was given. A parameter's value cannot change later.
    pub params: BTreeMap<String, String>,
    /// Facts about the run, by name.
    pub tags: BTreeMap<String, String>,
}

/// What one `runs/log-batch` carries.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Request<'a> {
    run_id: &'a str,
    metrics: Vec<Value>,
    params: Vec<Value>,
    tags: Vec<Value>,
}

const MAX_METRICS: usize = 1000;
const MAX_PARAMS: usize = 100;
const MAX_TAGS: usize = 100;
const MAX_ENTRIES: usize = 1000;
/// Bytes, with room for what surrounds the entries; the server takes a million.
const MAX_BYTES: usize = 990_000;
/// Characters.
const MAX_KEY: usize = 250;
const MAX_PARAM: usize = 6000;
pub(crate) const MAX_TAG: usize = 8000;

#[derive(Clone, Copy)]
enum Kind {
    Metric,
    Param,
    Tag,
}

impl Batch {
    /// The requests that record it all. Keys and values that are too long are cut.
    pub(crate) fn requests<'a>(&self, run_id: &'a str) -> Result<Vec<Request<'a>>, serde_json::Error> {
        let mut entries = Vec::new();
        for metric in &self.metrics {
            entries.push((Kind::Metric, serde_json::to_value(Metric { key: key(&metric.key), ..metric.clone() })?));
        }
        for (name, value) in &self.params {
            entries.push((Kind::Param, pair(name, value, MAX_PARAM)));
        }
        for (name, value) in &self.tags {
            entries.push((Kind::Tag, pair(name, value, MAX_TAG)));
        }
        let mut requests: Vec<Request> = Vec::new();
        let mut bytes = 0;
        for (kind, entry) in entries {
            let size = entry.to_string().len() + 1;
            if bytes + size > MAX_BYTES || requests.last().is_none_or(|request| request.is_full(kind)) {
                requests.push(Request { run_id, ..Request::default() });
                bytes = 0;
            }
            bytes += size;
            if let Some(request) = requests.last_mut() {
                request.list(kind).push(entry);
            }
        }
        Ok(requests)
    }
}

impl Request<'_> {
    fn list(&mut self, kind: Kind) -> &mut Vec<Value> {
        match kind {
            Kind::Metric => &mut self.metrics,
            Kind::Param => &mut self.params,
            Kind::Tag => &mut self.tags,
        }
    }

    fn is_full(&self, kind: Kind) -> bool {
        let full = match kind {
            Kind::Metric => self.metrics.len() == MAX_METRICS,
            Kind::Param => self.params.len() == MAX_PARAMS,
            Kind::Tag => self.tags.len() == MAX_TAGS,
        };
        full || self.metrics.len() + self.params.len() + self.tags.len() == MAX_ENTRIES
    }
}

fn pair(name: &str, value: &str, max: usize) -> Value {
    serde_json::json!({ "key": key(name), "value": cut(value, max) })
}

/// A tag's text as the server takes it.
pub(crate) fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

/// A key as the server takes it: one bad key would cost the whole request.
pub(crate) fn key(text: &str) -> String {
    let allowed = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.' | ' ' | ':' | '/');
    let mut key: String = text.chars().take(MAX_KEY).map(|char| if allowed(char) { char } else { '_' }).collect();
    // A key is also a path, which must be in its shortest form.
    if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        key = key.replace('/', "_");
    }
    key
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn named(count: usize, value: &str) -> BTreeMap<String, String> {
        (0..count).map(|number| (format!("name-{number:05}"), value.to_owned())).collect()
    }

    #[test]
    fn every_entry_is_sent_once_and_no_request_is_over_a_limit() {
        let metric = |number: u32| Metric {
            key: format!("metric-{number}"),
            value: f64::from(number),
            timestamp: Timestamp::UNIX_EPOCH,
            step: 0,
        };
        let cases = [
            Batch::default(),
            Batch { metrics: (0..2500).map(metric).collect(), params: named(250, "x"), tags: named(101, "y") },
            Batch {
                params: named(300, &"\u{1F6A2}".repeat(7000)),
                tags: named(300, &"\"".repeat(9000)),
                ..Batch::default()
            },
        ];
        for batch in cases {
            let requests = batch.requests("run").expect("serialisable");
            let mut sent = (0, 0, 0);
            for request in &requests {
                let count = (request.metrics.len(), request.params.len(), request.tags.len());
                assert!(count.0 <= 1000 && count.1 <= 100 && count.2 <= 100 && count.0 + count.1 + count.2 <= 1000);
                assert!(count != (0, 0, 0));
                assert!(serde_json::to_string(request).expect("serialisable").len() <= 1_000_000);
                sent = (sent.0 + count.0, sent.1 + count.1, sent.2 + count.2);
            }
            assert_eq!(sent, (batch.metrics.len(), batch.params.len(), batch.tags.len()));
        }
    }

    #[test]
    fn keys_become_what_the_server_takes() {
        let long = "é".repeat(300);
        let cases = [
            ("accuracy", "accuracy"),
            ("val/f1 macro:2", "val/f1 macro:2"),
            ("f1 (macro) %", "f1 _macro_ _"),
            ("a//b", "a__b"),
            ("/a", "_a"),
            ("../a", ".._a"),
            (&long, &long[..500]),
        ];
        for (given, taken) in cases {
            assert_eq!(key(given), taken);
        }
    }
}
