//! Whose secret may sign a delivery.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    World,
    webhook::{Delivery, push},
    world::{LOCAL_SECRET, SECRET},
};

/// A repository that was registered through the API, and the secret that was shown.
async fn registered(world: &World, full_name: &str) -> (Value, String) {
    let answer = world.post("/api/repos", json!({ "full_name": full_name })).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let repo = answer.json();
    let secret = repo["webhook_secret"].as_str().unwrap().to_owned();
    (repo, secret)
}

/// What a push of a repository is answered, signed with a secret; each is a push of its own.
async fn send(world: &World, full_name: &str, secret: &str, nonce: &str) -> u16 {
    let repository = json!({ "name": "n", "full_name": full_name });
    let body = push(json!({ "repository": repository, "compare": nonce })).to_string();
    let answer = Delivery::signed_with(secret, "push", body).send(world).await;
    if answer.status == 401 {
        assert_eq!(answer.code().1, "bad_signature");
    }
    answer.status
}

#[tokio::test]
async fn the_secret_of_one_repository_signs_for_no_other() {
    let world = World::new().await;
    let (_, titanic) = registered(&world, "octocat/titanic").await;
    let (_, other) = registered(&world, "octocat/other").await;
    world.repo("octocat/of-before").await;
    assert!(titanic.len() >= 32 && titanic != other);
    for (repo, secret, status) in [
        ("octocat/titanic", &*titanic, 202),
        ("octocat/titanic", &other, 401),
        ("octocat/titanic", SECRET, 401),
        ("octocat/titanic", LOCAL_SECRET, 401),
        ("octocat/of-before", SECRET, 202),
        ("octocat/of-before", &titanic, 401),
        ("local/own", LOCAL_SECRET, 202),
        ("local/own", SECRET, 401),
        ("local/own", &titanic, 401),
        ("octocat/unknown", &titanic, 401),
        ("octocat/unknown", LOCAL_SECRET, 401),
        ("octocat/unknown", SECRET, 200),
    ] {
        assert_eq!(send(&world, repo, secret, "x").await, status, "{repo} {secret}");
    }
    // A body that names two repositories counts for neither.
    let both = push(json!({})).to_string();
    let two = both.replacen('{', r#"{"repository":{"full_name":"octocat/other"},"#, 1);
    let answer = Delivery::signed_with(&other, "push", two).send(&world).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    let pipelines = world.json("/api/pipelines?repo=octocat/titanic").await;
    assert_eq!(pipelines["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_does_not_tell_whether_the_repository_is_known() {
    let world = World::new().await;
    registered(&world, "octocat/titanic").await;
    let mut said = Vec::new();
    for name in ["octocat/titanic", "octocat/unknown", "local/unknown"] {
        let body = push(json!({ "repository": { "full_name": name } })).to_string();
        let mut answer = Delivery::signed_with("another secret, and a long one", "push", body).send(&world).await.json();
        answer["request_id"] = Value::Null;
        said.push(answer);
    }
    assert!(said.iter().all(|answer| *answer == said[0]), "{said:?}");
}

#[tokio::test]
async fn a_new_secret_is_shown_once_and_the_old_one_holds_until_it_is_removed() {
    let world = World::new().await;
    let (repo, first) = registered(&world, "octocat/titanic").await;
    let path = format!("/api/repos/{}/webhook-secret", repo["id"]);
    let renew = async || world.post(&path, json!({})).await.json()["webhook_secret"].as_str().unwrap().to_owned();
    let second = renew().await;
    let valid = async |secret: &str, nonce: &str| send(&world, "octocat/titanic", secret, nonce).await != 401;
    assert!(valid(&first, "1").await && valid(&second, "2").await, "two are valid at once");
    let third = renew().await;
    assert!(!valid(&first, "3").await && valid(&second, "4").await && valid(&third, "5").await, "and no more than two");
    assert_eq!(world.ask(Method::DELETE, &path, &[], "").await.status, 204);
    assert!(!valid(&second, "6").await && valid(&third, "7").await);
    for shown in ["/api/repos", &format!("/api/repos/{}", repo["id"])] {
        let shown = world.get(shown).await;
        assert!([&first, &second, &third].iter().all(|secret| !shown.text().contains(secret.as_str())));
    }
    let local = world.repo("local/own").await;
    assert_eq!(world.post(&format!("/api/repos/{local}/webhook-secret"), json!({})).await.code().1, "local_repo");
    assert_eq!(world.post("/api/repos/99/webhook-secret", json!({})).await.status, 404);
}

#[tokio::test]
async fn a_repository_of_before_keeps_the_shared_secret_for_a_day_beside_its_first_own() {
    let world = World::new().await;
    let id = world.repo("octocat/titanic").await;
    let path = format!("/api/repos/{id}/webhook-secret");
    let own = world.post(&path, json!({})).await.json()["webhook_secret"].as_str().unwrap().to_owned();
    assert_eq!(send(&world, "octocat/titanic", SECRET, "1").await, 202);
    assert_ne!(send(&world, "octocat/titanic", &own, "2").await, 401);
    assert_eq!(world.ask(Method::DELETE, &path, &[], "").await.status, 204);
    assert_eq!(send(&world, "octocat/titanic", SECRET, "3").await, 401);
    let id = world.json("/api/repos").await["items"][0]["id"].clone();
    assert_eq!(world.ask(Method::DELETE, &format!("/api/repos/{id}"), &[], "").await.status, 204);
    registered(&world, "octocat/titanic").await;
    assert_eq!(send(&world, "octocat/titanic", &own, "4").await, 401, "what is registered anew has a new secret only");
}

#[tokio::test]
async fn who_signs_wrongly_again_and_again_is_told_to_wait_and_keeps_no_good_delivery_out() {
    let world = World::new().await;
    world.repo("octocat/titanic").await;
    let peer = service::Connection { client: [192, 0, 2, 7].into(), reached: ([127, 0, 0, 1], 1).into(), secure: None };
    let ask = async |secret: &str, padding: usize| {
        let body = push(json!({ "padding": "x".repeat(padding) })).to_string();
        let delivery = Delivery::signed_with(secret, "push", body);
        delivery.send_from(&world, peer).await
    };
    for _ in 0..30 {
        assert_eq!(ask("a wrong secret of some length", 0).await.status, 401);
    }
    for padding in [0, 300 << 10] {
        let refused = ask("a wrong secret of some length", padding).await;
        assert_eq!(refused.code(), (429, "too_many_failures".to_owned()));
        assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 61);
    }
    assert_eq!(ask(SECRET, 0).await.status, 202);
}
