//! What a pipeline's own page shows of a run: what it was told, its notebook as far as it has run, its log, its links.

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

    let notebook = mlsys.get(&format!("/api/pipelines/{id}/notebook")).await;
    assert!(notebook["cells"][0]["execution_count"].is_u64(), "as far as it has run: {}", notebook["cells"][0]);
    let saved = mlsys.answer(&format!("/api/pipelines/{id}/logs.txt")).await;
    let saved = saved.text().await.expect("text");
    assert_eq!(saved.lines().count(), mlsys.stored_log(id).await.len());
}
