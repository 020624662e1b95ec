//! What every route has to refuse, route by route as the API's own description lists them: a new route is in here by itself.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request},
};
use contract::PipelineId;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::World;

const JSON: (&str, &str) = ("content-type", "application/json");
/// Ids that no path may hold: too long, not in their form, or trying to get somewhere.
const BAD_IDS: [&str; 7] = ["%20", "-", "..%2F..", "%00", "a%0Ab", "%E2%98%83", "no--good!"];

/// A route of the description.
struct Route {
    method: Method,
    path: String,
    takes_json: bool,
}

impl Route {
    /// Its path with every parameter replaced.
    fn with(&self, id: &str) -> String {
        let parts: Vec<_> = self.path.split('/').map(|part| if part.starts_with('{') { id } else { part }).collect();
        parts.join("/")
    }

    /// Its path with ids that are well formed and that nobody gave.
    fn unknown(&self) -> String {
        let uuid = PipelineId::generate().to_string();
        let number = if self.path.contains("/versions/") { "1" } else { "987654" };
        let path = self.path.replace("{name}", "nobody").replace("{version}", number).replace("{cell_id}", "none");
        let path = path.replace("{table}", "p.d.nothing").replace("{place}", "p.d");
        if path.starts_with("/api/repos") { path.replace("{id}", number) } else { path.replace("{id}", &uuid) }
    }
}

fn routes() -> Vec<Route> {
    let document: Value = serde_json::from_str(&backend::openapi_json()).unwrap();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse() else { continue };
            let takes_json = !operation["requestBody"].is_null() && !path.ends_with("/predict");
            routes.push(Route { method, path: path.clone(), takes_json });
        }
    }
    assert!(routes.len() >= 25, "{}", routes.len());
    routes
}

#[tokio::test]
async fn a_method_that_a_path_has_not_is_a_405_that_names_those_it_has() {
    let world = World::new().await;
    let routes = routes();
    let paths: BTreeSet<_> = routes.iter().map(|route| route.path.clone()).collect();
    let others = ["/webhook/github", "/internal/model-servers", "/health", "/openapi.json", "/metrics"].map(str::to_owned);
    for path in paths.into_iter().chain(others) {
        let known: BTreeSet<_> =
            routes.iter().filter(|one| one.path == path).map(|one| one.method.clone().to_string()).collect();
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
            let is_post = path == "/webhook/github" || path == "/internal/model-servers";
            let has_it = match &*path {
                _ if known.contains(method.as_str()) => true,
                "/webhook/github" | "/internal/model-servers" => method == Method::POST,
                _ => known.is_empty() && method == Method::GET,
            };
            if has_it {
                continue;
            }
            let given = path
                .replace("{name}", "titanic")
                .replace("{version}", "1")
                .replace("{cell_id}", "x")
                .replace("{place}", "p.d")
                .replace("{id}", "1");
            let internal = [("authorization", crate::world::INTERNAL)];
            let headers = if path.starts_with("/internal") { &internal[..] } else { &[] };
            let answer = world.ask(method.clone(), &given, headers, "").await;
            assert_eq!(answer.code(), (405, "method_not_allowed".to_owned()), "{method} {path}");
            let allowed: BTreeSet<_> = answer.header("allow").split(',').map(str::to_owned).collect();
            let wanted = if is_post { BTreeSet::from(["POST".to_owned()]) } else { known.clone() };
            assert!(wanted.is_subset(&allowed) && !allowed.contains(method.as_str()), "{method} {path}: {allowed:?}");
        }
    }
}

#[tokio::test]
async fn an_id_that_cannot_be_one_is_refused() {
    let world = World::new().await;
    let mut count = 0;
    for route in routes().iter().filter(|route| route.path.contains('{')) {
        for bad in BAD_IDS.into_iter().chain([&*"x".repeat(5000)]) {
            let answer = world.ask(route.method.clone(), &route.with(bad), &[JSON], body_for(route).to_string()).await;
            assert!([400, 404].contains(&answer.status), "{} {}: {}", route.method, route.with(bad), answer.status);
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

#[tokio::test]
async fn an_id_that_nobody_gave_is_a_404() {
    let world = World::new().await;
    for route in routes().iter().filter(|route| route.path.contains('{') && !route.path.ends_with("/predict")) {
        let answer = world.send(route.method.clone(), &route.unknown(), &body_for(route)).await;
        assert_eq!(answer.code(), (404, "not_found".to_owned()), "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn a_body_that_is_not_the_json_that_is_asked_for_is_refused() {
    let world = World::new().await;
    let takers: Vec<_> = routes().into_iter().filter(|route| route.takes_json).collect();
    assert!(takers.len() >= 5, "{}", takers.len());
    for route in &takers {
        let path = route.unknown();
        for body in ["", "{", "\u{0}", "nul"] {
            let answer = world.ask(route.method.clone(), &path, &[JSON], body).await;
            assert_eq!(answer.code(), (400, "bad_request".to_owned()), "{path}: {body}");
        }
        for body in ["[]", "7", "null", "\"text\"", "{\"no such field\": 1}", "[[[[[[[[1]]]]]]]]"] {
            let answer = world.ask(route.method.clone(), &path, &[JSON], body).await;
            assert_eq!(answer.code(), (422, "bad_request".to_owned()), "{path}: {body}");
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!([400, 422].contains(&world.ask(route.method.clone(), &path, &[JSON], deep).await.status), "{path}");
        let invalid = world.ask(route.method.clone(), &path, &[JSON], vec![b'"', 0xff, b'"']).await;
        assert!([400, 422].contains(&invalid.status), "{path}: {}", invalid.status);
        for other in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
            let headers = [("content-type", other)];
            let headers = if other.is_empty() { &[][..] } else { &headers[..] };
            let answer = world.ask(route.method.clone(), &path, headers, body_for(route).to_string()).await;
            assert_eq!(answer.code(), (415, "unsupported_media_type".to_owned()), "{path}: {other}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_wherever_one_is_taken() {
    let world = World::new().await;
    for route in routes().iter().filter(|route| route.takes_json) {
        let large = json!({ "padding": "x".repeat(3 << 20) });
        let answer = world.send(route.method.clone(), &route.unknown(), &large).await;
        assert_eq!(answer.code(), (413, "body_too_large".to_owned()), "{}", route.path);
    }
    for path in ["/api/models/titanic/predict", "/models/titanic/predict"] {
        let answer = world.ask(Method::POST, path, &[JSON], vec![b' '; (64 << 20) + 1]).await;
        assert_eq!(answer.code(), (413, "body_too_large".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn what_lies_at_no_path_is_a_404() {
    let world = World::new().await;
    for path in ["/api", "/api/", "/api/nothing", "/api/pipelines/", "/ws", "/internal", "/internal/nothing", "/webhook"] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = world.ask(method.clone(), path, &[JSON], "{}").await;
            assert_eq!(answer.code(), (404, "not_found".to_owned()), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_requests_own_id_comes_back_where_it_is_fit_for_a_log() {
    let world = World::new().await;
    for (given, kept) in [("abc-123", true), ("with space", false), (&*"x".repeat(129), false), ("", false)] {
        let answer = world.ask(Method::GET, "/api/nothing", &[("x-request-id", given)], "").await;
        assert_eq!(answer.json()["request_id"] == given, kept, "{given}");
    }
}

#[tokio::test]
async fn a_database_that_went_away_is_said_to_be_away_and_nothing_else() {
    let world = World::new().await;
    world.store.close().await;
    let lists = ["/api/pipelines", "/api/models", "/api/repos", "/api/statistics"];
    for path in lists {
        assert_eq!(world.get(path).await.code(), (503, "store_unavailable".to_owned()), "{path}");
    }
    // Tables lie elsewhere.
    let asks = |route: &&Route| route.path.contains('{') && !route.path.starts_with("/api/tables");
    for route in routes().iter().filter(asks) {
        let request = Request::builder().method(route.method.clone()).uri(route.unknown()).header("content-type", JSON.1);
        let request = request.header("authorization", format!("Bearer {}", crate::world::HOME));
        let answer = world.router.clone().oneshot(request.body(Body::from(body_for(route).to_string())).unwrap());
        assert_eq!(answer.await.unwrap().status(), 503, "{} {}", route.method, route.path);
    }
    let ready = world.get("/ready").await;
    assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("unready")));
    assert_eq!(world.get("/health").await.status, 200);
}

/// A body that a route takes.
fn body_for(route: &Route) -> Value {
    match &*route.path {
        path if path.ends_with("/backfill") => json!({ "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z" }),
        path if path.ends_with("/traffic") => json!({ "environment": "dev", "version": 1, "weight": 10, "shadow": 0 }),
        path if path.contains("/traffic/") => json!({ "environment": "dev" }),
        path if path.ends_with("/promote") => json!({ "version": 1, "from": "dev", "to": "staging" }),
        "/api/models/{name}" => json!({ "owner": "octocat/titanic" }),
        path if path.ends_with("/data/{place}") => json!({ "access": "read" }),
        path if path.ends_with("/secrets/{name}") => json!({ "value": "a secret" }),
        path if path.ends_with("/rollback") => json!({ "environment": "dev" }),
        "/api/repos" | "/api/repos/check" => json!({ "full_name": "local/new" }),
        _ => json!({}),
    }
}
