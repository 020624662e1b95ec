//! Gates decide; a model that fails them leaves the previous one in service.

use contract::PipelineStatus;
use serde_json::{Value, json};
use testkit::{Notebook, Project};

use crate::mlsys;

#[tokio::test(flavor = "multi_thread")]
async fn a_model_below_its_gate_is_registered_but_not_deployed() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "gated");
    let config = "MODEL_NAME = 'gated'\nVERSION = '1'\nGATES = ['accuracy >= champion', 'accuracy > 0.5']";
    let notebook =
        |evaluation: &str| Notebook::valid("gated").with("mlops:config", config).with("mlops:evaluation", evaluation);

    let first = mlsys.succeeded(project.push_notebook("n.ipynb", notebook("accuracy = 0.9").json())).await;
    assert!(first.deployed, "{:?}", first.reason);
    let detail = mlsys.get(&format!("/api/pipelines/{}", first.id)).await;
    let passed: Vec<_> = detail["gates"].as_array().expect("gates").iter().map(|gate| &gate["passed"]).collect();
    assert_eq!((passed, &detail["champion"]), (vec![&json!(true); 2], &Value::Null), "nothing to compare with: {detail}");

    let second = mlsys.ended(project.push_notebook("n.ipynb", notebook("accuracy = 0.8").json())).await;
    assert_eq!((second.status, second.deployed), (PipelineStatus::Succeeded, false));
    assert_eq!(second.registry_version, Some(2));
    let reason = second.reason.expect("a reason");
    assert!(reason.contains("0.8") && reason.contains("0.9"), "{reason}");

    let detail = mlsys.get(&format!("/api/pipelines/{}", second.id)).await;
    let gates = detail["gates"].as_array().expect("gates");
    let verdicts: Vec<_> = gates.iter().map(|gate| (gate["gate"].as_str(), gate["passed"].as_bool())).collect();
    assert_eq!(verdicts, [(Some("accuracy >= champion"), Some(false)), (Some("accuracy > 0.5"), Some(true))]);
    assert!(
        gates[0]["explanation"].as_str().is_some_and(|words| words.contains("0.8") && words.contains("0.9")),
        "{detail}"
    );
    assert_eq!((&detail["champion"]["version"], &detail["champion"]["metrics"]["accuracy"]), (&json!(1), &json!(0.9)));

    let row = json!({"dataframe_split": {"columns": ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"], "data": [[5.1, 3.5, 1.4, 0.2]]}});
    let (status, answer) = mlsys.post(&mlsys.model_server("/predict/gated"), &row).await;
    assert_eq!((status, answer["model_version"].as_u64()), (200, Some(1)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_a_metric_for_its_gate_says_which_is_missing() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "unmeasured");
    let notebook = Notebook::valid("unmeasured").with("mlops:evaluation", "f1 = 0.9");
    let pipeline = mlsys.succeeded(project.push_notebook("n.ipynb", notebook.json())).await;
    assert!(!pipeline.deployed);
    let reason = pipeline.reason.expect("a reason");
    assert!(reason.contains("accuracy") && reason.contains("f1"), "{reason}");
}
