//! Versions, runs and deployments.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use contract::{PipelineId, PipelineRecord, PipelineStatus};
use serde_json::{Value, json};

use super::{Entry, Errors, Outcome, models, of_model};
use crate::{Api, Cluster};

const PIPELINE_TAG: &str = "mlsys.pipeline_id";

/// MLflow's versions of each model are 1 to n, each of another pipeline; each succeeded pipeline has the one it says; the
/// API lists the same. Answers how many there are.
pub(super) async fn versions(
    cluster: &Cluster,
    entries: &[Entry],
    all: &BTreeMap<PipelineId, PipelineRecord>,
    errors: &mut Errors,
) -> usize {
    let mut count = 0;
    for model in models(entries) {
        let registered = registered(cluster, model).await;
        count += registered.len();
        let numbers: BTreeSet<u64> = registered.iter().map(|(version, _)| *version).collect();
        if !numbers.iter().copied().eq(1..=registered.len() as u64) {
            errors.push(format!("{model} has the versions {numbers:?}, {} in all", registered.len()));
        }
        let mut by_pipeline: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (version, pipeline) in &registered {
            by_pipeline.entry(pipeline).or_default().push(*version);
        }
        for (_, pipeline) in of_model(model, entries, all) {
            let its = by_pipeline.remove(pipeline.id.to_string().as_str()).unwrap_or_default();
            let right = match pipeline.status {
                PipelineStatus::Succeeded => its.len() == 1 && pipeline.registry_version == its.first().copied(),
                // One that ended after it had registered.
                _ => its.len() <= 1,
            };
            if !right {
                let says = pipeline.registry_version;
                errors.push(format!("pipeline {} ({}) says version {says:?}, MLflow {its:?}", pipeline.id, pipeline.status));
            }
        }
        if !by_pipeline.is_empty() {
            errors.push(format!("versions of {model} belong to no pipeline: {by_pipeline:?}"));
        }
        let recorded = cluster.api().try_get(&format!("/api/models/{model}/versions")).await.unwrap_or(Value::Null);
        let recorded: BTreeSet<u64> =
            recorded["items"].as_array().into_iter().flatten().filter_map(|item| item["version"].as_u64()).collect();
        let succeeded = of_model(model, entries, all).into_iter().filter(|(_, one)| one.status == PipelineStatus::Succeeded);
        let succeeded: BTreeSet<u64> = succeeded.filter_map(|(_, one)| one.registry_version).collect();
        if !recorded.is_subset(&numbers) || !succeeded.is_subset(&recorded) {
            errors.push(format!("{model}: the API lists {recorded:?}, MLflow {numbers:?}, pipelines name {succeeded:?}"));
        }
    }
    count
}

/// Each succeeded pipeline has exactly one run, which is finished; no pipeline has two, and none is left running.
pub(super) async fn runs(
    cluster: &Cluster,
    entries: &[Entry],
    all: &BTreeMap<PipelineId, PipelineRecord>,
    errors: &mut Errors,
) {
    let repos: BTreeSet<_> = entries.iter().map(|entry| entry.push.repo.as_str()).collect();
    let mut runs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for repo in repos {
        for (pipeline, status) in tagged_runs(cluster, repo).await {
            runs.entry(pipeline).or_default().push(status);
        }
    }
    for pipeline in all.values() {
        let its = runs.remove(&pipeline.id.to_string()).unwrap_or_default();
        let right = match pipeline.status {
            PipelineStatus::Succeeded => its == ["FINISHED"],
            _ => its.len() <= 1 && !its.iter().any(|status| status == "RUNNING"),
        };
        if !right {
            errors.push(format!("pipeline {} ({}) has the runs {its:?}", pipeline.id, pipeline.status));
        }
    }
    if !runs.is_empty() {
        errors.push(format!("runs belong to no pipeline: {runs:?}"));
    }
}

/// What the API calls deployed is what every model-server serves, what MLflow's alias names, and what the newest push that
/// passed its gates made. Answers how many models are deployed.
pub(super) async fn deployed(
    cluster: &Cluster,
    entries: &[Entry],
    all: &BTreeMap<PipelineId, PipelineRecord>,
    errors: &mut Errors,
) -> usize {
    let mut served = Vec::new();
    for server in &cluster.model_servers {
        let list = cluster.model_server(server).try_get("/models").await.unwrap_or_else(|error| json!({ "items": error }));
        served.push((server.name(), list));
    }
    let mut count = 0;
    for model in models(entries) {
        let passed = of_model(model, entries, all).into_iter().rev();
        let mut passed =
            passed.filter(|(entry, one)| entry.outcome == Outcome::Deploys && one.status == PipelineStatus::Succeeded);
        let newest = passed.next().and_then(|(_, pipeline)| pipeline.registry_version);
        let listed = cluster.api().try_get(&format!("/api/models/{model}")).await.unwrap_or(Value::Null);
        let listed = listed["environments"]["dev"].as_u64();
        let alias = alias(cluster, model).await;
        let mut wrong = listed != newest || alias != newest;
        let mut says = format!("{model}: the newest good version is {newest:?}; the API says {listed:?}, MLflow {alias:?}");
        for (name, list) in &served {
            let items = list["items"].as_array().into_iter().flatten();
            let at = items.filter(|item| item["model_name"] == model).find_map(|item| item["model_version"].as_u64());
            wrong |= at != newest;
            let _ = write!(says, ", {name} {at:?}");
        }
        if wrong {
            errors.push(says);
        }
        count += usize::from(newest.is_some());
    }
    count
}

/// A model's versions in MLflow, each with the pipeline that its tag names.
async fn registered(cluster: &Cluster, model: &str) -> Vec<(u64, String)> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let query =
            [("filter", format!("name='{model}'")), ("max_results", "1000".to_owned()), ("page_token", token.clone())];
        let page = mlflow(cluster, "model-versions/search", &query).await.expect("a list of versions");
        for version in page["model_versions"].as_array().into_iter().flatten() {
            let number = version["version"].as_str().and_then(|text| text.parse().ok()).expect("a version's number");
            found.push((number, tag(&version["tags"]).unwrap_or_default()));
        }
        page["next_page_token"].as_str().unwrap_or_default().clone_into(&mut token);
        if token.is_empty() {
            return found;
        }
    }
}

/// The version that the alias `dev` names.
async fn alias(cluster: &Cluster, model: &str) -> Option<u64> {
    let query = [("name", model.to_owned()), ("alias", "dev".to_owned())];
    mlflow(cluster, "registered-models/alias", &query).await?["model_version"]["version"].as_str()?.parse().ok()
}

/// The runs of a repository's experiment that name a pipeline: the pipeline and the run's status.
async fn tagged_runs(cluster: &Cluster, repo: &str) -> Vec<(String, String)> {
    let Some(experiment) = mlflow(cluster, "experiments/get-by-name", &[("experiment_name", repo.to_owned())]).await else {
        return Vec::new();
    };
    let experiment = &experiment["experiment"]["experiment_id"];
    let api = Api::new(cluster.mlflow.url(), Vec::new());
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let body = json!({ "experiment_ids": [experiment], "max_results": 1000, "page_token": token });
        let (status, page) = api.post(&api.api("/api/2.0/mlflow/runs/search"), &body).await;
        assert_eq!(status, 200, "{page}");
        for run in page["runs"].as_array().into_iter().flatten() {
            let status = run["info"]["status"].as_str().unwrap_or_default().to_owned();
            found.extend(tag(&run["data"]["tags"]).map(|pipeline| (pipeline, status)));
        }
        page["next_page_token"].as_str().unwrap_or_default().clone_into(&mut token);
        if token.is_empty() {
            return found;
        }
    }
}

fn tag(tags: &Value) -> Option<String> {
    let tag = tags.as_array()?.iter().find(|tag| tag["key"] == PIPELINE_TAG)?;
    Some(tag["value"].as_str()?.to_owned())
}

/// An answer of MLflow's REST API; none for what is not there.
async fn mlflow(cluster: &Cluster, path: &str, query: &[(&str, String)]) -> Option<Value> {
    let api = Api::new(cluster.mlflow.url(), Vec::new());
    let given: Vec<_> = query.iter().filter(|(_, value)| !value.is_empty()).collect();
    let answer =
        api.http().get(api.api(&format!("/api/2.0/mlflow/{path}"))).query(&given).send().await.expect("MLflow answers");
    let (status, text) = (answer.status(), answer.text().await.expect("a body"));
    assert!(status.is_success() || text.contains("RESOURCE_DOES_NOT_EXIST") || text.contains("not found"), "{path}: {text}");
    status.is_success().then(|| serde_json::from_str(&text).expect("JSON"))
}
