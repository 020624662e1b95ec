//! Every route for every kind of caller, from the API's own description: a new route is in here by itself, and must be in
//! [`WHOM`] too.

use axum::http::Method;
use contract::{Grant, ModelName, PipelineId, Role};
use jiff::Timestamp;
use pipeline::access::{Action, Decision, Object, decide, decide_anywhere};
use serde_json::{Value, json};

use crate::{World, world::HOME};

/// What a route asks for: an action, by its word, or one of `anybody`, `known`, `predict`; and what it is about.
const WHOM: &[(&str, &str, &str)] = &[
    ("GET /api/pipelines", "see", "later"),
    ("POST /api/pipelines", "run", "later"),
    ("GET /api/pipelines/{id}", "see", "pipeline"),
    ("POST /api/pipelines/{id}/cancel", "cancel", "pipeline"),
    ("POST /api/pipelines/{id}/retry", "retry", "pipeline"),
    ("GET /api/pipelines/{id}/logs", "see", "pipeline"),
    ("GET /api/pipelines/{id}/logs.txt", "see", "pipeline"),
    ("GET /ws/pipelines/{id}/logs", "see", "pipeline"),
    ("GET /api/pipelines/{id}/notebook", "see", "pipeline"),
    ("GET /api/pipelines/{id}/notebook/cells/{cell_id}", "see", "pipeline"),
    ("GET /api/pipelines/{id}/parameters", "see", "pipeline"),
    ("GET /api/models", "see", "later"),
    ("GET /api/models/{name}", "see", "model"),
    ("PATCH /api/models/{name}", "repositories", "everything"),
    ("GET /api/models/{name}/versions", "see", "model"),
    ("GET /api/models/{name}/versions/{version}", "see", "model"),
    ("GET /api/models/{name}/versions/{version}/provenance", "see", "model"),
    ("GET /api/models/{name}/history", "see", "model"),
    ("GET /api/models/{name}/traffic", "see", "model"),
    ("PUT /api/models/{name}/traffic", "traffic", "model"),
    ("POST /api/models/{name}/traffic/promote", "traffic", "model"),
    ("POST /api/models/{name}/traffic/withdraw", "traffic", "model"),
    ("GET /api/approvals", "see", "later"),
    ("POST /api/approvals/{id}/approve", "promote:prod", "later"),
    ("POST /api/approvals/{id}/refuse", "promote:prod", "later"),
    ("DELETE /api/approvals/{id}", "promote:prod", "later"),
    ("POST /api/models/{name}/promote", "promote:staging", "model"),
    ("POST /api/models/{name}/rollback", "roll_back:dev", "model"),
    ("POST /api/models/{name}/predict", "predict", "model"),
    ("POST /models/{name}/predict", "predict", "model"),
    ("GET /api/repos", "see", "later"),
    ("POST /api/repos", "repositories", "later"),
    ("POST /api/repos/check", "repositories", "later"),
    ("GET /api/repos/{id}", "see", "repo"),
    ("PATCH /api/repos/{id}", "repositories", "repo"),
    ("GET /api/repos/{id}/data", "repositories", "repo"),
    ("PUT /api/repos/{id}/data/{place}", "repositories", "everything"),
    ("DELETE /api/repos/{id}/data/{place}", "repositories", "repo"),
    ("GET /api/repos/{id}/secrets", "repositories", "repo"),
    ("PUT /api/repos/{id}/secrets/{name}", "repositories", "repo"),
    ("DELETE /api/repos/{id}/secrets/{name}", "repositories", "repo"),
    ("POST /api/repos/{id}/webhook-secret", "repositories", "repo"),
    ("DELETE /api/repos/{id}/webhook-secret", "repositories", "repo"),
    ("DELETE /api/repos/{id}", "repositories", "repo"),
    ("POST /api/repos/{id}/webhook", "repositories", "repo"),
    ("GET /api/tables", "see", "everything"),
    ("GET /api/tables/{table}", "see", "everything"),
    ("GET /api/tables/{table}/sample", "see", "everything"),
    ("GET /api/batch-predictions", "see", "later"),
    ("POST /api/batch-predictions", "batch_predictions", "everything"),
    ("GET /api/batch-predictions/{id}", "see", "later"),
    ("POST /api/batch-predictions/{id}/cancel", "batch_predictions", "later"),
    ("POST /api/batch-predictions/{id}/resume", "batch_predictions", "later"),
    ("GET /predict", "batch_predictions", "everything"),
    ("GET /model-registry", "batch_predictions", "everything"),
    ("POST /model-registry", "batch_predictions", "everything"),
    ("GET /api/schedules", "see", "later"),
    ("POST /api/schedules", "schedules", "later"),
    ("GET /api/schedules/next", "see", "later"),
    ("GET /api/repos/{id}/declared", "see", "repo"),
    ("POST /api/schedules/difference", "validate", "later"),
    ("GET /api/schedules/{id}", "see", "later"),
    ("PATCH /api/schedules/{id}", "schedules", "later"),
    ("DELETE /api/schedules/{id}", "schedules", "later"),
    ("POST /api/schedules/{id}/run", "schedules", "later"),
    ("POST /api/schedules/{id}/backfill", "schedules", "later"),
    ("POST /api/schedules/{id}/cancel", "schedules", "later"),
    ("GET /api/schedules/{id}/firings", "see", "later"),
    ("GET /api/overview", "see", "later"),
    ("GET /api/statistics", "see", "later"),
    ("GET /api/settings", "see", "everything"),
    ("GET /api/me", "known", ""),
    ("GET /api/sign-in", "anybody", ""),
    ("POST /api/sessions", "anybody", ""),
    ("GET /api/sessions", "known", ""),
    ("POST /api/sessions/address", "known", ""),
    ("DELETE /api/sessions/current", "known", ""),
    ("DELETE /api/sessions/{id}", "known", ""),
    ("GET /api/keys", "keys", "later"),
    ("POST /api/keys", "keys", "later"),
    ("DELETE /api/keys/{id}", "keys", "later"),
    ("GET /api/people", "people", "everything"),
    ("POST /api/people", "people", "everything"),
    ("PATCH /api/people/{id}", "people", "everything"),
    ("DELETE /api/people/{id}", "people", "everything"),
    ("POST /api/people/{id}/invitation", "people", "everything"),
    ("GET /api/audit", "audit", "later"),
    ("GET /openapi.json", "known", ""),
    ("GET /docs/", "known", ""),
    ("GET /metrics", "see", "everything"),
    ("GET /ready", "anybody", ""),
    ("GET /health", "anybody", ""),
    ("POST /webhook/github", "anybody", ""),
    ("POST /internal/model-servers", "internal", ""),
];

const OURS: &str = "octocat/titanic";
const MODEL: &str = "titanic";

/// Somebody who asks.
struct Somebody {
    name: String,
    key: Option<String>,
    grants: Vec<Grant>,
    /// Whether what they show is good.
    is_known: bool,
}

fn of_repo(role: Role, repo: &str) -> Grant {
    Grant { repo: repo.parse().ok(), ..Grant::everywhere(role) }
}

fn of_model(role: Role, model: &str) -> Grant {
    Grant { model: model.parse().ok(), ..Grant::everywhere(role) }
}

async fn make_key(world: &World, grants: &[Grant]) -> (String, String) {
    let made = world.post("/api/keys", json!({ "name": "x", "grants": grants })).await.json();
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

/// Nobody, and each role: for everything, for what is asked about, for something else, expired, revoked.
async fn everybody(world: &World) -> Vec<Somebody> {
    let nobody = |name: &str, key: Option<&str>| Somebody {
        name: name.to_owned(),
        key: key.map(str::to_owned),
        grants: Vec::new(),
        is_known: false,
    };
    let mut all = vec![
        nobody("nobody", None),
        nobody("a made-up key", Some("mlsys_00000000")),
        nobody("the internal token", Some("what model-servers show")),
    ];
    for role in Role::ALL {
        let over = Grant { expires_at: Some(Timestamp::UNIX_EPOCH), ..Grant::everywhere(role) };
        let kinds = [
            ("", Grant::everywhere(role)),
            (" of the repository", of_repo(role, OURS)),
            (" of another repository", of_repo(role, "octocat/other")),
            (" of the model", of_model(role, MODEL)),
            (" of another model", of_model(role, "iris")),
            (", expired", over),
        ];
        for (kind, grant) in kinds {
            let grants = vec![grant];
            let (_, key) = make_key(world, &grants).await;
            all.push(Somebody { name: format!("{role}{kind}"), key: Some(key), grants, is_known: true });
        }
        let (id, key) = make_key(world, &[Grant::everywhere(role)]).await;
        assert_eq!(world.send(Method::DELETE, &format!("/api/keys/{id}"), &Value::Null).await.status, 204);
        all.push(Somebody { name: format!("{role}, revoked"), key: Some(key), grants: Vec::new(), is_known: false });
    }
    all
}

/// What the pure rules say: the status of a refusal, or none.
fn expected(who: &Somebody, action: &str, of: &str) -> Option<u16> {
    if action == "anybody" {
        return None;
    }
    if action == "internal" {
        return if who.name == "the internal token" { None } else { Some(401) };
    }
    if !who.is_known {
        return Some(401);
    }
    let action = Action::all().into_iter().find(|one| one.in_words() == action)?;
    let object = match of {
        "pipeline" | "model" => Object { repo: OURS.parse().ok(), model: MODEL.parse().ok() },
        "repo" => Object { repo: OURS.parse().ok(), model: None },
        _ => Object::everything(),
    };
    let decision = match of {
        "later" => decide_anywhere(&who.grants, &action, Timestamp::now()),
        _ => decide(&who.grants, &action, &object, Timestamp::now()),
    };
    (decision != Decision::Allowed).then_some(403)
}

/// A world with something of each kind, which no route here can change: bodies are not what is asked for.
async fn filled() -> (World, PipelineId, i64) {
    let world = World::new().await;
    let repo = world.repo(OURS).await;
    let lease = world.leased("n.ipynb").await;
    let model: ModelName = MODEL.parse().unwrap();
    let version = store::NewVersion {
        model: model.clone(),
        version: 3,
        flavour: contract::Flavour::Onnx,
        uri: "file:///v3".to_owned(),
        sha256: "ab".repeat(32),
    };
    world.store.serving.record_version(&lease, version).await.unwrap();
    let new = store::NewDeployment {
        version: 3,
        uri: "file:///v3".to_owned(),
        sha256: "ab".repeat(32),
        metrics: std::collections::BTreeMap::new(),
    };
    world.deploy(&lease, &model, new).await;
    let described = store::Description { model_name: Some(model), ..store::Description::default() };
    world.store.pipelines.describe(&lease, described).await.unwrap();
    (world, lease.pipeline_id, repo)
}

#[tokio::test]
async fn every_route_lets_in_whom_the_rules_let_in_and_tells_the_others_nothing() {
    let (world, pipeline, repo) = filled().await;
    let document: Value = serde_json::from_str(&backend::openapi_json()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let route = format!("{} {path}", method.to_uppercase());
            assert!(WHOM.iter().any(|(known, ..)| *known == route), "whom does {route} let in?");
        }
    }
    let everybody = everybody(&world).await;
    let mut asked = 0;
    for (route, action, of) in WHOM {
        let (method, path) = route.split_once(' ').unwrap();
        let id = match *of {
            "pipeline" => pipeline.to_string(),
            "repo" => repo.to_string(),
            _ => PipelineId::generate().to_string(),
        };
        let path = path.replace("{id}", &id).replace("{name}", MODEL).replace("{version}", "3").replace("{cell_id}", "x");
        for who in &everybody {
            // Nothing is left of the repository after the first who may remove it.
            if (method, *of) == ("DELETE", "repo") && expected(who, action, of).is_none() {
                continue;
            }
            let shown = who.key.as_ref().map(|key| format!("Bearer {key}"));
            // From everywhere: how often one address may fail is looked at elsewhere.
            let from = format!("10.0.{}.{}", asked / 250, asked % 250);
            let mut headers = vec![("content-type", "application/x-nothing"), ("from-address", from.as_str())];
            headers.extend(shown.as_deref().map(|shown| ("authorization", shown)));
            let answer = world.ask_as_nobody(method.parse().unwrap(), &path, &headers, "?").await;
            let expected = match *action {
                "predict" => predicts(who),
                _ => expected(who, action, of),
            };
            let status = answer.status;
            match expected {
                Some(expected) => {
                    assert_eq!(status, expected, "{}: {route}", who.name);
                    leaks_nothing(&answer.body, &format!("{}: {route}", who.name));
                }
                None if *action == "anybody" => assert_ne!(status, 403, "{}: {route}", who.name),
                None => assert!(
                    status != 401 && (status != 403 || of.is_empty()),
                    "{}: {route}: {status} {}",
                    who.name,
                    answer.text()
                ),
            }
            asked += 1;
        }
    }
    assert!(asked > 1500, "{asked}");
}

/// The model serves in dev, which is open: only what is shown and is no good is refused.
fn predicts(who: &Somebody) -> Option<u16> {
    (who.key.is_some() && !who.is_known).then_some(401)
}

#[tokio::test]
async fn a_prediction_in_production_is_for_whom_the_rules_let_in() {
    let (world, ..) = filled().await;
    let prod = Action::Predict("prod".parse().ok());
    for who in &everybody(&world).await {
        let shown = who.key.as_ref().map(|key| format!("Bearer {key}"));
        let headers: Vec<_> = shown.iter().map(|shown| ("authorization", shown.as_str())).collect();
        let answer = world.ask_as_nobody(Method::POST, &format!("/models/{MODEL}/predict?env=prod"), &headers, "[]").await;
        let object = Object { repo: OURS.parse().ok(), model: MODEL.parse().ok() };
        let expected = match decide(&who.grants, &prod, &object, Timestamp::now()) {
            _ if !who.is_known => 401,
            // No model-server is there to answer.
            Decision::Allowed => 502,
            Decision::NeedsRole(_) => 403,
        };
        assert_eq!(answer.status, expected, "{}", who.name);
    }
}

/// A refusal names neither what is there nor what lets in.
fn leaks_nothing(body: &[u8], asked: &str) {
    let text = String::from_utf8_lossy(body);
    for secret in [HOME, "what model-servers show", OURS, "n.ipynb", "file:///", "5555555"] {
        assert!(!text.contains(secret), "{asked}: {text}");
    }
    let problem: Value = serde_json::from_slice(body).unwrap();
    assert!(["unauthorized", "forbidden"].contains(&problem["code"].as_str().unwrap()), "{asked}: {text}");
}
