//! What the servers count of a model's predictions, added up.
//!
//! The numbers are those that Prometheus reads at a server's `GET /metrics`: they only grow while a server runs, and begin
//! at nothing when it starts anew.

use std::{collections::BTreeMap, time::Duration};

use contract::ModelName;
use serde::Serialize;
use tokio::task::JoinSet;
use utoipa::ToSchema;

use crate::Fleet;

/// How long a server may take to tell its numbers.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most that a server may tell, in bytes.
const LENGTH_MAX: usize = 16 << 20;
/// Counter of predictions, by model, version and status code among others.
const REQUESTS: &str = "mlsys_model_requests_total";
/// Histogram of the seconds that a prediction took, by model and version.
const SECONDS: &str = "mlsys_model_request_duration_seconds";
/// Counter of rows computed as a shadow, by model, version and whether they agree with the answer that was given.
const SHADOW_ROWS: &str = "mlsys_model_shadow_rows_total";
/// Counter of requests that failed as a shadow, by model and version.
const SHADOW_ERRORS: &str = "mlsys_model_shadow_errors_total";
/// Counter of requests that were not computed as a shadow, because too many waited; by model and version.
const SHADOW_DROPPED: &str = "mlsys_model_shadow_dropped_total";

/// Why there are no numbers: a sum without one server's would be less than it was.
#[derive(Debug, thiserror::Error)]
#[error("the model-server {address} does not report its metrics: {reason}")]
pub struct TrafficError {
    address: String,
    reason: String,
}

/// What was asked of a version since the servers started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct VersionTraffic {
    /// The registry version.
    pub version: u64,
    /// How many predictions were asked for.
    pub requests: u64,
    /// How many of them were answered by an error, also one that the client made.
    pub errors: u64,
    /// How long all of them together took, in seconds.
    pub seconds_sum: f64,
    /// How many took at most how long, the longest last.
    pub buckets: Vec<TrafficBucket>,
    /// What it computed as a shadow; null: nothing yet.
    #[schema(required)]
    pub shadow: Option<ShadowTraffic>,
    /// How many were answered by an error that is not the client's.
    #[serde(skip)]
    pub failures: u64,
}

/// What a version computed beside others, whose answers nobody waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShadowTraffic {
    /// How many rows were compared with the answer that was given.
    pub rows: u64,
    /// How many of them agree.
    pub agreeing: u64,
    /// How many requests it failed.
    pub errors: u64,
    /// How many requests were passed over, because too many waited.
    pub dropped: u64,
}

/// How many requests took at most so long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct TrafficBucket {
    /// The limit, in seconds; `None` for the bucket of all.
    #[schema(required)]
    pub le: Option<f64>,
    /// How many requests took no longer, those of the buckets below included.
    pub count: u64,
}

impl Fleet {
    /// Adds up what the servers at these base addresses count of a model's predictions: each version that was loaded since
    /// they started, by its number.
    pub async fn traffic(&self, addresses: Vec<String>, model: &ModelName) -> Result<Vec<VersionTraffic>, TrafficError> {
        let mut sum = BTreeMap::new();
        for (address, numbers) in self.readings(addresses).await {
            add(&mut sum, model, &numbers.map_err(|reason| TrafficError { address, reason })?);
        }
        Ok(sum.into_values().collect())
    }

    /// What each of the servers at these base addresses counts of a model's predictions, by version. One that does not tell
    /// is left out.
    pub async fn traffic_of_each(
        &self,
        addresses: Vec<String>,
        model: &ModelName,
    ) -> Vec<(String, BTreeMap<u64, VersionTraffic>)> {
        let told = |(address, numbers): (String, Result<String, String>)| {
            let mut versions = BTreeMap::new();
            add(&mut versions, model, &numbers.ok()?);
            Some((address, versions))
        };
        self.readings(addresses).await.into_iter().filter_map(told).collect()
    }

    /// What each server tells, or why it does not.
    async fn readings(&self, addresses: Vec<String>) -> Vec<(String, Result<String, String>)> {
        let mut calls = JoinSet::new();
        for address in addresses {
            let fleet = self.clone();
            calls.spawn(async move {
                let numbers = fleet.numbers(&address).await;
                (address, numbers)
            });
        }
        calls.join_all().await
    }

    async fn numbers(&self, address: &str) -> Result<String, String> {
        let url = format!("{}/metrics", address.trim_end_matches('/'));
        let call = self.http.get(url).bearer_auth(&self.token).timeout(TIMEOUT);
        let mut answer = call.send().await.map_err(|_| "it can't be reached".to_owned())?;
        if !answer.status().is_success() {
            return Err(format!("it answers {}", answer.status()));
        }
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| error.to_string())? {
            if text.len() + chunk.len() > LENGTH_MAX {
                return Err("they are too long".to_owned());
            }
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text).map_err(|_| "they are no text".to_owned())
    }
}

/// Adds one server's numbers of a model. Lines that are of something else, or of another form, are passed over.
fn add(sum: &mut BTreeMap<u64, VersionTraffic>, model: &ModelName, text: &str) {
    // A version that was loaded and never asked has only the line that says it is loaded, and counts nothing.
    for line in text.lines().filter(|line| line.starts_with("mlsys_model_")) {
        let Some((name, labels, value)) = parts(line) else { continue };
        if label(labels, "model") != Some(model.as_str()) {
            continue;
        }
        let Some(version) = label(labels, "version").and_then(|version| version.parse().ok()) else { continue };
        let traffic = sum.entry(version).or_insert_with(|| VersionTraffic { version, ..VersionTraffic::default() });
        let count = || value.parse::<u64>().unwrap_or_default();
        match name.strip_prefix(SECONDS) {
            Some("_sum") => traffic.seconds_sum += value.parse::<f64>().unwrap_or_default(),
            Some("_bucket") => {
                let Some(limit) = label(labels, "le") else { continue };
                bucket(&mut traffic.buckets, limit.parse().ok().filter(|le: &f64| le.is_finite()), count());
            }
            _ if name == REQUESTS => {
                traffic.requests += count();
                let code = label(labels, "code").unwrap_or_default();
                if code != "200" {
                    traffic.errors += count();
                }
                if code.starts_with('5') {
                    traffic.failures += count();
                }
            }
            _ if name == SHADOW_ROWS => {
                let shadow = traffic.shadow.get_or_insert_default();
                shadow.rows += count();
                if label(labels, "agrees") == Some("true") {
                    shadow.agreeing += count();
                }
            }
            _ if name == SHADOW_ERRORS => traffic.shadow.get_or_insert_default().errors += count(),
            _ if name == SHADOW_DROPPED => traffic.shadow.get_or_insert_default().dropped += count(),
            _ => {}
        }
    }
}

fn bucket(buckets: &mut Vec<TrafficBucket>, le: Option<f64>, count: u64) {
    let limit = |le: Option<f64>| le.unwrap_or(f64::INFINITY);
    match buckets.binary_search_by(|known| limit(known.le).total_cmp(&limit(le))) {
        Ok(at) => buckets[at].count += count,
        Err(at) => buckets.insert(at, TrafficBucket { le, count }),
    }
}

/// `name{labels} value`.
fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = line.split_once('{')?;
    let (labels, value) = rest.rsplit_once("} ")?;
    Some((name, labels, value.trim()))
}

/// A label's value. Those of ours hold no quotes, commas or backslashes.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = r#"
# TYPE mlsys_model_requests_total counter
mlsys_model_requests_total{model="iris",version="2",protocol="rest",code="200"} 7
mlsys_model_requests_total{model="iris",version="2",protocol="rest",code="400"} 1
mlsys_model_requests_total{model="iris",version="2",protocol="v2",code="503"} 2
mlsys_model_shadow_rows_total{model="iris",version="2",agrees="true"} 90
mlsys_model_shadow_rows_total{model="iris",version="2",agrees="false"} 10
mlsys_model_shadow_errors_total{model="iris",version="2"} 3
mlsys_model_shadow_dropped_total{model="iris",version="2"} 4
mlsys_model_requests_total{model="iris-2",version="2",protocol="rest",code="200"} 100
mlsys_model_loaded_info{model="iris",version="10",environment="dev",flavour="onnx"} 1
mlsys_model_batch_size_count{model="iris"} 5
mlsys_model_request_duration_seconds_bucket{model="iris",version="2",le="0.01"} 6
mlsys_model_request_duration_seconds_bucket{model="iris",version="2",le="0.1"} 8
mlsys_model_request_duration_seconds_bucket{model="iris",version="2",le="+Inf"} 8
mlsys_model_request_duration_seconds_sum{model="iris",version="2"} 0.25
mlsys_model_request_duration_seconds_count{model="iris",version="2"} 8
mlsys_model_request_duration_seconds_count{model="iris"} 3
rubbish{ 7
mlsys_model_requests_total 9
"#;

    #[test]
    fn the_servers_numbers_are_added_up_by_version() {
        let (mut sum, iris) = (BTreeMap::new(), "iris".parse().expect("a name"));
        add(&mut sum, &iris, SERVER);
        add(&mut sum, &iris, SERVER);
        let versions: Vec<_> = sum.into_values().collect();
        let bucket = |le, count| TrafficBucket { le, count };
        let second = VersionTraffic {
            version: 2,
            requests: 20,
            errors: 6,
            failures: 4,
            seconds_sum: 0.5,
            shadow: Some(ShadowTraffic { rows: 200, agreeing: 180, errors: 6, dropped: 8 }),
            buckets: vec![bucket(Some(0.01), 12), bucket(Some(0.1), 16), bucket(None, 16)],
        };
        assert_eq!(versions, [second, VersionTraffic { version: 10, ..VersionTraffic::default() }]);
    }
}
