//! Where things belong: what has to be known of a run, a model or a trace before somebody may touch it.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

use crate::{Client, MlflowError};

/// Where a run, a logged model or a trace belongs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// Its experiment.
    pub experiment_id: String,
    /// Where its files live.
    #[serde(default)]
    pub artifact_uri: String,
}

/// An experiment, as far as it tells whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Experiment {
    /// Its identifier.
    pub experiment_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

impl Experiment {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
    }
}

/// The tag that says where a trace's files live.
const TRACE_FILES: &str = "mlflow.artifactLocation";

#[derive(Deserialize)]
struct GotRun {
    run: Info,
}

#[derive(Deserialize)]
struct GotModel {
    model: Info,
}

#[derive(Deserialize)]
struct Info {
    info: Place,
}

#[derive(Deserialize)]
struct GotExperiment {
    experiment: Experiment,
}

#[derive(Deserialize)]
struct GotTraces {
    #[serde(default)]
    trace_infos: Vec<TraceInfo>,
}

#[derive(Deserialize)]
struct TraceInfo {
    #[serde(rename = "trace_id")]
    id: String,
    #[serde(rename = "trace_location")]
    location: Location,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Location {
    mlflow_experiment: Option<Holder>,
}

#[derive(Deserialize)]
struct Holder {
    experiment_id: String,
}

impl Client {
    /// Where a run belongs; a deleted one too.
    pub async fn run_place(&self, run_id: &str) -> Result<Place, MlflowError> {
        let GotRun { run } = self.get("runs/get", &[("run_id", run_id)]).await?;
        Ok(run.info)
    }

    /// Where a logged model belongs. Its identifier, `m-…`, must not need encoding in a path.
    pub async fn model_place(&self, model_id: &str) -> Result<Place, MlflowError> {
        let GotModel { model } = self.get(&format!("logged-models/{model_id}"), &[("allow_deleted", "true")]).await?;
        Ok(model.info)
    }

    /// Where traces belong, by their identifiers; those that are not there are left out.
    pub async fn trace_places(&self, trace_ids: &[&str]) -> Result<BTreeMap<String, Place>, MlflowError> {
        let request = self.request(Method::POST, "/api/3.0/mlflow/traces/batchGetInfos");
        let GotTraces { trace_infos } = self.json(request.json(&json!({ "trace_ids": trace_ids }))).await?;
        let place = |mut trace: TraceInfo| {
            let experiment_id = trace.location.mlflow_experiment?.experiment_id;
            let artifact_uri = trace.tags.remove(TRACE_FILES).unwrap_or_default();
            Some((trace.id, Place { experiment_id, artifact_uri }))
        };
        Ok(trace_infos.into_iter().filter_map(place).collect())
    }

    /// An experiment; a deleted one too.
    pub async fn experiment(&self, experiment_id: &str) -> Result<Experiment, MlflowError> {
        let GotExperiment { experiment } = self.get("experiments/get", &[("experiment_id", experiment_id)]).await?;
        Ok(experiment)
    }

    /// Sets a tag of an experiment, or sets it anew.
    pub async fn tag_experiment(&self, experiment_id: &str, key: &str, value: &str) -> Result<(), MlflowError> {
        let body = json!({ "experiment_id": experiment_id, "key": key, "value": value });
        let set = || self.post::<IgnoredAny>("experiments/set-experiment-tag", &body);
        match set().await {
            // Of several that set it for the first time at once, MLflow refuses all but one: it is there now, and can be set anew.
            Err(MlflowError::Rejected { .. }) => set().await.map(drop),
            set => set.map(drop),
        }
    }
}
