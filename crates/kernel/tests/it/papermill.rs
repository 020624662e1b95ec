//! The executed notebook, as papermill writes it.

use std::time::Duration;

use kernel::{NotebookFile, Outcome};
use serde_json::json;

use crate::harness::{Bench, Done};

async fn with_parameters(cells: &[(&str, &str)]) -> Done {
    let mut bench = Bench::new(cells);
    bench.request.parameters = [
        ("alpha".to_owned(), json!(0.5)),
        ("names".to_owned(), json!(["é\"", null, true])),
        ("zeta".to_owned(), json!({"a": 1})),
    ]
    .into();
    bench.run().await
}

const SHOW: &str = "print(alpha, names, zeta)";
const SHOWN: &str = "0.5 ['é\"', None, True] {'a': 1}\n";

#[tokio::test]
async fn parameters_follow_the_parameters_cell() {
    let done = with_parameters(&[("", "1"), ("parameters", "alpha = 1"), ("", SHOW), ("", "1/0")]).await;
    assert!(matches!(done.report.outcome, Outcome::CellError { cell: 3, .. }), "{}", done.report.outcome);
    let source = done.report.notebook.cells()[3].source();
    assert_eq!(source, "# Parameters\nalpha = 0.5\nnames = [\"\\xe9\\\"\", None, True]\nzeta = {\"a\": 1}\n");
    assert!(done.report.notebook.cells()[3].has_tag("injected-parameters"));
    assert_eq!(done.text(4), SHOWN);
}

#[tokio::test]
async fn injected_parameters_are_replaced() {
    let done = with_parameters(&[("parameters", "alpha = 1"), ("injected-parameters", "alpha = 2"), ("", SHOW)]).await;
    assert_eq!(done.report.notebook.cells().len(), 3);
    assert_eq!(done.text(2), SHOWN);
}

#[tokio::test]
async fn parameters_without_a_cell_go_to_the_top_and_the_log_says_so() {
    let done = with_parameters(&[("", SHOW)]).await;
    assert_eq!(done.text(1), SHOWN);
    assert!(done.sink.lines().iter().any(|line| line.text.contains("no cell is tagged \"parameters\"")));
    assert!(done.sink.lines().iter().any(|line| line.cell == Some(0) && SHOWN.starts_with(&line.text)), "original indices");
}

#[tokio::test]
async fn a_parameter_that_python_cannot_name_is_refused() {
    let mut bench = Bench::new(&[("", "1")]);
    bench.request.parameters = [("a-b".to_owned(), json!(1))].into();
    let done = bench.run().await;
    assert!(done.report.outcome.to_string().contains("\"a-b\""), "{}", done.report.outcome);
}

#[tokio::test]
async fn a_failed_run_is_marked_and_a_rerun_removes_the_marks() {
    let first = Bench::new(&[("", "print(1)"), ("", "1/0"), ("", "2")]).run().await;
    let notebook = &first.report.notebook;
    let tagged: Vec<_> = notebook.cells().iter().map(|cell| cell.has_tag("papermill-error-cell-tag")).collect();
    assert_eq!(tagged, [true, false, true, false, false]);
    assert!(notebook.cells()[0].source().contains("In [2]"));
    assert_eq!(notebook.metadata()["papermill"]["exception"], true);
    assert_eq!(notebook.cells()[3].metadata()["papermill"]["exception"], true);
    let papermill = &notebook.cells()[1].metadata()["papermill"];
    assert_eq!((&papermill["status"], &papermill["exception"]), (&json!("completed"), &json!(false)));
    assert!(papermill["duration"].as_f64().unwrap() >= 0.0);

    let mut bench = Bench::new(&[]);
    bench.request.notebook = NotebookFile::parse(&notebook.to_json()).unwrap();
    let second = bench.run().await;
    assert!(matches!(second.report.outcome, Outcome::CellError { cell: 3, .. }), "{}", second.report.outcome);
    assert_eq!(second.report.notebook.cells().len(), 5);
}

#[tokio::test]
async fn times_paths_and_language_are_written() {
    let done = Bench::new(&[("", "1")]).run().await;
    let notebook = &done.report.notebook;
    let papermill = &notebook.metadata()["papermill"];
    assert_eq!((&papermill["input_path"], &papermill["output_path"]), (&json!("sub/in.ipynb"), &json!("sub/out.ipynb")));
    assert_eq!((&papermill["exception"], &papermill["parameters"]), (&json!(null), &json!({})));
    assert!(papermill["end_time"].as_str() >= papermill["start_time"].as_str());
    assert_eq!(notebook.metadata()["language_info"]["name"], "python");
    let execution = &notebook.cells()[0].metadata()["execution"];
    for step in ["iopub.status.busy", "iopub.execute_input", "shell.execute_reply", "iopub.status.idle"] {
        assert!(execution[step].as_str().unwrap().ends_with('Z'), "{step}");
    }
}

#[tokio::test]
async fn python_finds_the_notebooks_of_all_outcomes_valid() {
    let shows = "import sys\nprint('out'); print('err', file=sys.stderr); display({'text/html': '<b>', 'application/json': [1]}, raw=True)\n1";
    let long = "print('x' * 3_000_000); display({'text/plain': 'y' * 9_000_000}, raw=True)";
    for last in ["2", "1/0", "import os; os._exit(3)", "import time; time.sleep(60)"] {
        let mut bench = Bench::new(&[("parameters", "a = 1"), ("", shows), ("", long), ("", last), ("", "3")]);
        bench.request.parameters = [("a".to_owned(), json!(2))].into();
        bench.request.cell_timeout = Some(Duration::from_secs(3));
        bench.run().await.assert_valid();
    }
}
