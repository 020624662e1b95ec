//! A pipeline through the API: run by hand, shown, cancelled, retried.

use axum::http::Method;
use contract::{CommitSha, Phase, PhaseStatus, PipelineId, PipelineStatus};
use serde_json::{Value, json};
use store::Description;
use testkit::Repository;

use crate::{
    World,
    world::{NOWHERE, TTL, pushed},
};

fn run(change: &Value) -> Value {
    let mut body = json!({ "repo": "octocat/titanic", "ref": "5".repeat(40), "notebook_path": "n.ipynb" });
    for (key, value) in change.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn id(record: &Value) -> PipelineId {
    serde_json::from_value(record["id"].clone()).unwrap()
}

#[tokio::test]
async fn a_notebook_is_run_by_hand_with_what_it_was_told() {
    let github = testkit::GitHub::start();
    let repository = github.repository("octocat/titanic");
    let commit = repository.push("main", &[("n.ipynb", "{}")]).commit;
    repository.branch("release/1", &commit);
    let run = |change: &Value| {
        let mut body = run(change);
        body["ref"] = json!(commit);
        body
    };
    let world = World::at(&github).await;
    world.repo("octocat/titanic").await;
    let told = json!({ "alpha": 0.25, "names": ["a", null], "deep": { "x": true } });
    let made = world.post("/api/pipelines", run(&json!({ "branch": "release/1", "parameters": told }))).await;
    assert_eq!(made.status, 202, "{}", made.text());
    let detail = world.json(&format!("/api/pipelines/{}", id(&made.json()))).await;
    assert_eq!(
        (&detail["status"], &detail["branch"], &detail["parameters"]),
        (&json!("queued"), &json!("release/1"), &told)
    );
    assert_eq!((&detail["manual"], &detail["delivery_id"], &detail["log_lines"]), (&json!(true), &Value::Null, &json!(0)));
    assert_eq!((&detail["gates"], &detail["champion"]), (&json!([]), &Value::Null));
    let page = detail["links"]["commit"].as_str().unwrap();
    assert!(page.ends_with(&format!("/octocat/titanic/commit/{commit}")), "{page}");
    assert_eq!(detail["links"]["mlflow_run"], Value::Null);
    for branch in [json!({}), json!({ "branch": null })] {
        assert_eq!(world.post("/api/pipelines", run(&branch)).await.json()["branch"], "main");
    }
    assert_eq!(world.store.pipelines.unsent_jobs(10).await.unwrap().len(), 3, "each waits for its job to be sent");
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    world.repo("octocat/titanic").await;
    for (change, status, code) in [
        (json!({ "repo": "octocat/unknown" }), 404, "not_found"),
        (json!({ "repo": "local/unknown" }), 404, "not_found"),
        (json!({ "notebook_path": "n.py" }), 400, "bad_notebook_path"),
        (json!({ "notebook_path": "" }), 400, "bad_notebook_path"),
        (json!({ "notebook_path": "../n.ipynb" }), 400, "bad_notebook_path"),
        (json!({ "notebook_path": "/etc/n.ipynb" }), 400, "bad_notebook_path"),
        (json!({ "notebook_path": "a/../../n.ipynb" }), 400, "bad_notebook_path"),
        (json!({ "repo": "no name" }), 422, "bad_request"),
        (json!({ "repo": "a/b/c" }), 422, "bad_request"),
        (json!({ "ref": "main" }), 422, "bad_request"),
        (json!({ "ref": "5".repeat(39) }), 422, "bad_request"),
        (json!({ "ref": format!("{}x", "5".repeat(39)) }), 422, "bad_request"),
        (json!({ "ref": null }), 422, "bad_request"),
        (json!({ "parameters": [] }), 422, "bad_request"),
        (json!({ "parameters": "alpha=1" }), 422, "bad_request"),
        (json!({ "branch": 7 }), 422, "bad_request"),
        (json!({ "manual": false }), 422, "bad_request"),
    ] {
        let answer = world.post("/api/pipelines", run(&change)).await;
        assert_eq!(answer.code(), (status, code.to_owned()), "{change}: {}", answer.text());
    }
    assert_eq!(world.json("/api/pipelines").await["items"], json!([]));
}

#[tokio::test]
async fn what_runs_as_a_branch_is_on_that_branch() {
    let github = testkit::GitHub::start();
    let world = World::at(&github).await;
    let local = Repository::init("local/titanic", world.folder.path().join("git/titanic.git"));
    for repository in [github.repository("octocat/titanic"), local] {
        let name = repository.name().to_string();
        world.repo(&name).await;
        let older = repository.push("main", &[("n.ipynb", "1")]).commit;
        let main = repository.push("main", &[("n.ipynb", "2")]).commit;
        repository.branch("feature", &older);
        let ahead = repository.push("feature", &[("n.ipynb", "3")]).commit;
        // GitHub has a fork's commits among its own, on no branch of this repository.
        let fork = repository.push_of_fork("main", &[("n.ipynb", "evil")]);
        let unknown: CommitSha = "5".repeat(40).parse().unwrap();
        for (commit, branch, expected) in [
            (&main, json!("main"), "202"),
            (&older, Value::Null, "202"),
            (&ahead, json!("feature"), "202"),
            (&ahead, json!("main"), "commit_not_on_branch"),
            (&fork, json!("main"), "commit_not_on_branch"),
            (&fork, json!("feature"), "commit_not_on_branch"),
            (&fork, json!("absent"), "unknown_commit"),
            (&fork, json!(fork.as_str()), "unknown_commit"),
            (&fork, json!("attacker:main"), "bad_branch"),
            (&fork, json!("refs/pull/1/head"), "unknown_commit"),
            (&fork, json!("../pull/1/head"), "bad_branch"),
            (&fork, json!(""), "bad_branch"),
        ] {
            let body = json!({ "repo": name, "ref": commit, "branch": branch, "notebook_path": "n.ipynb" });
            let answer = world.post("/api/pipelines", body).await;
            let said = if answer.status == 202 { "202".to_owned() } else { answer.code().1 };
            assert_eq!(said, expected, "{name} {commit} {branch}: {}", answer.text());
        }
        let body = json!({ "repo": name, "ref": unknown, "notebook_path": "n.ipynb" });
        assert_eq!(world.post("/api/pipelines", body).await.status, 422);
    }
    let unreachable = World::new().await;
    unreachable.repo("octocat/titanic").await;
    assert_eq!(unreachable.post("/api/pipelines", run(&json!({}))).await.code(), (503, "host_unavailable".to_owned()));
}

/// What a pipeline was brought to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Waits,
    Runs,
    Ends(PipelineStatus),
}

#[tokio::test]
async fn cancel_and_retry_are_answered_by_what_the_pipeline_is() {
    let world = World::new().await;
    for (then, cancel, retry) in [
        (Then::Waits, 202, 409),
        (Then::Runs, 202, 409),
        (Then::Ends(PipelineStatus::Failed), 409, 202),
        (Then::Ends(PipelineStatus::Cancelled), 409, 202),
        (Then::Ends(PipelineStatus::Succeeded), 409, 409),
        (Then::Ends(PipelineStatus::Skipped), 409, 409),
    ] {
        for (path, status) in [("cancel", cancel), ("retry", retry)] {
            let id = brought_to(&world, then, &format!("{path}-{then:?}.ipynb")).await;
            let answer = world.ask(Method::POST, &format!("/api/pipelines/{id}/{path}"), &[], "").await;
            assert_eq!(answer.status, status, "{path} {then:?}: {}", answer.text());
            let record = world.json(&format!("/api/pipelines/{id}")).await;
            let is = match (status, path, then) {
                (409, _, Then::Ends(end)) => end.as_str(),
                (202, "cancel", Then::Waits) => "cancelled",
                (202, "retry", _) | (_, _, Then::Waits) => "queued",
                _ => "running",
            };
            assert_eq!(record["status"], is, "{path} {then:?}");
            if status == 409 {
                assert_eq!(answer.code().1, "conflict");
            } else {
                assert_eq!(answer.json()["status"], is, "{path} {then:?}: the answer says what it is now");
            }
        }
    }
}

async fn brought_to(world: &World, then: Then, notebook: &str) -> PipelineId {
    if then == Then::Waits {
        return world.pipeline(notebook).await;
    }
    let lease = world.leased(notebook).await;
    if let Then::Ends(status) = then {
        world.store.pipelines.start_phase(&lease, Phase::Download).await.unwrap();
        world.store.pipelines.finish_phase(&lease, Phase::Download, PhaseStatus::Failed, Some("why"), None).await.unwrap();
        world.store.pipelines.finish_pipeline(&lease, status, false, Some("why")).await.unwrap();
    }
    lease.pipeline_id
}

#[tokio::test]
async fn a_cancelled_run_is_told_so_and_a_second_wish_changes_nothing() {
    let world = World::new().await;
    let lease = world.leased("n.ipynb").await;
    for _ in 0..2 {
        let answer = world.post(&format!("/api/pipelines/{}/cancel", lease.pipeline_id), json!({})).await;
        assert_eq!((answer.status, &answer.json()["status"]), (202, &json!("running")));
        assert!(world.store.pipelines.cancel_requested(lease.pipeline_id).await.unwrap());
    }
}

#[tokio::test]
async fn a_pipeline_shows_its_phases_and_where_to_read_on() {
    let world = World::new().await;
    let repo = "local/titanic".parse().unwrap();
    let commit: CommitSha = "a".repeat(40).parse().unwrap();
    let new = store::NewPipeline { repo, commit_sha: commit, ..pushed("n.ipynb") };
    let id = world.store.intake.create_pipeline(new).await.unwrap();
    let lease = world.store.pipelines.take_lease(id, "worker", TTL).await.unwrap().unwrap();
    let known = Description { mlflow_run_id: Some("run-1".to_owned()), ..Description::default() };
    world.store.pipelines.describe(&lease, known).await.unwrap();
    world.store.pipelines.start_phase(&lease, Phase::Download).await.unwrap();
    world
        .store
        .pipelines
        .finish_phase(&lease, Phase::Download, PhaseStatus::Failed, Some("no such commit"), None)
        .await
        .unwrap();
    let detail = world.json(&format!("/api/pipelines/{id}")).await;
    assert_eq!(detail["links"]["commit"], Value::Null, "a repository of the local remote has no pages");
    assert_eq!(detail["links"]["mlflow_run"], format!("{NOWHERE}/#/runs/run-1"));
    let phase = &detail["phases"][0];
    assert_eq!(
        (&phase["name"], &phase["status"], &phase["error"]),
        (&json!("download"), &json!("failed"), &json!("no such commit"))
    );
    assert_eq!(detail["phases"].as_array().unwrap().len(), 5);
}
