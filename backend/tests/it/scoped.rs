//! Whose rights are for one repository or one model sees what belongs to it, and of all else neither names nor numbers: every
//! `GET` of the API's own description.

use axum::http::Method;
use contract::{Environment, Flavour, Grant, LogLine, ModelName, Phase, PipelineId, PipelineStatus, RepoName, Role, Stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{Description, Lease, Locked, NewApproval, NewDeployment, NewPerson, NewPipeline, NewVersion};

use crate::{
    Answer, World,
    world::{TTL, pushed},
};

/// What a repository has: a pipeline that deployed its model, one that failed, and the repository's number.
struct Part {
    deployed: PipelineId,
    failed: PipelineId,
    repo: i64,
}

async fn leased(world: &World, repo: &RepoName, commit: &str, notebook_path: String) -> Lease {
    let commit_sha = commit.repeat(40).parse().unwrap();
    let new = NewPipeline { repo: repo.clone(), commit_sha, notebook_path, ..pushed("") };
    let id = world.store.intake.create_pipeline(new).await.unwrap();
    world.store.pipelines.take_lease(id, "worker", TTL).await.unwrap().unwrap()
}

/// A repository with something of each kind, in all of which is what it is called.
async fn filled(world: &World, called: &str, commit: &str) -> Part {
    let (pipelines, serving) = (&world.store.pipelines, &world.store.serving);
    let repo: RepoName = format!("acme/{called}").parse().unwrap();
    let model: ModelName = called.parse().unwrap();
    let number = world.repo(repo.as_str()).await;
    let lease = leased(world, &repo, commit, format!("{called}.ipynb")).await;
    let (uri, sha256) = (format!("file:///{called}"), "ab".repeat(32));
    let version =
        NewVersion { model: model.clone(), version: 1, flavour: Flavour::Onnx, uri: uri.clone(), sha256: sha256.clone() };
    serving.record_version(&lease, version).await.unwrap();
    let described = || Description { model_name: Some(model.clone()), ..Description::default() };
    pipelines.describe(&lease, Description { registry_version: Some(1), ..described() }).await.unwrap();
    world.deploy(&lease, &model, NewDeployment { version: 1, uri, sha256, metrics: [].into() }).await;
    let (at, phase, stream) = (Timestamp::UNIX_EPOCH, Phase::Execute, Stream::Stdout);
    let line = LogLine { seq: 1, at, phase, cell: None, stream, text: format!("{called} learns"), data: None };
    pipelines.append_logs(&lease, 1, &[line]).await.unwrap();
    pipelines.save_notebook(&lease, b"{\"cells\": []}").await.unwrap();
    pipelines.finish_pipeline(&lease, PipelineStatus::Succeeded, true, None).await.unwrap();

    let failed = leased(world, &repo, commit, format!("{called}-2.ipynb")).await;
    pipelines.describe(&failed, described()).await.unwrap();
    pipelines.finish_pipeline(&failed, PipelineStatus::Failed, false, Some(&format!("{called} failed"))).await.unwrap();

    // A promotion that waits for a second person.
    let staging = "staging".parse().unwrap();
    let current = serving.deployment(&model, &Environment::dev()).await.unwrap().unwrap();
    let Locked::Free(lock) = serving.lock(&model, &staging, TTL).await.unwrap() else { panic!("held") };
    serving.promote(&lock, current).await.unwrap().unwrap();
    serving.unlock(&lock).await.unwrap();
    let login = format!("{called}-ada");
    let ada = world.store.access.ensure_person(NewPerson { login: &login, name: "", grants: &[] }).await.unwrap();
    let (from, to) = (&staging, &"prod".parse().unwrap());
    let new = NewApproval { model: &model, version: 1, from, to, asked_by: ada.id, asker: &login, lasts: TTL, trial: None };
    serving.ask_for_approval(new).await.unwrap().unwrap();

    // What is written down: of the repository, of a pipeline, of the model, and what is said in a body.
    let id = lease.pipeline_id;
    let change = world.send(Method::PATCH, &format!("/api/repos/{number}"), &json!({ "branch": "main" })).await;
    assert_eq!(change.status, 200, "{}", change.text());
    assert_eq!(world.post(&format!("/api/pipelines/{id}/cancel"), Value::Null).await.status, 409);
    let body = json!({ "version": 9, "from": "dev", "to": "staging" });
    assert_eq!(world.post(&format!("/api/models/{model}/promote"), body).await.status, 409);
    let body = json!({ "repo": repo, "ref": commit.repeat(40), "notebook_path": "no-notebook" });
    assert_eq!(world.post("/api/pipelines", body).await.status, 400);
    Part { deployed: id, failed: failed.pipeline_id, repo: number }
}

async fn key(world: &World, grant: &Grant) -> String {
    let made = world.post("/api/keys", json!({ "name": "x", "grants": [grant] })).await;
    format!("Bearer {}", made.json()["key"].as_str().unwrap())
}

async fn get(world: &World, path: &str, key: &str) -> Answer {
    world.ask(Method::GET, path, &[("authorization", key)], "").await
}

/// Everything that can be asked for with `GET`: of one part what has an identifier, and lists, also of what is the other's.
fn asked(part: &Part, word: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(&backend::openapi_json()).unwrap();
    let mut all = vec!["/metrics".to_owned(), "/docs/".to_owned()];
    for (path, methods) in document["paths"].as_object().unwrap() {
        if methods.get("get").is_none() {
            continue;
        }
        let named =
            |id: &str| path.replace("{id}", id).replace("{name}", word).replace("{version}", "1").replace("{cell_id}", "x");
        let ids = if path.starts_with("/api/repos") {
            vec![part.repo.to_string()]
        } else {
            vec![part.deployed.to_string(), part.failed.to_string()]
        };
        all.extend(ids.iter().map(|id| named(id)));
    }
    let queries = [
        "limit=1",
        "search=hidden",
        "repo=acme/hidden",
        "model=hidden",
        "branch=main",
        "status=failed",
        "attention=true",
        "environment=dev",
        "sort=updated",
        "state=waiting",
        "days=366",
        "format=csv",
        "action=promote",
        "object=acme/hidden",
        "after=zzz",
    ];
    for list in ["pipelines", "models", "repos", "approvals", "overview", "statistics", "audit", "keys", "sessions"] {
        all.extend(queries.iter().map(|query| format!("/api/{list}?{query}")));
    }
    all.sort();
    all.dedup();
    all
}

#[tokio::test]
async fn whose_rights_are_for_one_repository_or_model_sees_nothing_of_another() {
    let world = World::new().await;
    let ours = filled(&world, "ours", "5").await;
    let hidden = filled(&world, "hidden", "7").await;
    let secrets = ["hidden".to_owned(), "7777777".to_owned(), hidden.deployed.to_string(), hidden.failed.to_string()];
    let of_repo = |role| Grant { repo: "acme/ours".parse().ok(), ..Grant::everywhere(role) };
    let of_model = |role| Grant { model: "ours".parse().ok(), ..Grant::everywhere(role) };
    for grant in [of_repo(Role::Viewer), of_model(Role::Viewer), of_repo(Role::Admin), of_model(Role::Admin)] {
        let key = key(&world, &grant).await;
        for path in [asked(&ours, "ours"), asked(&hidden, "hidden")].concat() {
            let answer = get(&world, &path, &key).await;
            for secret in &secrets {
                assert!(!answer.text().contains(secret), "{grant:?} {path}: {}", answer.text());
            }
        }
        // What is theirs is there, and counted.
        let json = async |path: &str| {
            let answer = get(&world, path, &key).await;
            assert_eq!(answer.status, 200, "{grant:?} {path}: {}", answer.text());
            answer.json()
        };
        let repos = u64::from(grant.repo.is_some());
        for (path, total) in [
            ("/api/pipelines", 2),
            ("/api/pipelines?limit=1", 2),
            ("/api/pipelines?search=ipynb", 2),
            ("/api/pipelines?status=failed", 1),
            ("/api/pipelines?attention=true", 1),
            ("/api/pipelines?repo=acme/ours", 2),
            ("/api/pipelines?model=ours", 2),
            ("/api/pipelines?repo=acme/hidden", 0),
            ("/api/models", 1),
            ("/api/models?environment=dev&sort=updated", 1),
            ("/api/models?search=hidden", 0),
            ("/api/repos", repos),
            ("/api/repos?attention=true", repos),
        ] {
            assert_eq!(json(path).await["total"], total, "{grant:?} {path}");
        }
        let page = json("/api/pipelines?limit=1").await;
        let next = json(&format!("/api/pipelines?limit=1&after={}", page["next"].as_str().unwrap())).await;
        assert_eq!((&next["items"][0]["notebook_path"], &next["next"]), (&json!("ours.ipynb"), &Value::Null));
        assert_eq!(json("/api/approvals").await["items"].as_array().unwrap().len(), 1);
        let overview = json("/api/overview").await;
        assert_eq!(overview["pipelines"]["all"]["succeeded"], 1, "{overview}");
        assert_eq!(overview["models"], json!({ "models": 1, "versions": 1, "deployed": { "dev": 1, "staging": 1 } }));
        assert_eq!((&overview["repos"], &overview["attention"]["failed"]), (&json!(repos), &json!(1)));
        assert_eq!(overview["attention"]["approvals"].as_array().unwrap().len(), 1);
        let today = json("/api/statistics?days=1").await;
        assert_eq!((&today["days"][0]["succeeded"], &today["days"][0]["failed"]), (&json!(1), &json!(1)));
        if grant.role == Role::Admin {
            let entries = json("/api/audit").await["items"].as_array().unwrap().clone();
            let mut actions: Vec<_> = entries.iter().map(|one| one["action"].as_str().unwrap()).collect();
            actions.sort_unstable();
            let expected: &[&str] =
                if grant.repo.is_some() { &["cancel", "promote", "repositories", "run"] } else { &["cancel", "promote"] };
            assert_eq!(actions, expected, "{grant:?}");
        }
    }
    // Whose rights are for everything sees both, also right after the others asked.
    assert_eq!(world.json("/api/pipelines").await["total"], 4);
    assert_eq!(world.json("/api/overview").await["repos"], 2);
    assert_eq!(world.json("/api/audit?action=cancel").await["items"].as_array().unwrap().len(), 2);
}
