//! What one repository cannot do to another one's model, nor a page elsewhere to a whole mlsys.

use contract::{Phase, PipelineStatus};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use testkit::{Notebook, Project};

use crate::mlsys;

#[tokio::test(flavor = "multi_thread")]
async fn another_repositorys_model_name_is_refused_before_anything_runs_until_it_is_handed_over() {
    let mlsys = mlsys();
    let (owner, other) = (Project::new(mlsys, "owner"), Project::new(mlsys, "intruder"));
    mlsys.succeeded(owner.push_notebook("n.ipynb", Notebook::valid("owned").json())).await;
    assert_eq!(mlsys.get("/api/models/owned").await["owner"], "local/owner");
    let refused = mlsys.ended(other.push_notebook("n.ipynb", Notebook::valid("owned").json())).await;
    assert_eq!(refused.status, PipelineStatus::Failed);
    let phase = refused.phases.iter().find(|phase| phase.name == Phase::Validate).expect("it was reached");
    let said = phase.error.as_deref().unwrap_or_default();
    assert!(said.contains("owned belongs to local/owner"), "{said}");
    assert_eq!(mlsys.get("/api/models/owned").await["versions"], 1);

    let change = json!({ "owner": "local/intruder" });
    let key = std::fs::read_to_string(mlsys.home().join("home.token")).expect("a token");
    let hand_over = mlsys.http().patch(mlsys.api("/api/models/owned")).bearer_auth(key.trim()).json(&change);
    let handed = hand_over.send().await.expect("an answer");
    assert!(handed.status().is_success());
    let changed = Notebook::valid("owned").cell("", "1").json();
    mlsys.succeeded(other.push_notebook("n.ipynb", changed)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_is_its_owners_alone_with_all_that_is_secret_in_it() {
    let mlsys = mlsys();
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(mlsys.home()), 0o700);
    for name in [
        "webhook.secret",
        "local.secret",
        "internal.secret",
        "signing.secret",
        "address.json",
        "mlsys.db",
        "mlflow/mlflow.db",
    ] {
        assert_eq!(mode(&mlsys.home().join(name)), 0o600, "{name}");
    }
    for url in [mlsys.api("/api/repos"), mlsys.model_server("/models")] {
        let call = mlsys.http().get(&url).header("host", "attacker.example").header("origin", "http://attacker.example");
        assert_eq!(call.send().await.expect("an answer").status(), 421, "{url}");
    }
}
