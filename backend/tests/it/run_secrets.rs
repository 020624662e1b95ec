//! What notebooks ask for by name: set, listed and removed, and never shown again.

use axum::http::Method;
use serde_json::{Value, json};

use crate::World;

const VALUE: &str = "hunter2 of the warehouse";

async fn put(world: &World, repo: &str, name: &str, value: &str) -> (u16, String) {
    let answer = world.send(Method::PUT, &format!("/api/repos/{repo}/secrets/{name}"), &json!({ "value": value })).await;
    assert!(value.is_empty() || !answer.text().contains(value), "{}", answer.text());
    if answer.status == 204 { (204, String::new()) } else { answer.code() }
}

#[tokio::test]
async fn a_secret_is_set_listed_by_its_name_and_removed_and_never_shown() {
    let world = World::new().await;
    let repo = world.repo("octocat/titanic").await.to_string();
    let path = format!("/api/repos/{repo}/secrets");
    assert_eq!(put(&world, &repo, "WAREHOUSE", "another value").await.0, 204);
    assert_eq!(put(&world, &repo, "WAREHOUSE", VALUE).await.0, 204);
    assert_eq!(put(&world, &repo, "BUCKET_KEY", VALUE).await.0, 204);
    let listed = world.json(&path).await;
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["BUCKET_KEY", "WAREHOUSE"]);
    let fields: Vec<_> = listed["items"][0].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["name", "set_by", "set_at"]);
    for (name, status) in [("WAREHOUSE", 204), ("WAREHOUSE", 404), ("warehouse", 404)] {
        assert_eq!(world.ask(Method::DELETE, &format!("{path}/{name}"), &[], "").await.status, status);
    }
    let audit = world.get("/api/audit").await;
    for said in ["the secret WAREHOUSE is set", "the secret WAREHOUSE is removed", "octocat/titanic"] {
        assert!(audit.text().contains(said), "{said}: {}", audit.text());
    }
    assert!(!audit.text().contains(VALUE));
    for file in
        std::fs::read_dir(world.folder.path()).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file())
    {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(VALUE.len()).any(|part| part == VALUE.as_bytes()), "{}", file.display());
    }
}

#[tokio::test]
async fn what_can_be_no_secret_is_refused_with_the_reason() {
    let world = World::new().await;
    let repo = world.repo("octocat/titanic").await.to_string();
    let refused = |code: &str| (400, code.to_owned());
    for name in ["lower", "PATH", "MLFLOW_TRACKING_URI", "1ST", "A-B"] {
        assert_eq!(put(&world, &repo, name, VALUE).await, refused("bad_secret_name"), "{name}");
    }
    for value in ["", "abc", "ab\ncd", &"x".repeat((64 << 10) + 1)] {
        assert_eq!(put(&world, &repo, "GOOD", value).await, refused("bad_secret"), "{} bytes", value.len());
    }
    assert_eq!(put(&world, &repo, "GOOD", &"x".repeat(64 << 10)).await.0, 204);
    assert_eq!(put(&world, "99", "GOOD", VALUE).await.0, 404);
    for body in [json!({}), json!(VALUE), json!({ "value": VALUE, "more": 1 }), Value::Null] {
        let answer = world.send(Method::PUT, &format!("/api/repos/{repo}/secrets/GOOD"), &body).await;
        assert!((400..500).contains(&answer.status), "{}", answer.text());
    }
}
