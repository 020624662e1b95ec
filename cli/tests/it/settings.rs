//! What `mlsys up` is told by settings alone.

use serde_json::{Value, json};
use testkit::{Mlsys, Moto, Notebook, Options, Postgres, Project, Redis};

use crate::BINARY;

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

fn options(pairs: &[(&str, &str)]) -> Options {
    Options { environment: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_and_a_bucket_are_used_where_settings_name_them() {
    let (postgres, redis, moto) = (Postgres::start(), Redis::start(), Moto::start());
    // Fails only when another test was faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    for environment in ENVIRONMENTS {
        let made = http.put(format!("{}/models-{environment}", moto.url())).send().await.expect("moto answers");
        assert!(made.status().is_success(), "{made:?}");
    }
    let (database, queue, endpoint) = (postgres.url(), redis.url(), moto.url());
    let worker_port = testkit::free_port().to_string();
    let mut mlsys = Mlsys::start(
        BINARY,
        options(&[
            ("DATABASE_URL", &database),
            ("REDIS_URL", &queue),
            ("MLSYS_ARTIFACTS", "s3://models-{env}"),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "k"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("MODEL_SERVER_THREADS", "1"),
            ("WORKER_PORT", &worker_port),
            ("LEASE_SECONDS", "3"),
            ("PROD_APPROVAL", "second-person"),
        ]),
    );
    let project = Project::new(&mlsys, "far");
    let first = mlsys.succeeded(project.push_notebook("n.ipynb", Notebook::valid("far").json())).await;
    assert_eq!(first.registry_version, Some(1));
    let asked = [
        json!({"inputs": {"sepal length (cm)": [5.1], "sepal width (cm)": [3.5], "petal length (cm)": [1.4], "petal width (cm)": [0.2]}}),
    ];
    let predict = mlsys.api("/models/far/predict");
    let (status, answer) = mlsys.post(&predict, &asked[0]).await;
    assert_eq!((status, &answer["predictions"]), (200, &json!([0])), "{answer}");

    let promoted = json!({"version": 1, "from": "dev", "to": "staging"});
    let (status, answer) = mlsys.post(&mlsys.api("/api/models/far/promote"), &promoted).await;
    assert_eq!(status, 200, "{answer}");
    approved_by_another(&mlsys, &http).await;
    let (status, answer) = mlsys.post(&format!("{predict}?env=prod"), &asked[0]).await;
    assert_eq!((status, &answer["predictions"]), (200, &json!([0])), "{answer}");
    for environment in ENVIRONMENTS {
        let listed = http.get(format!("{}/models-{environment}", moto.url())).send().await.expect("moto answers");
        let listed = listed.text().await.expect("a list");
        assert!(listed.contains("far/v1/model.native"), "{environment}: {listed}");
    }
    let health = http.get(format!("http://127.0.0.1:{worker_port}/ready")).send().await.expect("the worker answers");
    assert!(health.status().is_success(), "{health:?}");
    for file in ["mlsys.db", "queue.db", "artifacts"] {
        assert!(!mlsys.home().join(file).exists(), "{file} is of nobody");
    }

    // Another start finds it all there, with a home that knows nothing of it.
    mlsys.kill();
    mlsys.resume();
    let changed = Notebook::valid("far").with("mlops:evaluation", "accuracy = 0.9");
    let second = mlsys.succeeded(project.push_notebook("n.ipynb", changed.json())).await;
    assert_eq!(second.registry_version, Some(2));
}

/// A promotion to production that one person asks for and another approves, by commands alone.
async fn approved_by_another(mlsys: &Mlsys, http: &reqwest::Client) {
    let said = |key: Option<&str>, arguments: &[&str]| {
        let mut command = mlsys.cli(arguments);
        command.envs(key.map(|key| ("MLSYS_API_KEY", key)));
        let answer = command.output().expect("mlsys runs");
        let said = [answer.stdout, answer.stderr].concat();
        (answer.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let in_production = async || mlsys.get("/api/models/far").await["environments"]["prod"].clone();
    let (well, waits) = said(None, &["promote", "far", "--to", "prod", "--confirm", "production"]);
    assert!(well && waits.contains("waits for somebody else"), "{waits}");
    let id = waits.trim().rsplit(' ').next().expect("an id");
    let approve = ["approvals", "approve", id, "--confirm", "production"];
    let (well, refused) = said(None, &approve);
    assert!(!well && refused.contains("somebody else has to approve it"), "{refused}");
    assert_eq!(in_production().await, Value::Null);

    let (well, invitation) = said(None, &["people", "invite", "grace", "--role", "admin"]);
    let token = invitation.split("#invitation=").nth(1).and_then(|rest| rest.split_whitespace().next());
    assert!(well && token.is_some(), "{invitation}");
    let signed = http.post(mlsys.api("/api/sessions")).json(&json!({ "token": token, "password": "correct horse" }));
    let signed = signed.send().await.expect("an answer");
    let cookie = signed.headers()["set-cookie"].to_str().expect("a cookie").split(';').next().expect("its value").to_owned();
    let made = http.post(mlsys.api("/api/keys")).header("cookie", cookie);
    let made = made.json(&json!({ "name": "of grace", "grants": [{ "role": "operator", "model": "far" }] }));
    let made: Value = made.send().await.expect("an answer").json().await.expect("JSON");
    let key = made["key"].as_str();
    let (well, listed) = said(key, &["approvals", "list"]);
    assert!(well && listed.contains(id) && listed.contains("far"), "{listed}");
    let (well, approved) = said(key, &approve);
    assert!(well && approved.contains("far version 1 serves in prod"), "{approved}");
    assert_eq!(in_production().await, 1);
    let alias = format!("{}/api/2.0/mlflow/registered-models/alias?name=far&alias=prod", mlsys.mlflow());
    let alias: Value = http.get(alias).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(alias["model_version"]["version"], "1", "{alias}");
    let (well, listed) = said(None, &["approvals", "list"]);
    assert!(well && listed.contains("Nothing waits"), "{listed}");
}

#[test]
fn what_is_wrong_is_said_before_anything_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let answer = std::process::Command::new(BINARY)
        .arg("up")
        .env("MLSYS_HOME", &home)
        .envs([("DATABASE_URL", "mysql://u:hunter2@h/d"), ("MODEL_SERVER_QUEUE", "-1"), ("RUNNER_BACKEND", "kubernetes")])
        .output()
        .expect("mlsys runs");
    let text = String::from_utf8_lossy(&answer.stderr);
    assert!(!answer.status.success() && !home.exists());
    for name in ["DATABASE_URL", "MODEL_SERVER_QUEUE", "RUNNER_BACKEND"] {
        assert_eq!(text.matches(name).count(), 1, "{text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn what_is_no_setting_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(".env"), "MLSYS_PROT=9000\nKERNEL_POOL_SIZE=0\n").expect("written");
    let answer = std::process::Command::new(BINARY)
        .arg("doctor")
        .current_dir(folder.path())
        .env("MLSYS_HOME", folder.path().join("home"))
        .output()
        .expect("mlsys runs");
    let text = String::from_utf8_lossy(&answer.stdout);
    assert!(text.contains("MLSYS_PROT is not a setting of mlsys: is MLSYS_PORT meant?"), "{text}");
    assert!(!text.contains("KERNEL_POOL_SIZE"), "{text}");
}
