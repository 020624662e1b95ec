//! The webhook's table of answers.

use axum::http::Method;
use serde_json::{Value, json};
use testkit::{GitHub, Notebook};

use crate::{
    Answer, World,
    world::{LOCAL_SECRET, SECRET},
};

const COMMIT: &str = "5555555555555555555555555555555555555555";

/// A delivery, as GitHub sends it.
pub struct Delivery {
    event: Option<String>,
    id: Option<String>,
    content_type: &'static str,
    pub signature: Option<String>,
    body: Vec<u8>,
}

impl Delivery {
    pub fn signed(event: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::signed_with(SECRET, event, body)
    }

    pub fn signed_with(secret: &str, event: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let signature = Some(testkit::signature(secret, &body));
        let hash = body.iter().fold(17_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let id = Some(format!("{event}-{hash:x}"));
        Self { event: Some(event.to_owned()), id, content_type: "application/json", signature, body }
    }

    pub async fn send(self, world: &World) -> Answer {
        self.send_with(world, None).await
    }

    pub async fn send_from(self, world: &World, peer: service::Connection) -> Answer {
        self.send_with(world, Some(peer)).await
    }

    async fn send_with(self, world: &World, peer: Option<service::Connection>) -> Answer {
        let mut headers = vec![("content-type", self.content_type)];
        let optional =
            [("x-github-event", &self.event), ("x-github-delivery", &self.id), ("x-hub-signature-256", &self.signature)];
        headers.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        let length = self.body.len().to_string();
        headers.push(("content-length", &length));
        world.ask_from(peer, (Method::POST, "/webhook/github"), &headers, self.body).await
    }
}

/// A push to `octocat/titanic` that added `n.ipynb`, with these fields changed.
pub fn push(change: Value) -> Value {
    let listed = json!({
        "id": COMMIT, "tree_id": "1".repeat(40), "distinct": true, "message": "m", "timestamp": "2026-01-01T00:00:00Z", "url": "u",
        "author": {"name": "a"}, "committer": {"name": "a"}, "added": ["n.ipynb"], "removed": [], "modified": []
    });
    let mut body = json!({
        "ref": "refs/heads/main", "before": "2".repeat(40), "after": COMMIT, "created": false, "deleted": false, "forced": false,
        "base_ref": null, "compare": "c", "commits": [listed], "head_commit": listed,
        "repository": {"id": 1, "name": "titanic", "full_name": "octocat/titanic", "owner": {"login": "octocat"}, "default_branch": "main"},
        "pusher": {"name": "a"}, "sender": {"login": "a"}
    });
    let Value::Object(change) = change else { panic!("an object") };
    body.as_object_mut().unwrap().extend(change);
    body
}

async fn registered() -> World {
    let world = World::new().await;
    world.repo("octocat/titanic").await;
    world
}

#[tokio::test]
async fn a_push_makes_its_pipelines_once_however_often_and_however_it_is_sent() {
    let world = registered().await;
    let body = push(json!({})).to_string();
    let answer = Delivery::signed("push", body.clone()).send(&world).await;
    assert_eq!((answer.status, &answer.json()["pipelines"][0]["notebook_path"]), (202, &json!("n.ipynb")));
    let pipelines = answer.json()["pipelines"].clone();
    let again = Delivery::signed("push", body.clone()).send(&world).await;
    assert_eq!((again.status, &again.json()["pipelines"]), (200, &pipelines), "a repeated delivery has the same pipelines");

    let form = format!("payload={}", percent(&push(json!({ "compare": "form" })).to_string()));
    let form = Delivery { content_type: "application/x-www-form-urlencoded", ..Delivery::signed("push", form) };
    let same = form.send(&world).await;
    assert_eq!((same.status, &same.json()["pipelines"]), (202, &pipelines), "the same commit makes one pipeline");

    for status in [202, 200] {
        let nameless = Delivery { id: None, ..Delivery::signed("push", format!("{body} ")) };
        let same = nameless.send(&world).await;
        assert_eq!((same.status, &same.json()["pipelines"]), (status, &pipelines), "one without an id is known by its body");
    }
    let detail = world.json(&format!("/api/pipelines/{}", pipelines[0]["id"].as_str().unwrap())).await;
    assert_eq!(
        (&detail["manual"], detail["delivery_id"].is_string(), &detail["commit_sha"]),
        (&json!(false), true, &json!(COMMIT))
    );
    assert_eq!(world.json("/api/pipelines").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_runs_nothing_is_answered_with_the_reason() {
    let world = registered().await;
    let pong = Delivery::signed("ping", r#"{"zen": "z", "hook_id": 1, "hook": {}}"#).send(&world).await;
    assert_eq!((pong.status, pong.json()), (200, json!({ "status": "pong" })));
    let files = |added: Value, removed: Value| {
        let listed =
            json!({ "id": COMMIT, "distinct": true, "message": "m", "added": added, "removed": removed, "modified": [] });
        json!({ "commits": [listed.clone()], "head_commit": listed })
    };
    let unknown = json!({ "name": "r", "full_name": "octocat/unknown" });
    for (event, change) in [
        ("issues", json!({})),
        ("no_such_event", json!({})),
        ("push", json!({ "deleted": true, "head_commit": null, "commits": [], "after": "0".repeat(40) })),
        ("push", json!({ "ref": "refs/tags/v1" })),
        ("push", json!({ "ref": "refs/notes/commits" })),
        ("push", json!({ "ref": "refs/heads/feature" })),
        ("push", json!({ "ref": "refs/heads/Main" })),
        ("push", json!({ "ref": "refs/heads/main/x" })),
        ("push", json!({ "repository": unknown })),
        ("push", files(json!(["notes.md", "n.ipynb.bak"]), json!([]))),
        ("push", files(json!([]), json!(["n.ipynb"]))),
    ] {
        let answer = Delivery::signed(event, push(change.clone()).to_string()).send(&world).await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("ignored")), "{event} {change}");
        assert!(answer.json()["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    }
    assert_eq!(world.json("/api/pipelines").await["items"], json!([]));
}

#[tokio::test]
async fn only_the_branches_and_notebooks_that_are_set_run_at_once_after_a_change() {
    let world = World::new().await;
    let id = world.repo("octocat/titanic").await;
    let send = async |branch: &str| {
        let body = push(json!({ "ref": format!("refs/heads/{branch}") })).to_string();
        Delivery::signed("push", body).send(&world).await.status
    };
    assert_eq!((send("main").await, send("release/1").await), (202, 200));
    let change = json!({ "branch": "release/*,hotfix" });
    assert_eq!(world.send(Method::PATCH, &format!("/api/repos/{id}"), &change).await.status, 200);
    assert_eq!((send("main").await, send("release/1").await, send("hotfix").await), (200, 202, 202));
    let change = json!({ "notebook_glob": "training/*.ipynb" });
    assert_eq!(world.send(Method::PATCH, &format!("/api/repos/{id}"), &change).await.status, 200);
    let other = push(json!({ "ref": "refs/heads/release/2" })).to_string();
    assert_eq!(Delivery::signed("push", other).send(&world).await.json()["status"], "ignored");
    assert_eq!(world.ask(Method::DELETE, &format!("/api/repos/{id}"), &[], "").await.status, 204);
    let gone = push(json!({ "compare": "gone", "ref": "refs/heads/hotfix" })).to_string();
    assert_eq!(Delivery::signed("push", gone).send(&world).await.json()["status"], "ignored");
}

#[tokio::test]
async fn a_delivery_that_is_not_signed_with_the_secret_is_refused() {
    let world = registered().await;
    let body = push(json!({})).to_string();
    let good = testkit::signature(SECRET, body.as_bytes());
    for signature in [
        None,
        Some(testkit::signature("another secret", body.as_bytes())),
        Some(testkit::signature("", body.as_bytes())),
        Some(testkit::signature(SECRET, b"another body")),
        Some(good[..40].to_owned()),
        Some(good.replace("sha256=", "sha1=")),
        Some(good.replace("sha256=", "")),
        Some(format!("{good}0")),
        Some(format!("{good}, {good}")),
        Some("sha256=".to_owned()),
        Some("sha256=zz".to_owned()),
        Some(String::new()),
    ] {
        let delivery = Delivery { signature: signature.clone(), ..Delivery::signed("push", body.clone()) };
        assert_eq!(delivery.send(&world).await.code(), (401, "bad_signature".to_owned()), "{signature:?}");
    }
    assert_eq!(world.json("/api/pipelines").await["items"], json!([]));
}

#[tokio::test]
async fn a_delivery_that_cannot_be_read_is_refused() {
    let world = registered().await;
    for unreadable in ["", "{", "[]", "null", r#"{"ref": 7}"#, "\u{0}", "payload=%7B", "{} {}"] {
        let answer = Delivery::signed("push", unreadable).send(&world).await;
        assert_eq!(answer.code(), (400, "unreadable_payload".to_owned()), "{unreadable:?}");
    }
    for change in [
        json!({ "after": "main" }),
        json!({ "after": null }),
        json!({ "ref": null }),
        json!({ "repository": { "full_name": "../.." } }),
        json!({ "repository": null }),
    ] {
        let answer = Delivery::signed("push", push(change.clone()).to_string()).send(&world).await;
        assert_eq!(answer.code(), (400, "unreadable_payload".to_owned()), "{change}");
    }
    let content_type = "application/x-www-form-urlencoded";
    let other = Delivery { content_type, ..Delivery::signed("push", push(json!({})).to_string()) };
    assert_eq!(other.send(&world).await.code(), (400, "unreadable_payload".to_owned()), "no form");
    let eventless = Delivery { event: None, ..Delivery::signed("push", "{}") };
    assert_eq!(eventless.send(&world).await.code(), (400, "missing_event".to_owned()));
}

#[tokio::test]
async fn a_delivery_may_have_25_megabytes_and_not_one_byte_more() {
    let world = registered().await;
    let body = push(json!({ "padding": "x".repeat(24 << 20) })).to_string();
    assert_eq!(Delivery::signed("push", body).send(&world).await.status, 202);
    let largest = Delivery::signed("push", vec![b' '; 25 << 20]).send(&world).await;
    assert_eq!(largest.code(), (400, "unreadable_payload".to_owned()), "read whole");
    let larger = Delivery::signed("push", vec![b' '; (25 << 20) + 1]).send(&world).await;
    assert_eq!(larger.code(), (413, "payload_too_large".to_owned()));
}

#[tokio::test]
async fn a_push_that_lists_no_files_has_github_asked_and_is_sent_again_where_that_fails() {
    let github = GitHub::start();
    let repository = github.repository("octocat/titanic");
    let text = Notebook::new().cell("", "1").json();
    let announced = repository.push("main", &[("a.ipynb", &*text), ("notes.md", "x")]);
    let next = repository.push("main", &[("b/c.ipynb", &*text)]);
    let asked = World::at(&github).await;
    let unreachable = World::new().await;
    for world in [&asked, &unreachable] {
        world.repo("octocat/titanic").await;
    }
    let mut bare: Value = serde_json::from_slice(&next.body).unwrap();
    (bare["commits"], bare["head_commit"]["modified"]) = (json!([]), json!([]));
    for (body, notebook) in [(announced.body.clone(), "a.ipynb"), (bare.to_string().into_bytes(), "b/c.ipynb")] {
        let answer = Delivery::signed("push", body).send(&asked).await;
        assert_eq!(answer.json()["pipelines"][0]["notebook_path"], notebook, "{}", answer.text());
    }
    let refused = Delivery::signed("push", bare.to_string()).send(&unreachable).await;
    assert_eq!(refused.code(), (503, "host_unavailable".to_owned()));
}

#[tokio::test]
async fn a_repository_of_the_local_remote_needs_no_registration() {
    let world = World::new().await;
    let repository =
        json!({ "id": 1, "name": "own", "full_name": "local/own", "owner": {"login": "local"}, "default_branch": "main" });
    let pushes = ["one", "two"].map(|compare| push(json!({ "repository": repository, "compare": compare })).to_string());
    let [one, two] = pushes.map(|body| Delivery::signed_with(LOCAL_SECRET, "push", body).send(&world));
    let (one, two) = tokio::join!(one, two);
    assert_eq!((one.status, two.status), (202, 202), "two first pushes at once");
    assert_eq!(world.json("/api/repos").await["items"][0]["branch"], "main,master");
}

#[tokio::test]
async fn a_delivery_that_cannot_be_kept_is_not_acknowledged() {
    let world = registered().await;
    world.store.close().await;
    let answer = Delivery::signed("push", push(json!({})).to_string()).send(&world).await;
    assert_eq!(answer.code(), (503, "store_unavailable".to_owned()), "GitHub shows it as failed, and it can be sent again");
}

#[tokio::test]
async fn every_published_example_payload_is_answered_well() {
    let world = registered().await;
    let path = "target/webhooks-examples/node_modules/@octokit/webhooks-examples/api.github.com/index.json";
    let path = testkit::workspace_root().join(path);
    let how = "`make target/webhooks-examples/node_modules/.package-lock.json` fetches it";
    let text = std::fs::read(&path).unwrap_or_else(|_| panic!("{} is missing: {how}", path.display()));
    let events: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let mut count = 0;
    for event in &events {
        let name = event["name"].as_str().unwrap();
        for example in event["examples"].as_array().unwrap() {
            let answer = Delivery::signed(name, example.to_string()).send(&world).await;
            assert!((200..300).contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
            count += 1;
        }
    }
    assert!(count >= 329, "{count} payloads");
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}
