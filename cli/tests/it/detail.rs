//! What a pipeline's own page shows: its notebook, the notebook's parameters, its log as a file, its links.

use contract::{PipelineId, PipelineStatus};
use serde_json::{Value, json};
use testkit::{Notebook, Project};

use crate::mlsys;

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_run_by_hand_shows_what_it_was_told_and_its_defaults() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "told");
    let notebook = Notebook::valid("told").cell("parameters", "alpha = 0.5  # how much\nnames = ['a']");
    let pushed = mlsys.succeeded(project.push_notebook("n.ipynb", notebook.json())).await;
    let run = json!({
        "repo": project.full_name(), "ref": pushed.commit_sha, "notebook_path": "n.ipynb", "branch": null,
        "parameters": {"alpha": 0.25},
    });
    let (status, made) = mlsys.post(&mlsys.api("/api/pipelines"), &run).await;
    assert_eq!(status, 202, "{made}");
    let id = serde_json::from_value(made["id"].clone()).expect("an id");
    mlsys.succeeded(id).await;

    let detail = mlsys.get(&format!("/api/pipelines/{id}")).await;
    assert_eq!((&detail["manual"], &detail["delivery_id"], &detail["branch"]), (&json!(true), &Value::Null, &json!("main")));
    assert_eq!(detail["parameters"], json!({"alpha": 0.25}));
    assert_eq!(detail["log_lines"], mlsys.stored_log(id).await.len());
    assert_eq!(detail["links"]["commit"], Value::Null, "a repository of the local remote has no pages");
    let page = detail["links"]["mlflow_run"].as_str().expect("a page").to_owned();
    assert!(page.ends_with(&format!("/#/runs/{}", detail["mlflow_run_id"].as_str().expect("a run"))), "{page}");

    let pushed = mlsys.get(&format!("/api/pipelines/{}", pushed.id)).await;
    assert_eq!((&pushed["manual"], pushed["delivery_id"].is_string()), (&json!(false), true), "{pushed}");

    let parameters = mlsys.get(&format!("/api/pipelines/{id}/parameters")).await;
    let alpha = json!({"name": "alpha", "type": "float", "default": 0.5, "source": "0.5", "help": "how much"});
    let names = json!({"name": "names", "type": "list", "default": ["a"], "source": "['a']", "help": null});
    assert_eq!(parameters, json!({"items": [alpha, names], "next": null}), "the notebook's own defaults");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_is_answered_only_when_it_has_changed() {
    let mlsys = mlsys();
    let id = Project::new(mlsys, "seen-once").push_notebook("n.ipynb", Notebook::valid("seen-once").json());
    mlsys.succeeded(id).await;
    let ask = async |query: &str, known: Option<&str>| {
        let request = mlsys.http().get(mlsys.api(&format!("/api/pipelines/{id}/notebook{query}")));
        let request = known.into_iter().fold(request, |request, known| request.header("if-none-match", known));
        let answer = request.send().await.expect("an answer");
        let etag = answer.headers()["etag"].to_str().expect("text").to_owned();
        (answer.status().as_u16(), etag, answer.text().await.expect("a body"))
    };
    let (status, etag, body) = ask("", None).await;
    let notebook: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &notebook["nbformat"]), (200, &json!(4)));
    assert!(notebook["cells"][0]["execution_count"].is_u64(), "{}", notebook["cells"][0]);
    for known in [etag.clone(), format!("W/{etag}"), format!("\"another\", {etag}"), "*".to_owned()] {
        assert_eq!(ask("", Some(&known)).await, (304, etag.clone(), String::new()), "{known}");
    }
    assert_eq!(ask("", Some("\"another\"")).await, (200, etag.clone(), body.clone()));
    let short = ask("?abridged=true", Some(&etag)).await;
    assert_eq!((short.0, &short.2), (200, &body), "nothing in it is long, but it might be");
    assert_eq!(ask("?abridged=true", Some(&short.1)).await, (304, short.1.clone(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_that_prints_much_comes_short_and_can_be_had_whole() {
    let mlsys = mlsys();
    let long = Notebook::valid("abridged").before("mlops:export", "for i in range(5000):\n    print('tick tick', i)");
    let id = Project::new(mlsys, "abridged").push_notebook("n.ipynb", long.json());
    mlsys.succeeded(id).await;
    let whole = mlsys.get(&format!("/api/pipelines/{id}/notebook")).await;
    let short = mlsys.get(&format!("/api/pipelines/{id}/notebook?abridged=true")).await;
    let cells = whole["cells"].as_array().expect("cells");
    let index = cells.iter().position(|cell| cell["source"].to_string().contains("tick")).expect("the cell");
    let printed = |notebook: &Value| match &notebook["cells"][index]["outputs"][0]["text"] {
        Value::Array(lines) => lines.iter().map(|line| line.as_str().expect("text")).collect(),
        text => text.as_str().expect("text").to_owned(),
    };
    let (all, first) = (printed(&whole), printed(&short));
    assert!(all.starts_with(&first) && first.starts_with("tick tick 0\n"), "{first:.100}");
    assert_eq!((all.lines().count(), first.len()), (5000, 32 << 10));
    assert!(short["cells"][index]["metadata"]["mlsys"]["abridged"].as_u64() > Some(all.len() as u64), "its whole size");
    let cell = |cell_id: &str| format!("/api/pipelines/{id}/notebook/cells/{cell_id}");
    assert_eq!(mlsys.get(&cell(cells[index]["id"].as_str().expect("an id"))).await, cells[index]);
    for (other, cell) in cells.iter().enumerate().filter(|(other, _)| *other != index) {
        assert_eq!(&short["cells"][other], cell, "only what is long is cut");
    }
    let unknown = mlsys.http().get(mlsys.api(&cell("none"))).send().await.expect("an answer");
    assert_eq!(unknown.status().as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_that_breaks_the_contract_can_be_seen() {
    let mlsys = mlsys();
    let broken = Notebook::valid("seen-broken").with("mlops:training", "x = = 1").cell("parameters", "alpha = 1");
    let id = Project::new(mlsys, "seen-broken").push_notebook("n.ipynb", broken.json());
    assert_eq!(mlsys.ended(id).await.status, PipelineStatus::Failed);
    let notebook = mlsys.get(&format!("/api/pipelines/{id}/notebook")).await;
    let sources: Vec<_> = notebook["cells"].as_array().expect("cells").iter().map(|cell| &cell["source"]).collect();
    assert!(sources.contains(&&json!("x = = 1")), "{sources:?}");
    assert_eq!(mlsys.get(&format!("/api/pipelines/{id}/parameters")).await["items"][0]["name"], "alpha");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_notebook_is_not_shown_as_one() {
    let mlsys = mlsys();
    let id = Project::new(mlsys, "unseen").push_notebook("n.ipynb", "{\"cells\": [1, 2");
    mlsys.ended(id).await;
    let unknown = PipelineId::generate();
    for path in
        [format!("{id}/notebook"), format!("{id}/parameters"), format!("{unknown}/notebook"), format!("{unknown}/logs.txt")]
    {
        let answer = mlsys.http().get(mlsys.api(&format!("/api/pipelines/{path}"))).send().await.expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (404, &"application/problem+json".parse().expect("a type"))
        );
        let problem: Value = answer.json().await.expect("JSON");
        assert_eq!((&problem["code"], &problem["type"]), (&json!("not_found"), &json!("about:blank")), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_ends_where_it_ends_and_can_be_saved() {
    let mlsys = mlsys();
    let long = Notebook::valid("saved").before("mlops:export", "for i in range(2500):\n    print('tick', i)");
    let id = Project::new(mlsys, "saved").push_notebook("n.ipynb", long.json());
    mlsys.succeeded(id).await;
    let lines = mlsys.stored_log(id).await;
    let page =
        async |after: usize, limit: usize| mlsys.get(&format!("/api/pipelines/{id}/logs?after={after}&limit={limit}")).await;
    // A page that ends with the log's last line has none after it.
    let whole = page(0, lines.len()).await;
    assert_eq!((whole["items"].as_array().map(Vec::len), &whole["next"]), (Some(lines.len()), &Value::Null));
    let first = page(0, lines.len() - 1).await;
    assert_eq!(first["next"], json!((lines.len() - 1).to_string()));
    assert_eq!(page(lines.len() - 1, 1).await["next"], Value::Null);
    assert_eq!(page(lines.len(), 1).await, json!({"items": [], "next": null}));

    let answer = mlsys.http().get(mlsys.api(&format!("/api/pipelines/{id}/logs.txt"))).send().await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers()["content-disposition"], format!("attachment; filename=\"pipeline-{id}.txt\""));
    let text = answer.text().await.expect("text");
    let saved: Vec<_> = text.lines().collect();
    assert_eq!(saved.len(), lines.len());
    for (saved, line) in saved.iter().zip(&lines) {
        assert!(saved.ends_with(&line.text) && saved.contains(line.phase.as_str()), "{saved}");
    }
}
