//! Runs: what was tried, with which parameters, and how it went.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};
use serde_json::{Value, json};

use crate::{Batch, Client, MlflowError, batch, number};

/// A run to create.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The experiment it belongs to.
    pub experiment_id: String,
    /// Its name, for people.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it starts.
    pub start_time: Timestamp,
}

/// A run, as other calls need it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Run {
    /// Its identifier.
    pub run_id: String,
    /// The experiment it belongs to.
    pub experiment_id: String,
    /// Where its files live.
    pub artifact_uri: String,
}

/// A run with what was recorded on it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The run.
    pub run: Run,
    /// How far it is.
    pub status: RunStatus,
    /// The latest value of each metric.
    pub metrics: Vec<Metric>,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A measured number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name.
    pub key: String,
    /// The number; NaN and the infinities too.
    #[serde(deserialize_with = "number::value", serialize_with = "number::write_value")]
    pub value: f64,
    /// When it was measured.
    #[serde(deserialize_with = "read_time", serialize_with = "write_time")]
    pub timestamp: Timestamp,
    /// Its place in a series.
    #[serde(default, deserialize_with = "number::integer")]
    pub step: i64,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// It goes on.
    Running,
    /// It has not begun.
    Scheduled,
    /// It ended well.
    Finished,
    /// It ended with an error.
    Failed,
    /// It was stopped.
    Killed,
}

#[derive(Deserialize)]
struct Got {
    run: GotRun,
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    runs: Vec<GotRun>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct GotRun {
    info: Info,
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize)]
struct Info {
    #[serde(flatten)]
    run: Run,
    status: RunStatus,
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(default)]
    metrics: Vec<Metric>,
    #[serde(default)]
    params: Vec<Pair>,
    #[serde(default)]
    tags: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    #[serde(default)]
    value: String,
}

impl Client {
    /// Creates a run; it is running.
    pub async fn create_run(&self, run: NewRun) -> Result<Run, MlflowError> {
        let body = json!({
            "experiment_id": run.experiment_id,
            "run_name": run.name,
            "start_time": run.start_time.as_millisecond(),
            "tags": pairs(&run.tags),
        });
        let created: Got = self.post("runs/create", &body).await?;
        Ok(created.run.info.run)
    }

    /// The runs of an experiment whose tag has this value, newest first; deleted ones are left out. Neither the
    /// tag's name nor its value may contain quotes.
    pub async fn find_runs(&self, experiment_id: &str, tag: (&str, &str)) -> Result<Vec<Run>, MlflowError> {
        let mut runs = Vec::new();
        let mut page_token: Option<String> = None;
        loop {
            let body = json!({
                "experiment_ids": [experiment_id],
                "filter": format!("tags.`{}` = '{}'", tag.0, tag.1),
                "order_by": ["attributes.start_time DESC"],
                "max_results": 1000,
                "page_token": page_token,
            });
            let page: Search = self.post("runs/search", &body).await?;
            runs.extend(page.runs.into_iter().map(|found| found.info.run));
            page_token = page.next_page_token.filter(|token| !token.is_empty());
            if page_token.is_none() {
                return Ok(runs);
            }
        }
    }

    /// A run with what was recorded on it.
    pub async fn get_run(&self, run_id: &str) -> Result<RunRecord, MlflowError> {
        let Got { run: GotRun { info, data } } = self.get("runs/get", &[("run_id", run_id)]).await?;
        let map = |pairs: Vec<Pair>| pairs.into_iter().map(|pair| (pair.key, pair.value)).collect();
        Ok(RunRecord {
            run: info.run,
            status: info.status,
            metrics: data.metrics,
            params: map(data.params),
            tags: map(data.tags),
        })
    }

    /// Records metrics, parameters and tags, in as many requests as it takes. What is too long is cut, and what a
    /// name may not contain becomes `_`.
    pub async fn log_batch(&self, run_id: &str, batch: &Batch) -> Result<(), MlflowError> {
        let requests = batch.requests(run_id).map_err(|error| MlflowError::Malformed { reason: error.to_string() })?;
        for request in requests {
            self.post::<IgnoredAny>("runs/log-batch", &request).await?;
        }
        Ok(())
    }

    /// Sets a tag, or sets it anew.
    pub async fn set_tag(&self, run_id: &str, name: &str, value: &str) -> Result<(), MlflowError> {
        let body = json!({ "run_id": run_id, "key": batch::key(name), "value": batch::cut(value, batch::MAX_TAG) });
        self.post::<IgnoredAny>("runs/set-tag", &body).await.map(drop)
    }

    /// Ends a run, or corrects how it ended.
    pub async fn set_status(&self, run_id: &str, status: RunStatus, end_time: Timestamp) -> Result<(), MlflowError> {
        let body = json!({ "run_id": run_id, "status": status, "end_time": end_time.as_millisecond() });
        self.post::<IgnoredAny>("runs/update", &body).await.map(drop)
    }

    /// Deletes a run; MLflow keeps it in its bin.
    pub async fn delete_run(&self, run_id: &str) -> Result<(), MlflowError> {
        self.post::<IgnoredAny>("runs/delete", &json!({ "run_id": run_id })).await.map(drop)
    }
}

/// Tags as MLflow lists them.
pub(crate) fn pairs(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter().map(|(name, value)| json!({ "key": batch::key(name), "value": batch::cut(value, batch::MAX_TAG) })).collect()
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::from_millisecond(number::integer(deserializer)?).map_err(serde::de::Error::custom)
}

fn write_time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_however_the_server_writes_them() {
        let read = |value: &str| {
            let json = format!(r#"{{"key":"k","value":{value},"timestamp":"1800000000000","step":"7","later":[]}}"#);
            serde_json::from_str::<Metric>(&json).map(|metric| (metric.value, metric.step, metric.timestamp.as_second()))
        };
        let cases = [
            ("0.25", 0.25),
            ("3", 3.0),
            ("\"0.5\"", 0.5),
            ("\"Infinity\"", f64::INFINITY),
            ("\"-Infinity\"", f64::NEG_INFINITY),
            ("1.7976931348623157e+308", f64::INFINITY),
        ];
        for (written, value) in cases {
            assert_eq!(read(written).expect(written), (value, 7, 1_800_000_000));
        }
        assert!(read("\"NaN\"").expect("NaN").0.is_nan());
        assert!(read("\"many\"").is_err());
        let bare = r#"{"key":"k","value":1,"timestamp":5}"#;
        assert_eq!(serde_json::from_str::<Metric>(bare).expect("no step").step, 0);
    }

    #[test]
    fn numbers_that_json_lacks_are_written_as_words() {
        let write = |value| {
            let metric = Metric { key: "k".to_owned(), value, timestamp: Timestamp::UNIX_EPOCH, step: 0 };
            serde_json::to_value(metric).expect("serialisable")["value"].clone()
        };
        let cases = [(f64::NAN, json!("NaN")), (f64::INFINITY, json!("Infinity")), (f64::NEG_INFINITY, json!("-Infinity"))];
        for (value, written) in cases {
            assert_eq!(write(value), written);
        }
        assert_eq!(write(0.5), json!(0.5));
    }
}
