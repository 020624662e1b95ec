//! Repositories: what a check finds, how webhooks come to be, what a change clears, what is refused.

use axum::http::Method;
use serde_json::{Value, json};
use testkit::{GitHub, Notebook, Repository, Rights};

use crate::{
    World,
    world::{PUBLIC, SECRET},
};

async fn at_github() -> (GitHub, World) {
    let github = GitHub::start();
    let world = World::at(&github).await;
    (github, world)
}

async fn post(world: &World, path: &str, body: Value) -> (u16, Value) {
    let answer = world.post(path, body).await;
    (answer.status, answer.json())
}

async fn change(world: &World, id: &Value, body: Value) -> (u16, Value) {
    let answer = world.send(Method::PATCH, &format!("/api/repos/{id}"), &body).await;
    (answer.status, answer.json())
}

fn notebook() -> String {
    Notebook::new().cell("", "1").json()
}

#[tokio::test]
async fn a_check_finds_access_branches_and_notebooks_at_both_hosts() {
    let (github, world) = at_github().await;
    let text = notebook();
    let files = [("notebooks/a.ipynb", &*text), ("notebooks/b.ipynb", &text), ("notes.md", "x"), ("c.ipynb", &text)];
    let remote = github.repository("octocat/checked");
    remote.push("main", &files);
    remote.push("release/1", &files[..1]);
    remote.push("wip", &files);
    let bare = world.folder.path().join("git/checked.git");
    Repository::init("local/checked", bare).push("main", &files);
    for (name, private) in [("octocat/checked", json!(false)), ("local/checked", Value::Null)] {
        let wanted = json!({ "full_name": name, "branch": "main,release/*", "notebook_glob": "notebooks/*.ipynb" });
        let (status, found) = post(&world, "/api/repos/check", wanted).await;
        assert_eq!((status, &found["access"], &found["private"]), (200, &json!("ok"), &private), "{found}");
        let branches = if name.starts_with("local") { json!(["main"]) } else { json!(["main", "release/1"]) };
        assert_eq!((&found["default_branch"], &found["branches"]), (&json!("main"), &branches));
        assert_eq!(found["notebooks"], json!(["notebooks/a.ipynb", "notebooks/b.ipynb"]));
        assert_eq!(found["notebooks_total"], 2);
    }
    let (_, found) =
        post(&world, "/api/repos/check", json!({ "full_name": "octocat/checked", "branch": "release/*" })).await;
    assert_eq!((&found["branches"], &found["notebooks"]), (&json!(["release/1"]), &json!(["notebooks/a.ipynb"])));
    assert_eq!((&found["registered_id"], &found["webhook"]["state"]), (&Value::Null, &json!("addable")));
    let (_, found) = post(&world, "/api/repos/check", json!({ "full_name": "octocat/checked", "branch": "none" })).await;
    assert_eq!((&found["branches"], &found["notebooks_total"]), (&json!([]), &json!(0)));
    assert!(github.hooks("octocat/checked").is_empty(), "a check changes nothing");
    let registered = world.repo("local/checked").await;
    let (_, found) = post(&world, "/api/repos/check", json!({ "full_name": "local/checked" })).await;
    assert_eq!((&found["registered_id"], &found["webhook"]["state"]), (&json!(registered), &json!("local")));
}

#[tokio::test]
async fn a_check_says_why_a_repository_cannot_be_read() {
    let (github, world) = at_github().await;
    for (name, rights, access) in
        [("octocat/hidden", Rights::Nothing, "not_found"), ("octocat/shut", Rights::Forbidden, "forbidden")]
    {
        github.repository(name).push("main", &[("a.ipynb", &notebook())]);
        github.restrict(name, rights);
        let (status, found) = post(&world, "/api/repos/check", json!({ "full_name": name })).await;
        assert_eq!(
            (status, &found["access"], &found["webhook"]["state"]),
            (200, &json!(access), &json!("manual")),
            "{found}"
        );
        assert!(found["detail"].as_str().is_some_and(|detail| detail.contains("GITHUB_TOKEN")), "{found}");
    }
    for name in ["octocat/absent", "local/absent"] {
        let (_, found) = post(&world, "/api/repos/check", json!({ "full_name": name })).await;
        assert_eq!((&found["access"], &found["default_branch"]), (&json!("not_found"), &Value::Null), "{found}");
    }
    for (wrong, code) in [
        (json!({ "full_name": "octocat/absent", "notebook_glob": "[" }), "bad_glob"),
        (json!({ "full_name": "octocat/absent", "branch": "main,[" }), "bad_glob"),
        (json!({ "full_name": "octocat/absent", "branch": " " }), "bad_branch"),
    ] {
        let (status, problem) = post(&world, "/api/repos/check", wrong).await;
        assert_eq!((status, &problem["code"]), (400, &json!(code)));
    }
}

#[tokio::test]
async fn adding_a_repository_adds_its_webhook_and_asking_again_mends_it() {
    let (github, world) = at_github().await;
    github.repository("octocat/hooked").push("main", &[("a.ipynb", &notebook())]);
    let (status, repo) = post(&world, "/api/repos", json!({ "full_name": "octocat/hooked" })).await;
    assert_eq!((status, &repo["webhook"]["state"]), (201, &json!("installed")), "{repo}");
    let url = format!("{PUBLIC}/webhook/github");
    assert_eq!((&repo["webhook"]["url"], &repo["last_delivery_at"]), (&json!(url), &Value::Null));
    let hooks = github.hooks("octocat/hooked");
    let own = hooks[0]["config"]["secret"].as_str().unwrap().to_owned();
    assert!(
        own.len() >= 32 && own != SECRET && repo.get("webhook_secret").is_none(),
        "GitHub has it, so nobody need see it"
    );
    let right = json!({ "content_type": "json", "insecure_ssl": "0", "url": url, "secret": own });
    assert_eq!((hooks.len(), &hooks[0]["config"], &hooks[0]["events"]), (1, &right, &json!(["push"])));

    let mut spoiled = hooks[0].clone();
    (spoiled["active"], spoiled["events"]) = (json!(false), json!(["issues"]));
    spoiled["config"] = json!({ "content_type": "form", "insecure_ssl": "1", "url": url, "secret": "another" });
    let other = json!({ "id": 77, "active": true, "events": ["push"], "config": { "url": "https://ci.example", "content_type": "json" } });
    github.set_hooks("octocat/hooked", vec![other.clone(), spoiled]);
    let (_, found) = post(&world, "/api/repos/check", json!({ "full_name": "octocat/hooked" })).await;
    assert_eq!(found["webhook"]["state"], "addable", "one that sends no pushes is none: {found}");
    let (status, repo) = post(&world, &format!("/api/repos/{}/webhook", repo["id"]), json!({})).await;
    assert_eq!((status, &repo["webhook"]["state"]), (200, &json!("installed")), "{repo}");
    let hooks = github.hooks("octocat/hooked");
    assert_eq!((hooks.len(), &hooks[0], &hooks[1]["config"]), (2, &other, &right));
    assert_eq!((&hooks[1]["active"], &hooks[1]["events"]), (&json!(true), &json!(["issues", "push"])));
    let (_, found) = post(&world, "/api/repos/check", json!({ "full_name": "octocat/hooked" })).await;
    assert_eq!(found["webhook"]["state"], "installed", "{found}");
    assert!(!found.to_string().contains(&own));
}

#[tokio::test]
async fn without_the_right_to_add_webhooks_it_is_said_what_to_paste_until_a_push_arrives() {
    let (github, world) = at_github().await;
    let repository = github.repository("octocat/pasted");
    github.restrict("octocat/pasted", Rights::Read);
    let push = repository.push("main", &[("a.ipynb", &notebook())]);
    let (_, found) = post(&world, "/api/repos/check", json!({ "full_name": "octocat/pasted" })).await;
    assert_eq!((&found["access"], &found["webhook"]["state"]), (&json!("ok"), &json!("manual")), "{found}");
    let (_, repo) = post(&world, "/api/repos", json!({ "full_name": "octocat/pasted" })).await;
    let webhook = &repo["webhook"];
    assert_eq!((&webhook["state"], &webhook["url"]), (&json!("manual"), &json!(format!("{PUBLIC}/webhook/github"))));
    assert_eq!((&webhook["content_type"], &webhook["events"]), (&json!("application/json"), &json!(["push"])));
    assert!(webhook["detail"].as_str().is_some_and(|detail| detail.contains("admin:repo_hook")), "{webhook}");
    assert!(webhook["secret"].as_str().is_some_and(|text| text.contains("GITHUB_WEBHOOK_SECRET")));

    let secret = repo["webhook_secret"].as_str().unwrap();
    assert!(world.json(&format!("/api/repos/{}", repo["id"])).await.get("webhook_secret").is_none(), "it is shown once");
    let signature = testkit::signature(secret, &push.body);
    let headers =
        [("x-github-event", "push"), ("x-github-delivery", &push.delivery_id), ("x-hub-signature-256", &signature)];
    let headers = [&headers[..], &[("content-type", "application/json")]].concat();
    assert_eq!(world.ask(Method::POST, "/webhook/github", &headers, push.body).await.status, 202);
    let repo = world.json(&format!("/api/repos/{}", repo["id"])).await;
    assert_eq!(repo["webhook"]["state"], "installed", "{repo}");
    assert!(repo["last_delivery_at"].is_string(), "{repo}");
}

#[tokio::test]
async fn null_clears_what_a_pod_is_given_and_absence_leaves_it() {
    let world = World::new().await;
    let (_, repo) = post(&world, "/api/repos", json!({ "full_name": "local/sized" })).await;
    let (id, sizes) = (&repo["id"], |repo: &Value| (repo["cpu"].clone(), repo["memory"].clone()));
    assert_eq!((&repo["webhook"]["state"], sizes(&repo)), (&json!("local"), (Value::Null, Value::Null)));
    let (_, repo) = change(&world, id, json!({ "cpu": "2", "memory": "4Gi" })).await;
    assert_eq!(sizes(&repo), (json!("2"), json!("4Gi")));
    let (_, repo) = change(&world, id, json!({ "cpu": null, "branch": "main" })).await;
    assert_eq!(sizes(&repo), (Value::Null, json!("4Gi")));
    let (status, _) = change(&world, id, json!({ "memory": "much" })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_repository_is_registered_once_shown_changed_and_forgotten() {
    let world = World::new().await;
    let (status, repo) = post(&world, "/api/repos", json!({ "full_name": "local/once" })).await;
    assert_eq!((status, &repo["branch"], &repo["notebook_glob"]), (201, &json!("main"), &json!("**/*.ipynb")));
    assert_eq!(world.post("/api/repos", json!({ "full_name": "local/once" })).await.code(), (409, "conflict".to_owned()));
    let path = format!("/api/repos/{}", repo["id"]);
    assert_eq!(world.json(&path).await, repo);
    let (status, changed) = change(&world, &repo["id"], json!({ "branch": "a,b/*", "notebook_glob": "x/*.ipynb" })).await;
    assert_eq!((status, &changed["branch"], &changed["notebook_glob"]), (200, &json!("a,b/*"), &json!("x/*.ipynb")));
    assert_eq!(change(&world, &repo["id"], json!({})).await, (200, changed));
    for status in [204, 404] {
        assert_eq!(world.ask(Method::DELETE, &path, &[], "").await.status, status);
    }
    assert_eq!(world.get(&path).await.status, 404);
    assert_eq!(post(&world, "/api/repos", json!({ "full_name": "local/once" })).await.0, 201, "a name that is free again");
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_and_change_nothing() {
    let world = World::new().await;
    let (_, repo) = post(&world, "/api/repos", json!({ "full_name": "local/strict" })).await;
    let refused = [
        (json!({ "branch": "" }), 400, "bad_branch"),
        (json!({ "branch": "  " }), 400, "bad_branch"),
        (json!({ "branch": " , ," }), 400, "bad_branch"),
        (json!({ "notebook_glob": "[" }), 400, "bad_glob"),
        (json!({ "branch": "[" }), 400, "bad_glob"),
        (json!({ "branch": 7 }), 422, "bad_request"),
        (json!({ "unknown": 7 }), 422, "bad_request"),
    ];
    let quantities = [
        ("cpu", "much"),
        ("cpu", ""),
        ("cpu", "0"),
        ("cpu", "-1"),
        ("cpu", "1Gi"),
        ("cpu", "1e3"),
        ("cpu", "NaN"),
        ("cpu", "inf"),
        ("cpu", " 1"),
        ("memory", "much"),
        ("memory", "0Gi"),
        ("memory", "1.2.3Gi"),
        ("memory", "500m"),
        ("memory", "1gi"),
        ("memory", "."),
    ];
    let quantities = quantities.map(|(name, value)| (json!({ name: value }), 400, "bad_quantity"));
    for (wrong, status, code) in refused.into_iter().chain(quantities) {
        let answer = world.send(Method::PATCH, &format!("/api/repos/{}", repo["id"]), &wrong).await;
        assert_eq!(answer.code(), (status, code.to_owned()), "{wrong}");
    }
    for good in ["1", "0.5", "500m"] {
        assert_eq!(change(&world, &repo["id"], json!({ "cpu": good })).await.1["cpu"], good);
    }
    for good in ["512Mi", "1.5Gi", "1000000", "2G"] {
        assert_eq!(change(&world, &repo["id"], json!({ "memory": good })).await.1["memory"], good);
    }
    for name in ["", "octocat", "a/b/c", "../..", "a/..", "a b/c", "octocat/", "/titanic", "oct\u{e9}/x", "a/b\0"] {
        for path in ["/api/repos", "/api/repos/check"] {
            assert_eq!(world.post(path, json!({ "full_name": name })).await.status, 422, "{name:?}");
        }
    }
}
