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

/// Tells where MLflow is and by which token, then does what would change another's model.
const MEDDLE: &str = "import mlflow, os\nclient = mlflow.MlflowClient()\nprint(dict(os.environ), MLFLOW_TRACKING_URI)\n\
    print('at', os.environ['MLFLOW_TRACKING_URI'], os.environ['MLFLOW_TRACKING_TOKEN'])\nmlflow.log_metric('mine', 1)\nmlflow.end_run()\n\
    for act in (lambda: client.set_registered_model_alias('kept', 'prod', '1'), lambda: client.delete_registered_model('kept'),\n\
    \x20           lambda: client.delete_registered_model_alias('kept', 'dev'), lambda: client.get_model_version('kept', '1')):\n\
    \x20   try:\n        act()\n        print('done')\n    except mlflow.MlflowException as error:\n        print(error)";

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_reaches_what_is_its_own_in_mlflow_and_only_while_it_runs() {
    let mlsys = mlsys();
    let (owner, other) = (Project::new(mlsys, "keeper"), Project::new(mlsys, "meddler"));
    mlsys.succeeded(owner.push_notebook("n.ipynb", Notebook::valid("kept").json())).await;
    let meddling = Notebook::valid("meddling").before("mlops:export", MEDDLE);
    let id = other.push_notebook("n.ipynb", meddling.json());
    let pipeline = mlsys.succeeded(id).await;
    assert_eq!(pipeline.metrics["mine"], Some(1.0));
    let log: Vec<String> = mlsys.stored_log(id).await.into_iter().map(|line| line.text).collect();
    assert_eq!(log.iter().filter(|line| line.contains("PERMISSION_DENIED")).count(), 4, "{log:#?}");
    assert!(!log.iter().any(|line| ["done", "View run", mlsys.mlflow()].iter().any(|text| line.contains(text))), "{log:#?}");
    let alias = format!("{}/api/2.0/mlflow/registered-models/alias?name=kept&alias=dev", mlsys.mlflow());
    assert!(mlsys.http().get(alias).send().await.expect("an answer").status().is_success());

    let said = log.iter().find_map(|line| line.strip_prefix("at ")).expect("an address");
    let (address, token) = said.trim().split_once(' ').expect("a token");
    let run = format!("{address}/api/2.0/mlflow/runs/get?run_id={}", pipeline.mlflow_run_id.expect("a run"));
    assert_eq!(mlsys.http().get(run).bearer_auth(token).send().await.expect("an answer").status(), 401);
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
