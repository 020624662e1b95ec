//! What repositories' files declare, as the API tells of it: who may ask, what is refused, and that a push has them read.

use axum::http::Method;
use contract::{Grant, Misfire, Overlap, RepoName, Role, ScheduleKind, TaskPayload};
use serde_json::{Value, json};
use store::{DeclaredChange, NewSchedule, ReadFiles, Source};

use crate::{
    World,
    webhook::{Delivery, push},
    world::TTL,
};

const RETRAINING: &str = "[[schedules]]\nkind = \"retraining\"\nnotebook_path = \"n.ipynb\"\ncron = \"@daily\"\n";

async fn key(world: &World, grant: Grant) -> String {
    let made = world.post("/api/keys", json!({ "name": "x", "grants": [grant] })).await;
    format!("Bearer {}", made.json()["key"].as_str().unwrap())
}

/// A grant for a repository.
fn grant(role: Role, repo: &str) -> Grant {
    Grant { repo: Some(repo.parse().unwrap()), ..Grant::everywhere(role) }
}

/// Which repositories' files are to be read.
async fn to_read(world: &World) -> Vec<RepoName> {
    let mut repos = Vec::new();
    for job in world.store.tasks.unsent_jobs(100).await.unwrap() {
        let lease = world.store.tasks.lease(job.id, "worker", TTL).await.unwrap().unwrap();
        if let TaskPayload::Declared(repo) = &lease.payload {
            repos.push(repo.clone());
        }
        world.store.tasks.finish(&lease, &Value::Null).await.unwrap();
    }
    repos
}

#[tokio::test]
async fn a_push_that_changes_or_removes_such_a_file_has_the_files_read() {
    let world = World::new().await;
    world.repo("octocat/titanic").await;
    to_read(&world).await;
    let with = |added: &[&str], removed: &[&str]| {
        let mut body = push(json!({}));
        body["commits"][0]["added"] = json!(added);
        body["commits"][0]["removed"] = json!(removed);
        body.to_string()
    };
    for (added, removed, declares) in [
        (&["mlsys.toml"][..], &[][..], true),
        (&["x.py"], &["notebooks/mlsys.toml"], true),
        (&["n.ipynb", "deep/er/mlsys.toml"], &[], true),
        (&["n.ipynb"], &[], false),
        (&[".hidden/mlsys.toml", "n.ipynb"], &[], false),
    ] {
        let body = with(added, removed);
        let answer = Delivery::signed("push", body.clone()).send(&world).await;
        assert_eq!((answer.status, &answer.json()["declares"]), (202, &json!(declares)), "{added:?}");
        // As a code host may send it again.
        let again = Delivery::signed("push", body).send(&world).await;
        assert!(again.status < 300 && again.json()["declares"] == declares, "{}", again.text());
        assert_eq!(to_read(&world).await.len(), usize::from(declares), "{added:?} {removed:?}");
    }
    let mut elsewhere = push(json!({ "ref": "refs/heads/other" }));
    elsewhere["commits"][0]["added"] = json!(["mlsys.toml"]);
    assert_eq!(Delivery::signed("push", elsewhere.to_string()).send(&world).await.json()["status"], "ignored");
    assert!(to_read(&world).await.is_empty(), "that branch is nothing to it");
}

#[tokio::test]
async fn files_are_compared_for_who_may_check_notebooks_and_nothing_changes() {
    let world = World::new().await;
    world.repo("octocat/titanic").await;
    let body = |repo: &str, path: &str, text: &str| json!({ "repo": repo, "files": [{ "path": path, "text": text }] });
    let compare = |body: Value| world.post("/api/schedules/difference", body);
    let report = compare(body("octocat/titanic", "n/mlsys.toml", RETRAINING)).await.json();
    let created = json!([{ "what": "created", "name": "titanic-n-retraining", "file": "n/mlsys.toml", "detail": "@daily UTC, overlap skip, misfire once" }]);
    assert_eq!((&report["changes"], &report["problems"]), (&created, &json!([])), "{report}");
    assert_eq!(world.json("/api/schedules").await["items"], json!([]));
    assert_eq!(compare(body("local/never-pushed", "mlsys.toml", RETRAINING)).await.status, 200);
    assert_eq!(compare(body("octocat/unknown", "mlsys.toml", RETRAINING)).await.code(), (404, "not_found".to_owned()));
    assert_eq!(compare(body("octocat/titanic", "n/../mlsys.toml", "")).await.code(), (400, "bad_path".to_owned()));
    let many: Vec<_> = (0..201).map(|number| json!({ "path": format!("{number}/mlsys.toml"), "text": "" })).collect();
    assert_eq!(
        compare(json!({ "repo": "octocat/titanic", "files": many })).await.code(),
        (400, "too_many_files".to_owned())
    );
    let report = compare(body("octocat/titanic", "mlsys.toml", "[[schedules]]\n")).await.json();
    assert_eq!((&report["problems"][0]["line"], &report["changes"]), (&json!(1), &json!([])), "{report}");
    // A repository reaches the tables that its notebooks may.
    let batch = "[[schedules]]\nkind = \"batch_prediction\"\nmodel_name = \"m\"\nenvironment = \"prod\"\ninput_table = \"a.b.c\"\noutput_table = \"a.b.d\"\ncron = \"@daily\"\n";
    let told = compare(body("octocat/titanic", "mlsys.toml", batch)).await.json()["problems"][0]["problem"].clone();
    assert_eq!(told, "octocat/titanic may not read the table a.b.c");
    for (role, repo, status) in [
        (Role::Developer, "octocat/titanic", 200),
        (Role::Viewer, "octocat/titanic", 403),
        (Role::Developer, "octocat/other", 403),
    ] {
        let key = key(&world, grant(role, repo)).await;
        let headers = [("authorization", &*key), ("content-type", "application/json")];
        let text = body("octocat/titanic", "mlsys.toml", RETRAINING).to_string();
        assert_eq!(
            world.ask(Method::POST, "/api/schedules/difference", &headers, text).await.status,
            status,
            "{role:?} {repo}"
        );
    }
}

#[tokio::test]
async fn what_a_file_declares_is_changed_there_and_only_paused_and_run_by_hand() {
    let world = World::new().await;
    let id = world.repo("octocat/titanic").await;
    let (repo, commit) = ("octocat/titanic".parse().unwrap(), "5".repeat(40).parse().unwrap());
    let nothing = world.json(&format!("/api/repos/{id}/declared")).await;
    assert_eq!(
        nothing,
        json!({ "branch": null, "commit_sha": null, "read_at": null, "report": { "changes": [], "problems": [] } })
    );
    let source = Source { repo, path: "n/mlsys.toml".to_owned(), commit };
    let work = json!({ "repo": "octocat/titanic", "branch": "main", "notebook_path": "n/n.ipynb", "parameters": {} });
    let new = NewSchedule {
        name: "declared",
        kind: ScheduleKind::Retraining,
        work: &work,
        model_name: None,
        repo: Some(&source.repo),
        cron: "@daily",
        time_zone: "UTC",
        overlap: Overlap::Skip,
        misfire: Misfire::Once,
        next: None,
        created_by: "octocat/titanic@5555555",
        source: Some(&source),
    };
    let job = world.store.tasks.unsent_jobs(1).await.unwrap()[0];
    let lease = world.store.tasks.lease(job.id, "worker", TTL).await.unwrap().unwrap();
    let files = ReadFiles { repo: &source.repo, branch: Some("main"), commit: Some(&source.commit) };
    let report =
        json!({ "changes": [], "problems": [{ "file": "mlsys.toml", "line": 1, "column": 2, "problem": "p", "fix": "f" }] });
    world.store.schedules.apply(&lease, files, &[DeclaredChange::Create(new)], &report, vec![]).await.unwrap();

    let told = world.json(&format!("/api/repos/{id}/declared")).await;
    assert_eq!((&told["branch"], &told["commit_sha"], &told["report"]), (&json!("main"), &json!("5".repeat(40)), &report));
    let schedule = world.json("/api/schedules").await["items"][0].clone();
    assert_eq!(
        schedule["source"],
        json!({ "repo": "octocat/titanic", "path": "n/mlsys.toml", "commit_sha": "5".repeat(40) })
    );
    let path = format!("/api/schedules/{}", schedule["id"].as_str().unwrap());
    for body in [json!({ "cron": "@weekly" }), json!({ "overlap": "queue", "paused": true }), json!({ "time_zone": "UTC" })]
    {
        let refused = world.send(Method::PATCH, &path, &body).await;
        assert_eq!(refused.code(), (409, "declared_by_file".to_owned()), "{body}");
        assert!(refused.text().contains("n/mlsys.toml of octocat/titanic"), "{}", refused.text());
    }
    assert_eq!(world.send(Method::DELETE, &path, &Value::Null).await.code(), (409, "declared_by_file".to_owned()));
    assert_eq!(world.send(Method::PATCH, &path, &json!({ "paused": false })).await.json()["paused"], false);
    assert_eq!(world.post(&format!("{path}/run"), Value::Null).await.status, 202);
}
