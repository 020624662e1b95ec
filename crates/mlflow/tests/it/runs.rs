use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::Timestamp;
use mlflow::{Batch, Metric, MlflowError, RunStatus};

use crate::{client, run, url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_need_an_experiment_at_once_get_the_same() {
    let client = client();
    client.health().await.unwrap();
    let ids = join_all((0..8).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.experiment_id("race").await.unwrap() })
    }))
    .await;
    let first = ids[0].as_ref().unwrap();
    assert!(ids.iter().all(|id| id.as_ref().unwrap() == first));
}

#[tokio::test]
async fn many_who_tag_an_experiment_at_once_all_do() {
    let client = client();
    let experiment = client.experiment_id("tagged-by-many").await.unwrap();
    for round in 0..8 {
        let (key, value) = (format!("round-{round}"), "local/churn");
        let tags = (0..8).map(|_| client.tag_experiment(&experiment, &key, value));
        for tagged in join_all(tags).await {
            tagged.unwrap();
        }
    }
}

#[tokio::test]
async fn a_deleted_experiment_is_restored() {
    let client = client();
    let run = run(&client, "deleted one", &[]).await;
    let url = url();
    let body = serde_json::json!({ "experiment_id": run.experiment_id });
    let deleted =
        reqwest::Client::new().post(format!("{url}/api/2.0/mlflow/experiments/delete")).json(&body).send().await.unwrap();
    assert!(deleted.status().is_success());
    assert_eq!(client.experiment_id("deleted one").await.unwrap(), run.experiment_id);
    client.get_run(&run.run_id).await.unwrap();
}

#[tokio::test]
async fn what_was_recorded_on_a_run_is_read_back_numbers_that_json_lacks_too() {
    let client = client();
    let run = run(&client, "recorded", &[("mlsys.pipeline", "p1")]).await;
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let metric = |key: &str, value| Metric { key: key.to_owned(), value, timestamp: at, step: 3 };
    let metrics = vec![
        metric("accuracy", 0.1 + 0.2),
        metric("nan", f64::NAN),
        metric("up", f64::INFINITY),
        metric("down", f64::NEG_INFINITY),
        metric("f1 (macro)", 1.0),
    ];
    let params = BTreeMap::from([("depth".to_owned(), "3".to_owned()), ("long".to_owned(), "é".repeat(7000))]);
    client.log_batch(&run.run_id, &Batch { metrics, params, ..Batch::default() }).await.unwrap();
    client.set_tag(&run.run_id, "note", "ü\n'\"").await.unwrap();

    let read = client.get_run(&run.run_id).await.unwrap();
    assert_eq!((&read.run, read.status), (&run, RunStatus::Running));
    let value = |key: &str| read.metrics.iter().find(|metric| metric.key == key).unwrap().value;
    assert_eq!(value("accuracy").to_bits(), (0.1 + 0.2_f64).to_bits());
    assert!(value("nan").is_nan());
    assert_eq!((value("up"), value("down"), value("f1 _macro_")), (f64::INFINITY, f64::NEG_INFINITY, 1.0));
    assert_eq!((read.metrics[0].step, read.metrics[0].timestamp), (3, at));
    assert_eq!(read.params["depth"], "3");
    assert_eq!(read.params["long"], "é".repeat(6000));
    assert_eq!((read.tags["note"].as_str(), read.tags["mlsys.pipeline"].as_str()), ("ü\n'\"", "p1"));
}

#[tokio::test]
async fn more_than_one_request_can_carry_is_recorded_in_several() {
    let client = client();
    let run = run(&client, "recorded", &[]).await;
    let metrics = (0..1500)
        .map(|step| Metric { key: format!("m{}", step % 500), value: 0.5, timestamp: Timestamp::now(), step })
        .collect();
    let named = |count| (0..count).map(|number| (format!("n{number}"), "\u{1F6A2}".repeat(2000))).collect();
    client.log_batch(&run.run_id, &Batch { metrics, params: named(250), tags: named(120) }).await.unwrap();
    let read = client.get_run(&run.run_id).await.unwrap();
    assert_eq!((read.metrics.len(), read.params.len()), (500, 250));
    assert!(read.tags.len() >= 120);
}

#[tokio::test]
async fn a_parameter_cannot_change() {
    let client = client();
    let run = run(&client, "recorded", &[]).await;
    let log = async |value: &str| {
        let params = BTreeMap::from([("depth".to_owned(), value.to_owned())]);
        client.log_batch(&run.run_id, &Batch { params, ..Batch::default() }).await
    };
    log("3").await.unwrap();
    log("3").await.unwrap();
    assert!(matches!(log("4").await, Err(MlflowError::Rejected { .. })));
}

#[tokio::test]
async fn runs_are_found_by_a_tag_ended_corrected_and_deleted() {
    let client = client();
    let first = run(&client, "found", &[("mlsys.pipeline", "one")]).await;
    let again = run(&client, "found", &[("mlsys.pipeline", "one")]).await;
    run(&client, "found", &[("mlsys.pipeline", "two")]).await;
    let found = client.find_runs(&first.experiment_id, ("mlsys.pipeline", "one")).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.contains(&first) && found.contains(&again));

    for status in [RunStatus::Finished, RunStatus::Failed, RunStatus::Killed] {
        client.set_status(&first.run_id, status, Timestamp::now()).await.unwrap();
        assert_eq!(client.get_run(&first.run_id).await.unwrap().status, status);
    }
    client.delete_run(&again.run_id).await.unwrap();
    assert_eq!(client.find_runs(&first.experiment_id, ("mlsys.pipeline", "one")).await.unwrap(), [first]);
    assert!(matches!(client.get_run("0123456789abcdef0123456789abcdef").await, Err(MlflowError::NotFound)));
}

#[tokio::test]
async fn artifacts_arrive_byte_for_byte_under_any_name() {
    let client = client();
    let run = run(&client, "artifacts", &[]).await;
    let directory = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (big, empty) = (directory.path().join("big"), directory.path().join("empty"));
    std::fs::write(&big, &bytes).unwrap();
    std::fs::write(&empty, []).unwrap();
    client.put_artifact(&run, "data/big file é.bin", &big).await.unwrap();
    client.put_artifact(&run, "empty", &empty).await.unwrap();
    client.put_artifact_bytes(&run, "notes/a.txt", b"hello".to_vec()).await.unwrap();

    let root = run.artifact_uri.strip_prefix("mlflow-artifacts:/").unwrap();
    let url = url();
    let get = async |path: &str| {
        let url = format!("{url}/api/2.0/mlflow-artifacts/artifacts/{root}/{path}");
        reqwest::get(url).await.unwrap().error_for_status().unwrap().bytes().await.unwrap()
    };
    assert!(get("data/big file é.bin").await == bytes);
    assert_eq!(get("empty").await.len(), 0);
    assert_eq!(get("notes/a.txt").await, "hello");
    let missing = client.put_artifact(&run, "x", &directory.path().join("missing")).await;
    assert!(matches!(missing, Err(MlflowError::File { .. })));
}
