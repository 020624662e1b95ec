//! The double answers as Kubernetes does, as seen by a client that knows nothing of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::stage::{IMAGE, Stage};

fn job(metadata: &Value) -> Value {
    let pod = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": IMAGE}]});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod}}})
}

/// One request; answers the status and the body.
async fn ask(stage: &Stage, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut stream = send(stage, method, path, body).await;
    let mut text = String::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut text)).await.expect("in time").expect("read");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, serde_json::from_str(body).unwrap_or_else(|_| json!(body)))
}

async fn send(stage: &Stage, method: &str, path: &str, body: &Value) -> TcpStream {
    let address = stage.api.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.expect("connected");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!("{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

const JOBS: &str = "/apis/batch/v1/namespaces/pipelines/jobs";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_refused_with_a_status() {
    let stage = Stage::with("exit 0");
    let (code, made) = ask(&stage, "POST", JOBS, &job(&json!({"generateName": "run-"}))).await;
    let name = made["metadata"]["name"].as_str().expect("a name");
    assert!(code == 201 && name.starts_with("run-") && name.len() == 9, "{code} {made}");
    let (code, again) = ask(&stage, "POST", JOBS, &job(&json!({"name": name}))).await;
    assert_eq!((code, &again["reason"], &again["kind"]), (409, &json!("AlreadyExists"), &json!("Status")));
    assert_eq!(again["message"], format!("jobs.batch \"{name}\" already exists"));
    let (code, invalid) = ask(&stage, "POST", JOBS, &job(&json!({"name": "Not_A_Name"}))).await;
    assert_eq!(
        (code, &invalid["reason"], &invalid["details"]["causes"][0]["field"]),
        (422, &json!("Invalid"), &json!("metadata.name"))
    );
    let (code, none) = ask(&stage, "GET", &format!("{JOBS}/none"), &Value::Null).await;
    assert_eq!((code, &none["reason"]), (404, &json!("NotFound")));
    assert_eq!(ask(&stage, "DELETE", &format!("{JOBS}/none"), &Value::Null).await.0, 404);
    assert_eq!(ask(&stage, "GET", &format!("{JOBS}?fieldSelector=spec.x%3D1"), &Value::Null).await.0, 400);
    assert_eq!(ask(&stage, "POST", JOBS, &json!("no object")).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_expire() {
    let stage = Stage::with("exec sleep 60");
    for name in ["a", "b", "c"] {
        let labels = json!({"name": name, "labels": {"team": if name == "b" { "red" } else { "blue" }}});
        assert_eq!(ask(&stage, "POST", JOBS, &job(&labels)).await.0, 201);
    }
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().expect("items").iter();
        items.map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
    };
    let (_, first) = ask(&stage, "GET", &format!("{JOBS}?limit=2"), &Value::Null).await;
    assert_eq!((names(&first), &first["kind"]), (vec!["a".to_owned(), "b".to_owned()], &json!("JobList")));
    let next = first["metadata"]["continue"].as_str().expect("more").to_owned();
    let (_, second) = ask(&stage, "GET", &format!("{JOBS}?limit=2&continue={next}"), &Value::Null).await;
    assert_eq!((names(&second), &second["metadata"]["continue"]), (vec!["c".to_owned()], &Value::Null));
    let (_, red) = ask(&stage, "GET", &format!("{JOBS}?labelSelector=team%3Dred"), &Value::Null).await;
    assert_eq!(names(&red), ["b"]);
    let (_, one) = ask(&stage, "GET", &format!("{JOBS}?fieldSelector=metadata.name%3Dc"), &Value::Null).await;
    assert_eq!(names(&one), ["c"]);
    stage.api.compact(false);
    let (code, gone) = ask(&stage, "GET", &format!("{JOBS}?limit=2&continue={next}"), &Value::Null).await;
    assert_eq!((code, &gone["reason"]), (410, &json!("Expired")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_from_its_version_with_bookmarks_until_its_time_is_up() {
    let stage = Stage::with(&format!("{}; exit 0", crate::stage::UNTIL_OPEN));
    let (_, list) = ask(&stage, "GET", JOBS, &Value::Null).await;
    let version = list["metadata"]["resourceVersion"].as_str().expect("a version").to_owned();
    ask(&stage, "POST", JOBS, &job(&json!({"name": "watched"}))).await;
    let path = format!("{JOBS}?watch=true&resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=2");
    let mut lines = BufReader::new(send(&stage, "GET", &path, &Value::Null).await).lines();
    let mut events: Vec<Value> = Vec::new();
    while let Some(line) = lines.next_line().await.expect("read") {
        events.extend(serde_json::from_str(&line).ok());
    }
    assert_eq!((&events[0]["type"], &events[0]["object"]["metadata"]["name"]), (&json!("ADDED"), &json!("watched")));
    let bookmark = events.iter().rfind(|event| event["type"] == "BOOKMARK").expect("a bookmark");
    assert!(bookmark["object"]["metadata"]["resourceVersion"].as_str() > Some(&version), "{bookmark}");
    stage.api.compact(false);
    let (code, gone) = ask(&stage, "GET", &path, &Value::Null).await;
    assert_eq!((code, &gone["type"], &gone["object"]["code"]), (200, &json!("ERROR"), &json!(410)));
    stage.api.compact(true);
    let (code, gone) = ask(&stage, "GET", &path, &Value::Null).await;
    assert_eq!((code, &gone["code"]), (410, &json!(410)));
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_go_after_their_job_as_the_policy_says() {
    let stage = Stage::with("exec sleep 60");
    for (policy, status, pods) in
        [("Background", json!("Success"), 0), ("Foreground", Value::Null, 0), ("Orphan", json!("Success"), 1)]
    {
        ask(&stage, "POST", JOBS, &job(&json!({"name": "doomed"}))).await;
        stage.api.running_pod().await;
        let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy});
        let (code, answer) = ask(&stage, "DELETE", &format!("{JOBS}/doomed"), &options).await;
        assert_eq!((code, &answer["status"]), (200, &if status.is_null() { answer["status"].clone() } else { status }));
        if pods == 0 {
            stage.api.emptied().await;
        }
        assert_eq!(stage.api.pods().len(), pods, "{policy}");
    }
}
