//! Every route of a model-server, for every kind of caller.

use contract::{AccessList, Environment, Grant, ListedKey, Role};
use jiff::{SignedDuration, Timestamp};
use pipeline::access::{Action, Decision, Object, decide};
use reqwest::Response;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    access::{OURS, ask, keys, listed, serving},
    harness::{TOKEN, problem},
};

/// Somebody who asks, and shows this.
struct Somebody {
    name: String,
    shown: Option<String>,
    grants: Vec<Grant>,
    /// Whether what they show is good.
    is_known: bool,
}

/// Nobody, ourselves, and each role: for everything, for the model, its repository, one environment, others, expired, revoked.
fn everybody() -> (Vec<Somebody>, AccessList) {
    let bad = |name: &str, shown: Option<&str>| Somebody {
        name: name.to_owned(),
        shown: shown.map(str::to_owned),
        grants: Vec::new(),
        is_known: false,
    };
    let mut all = vec![
        bad("nobody", None),
        bad("a made-up key", Some("Bearer mlsys_00000000")),
        bad("an empty key", Some("Bearer ")),
        bad("a password", Some("Basic dXNlcjp3b3Jk")),
        bad("the token cut short", Some(&format!("Bearer {}", &TOKEN[..TOKEN.len() - 1]))),
        bad("what is kept of a key", Some(&format!("Bearer {}", hex::encode(Sha256::digest("a viewer"))))),
        bad("ourselves", Some(&format!("Bearer {TOKEN}"))),
    ];
    let mut known = Vec::new();
    for role in Role::ALL {
        let of = |repo: Option<&str>, model: Option<&str>, environment: Option<&str>, expires_at| Grant {
            repo: repo.map(|repo| repo.parse().unwrap()),
            model: model.map(|model| model.parse().unwrap()),
            environment: environment.map(|environment| environment.parse().unwrap()),
            expires_at,
            role,
        };
        let now = Timestamp::now();
        for (kind, grant) in [
            ("", Grant::everywhere(role)),
            (" of the model", of(None, Some("prices"), None, None)),
            (" of another model", of(None, Some("other"), None, None)),
            (" of the repository", of(Some(OURS), None, None, None)),
            (" of another repository", of(Some("octocat/other"), None, None, None)),
            (" in prod", of(None, None, Some("prod"), None)),
            (" of the model in dev", of(None, Some("prices"), Some("dev"), None)),
            (" until an hour ago", of(None, None, None, Some(now - SignedDuration::from_hours(1)))),
            (" for an hour", of(None, None, None, Some(now + SignedDuration::from_hours(1)))),
        ] {
            let (name, grants) = (format!("a {role}{kind}"), vec![grant]);
            known.push(listed(&name, &grants));
            all.push(Somebody { shown: Some(format!("bearer {name}")), name, grants, is_known: true });
        }
        let revoked = format!("a {role}, revoked");
        all.push(bad(&revoked, Some(&format!("Bearer {revoked}"))));
        let over = format!("a {role} whose key is over");
        known.push(ListedKey { expires_at: Some(now), ..listed(&over, &[Grant::everywhere(role)]) });
        all.push(bad(&over, Some(&format!("Bearer {over}"))));
    }
    (all, keys(known))
}

/// The status, of gRPC as HTTP would have it.
fn status(answer: &Response) -> u16 {
    match answer.headers().get("grpc-status").map(|status| status.to_str().unwrap()) {
        None => answer.status().as_u16(),
        Some("5") => 404,
        Some("7") => 403,
        Some("12") => 501,
        Some("16") => 401,
        Some(other) => panic!("{other}"),
    }
}

/// What a refusal says, in its protocol's form.
async fn said(answer: Response, path: &str) -> String {
    let status = status(&answer);
    if let Some(said) = answer.headers().get("grpc-message") {
        return said.to_str().unwrap().to_owned();
    }
    if !path.starts_with("/v2") && (!path.starts_with("/models/prices/") || path.ends_with("/openapi.json")) {
        let problem = problem(answer).await;
        assert_eq!(problem.code, if status == 401 { "unauthorized" } else { "forbidden" }, "{path}");
        return problem.detail;
    }
    assert_eq!(answer.headers()["content-type"], "application/json");
    let error: Value = answer.json().await.unwrap();
    if path.starts_with("/v2") {
        return error["error"].as_str().unwrap().to_owned();
    }
    assert_eq!(error["error_code"], if status == 401 { "UNAUTHENTICATED" } else { "PERMISSION_DENIED" }, "{path}");
    error["message"].as_str().unwrap().to_owned()
}

/// What the pure rules say, as a status.
fn expected(who: &Somebody, route: &str) -> u16 {
    let may = |action: Action, model: Option<&str>| {
        let model = model.map(|model| model.parse().unwrap());
        let object = Object { repo: model.is_some().then(|| OURS.parse().unwrap()), model };
        decide(&who.grants, &action, &object, Timestamp::now()) == Decision::Allowed
    };
    let knows = |model| {
        let predicts = Environment::all().any(|environment| may(Action::Predict(Some(environment)), model));
        may(Action::See, model) || predicts
    };
    let ours = who.name == "ourselves";
    let allowed = match route {
        "GET /health"
        | "GET /ready"
        | "GET /v2/health/live"
        | "GET /v2/health/ready"
        | "POST /grpc.health.v1.Health/Check"
        | "POST /inference.GRPCInferenceService/ServerLive"
        | "POST /inference.GRPCInferenceService/ServerReady" => return 200,
        "POST /inference.GRPCInferenceService/Absent" => return 501,
        // What shows nothing that is good is no better than nothing where a key is needed, and worse where none is.
        "POST /predict/prices?env=dev"
        | "POST /models/prices/invocations?env=dev"
        | "POST /v2/models/prices/infer?env=dev"
        | "GET /models/prices/ping?env=dev"
        | "GET /v2/models/prices/ready?env=dev" => {
            return if who.shown.is_none() || ours || who.is_known { 200 } else { 401 };
        }
        // What cannot be a version is none whoever asks, who shows nothing that is no good.
        "POST /v2/models/prices/versions/latest/infer" => {
            return if who.shown.is_none() || ours || who.is_known { 400 } else { 401 };
        }
        _ if route.contains("/internal/") => return if ours { 422 } else { 401 },
        _ if !ours && !who.is_known => return 401,
        "GET /v2" | "GET /v2/" | "POST /inference.GRPCInferenceService/ServerMetadata" => true,
        "POST /predict/prices?env=prod"
        | "POST /predict/prices?version=1"
        | "POST /models/prices/invocations"
        | "POST /v2/models/prices/infer"
        | "POST /predict/prices/versions/1"
        | "POST /v2/models/prices/versions/1/infer"
        | "POST /inference.GRPCInferenceService/ModelInfer" => may(Action::Predict("prod".parse().ok()), Some("prices")),
        // It isn't there, which only those learn who may ask about everything.
        "POST /predict/absent" | "POST /predict/absent?env=prod" if ours => return 404,
        "POST /predict/absent" => {
            return if may(Action::Predict(None), None) { 404 } else { 403 };
        }
        "POST /predict/absent?env=prod" => {
            return if may(Action::Predict("prod".parse().ok()), None) { 404 } else { 403 };
        }
        "GET /models"
        | "POST /v2/repository/index"
        | "POST /inference.GRPCInferenceService/RepositoryIndex"
        | "POST /inference.model_repository.ModelRepositoryService/RepositoryIndex" => knows(None),
        "POST /v2/repository/models/prices/load" | "POST /v2/repository/models/prices/unload" => return 403,
        route if route.contains("/RepositoryModel") => return 403,
        "GET /models/prices"
        | "GET /models/prices/openapi.json"
        | "GET /models/prices/ping"
        | "GET /models/prices/health"
        | "GET /models/prices/version"
        | "GET /v2/models/prices"
        | "GET /v2/models/prices/ready"
        | "GET /v2/models/prices/versions/1"
        | "GET /v2/models/prices/versions/1/ready"
        | "POST /inference.GRPCInferenceService/ModelReady"
        | "POST /inference.GRPCInferenceService/ModelMetadata" => knows(Some("prices")),
        "GET /metrics" => may(Action::See, None),
        route => panic!("{route}?"),
    };
    if ours || allowed { 200 } else { 403 }
}

#[tokio::test]
async fn every_route_lets_in_whom_the_rules_let_in_and_tells_the_others_nothing() {
    let (everybody, access) = everybody();
    let (_place, _backend, server) = serving(access).await;
    for route in [
        "GET /health",
        "GET /ready",
        "GET /models",
        "GET /models/prices",
        "GET /models/prices/openapi.json",
        "GET /metrics",
        "POST /predict/prices?env=dev",
        "POST /predict/prices?env=prod",
        "POST /predict/prices?version=1",
        "POST /predict/prices/versions/1",
        "POST /predict/absent",
        "POST /predict/absent?env=prod",
        "POST /internal/load/prices",
        "POST /internal/unload/prices",
        "PUT /internal/traffic/prices",
        "GET /models/prices/ping",
        "GET /models/prices/ping?env=dev",
        "GET /models/prices/health",
        "GET /models/prices/version",
        "POST /models/prices/invocations",
        "POST /models/prices/invocations?env=dev",
        "GET /v2",
        "GET /v2/",
        "GET /v2/health/live",
        "GET /v2/health/ready",
        "GET /v2/models/prices",
        "GET /v2/models/prices/ready",
        "GET /v2/models/prices/ready?env=dev",
        "GET /v2/models/prices/versions/1",
        "GET /v2/models/prices/versions/1/ready",
        "POST /v2/models/prices/infer",
        "POST /v2/models/prices/infer?env=dev",
        "POST /v2/models/prices/versions/1/infer",
        "POST /v2/models/prices/versions/latest/infer",
        "POST /v2/repository/index",
        "POST /v2/repository/models/prices/load",
        "POST /v2/repository/models/prices/unload",
        "POST /grpc.health.v1.Health/Check",
        "POST /inference.GRPCInferenceService/Absent",
        "POST /inference.GRPCInferenceService/ServerLive",
        "POST /inference.GRPCInferenceService/ServerReady",
        "POST /inference.GRPCInferenceService/ServerMetadata",
        "POST /inference.GRPCInferenceService/ModelReady",
        "POST /inference.GRPCInferenceService/ModelMetadata",
        "POST /inference.GRPCInferenceService/ModelInfer",
        "POST /inference.GRPCInferenceService/RepositoryIndex",
        "POST /inference.GRPCInferenceService/RepositoryModelLoad",
        "POST /inference.model_repository.ModelRepositoryService/RepositoryIndex",
        "POST /inference.model_repository.ModelRepositoryService/RepositoryModelUnload",
    ] {
        let (method, path) = route.split_once(' ').unwrap();
        for who in &everybody {
            let answer = ask(&server, (method.parse().unwrap(), path), who.shown.as_deref()).await;
            let (status, expected) = (status(&answer), expected(who, route));
            assert_eq!(status, expected, "{}: {route}", who.name);
            if [401, 403].contains(&status) {
                let challenge = answer.headers().contains_key("www-authenticate");
                assert_eq!(challenge, status == 401, "{}: {route}", who.name);
                let said = said(answer, path).await;
                assert!(!said.contains(OURS) && !said.contains(TOKEN), "{said}");
            }
        }
    }
}
