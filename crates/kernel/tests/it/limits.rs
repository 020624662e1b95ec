//! Time limits, cancellation, and tags that change what an error means.

use std::time::{Duration, Instant};

use kernel::Outcome;

use crate::harness::{Bench, Done};

const STUBBORN: &str = "import time\nprint('started', flush=True)\nwhile True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass";

async fn timed(cell: Option<u64>, run: u64, cells: &[(&str, &str)]) -> (Done, Duration) {
    let mut bench = Bench::new(cells);
    bench.request.cell_timeout = cell.map(Duration::from_secs);
    bench.request.run_timeout = Duration::from_secs(run);
    let start = Instant::now();
    let done = bench.run().await;
    (done, start.elapsed())
}

#[tokio::test]
async fn a_cell_that_takes_too_long_is_interrupted() {
    let (done, took) = timed(Some(1), 60, &[("", "1"), ("", "import time; time.sleep(60)"), ("", "2")]).await;
    assert!(matches!(done.report.outcome, Outcome::CellTimeout { cell: 1, .. }), "{}", done.report.outcome);
    assert!(took < Duration::from_secs(30), "{took:?}");
    // Two signposts stand before it.
    assert_eq!((done.status(1), done.status(3), done.status(4)), (&"completed".into(), &"failed".into(), &"pending".into()));
    assert!(done.outputs(3).iter().any(|output| output["ename"] == "KeyboardInterrupt"));
    assert!(done.outputs(3).iter().any(|output| output["ename"] == "CellTimeout"));
}

#[tokio::test]
async fn a_stubborn_cell_is_killed_after_its_grace() {
    let (done, took) = timed(Some(1), 60, &[("", STUBBORN)]).await;
    assert!(matches!(done.report.outcome, Outcome::CellTimeout { cell: 0, .. }), "{}", done.report.outcome);
    assert!((6..40).contains(&took.as_secs()), "{took:?}");
    assert_eq!(done.status(2), "failed");
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_stopped_in_its_cell() {
    let (done, _) = timed(None, 2, &[("", "import time; time.sleep(1)"), ("", "time.sleep(60)")]).await;
    assert!(matches!(done.report.outcome, Outcome::RunTimeout { cell: 1, .. }), "{}", done.report.outcome);
}

#[tokio::test]
async fn a_run_is_cancelled_in_its_cell() {
    let mut bench = Bench::new(&[("", "print('started'); import time; time.sleep(60)"), ("", "2")]);
    bench.sink.cancel_at = Some("started");
    let done = bench.run().await;
    assert!(matches!(done.report.outcome, Outcome::Cancelled { cell: Some(0) }), "{}", done.report.outcome);
    assert_eq!(done.report.cells_run, 1);
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_it_starts_runs_no_cell() {
    let bench = Bench::new(&[("", "1")]);
    bench.sink.cancel.cancel();
    let done = bench.run().await;
    assert!(matches!(done.report.outcome, Outcome::Cancelled { cell: None }), "{}", done.report.outcome);
    assert_eq!(done.report.cells_run, 0);
}

#[tokio::test]
async fn a_stubborn_cell_is_killed_when_cancelled() {
    let mut bench = Bench::new(&[("", STUBBORN)]);
    bench.sink.cancel_at = Some("started");
    let done = bench.run().await;
    assert!(matches!(done.report.outcome, Outcome::Cancelled { cell: Some(0) }), "{}", done.report.outcome);
}

#[tokio::test]
async fn an_exception_ends_the_run_and_names_its_cell() {
    let done = Bench::new(&[("", "1"), ("", "def f():\n    raise ValueError('no good')\nf()"), ("", "2")]).run().await;
    let Outcome::CellError { cell: 1, ename, evalue, traceback } = &done.report.outcome else {
        panic!("{}", done.report.outcome)
    };
    assert_eq!((ename.as_str(), evalue.as_str()), ("ValueError", "no good"));
    assert!(traceback.len() > 2);
    assert_eq!(done.report.cells_run, 2);
    let errors: Vec<_> = done.sink.lines().into_iter().filter(|line| line.stream == contract::Stream::Error).collect();
    assert_eq!(errors.last().unwrap().text, "ValueError: no good");
    assert!(errors.iter().all(|line| line.cell == Some(1)));
}

#[tokio::test]
async fn input_is_refused_at_once() {
    let done = Bench::new(&[("", "input('name? ')")]).run().await;
    let Outcome::CellError { ename, .. } = &done.report.outcome else { panic!("{}", done.report.outcome) };
    assert_eq!(ename, "StdinNotImplementedError");
}

#[tokio::test]
async fn tags_decide_what_runs_and_what_may_fail() {
    let cells =
        [("raises-exception", "1/0"), ("skip-execution", "import os; os._exit(1)"), ("", "   "), ("", "print('end')")];
    let done = Bench::new(&cells).run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    assert_eq!(done.outputs(0)[0]["ename"], "ZeroDivisionError");
    assert_eq!(done.text(3), "end\n");
    assert_eq!(done.report.cells_run, 2);
}

#[tokio::test]
async fn a_notebook_may_end_itself() {
    for code in ["import sys; sys.exit()", "import sys; sys.exit(0)", "raise SystemExit(None)", "exit()"] {
        let done = Bench::new(&[("", code), ("", "print('not reached')")]).run().await;
        assert!(matches!(done.report.outcome, Outcome::Exited { cell: 0 }), "{code}: {}", done.report.outcome);
        assert_eq!(done.report.cells_run, 1, "{code}");
    }
    let done = Bench::new(&[("", "import sys; sys.exit(2)")]).run().await;
    assert!(matches!(done.report.outcome, Outcome::CellError { .. }), "{}", done.report.outcome);
}
