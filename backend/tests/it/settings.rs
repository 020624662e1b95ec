//! `GET /api/settings` and `GET /ready`.

use serde_json::{Value, json};

use crate::{
    World,
    world::{PUBLIC, SECRET},
};

#[tokio::test]
async fn the_settings_in_force_are_shown_without_a_secret() {
    let world = World::new().await;
    let answer = world.json("/api/settings").await;
    assert_eq!((&answer["mode"], &answer["version"]), (&json!("distributed"), &json!(env!("CARGO_PKG_VERSION"))));
    let setting = |name: &str| {
        let mut all = answer["settings"].as_array().unwrap().iter();
        all.find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} is missing")).clone()
    };
    for name in ["GITHUB_TOKEN", "GITHUB_WEBHOOK_SECRET"] {
        let shown = setting(name);
        let wanted = (&json!("••••"), &json!(true), &json!("environment"));
        assert_eq!((&shown["value"], &shown["secret"], &shown["from"]), wanted);
    }
    assert_eq!((&setting("INTERNAL_TOKEN")["value"], &setting("FRONTEND_URL")["value"]), (&Value::Null, &json!(PUBLIC)));
    let port = setting("MLSYS_PORT");
    assert_eq!((&port["value"], &port["from"]), (&json!("8000"), &json!("default")));
    for secret in [SECRET, "a-token"] {
        assert!(!answer.to_string().contains(secret));
    }
}

#[tokio::test]
async fn a_backend_whose_servers_cannot_be_reached_is_not_ready_and_says_which() {
    let world = World::new().await;
    let ready = world.get("/ready").await;
    let answer = ready.json();
    assert_eq!((ready.status, &answer["status"]), (503, &json!("unready")));
    let dependencies = &answer["dependencies"];
    assert_eq!((&dependencies["store"], &dependencies["queue"]), (&json!("ok"), &json!("ok")), "{answer}");
    for name in ["mlflow", "model_server"] {
        assert!(dependencies[name].as_str().is_some_and(|why| why != "ok"), "{answer}");
    }
    assert_eq!(world.json("/health").await, json!({ "status": "ok" }));
}

#[tokio::test]
async fn requests_are_counted_by_route_and_not_by_path() {
    let world = World::new().await;
    world.get("/api/models/a-name-of-its-own").await;
    let text = world.get("/metrics").await.text().to_owned();
    assert!(text.contains("/api/models/{name}") && !text.contains("a-name-of-its-own"), "{text}");
}
