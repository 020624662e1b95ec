//! Notebooks that break the contract fail in `validate`; those without tags are skipped.

use contract::{Phase, PhaseStatus, PipelineStatus};
use testkit::{Notebook, Project};

use crate::mlsys;

#[tokio::test(flavor = "multi_thread")]
async fn every_violation_is_listed_at_once_with_its_cell_and_line() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "broken-contract");
    let broken = Notebook::new()
        .cell("mlops:config", "MODEL_NAME = f\"x\"\nVERSION = 3\nGATES = [\"accuracy >>= 1\"]")
        .cell("mlops:preprocessing", "# nothing yet")
        .cell("mlops:trainning", "model = 1");
    let id = project.push_notebook("broken.ipynb", broken.json());
    let pipeline = mlsys.ended(id).await;
    assert_eq!(pipeline.status, PipelineStatus::Failed);
    let statuses: Vec<_> = pipeline.phases.iter().map(|phase| (phase.name, phase.status)).collect();
    assert_eq!(
        statuses[..3],
        [
            (Phase::Download, PhaseStatus::Succeeded),
            (Phase::Validate, PhaseStatus::Failed),
            (Phase::Execute, PhaseStatus::Skipped)
        ]
    );
    let error = pipeline.phases[1].error.clone().expect("an error");
    for part in ["cell 0, line 1", "cell 0, line 2", "cell 0, line 3", "cell 1", "cell 2", "mlops:training", "mlops:export"]
    {
        assert!(error.contains(part), "{part} is missing in:\n{error}");
    }
    let notebook = mlsys.get(&format!("/api/pipelines/{id}/notebook")).await;
    assert!(notebook["cells"][2]["source"].to_string().contains("model = 1"), "it can be seen: {notebook}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_without_tags_is_skipped() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "exploration");
    let id = project.push_notebook("exploration.ipynb", Notebook::new().cell("", "1 + 1").json());
    let pipeline = mlsys.ended(id).await;
    assert_eq!(pipeline.status, PipelineStatus::Skipped);
    assert!(pipeline.reason.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_notebook_fails_in_validate() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "malformed");
    for (name, content) in
        [("a.ipynb", &b"{\"cells\": [1, 2"[..]), ("b.ipynb", b"\xff\xfe\x00"), ("c.ipynb", b"{\"nbformat\": 9}")]
    {
        let pipeline = mlsys.ended(project.push_notebook(name, content)).await;
        assert_eq!(pipeline.status, PipelineStatus::Failed, "{name}");
        assert_eq!(pipeline.phases[1].status, PhaseStatus::Failed, "{name}");
        let shown = mlsys.try_get(&format!("/api/pipelines/{}/parameters", pipeline.id)).await;
        assert!(shown.is_err_and(|error| error.contains("404")), "{name} is not shown as a notebook");
    }
}
