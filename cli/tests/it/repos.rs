//! Repositories through the API: what a check finds, how webhooks come to be, what a change clears.

use std::sync::OnceLock;

use serde_json::{Value, json};
use testkit::{GitHub, Mlsys, Notebook, Options, Project, Rights};

use crate::{BINARY, PUBLIC};

const SECRET: &str = "what deliveries are signed with";

/// An mlsys with a token at a GitHub of its own.
fn world() -> &'static (GitHub, Mlsys) {
    static SHARED: OnceLock<(GitHub, Mlsys)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let github = GitHub::start();
        let environment = [
            ("GITHUB_API_URL", &*github.url()),
            ("GITHUB_TOKEN", "a-token"),
            ("GITHUB_WEBHOOK_SECRET", SECRET),
            ("FRONTEND_URL", PUBLIC),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mlsys = Mlsys::start(BINARY, Options { environment });
        (github, mlsys)
    })
}

async fn post(path: &str, body: Value) -> (u16, Value) {
    let (_, mlsys) = world();
    mlsys.post(&mlsys.api(path), &body).await
}

async fn change(id: &Value, body: Value) -> (u16, Value) {
    let (_, mlsys) = world();
    let call = mlsys.http().patch(mlsys.api(&format!("/api/repos/{id}"))).json(&body);
    let answer = call.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

fn notebook() -> String {
    Notebook::new().cell("", "1").json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_finds_access_branches_and_notebooks_at_both_hosts() {
    let (github, mlsys) = world();
    let text = notebook();
    let files = [("notebooks/a.ipynb", &*text), ("notebooks/b.ipynb", &text), ("notes.md", "x"), ("c.ipynb", &text)];
    let remote = github.repository("octocat/checked");
    remote.push("main", &files);
    remote.push("release/1", &files[..1]);
    remote.push("wip", &files);
    let local = Project::new(mlsys, "checked");
    for (path, content) in files {
        local.write(path, content);
    }
    local.push();
    for (name, private) in [("octocat/checked", json!(false)), ("local/checked", Value::Null)] {
        let wanted = json!({ "full_name": name, "branch": "main,release/*", "notebook_glob": "notebooks/*.ipynb" });
        let (status, found) = post("/api/repos/check", wanted).await;
        assert_eq!((status, &found["access"], &found["private"]), (200, &json!("ok"), &private), "{found}");
        let branches = if name.starts_with("local") { json!(["main"]) } else { json!(["main", "release/1"]) };
        assert_eq!((&found["default_branch"], &found["branches"]), (&json!("main"), &branches));
        assert_eq!(found["notebooks"], json!(["notebooks/a.ipynb", "notebooks/b.ipynb"]));
        assert_eq!(found["notebooks_total"], 2);
    }
    let (_, found) = post("/api/repos/check", json!({ "full_name": "octocat/checked", "branch": "release/*" })).await;
    assert_eq!((&found["branches"], &found["notebooks"]), (&json!(["release/1"]), &json!(["notebooks/a.ipynb"])));
    assert_eq!((&found["registered_id"], &found["webhook"]["state"]), (&Value::Null, &json!("addable")));
    let (_, found) = post("/api/repos/check", json!({ "full_name": "octocat/checked", "branch": "none" })).await;
    assert_eq!((&found["branches"], &found["notebooks_total"]), (&json!([]), &json!(0)));
    assert!(github.hooks("octocat/checked").is_empty(), "a check changes nothing");
    let (_, found) = post("/api/repos/check", json!({ "full_name": "local/checked" })).await;
    assert_eq!((found["registered_id"].is_number(), &found["webhook"]["state"]), (true, &json!("local")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_why_a_repository_cannot_be_read() {
    let (github, _) = world();
    for (name, rights, access) in
        [("octocat/hidden", Rights::Nothing, "not_found"), ("octocat/shut", Rights::Forbidden, "forbidden")]
    {
        github.repository(name).push("main", &[("a.ipynb", &notebook())]);
        github.restrict(name, rights);
        let (status, found) = post("/api/repos/check", json!({ "full_name": name })).await;
        assert_eq!(
            (status, &found["access"], &found["webhook"]["state"]),
            (200, &json!(access), &json!("manual")),
            "{found}"
        );
        assert!(found["detail"].as_str().is_some_and(|detail| detail.contains("GITHUB_TOKEN")), "{found}");
    }
    for name in ["octocat/absent", "local/absent"] {
        let (_, found) = post("/api/repos/check", json!({ "full_name": name })).await;
        assert_eq!((&found["access"], &found["default_branch"]), (&json!("not_found"), &Value::Null), "{found}");
    }
    for (wrong, code) in [
        (json!({ "full_name": "octocat/absent", "notebook_glob": "[" }), "bad_glob"),
        (json!({ "full_name": "octocat/absent", "branch": " " }), "bad_branch"),
    ] {
        let (status, problem) = post("/api/repos/check", wrong).await;
        assert_eq!((status, &problem["code"]), (400, &json!(code)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_a_repository_adds_its_webhook_and_asking_again_mends_it() {
    let (github, mlsys) = world();
    github.repository("octocat/hooked").push("main", &[("a.ipynb", &notebook())]);
    let (status, repo) = post("/api/repos", json!({ "full_name": "octocat/hooked" })).await;
    assert_eq!((status, &repo["webhook"]["state"]), (201, &json!("installed")), "{repo}");
    let url = format!("{PUBLIC}/webhook/github");
    assert_eq!((&repo["webhook"]["url"], &repo["last_delivery_at"]), (&json!(url), &Value::Null));
    let right = json!({ "content_type": "json", "insecure_ssl": "0", "url": url, "secret": SECRET });
    let hooks = github.hooks("octocat/hooked");
    assert_eq!((hooks.len(), &hooks[0]["config"], &hooks[0]["events"]), (1, &right, &json!(["push"])));

    let mut spoiled = hooks[0].clone();
    (spoiled["active"], spoiled["events"]) = (json!(false), json!(["issues"]));
    spoiled["config"] = json!({ "content_type": "form", "insecure_ssl": "1", "url": url, "secret": "another" });
    let other = json!({ "id": 77, "active": true, "events": ["push"], "config": { "url": "https://ci.example", "content_type": "json" } });
    github.set_hooks("octocat/hooked", vec![other.clone(), spoiled]);
    let (_, found) = post("/api/repos/check", json!({ "full_name": "octocat/hooked" })).await;
    assert_eq!(found["webhook"]["state"], "addable", "one that sends no pushes is none: {found}");
    let (status, repo) = post(&format!("/api/repos/{}/webhook", repo["id"]), json!({})).await;
    assert_eq!((status, &repo["webhook"]["state"]), (200, &json!("installed")), "{repo}");
    let hooks = github.hooks("octocat/hooked");
    assert_eq!((hooks.len(), &hooks[0], &hooks[1]["config"]), (2, &other, &right));
    assert_eq!((&hooks[1]["active"], &hooks[1]["events"]), (&json!(true), &json!(["issues", "push"])));
    let (_, found) = post("/api/repos/check", json!({ "full_name": "octocat/hooked" })).await;
    assert_eq!(found["webhook"]["state"], "installed", "{found}");
    assert!(!mlsys.log().contains(SECRET) && !found.to_string().contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_add_webhooks_it_is_said_what_to_paste_until_a_push_arrives() {
    let (github, mlsys) = world();
    let repository = github.repository("octocat/pasted");
    github.restrict("octocat/pasted", Rights::Read);
    let push = repository.push("main", &[("a.ipynb", &notebook())]);
    let (_, found) = post("/api/repos/check", json!({ "full_name": "octocat/pasted" })).await;
    assert_eq!((&found["access"], &found["webhook"]["state"]), (&json!("ok"), &json!("manual")), "{found}");
    let (_, repo) = post("/api/repos", json!({ "full_name": "octocat/pasted" })).await;
    let webhook = &repo["webhook"];
    assert_eq!((&webhook["state"], &webhook["url"]), (&json!("manual"), &json!(format!("{PUBLIC}/webhook/github"))));
    assert_eq!((&webhook["content_type"], &webhook["events"]), (&json!("application/json"), &json!(["push"])));
    assert!(webhook["detail"].as_str().is_some_and(|detail| detail.contains("admin:repo_hook")), "{webhook}");
    assert!(webhook["secret"].as_str().is_some_and(|text| text.contains("GITHUB_WEBHOOK_SECRET")));

    let call = mlsys.http().post(mlsys.api("/webhook/github")).header("x-github-event", "push");
    let call = call.header("x-github-delivery", &push.delivery_id).header("content-type", "application/json");
    let call = call.header("x-hub-signature-256", testkit::signature(SECRET, &push.body)).body(push.body);
    assert_eq!(call.send().await.expect("an answer").status(), 202);
    let repo = mlsys.get(&format!("/api/repos/{}", repo["id"])).await;
    assert_eq!(repo["webhook"]["state"], "installed", "{repo}");
    assert!(repo["last_delivery_at"].is_string(), "{repo}");
}

#[tokio::test(flavor = "multi_thread")]
async fn null_clears_what_a_pod_is_given_and_absence_leaves_it() {
    let (_, repo) = post("/api/repos", json!({ "full_name": "local/sized" })).await;
    let (id, sizes) = (&repo["id"], |repo: &Value| (repo["cpu"].clone(), repo["memory"].clone()));
    assert_eq!((&repo["webhook"]["state"], sizes(&repo)), (&json!("local"), (Value::Null, Value::Null)));
    let (_, repo) = change(id, json!({ "cpu": "2", "memory": "4Gi" })).await;
    assert_eq!(sizes(&repo), (json!("2"), json!("4Gi")));
    let (_, repo) = change(id, json!({ "cpu": null, "branch": "main" })).await;
    assert_eq!(sizes(&repo), (Value::Null, json!("4Gi")));
    let (status, _) = change(id, json!({ "memory": "much" })).await;
    assert_eq!(status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_comes_page_by_page() {
    let (_, mlsys) = world();
    for name in ["local/page-a", "local/page-b", "local/page-c"] {
        post("/api/repos", json!({ "full_name": name })).await;
    }
    let first = mlsys.get("/api/repos?limit=2").await;
    assert_eq!((first["items"].as_array().map(Vec::len), first["next"].is_string()), (Some(2), true));
    let pages = mlsys.all("/api/repos?limit=2").await;
    let found: Vec<_> = pages.iter().filter_map(|repo| repo["full_name"].as_str()).collect();
    assert!(["local/page-a", "local/page-b", "local/page-c"].iter().all(|name| found.contains(name)), "{found:?}");
    assert!(found.is_sorted(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_in_force_are_shown_without_a_secret() {
    let (_, mlsys) = world();
    let answer = mlsys.get("/api/settings").await;
    assert_eq!((&answer["mode"], &answer["version"]), (&json!("embedded"), &json!(env!("CARGO_PKG_VERSION"))));
    let setting = |name: &str| {
        let mut all = answer["settings"].as_array().expect("a list").iter();
        all.find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} is missing")).clone()
    };
    for name in ["GITHUB_TOKEN", "GITHUB_WEBHOOK_SECRET"] {
        let shown = setting(name);
        assert_eq!(
            (&shown["value"], &shown["secret"], &shown["from"]),
            (&json!("••••"), &json!(true), &json!("environment"))
        );
    }
    assert_eq!((&setting("INTERNAL_TOKEN")["value"], &setting("FRONTEND_URL")["value"]), (&Value::Null, &json!(PUBLIC)));
    let (port, runs) = (setting("MLSYS_PORT"), setting("RUN_TIMEOUT_SECONDS"));
    assert_eq!((&port["value"], &port["from"]), (&json!("0"), &json!("environment")), "as the command line says");
    assert_eq!((&runs["value"], &runs["from"]), (&json!("3600"), &json!("default")));
    for secret in [SECRET, "a-token"] {
        assert!(!answer.to_string().contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_count_the_days_that_were_asked_for() {
    let (_, mlsys) = world();
    let local = Project::new(mlsys, "counted");
    local.write("exploration.ipynb", notebook());
    for id in local.push() {
        mlsys.ended(id).await;
    }
    let answer = mlsys.get("/api/statistics?days=3").await;
    let days = answer["days"].as_array().expect("a list");
    assert_eq!(days.len(), 3);
    // The day may have changed just now.
    let skipped: u64 = days[1..].iter().filter_map(|day| day["skipped"].as_u64()).sum();
    assert!(skipped >= 1, "{answer}");
    assert_eq!(mlsys.get("/api/statistics").await["days"].as_array().map(Vec::len), Some(14));
}
