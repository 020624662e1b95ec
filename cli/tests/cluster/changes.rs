//! Promotions while servers are unreachable and backends die: either everything changes, or nothing does.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Api, Notebook, Repository, Size};

use crate::{Stage, stage};

/// Longer than a lock lasts, and somebody needs to take it over.
const SETTLES: Duration = Duration::from_mins(2);

/// A model of a cluster.
struct Model<'a> {
    stage: &'a Stage,
    name: &'static str,
    repository: Repository,
}

impl<'a> Model<'a> {
    async fn new(stage: &'a Stage, name: &'static str) -> Self {
        Self { stage, name, repository: stage.repository(&format!("team/{name}")).await }
    }

    /// Pushes the next version, which is deployed to dev.
    async fn push(&self, version: u64) {
        let notebook = Notebook::tiny(self.name, &version.to_string());
        let push = self.repository.push("main", &[("n.ipynb", &notebook.json())]);
        let answer = self.stage.deliver(&push).await;
        let pipeline = self.stage.api().succeeded(answer.pipelines[0]).await;
        assert_eq!((pipeline.deployed, pipeline.registry_version), (true, Some(version)));
    }

    async fn promote(&self, api: &Api, version: u64) -> (u16, Value) {
        let body = json!({ "version": version, "from": "dev", "to": "staging" });
        api.post(&api.api(&format!("/api/models/{}/promote", self.name)), &body).await
    }

    /// The version that the store says serves in staging.
    async fn staging(&self) -> Option<u64> {
        self.stage.api().get(&format!("/api/models/{}", self.name)).await["environments"]["staging"].as_u64()
    }

    /// The version that MLflow's alias says.
    async fn alias(&self) -> Option<u64> {
        let mlflow = Api::new(self.stage.mlflow.url(), Vec::new());
        let path = format!("/api/2.0/mlflow/registered-models/alias?name={}&alias=staging", self.name);
        let answer = mlflow.try_get(&path).await.ok()?;
        answer["model_version"]["version"].as_str()?.parse().ok()
    }

    /// The version that each model-server answers with in staging.
    async fn served(&self) -> Vec<Option<u64>> {
        let mut versions = Vec::new();
        for server in &self.stage.model_servers {
            let api = Api::new(server.url(), Vec::new());
            let url = api.api(&format!("/predict/{}?env=staging", self.name));
            versions.push(api.post(&url, &json!({ "inputs": [[1.0, 2.0]] })).await.1["model_version"].as_u64());
        }
        versions
    }

    /// Waits until store, model-servers and alias all say so.
    async fn settles(&self, version: Option<u64>) {
        let since = Instant::now();
        loop {
            let (staging, alias, served) = (self.staging().await, self.alias().await, self.served().await);
            if staging == version && alias == version && served.iter().all(|served| *served == version) {
                return self.stage.timeline.say(format!("all say {version:?}"));
            }
            assert!(since.elapsed() < SETTLES, "store {staging:?}, alias {alias:?}, served {served:?}, not {version:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until the store says so.
    async fn is_put(&self, version: u64) {
        let since = Instant::now();
        while self.staging().await != Some(version) {
            assert!(since.elapsed() < SETTLES, "the row is never put");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_changes_nothing_while_model_servers_or_mlflow_are_away() {
    let stage = stage(&Size { backends: 1, workers: 1, proxied: true, ..Size::default() }).await;
    let model = Model::new(&stage, "careful").await;
    model.push(1).await;
    let api = stage.backend(0);
    assert_eq!(model.promote(&api, 1).await.0, 200);
    model.push(2).await;

    stage.model_servers.iter().for_each(|server| server.kill());
    stage.timeline.say("the model-servers were killed");
    let (status, answer) = model.promote(&api, 2).await;
    assert_eq!((status, answer["code"].as_str()), (502, Some("model_server_unavailable")), "{answer}");
    assert_eq!((model.staging().await, model.alias().await), (Some(1), Some(1)));
    tokio::task::block_in_place(|| stage.model_servers.iter().for_each(|server| server.start()));
    model.settles(Some(1)).await;

    stage.backends[0].links().mlflow.reset();
    stage.timeline.say("MLflow is unreachable");
    let (status, answer) = model.promote(&api, 2).await;
    assert_eq!((status, answer["code"].as_str()), (502, Some("mlflow_unavailable")), "{answer}");
    model.settles(Some(1)).await;
    let (status, answer) = model.promote(&api, 2).await;
    assert_eq!(
        (status, answer["code"].as_str()),
        (409, Some("deployment_in_progress")),
        "the alias is not certain: {answer}"
    );
    stage.backends[0].links().mlflow.heal();
    let since = Instant::now();
    while model.promote(&api, 2).await.0 != 200 {
        assert!(since.elapsed() < SETTLES, "the environment is never free again");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    model.settles(Some(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_goes_on_without_its_client_and_without_its_backend() {
    let stage = stage(&Size { workers: 1, ..Size::default() }).await;
    let model = Model::new(&stage, "orphaned").await;
    model.push(1).await;
    stage.model_servers.iter().for_each(|server| server.pause());
    let api = stage.backend(0);
    tokio::select! {
        answer = model.promote(&api, 1) => panic!("no server can have it yet: {answer:?}"),
        () = model.is_put(1) => stage.timeline.say("the client goes away"),
    }
    let (status, answer) = model.promote(&stage.backend(1), 1).await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("deployment_in_progress")), "{answer}");
    stage.model_servers.iter().for_each(|server| server.wake());
    model.settles(Some(1)).await;

    model.push(2).await;
    stage.model_servers.iter().for_each(|server| server.pause());
    tokio::select! {
        answer = model.promote(&api, 2) => panic!("no server can have it yet: {answer:?}"),
        () = model.is_put(2) => stage.timeline.say("its row is put"),
    }
    stage.backends[0].kill();
    stage.timeline.say("the backend was killed");
    assert_eq!(model.alias().await, Some(1), "it had not come that far");
    stage.model_servers.iter().for_each(|server| server.wake());
    model.settles(Some(2)).await;
    let api = stage.backend(1);
    let rollback = json!({ "environment": "staging" });
    let since = Instant::now();
    while api.post(&api.api("/api/models/orphaned/rollback"), &rollback).await.0 != 200 {
        assert!(since.elapsed() < SETTLES, "the environment is never free again");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    model.settles(Some(1)).await;
}
