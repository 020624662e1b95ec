//! What `mlsys up` is told by settings alone.

use serde_json::json;
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
    for environment in ["dev", "staging"] {
        let listed = http.get(format!("{}/models-{environment}", moto.url())).send().await.expect("moto answers");
        let listed = listed.text().await.expect("a list");
        assert!(listed.contains("far/v1/model.onnx"), "{environment}: {listed}");
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
