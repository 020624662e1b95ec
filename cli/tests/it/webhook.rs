//! The webhook's table of answers, over HTTP.

use serde_json::{Value, json};
use testkit::{Mlsys, Notebook, Project};

use crate::mlsys;

/// A delivery, as GitHub sends it.
struct Delivery {
    event: &'static str,
    id: Option<String>,
    content_type: &'static str,
    signature: Option<String>,
    body: Vec<u8>,
}

impl Delivery {
    fn signed(mlsys: &Mlsys, event: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let signature = Some(testkit::signature(&mlsys.webhook_secret(), &body));
        let id =
            format!("{:x}", body.iter().fold(17_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte))));
        Self { event, id: Some(format!("{event}-{id}")), content_type: "application/json", signature, body }
    }

    async fn send(self, mlsys: &Mlsys) -> (u16, Value) {
        let mut call = mlsys.http().post(mlsys.api("/webhook/github")).header("x-github-event", self.event);
        call = call.header("content-type", self.content_type);
        if let Some(id) = &self.id {
            call = call.header("x-github-delivery", id);
        }
        if let Some(signature) = &self.signature {
            call = call.header("x-hub-signature-256", signature);
        }
        let answer = call.body(self.body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }
}

/// A push to a project of the local remote, as GitHub would announce it.
fn push(project: &Project, commit: &str, change: &Value) -> Value {
    let name = project.full_name();
    let short = name.trim_start_matches("local/");
    let listed = json!({
        "id": commit, "tree_id": "1".repeat(40), "distinct": true, "message": "m", "timestamp": "2026-01-01T00:00:00Z", "url": "u",
        "author": {"name": "a"}, "committer": {"name": "a"}, "added": ["n.ipynb"], "removed": [], "modified": []
    });
    let mut body = json!({
        "ref": "refs/heads/main", "before": "2".repeat(40), "after": commit, "created": false, "deleted": false, "forced": false,
        "base_ref": null, "compare": "c", "commits": [listed], "head_commit": listed,
        "repository": {"id": 1, "name": short, "full_name": name, "owner": {"login": "local"}, "default_branch": "main"},
        "pusher": {"name": "a"}, "sender": {"login": "a"}
    });
    for (key, value) in change.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_table_has_its_status() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "webhooks");
    project.push_notebook("n.ipynb", Notebook::new().cell("", "1").json());
    let commit = project.git(&["rev-parse", "HEAD"]).trim().to_owned();
    // The hook's own delivery made the pipeline of this commit; the same commit again makes no other.
    let body = push(&project, &commit, &json!({})).to_string();
    let (status, answer) = Delivery::signed(mlsys, "push", body.clone()).send(mlsys).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(answer["pipelines"][0]["notebook_path"], "n.ipynb");
    let again = Delivery::signed(mlsys, "push", body.clone()).send(mlsys).await;
    assert_eq!(again, (200, answer.clone()), "a repeated delivery has the same pipelines");

    let form: String = format!("payload={}", percent(&push(&project, &commit, &json!({"compare": "form"})).to_string()));
    let form = Delivery { content_type: "application/x-www-form-urlencoded", ..Delivery::signed(mlsys, "push", form) };
    let (status, same) = form.send(mlsys).await;
    assert_eq!((status, &same["pipelines"]), (202, &answer["pipelines"]), "the same commit makes one pipeline");

    let nameless = || Delivery { id: None, ..Delivery::signed(mlsys, "push", format!("{body} ")) };
    let (status, same) = nameless().send(mlsys).await;
    assert_eq!((status, &same["pipelines"]), (202, &answer["pipelines"]), "a delivery without an identifier is taken");
    assert_eq!(nameless().send(mlsys).await, (200, same), "and known again by its body");

    let pong = Delivery::signed(mlsys, "ping", r#"{"zen": "z", "hook_id": 1, "hook": {}}"#).send(mlsys).await;
    assert_eq!(pong, (200, json!({"status": "pong"})));
    for (event, body) in [
        ("issues", json!({"action": "opened"})),
        ("push", push(&project, &"0".repeat(40), &json!({"deleted": true, "head_commit": null, "commits": []}))),
        ("push", push(&project, &commit, &json!({"ref": "refs/tags/v1"}))),
        ("push", push(&project, &commit, &json!({"ref": "refs/heads/feature"}))),
        ("push", push(&project, &commit, &json!({"repository": {"name": "r", "full_name": "octocat/unknown"}}))),
    ] {
        let (status, answer) = Delivery::signed(mlsys, event, body.to_string()).send(mlsys).await;
        assert_eq!((status, answer["status"].as_str()), (200, Some("ignored")), "{event} {answer}");
        assert!(answer["reason"].is_string());
    }

    let good = testkit::signature(&mlsys.webhook_secret(), body.as_bytes());
    let wrong = testkit::signature("another secret", body.as_bytes());
    for signature in
        [None, Some(wrong), Some(good[..40].to_owned()), Some(good.replace("sha256=", "sha1=")), Some(String::new())]
    {
        let delivery = Delivery { signature: signature.clone(), ..Delivery::signed(mlsys, "push", body.clone()) };
        let (status, answer) = delivery.send(mlsys).await;
        assert_eq!((status, answer["code"].as_str()), (401, Some("bad_signature")), "{signature:?}");
    }
    for unreadable in ["", "{", "[]", "null", r#"{"ref": 7}"#, "\u{0}"] {
        let (status, answer) = Delivery::signed(mlsys, "push", unreadable).send(mlsys).await;
        assert_eq!(status, 400, "{unreadable:?}: {answer}");
    }
    let (status, _) = Delivery::signed(mlsys, "push", vec![b' '; (25 << 20) + 1]).send(mlsys).await;
    assert_eq!(status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_of_nearly_25_megabytes_is_taken() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "large");
    project.push_notebook("n.ipynb", Notebook::new().cell("", "1").json());
    let commit = project.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let body = push(&project, &commit, &json!({"padding": "x".repeat(24 << 20)})).to_string();
    let (status, answer) = Delivery::signed(mlsys, "push", body).send(mlsys).await;
    assert_eq!(status, 202, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_published_example_payload_is_answered_well() {
    let mlsys = mlsys();
    let path = "target/webhooks-examples/node_modules/@octokit/webhooks-examples/api.github.com/index.json";
    let path = testkit::workspace_root().join(path);
    let text = std::fs::read(&path).unwrap_or_else(|_| panic!("{} is missing: `make test` fetches it", path.display()));
    let events: Vec<Value> = serde_json::from_slice(&text).expect("JSON");
    let mut count = 0;
    for event in &events {
        let name: &'static str = Box::leak(event["name"].as_str().expect("a name").to_owned().into_boxed_str());
        for example in event["examples"].as_array().expect("examples") {
            let (status, answer) = Delivery::signed(mlsys, name, example.to_string()).send(mlsys).await;
            assert!((200..300).contains(&status), "{name}: {status} {answer}");
            count += 1;
        }
    }
    assert!(count >= 329, "{count} payloads");
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}
