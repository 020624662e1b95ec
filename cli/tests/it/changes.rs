//! Promotions and rollbacks, from a push to a prediction in production.

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};
use testkit::{Mlsys, Notebook, Project};

use crate::mlsys;

/// A model that predicts one number, whatever it is asked.
pub fn constant(model: &str, number: u32) -> Notebook {
    Notebook::new()
        .cell("mlops:config", &format!("MODEL_NAME = '{model}'\nVERSION = '{number}.0'\nGATES = []"))
        .cell("mlops:preprocessing", "import numpy as np\nX = np.arange(20.0).reshape(10, 2)")
        .cell(
            "mlops:training",
            &format!("from sklearn.dummy import DummyRegressor\nmodel = DummyRegressor(strategy='constant', constant={number}.0).fit(X, X[:, 0])"),
        )
        .cell("mlops:export", "import joblib\njoblib.dump(model, MODEL_OUTPUT_PATH)")
}

/// A model of its own, whose version N predicts N.
struct Model {
    name: &'static str,
    project: Project,
}

impl Model {
    fn new(name: &'static str) -> Self {
        Self { name, project: Project::new(mlsys(), name) }
    }

    /// Pushes the next version, which is deployed to dev.
    async fn push(&self, version: u32) {
        let id = self.project.push_notebook("model.ipynb", constant(self.name, version).json());
        let pipeline = mlsys().succeeded(id).await;
        assert!(pipeline.deployed, "{:?}", pipeline.reason);
        assert_eq!(pipeline.registry_version, Some(u64::from(version)));
    }

    async fn get(&self, path: &str) -> Value {
        mlsys().get(&format!("/api/models/{}{path}", self.name)).await
    }

    /// Asks, and asks again while another test has the environment.
    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let asking = async {
            loop {
                let (status, answer) = self.post_once(path, &body).await;
                if answer["code"] != "deployment_in_progress" {
                    return (status, answer);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), asking).await.expect("the environment is free at last")
    }

    async fn post_once(&self, path: &str, body: &Value) -> (u16, Value) {
        mlsys().post(&mlsys().api(&format!("/api/models/{}{path}", self.name)), body).await
    }

    async fn promote(&self, version: u64, from: &str, to: &str) -> Value {
        let (status, answer) = self.try_promote(version, from, to).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn try_promote(&self, version: u64, from: &str, to: &str) -> (u16, Value) {
        let mut body = json!({ "version": version, "from": from, "to": to });
        if to == "prod" {
            body["confirm"] = "production".into();
        }
        self.post("/promote", body).await
    }

    /// The versions in dev, staging and prod.
    async fn environments(&self) -> [Option<u64>; 3] {
        let model = self.get("").await;
        ["dev", "staging", "prod"].map(|name| model["environments"][name].as_u64())
    }

    /// What a prediction in an environment says, and which version said it.
    async fn predict(&self, environment: &str) -> Option<(u64, f64)> {
        let path = format!("/predict{}", if environment.is_empty() { String::new() } else { format!("?env={environment}") });
        let (status, answer) = self.post(&path, json!({ "inputs": [[1.0, 2.0]] })).await;
        (status == 200).then(|| {
            (answer["model_version"].as_u64().expect("a version"), answer["predictions"][0].as_f64().expect("a number"))
        })
    }

    /// The version that MLflow's alias points at.
    async fn alias(&self, environment: &str) -> Option<u64> {
        let url =
            format!("{}/api/2.0/mlflow/registered-models/alias?name={}&alias={environment}", mlsys().mlflow(), self.name);
        let answer: Value = mlsys().http().get(url).send().await.expect("an answer").json().await.expect("JSON");
        answer["model_version"]["version"].as_str().and_then(|version| version.parse().ok())
    }

    /// All deployments there were, the newest first: environment, version and cause.
    async fn history(&self) -> Vec<String> {
        let events = mlsys().all(&format!("/api/models/{}/history?limit=2", self.name)).await;
        let text = |event: &Value, field: &str| event[field].as_str().expect("text").to_owned();
        let current = |event: &Value| if event["ended_at"].is_null() { ", current" } else { "" };
        let line = |event: Value| {
            format!("{} {} by {}{}", text(&event, "environment"), event["version"], text(&event, "cause"), current(&event))
        };
        events.into_iter().map(line).collect()
    }
}

fn folder(mlsys: &Mlsys, environment: &str, model: &str, version: u64) -> PathBuf {
    mlsys.home().join(format!("artifacts/mlsys-models-{environment}/{model}/v{version}"))
}

fn refused((status, answer): (u16, Value)) -> (u16, String) {
    (status, answer["code"].as_str().unwrap_or_default().to_owned())
}

fn because(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_goes_from_a_push_to_production_and_back() {
    let model = Model::new("promoted");
    model.push(1).await;
    let change = model.promote(1, "dev", "staging").await;
    assert_eq!((change["model_name"].as_str(), change["version"].as_u64()), (Some("promoted"), Some(1)));
    assert_eq!((&change["previous_version"], change["environment"].as_str()), (&Value::Null, Some("staging")));
    assert_eq!(change["detail"], "promoted version 1 serves in staging");
    assert_eq!(refused(model.try_promote(1, "dev", "staging").await), because(409, "already_deployed"));
    assert_eq!((model.alias("staging").await, model.alias("prod").await), (Some(1), None));
    model.promote(1, "staging", "prod").await;
    model.push(2).await;
    assert_eq!(model.environments().await, [Some(2), Some(1), Some(1)]);
    assert_eq!(model.predict("prod").await, Some((1, 1.0)));
    assert_eq!(model.predict("").await, Some((1, 1.0)), "production answers where nobody says which");

    model.promote(2, "dev", "staging").await;
    let change = model.promote(2, "staging", "prod").await;
    assert_eq!(change["previous_version"], 1);
    assert_eq!((model.predict("prod").await, model.alias("prod").await), (Some((2, 2.0)), Some(2)));
    let bytes =
        |environment: &str| std::fs::read(folder(mlsys(), environment, "promoted", 2).join("model.pkl")).expect("read");
    assert_eq!(bytes("prod"), bytes("dev"));
    let detail = model.get("").await;
    let prod = &detail["deployments"][2];
    assert_eq!((&prod["environment"], &prod["version"], &prod["rollback_to"]), (&"prod".into(), &2.into(), &1.into()));

    let (status, change) = model.post("/rollback", json!({ "environment": "prod", "confirm": "production" })).await;
    assert_eq!(status, 200, "{change}");
    assert_eq!((&change["version"], &change["previous_version"]), (&1.into(), &2.into()));
    assert_eq!((model.predict("prod").await, model.alias("prod").await), (Some((1, 1.0)), Some(1)));
    assert_eq!(model.environments().await, [Some(2), Some(2), Some(1)]);
    let again = model.post("/rollback", json!({ "environment": "prod", "confirm": "production" })).await;
    assert_eq!(refused(again), because(409, "nothing_to_roll_back_to"));
    assert_eq!(
        model.history().await,
        [
            "prod 1 by rollback, current",
            "prod 2 by promotion",
            "staging 2 by promotion, current",
            "dev 2 by push, current",
            "prod 1 by promotion",
            "staging 1 by promotion",
            "dev 1 by push",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_bytes_were_tampered_with_is_neither_promoted_nor_rolled_back_to() {
    let model = Model::new("tampered");
    model.push(1).await;
    model.promote(1, "dev", "staging").await;
    model.push(2).await;
    let file = folder(mlsys(), "dev", "tampered", 2).join("model.pkl");
    let sound = std::fs::read(&file).expect("read");
    let mut rotten = sound.clone();
    rotten[10] ^= 1;
    std::fs::write(&file, &rotten).expect("written");
    assert_eq!(refused(model.try_promote(2, "dev", "staging").await), because(409, "digest_mismatch"));
    assert_eq!(model.environments().await, [Some(2), Some(1), None]);
    assert_eq!((model.predict("staging").await, model.alias("staging").await), (Some((1, 1.0)), Some(1)));
    std::fs::write(&file, &sound).expect("written");
    model.promote(2, "dev", "staging").await;
    std::fs::write(folder(mlsys(), "staging", "tampered", 1).join("model.pkl"), "rubbish").expect("written");
    let rollback = model.post("/rollback", json!({ "environment": "staging" })).await;
    assert_eq!(refused(rollback), because(409, "digest_mismatch"));
    assert_eq!((model.predict("staging").await, model.alias("staging").await), (Some((2, 2.0)), Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_at_once_in_an_environment_each_happens_whole_or_is_refused() {
    let model = Model::new("contested");
    model.push(1).await;
    model.promote(1, "dev", "staging").await;
    model.push(2).await;
    let (promotion, rollback) =
        (json!({ "version": 2, "from": "dev", "to": "staging" }), json!({ "environment": "staging" }));
    let known = ["", "deployment_in_progress", "already_deployed", "nothing_to_roll_back_to"];
    // All may be refused, where the first of them is a rollback that finds nothing, or another test has the environment.
    let rounds = async {
        loop {
            let attempts = (0..6).map(|number| {
                let (path, body) = if number % 2 == 0 { ("/promote", &promotion) } else { ("/rollback", &rollback) };
                model.post_once(path, body)
            });
            let answers: Vec<_> = futures_util::future::join_all(attempts).await.into_iter().map(refused).collect();
            assert!(answers.iter().all(|(_, code)| known.contains(&code.as_str())), "{answers:?}");
            let made = answers.iter().filter(|(status, _)| *status == 200).count();
            if made > 0 {
                return made;
            }
        }
    };
    let made = tokio::time::timeout(Duration::from_mins(1), rounds).await.expect("a change is made at last");
    let history = model.history().await;
    assert_eq!(history.iter().filter(|event| event.starts_with("staging")).count(), made + 1, "{history:?}");
    let [_, staging, _] = model.environments().await;
    assert_eq!(model.predict("staging").await.map(|(version, _)| version), staging);
    assert_eq!(model.alias("staging").await, staging);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_tells_what_it_is_and_its_traffic_is_counted() {
    let model = Model::new("counted");
    model.push(1).await;
    let version = model.get("/versions/1").await;
    assert_eq!((&version["manifest"]["model_name"], &version["declared_version"]), (&"counted".into(), &"1.0".into()));
    assert_eq!((&version["environments"], &version["links"]["commit"]), (&json!(["dev"]), &Value::Null));
    let run = version["mlflow_run_id"].as_str().expect("a run");
    let link = version["links"]["mlflow_run"].as_str().expect("a link");
    assert_eq!(link, format!("{}/#/runs/{run}", mlsys().mlflow()));
    assert_eq!(version["links"]["mlflow_version"], format!("{}/#/models/counted/versions/1", mlsys().mlflow()));
    assert!(mlsys().try_get("/api/models/counted/versions/2").await.is_err_and(|error| error.contains("404")));

    for _ in 0..3 {
        model.predict("dev").await.expect("an answer");
    }
    let (status, _) = model.post("/predict", json!("rubbish")).await;
    assert_eq!(status, 400);
    let traffic = model.get("/traffic").await;
    let counted = &traffic["versions"][0];
    assert_eq!((&counted["version"], &counted["requests"], &counted["errors"]), (&1.into(), &4.into(), &1.into()));
    let buckets = counted["buckets"].as_array().expect("buckets");
    let all = buckets.last().expect("a bucket");
    assert_eq!((&all["le"], &all["count"]), (&Value::Null, &4.into()));
    assert!(buckets.is_sorted_by_key(|bucket| bucket["count"].as_u64()), "{buckets:?}");
    assert!(counted["seconds_sum"].as_f64().is_some_and(|seconds| seconds > 0.0));
}
