//! Outputs in the notebook and in the log.

use std::time::Duration;

use contract::Stream;
use kernel::Outcome;
use serde_json::json;

use crate::harness::Bench;

#[tokio::test]
async fn outputs_of_every_kind_are_saved_in_order_and_logged() {
    let done = Bench::new(&[
        ("", "import sys\nprint('a'); print('b', flush=True); print('c', file=sys.stderr, flush=True); print('d', end='')"),
        (
            "",
            "from IPython.display import display, HTML, clear_output\nh = display(HTML('<b>1</b>'), display_id='x')\n40 + 2",
        ),
        ("", "from IPython.display import update_display\nupdate_display(HTML('<b>2</b>'), display_id='x')"),
        ("", "print('old'); clear_output(wait=True); print('new')"),
    ])
    .run()
    .await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    let streams: Vec<_> = done.outputs(0).iter().map(|output| (&output["name"], &output["text"])).collect();
    assert_eq!(
        streams,
        [(&json!("stdout"), &json!("a\nb\n")), (&json!("stderr"), &json!("c\n")), (&json!("stdout"), &json!("d"))]
    );
    assert_eq!(done.outputs(1)[0]["data"]["text/html"], "<b>2</b>");
    assert_eq!(done.outputs(1)[1]["output_type"], "execute_result");
    assert_eq!(done.outputs(1)[1]["data"]["text/plain"], "42");
    assert_eq!(done.text(3), "new\n");
    assert_eq!(done.sink.texts(Stream::Stdout), ["a", "b", "d", "old", "new"]);
    assert_eq!(done.sink.texts(Stream::Stderr), ["c"]);
    let shown: Vec<_> = done.sink.lines().into_iter().filter(|line| line.stream == Stream::Display).collect();
    assert_eq!(shown[0].data.as_ref().unwrap()["text/html"], "<b>1</b>");
    assert_eq!((shown[1].cell, shown[1].text.as_str()), (Some(1), "42"));
    assert_eq!(done.report.cells_run, 4);
}

#[tokio::test]
async fn lines_come_while_the_cell_runs_and_progress_is_thinned() {
    let code = "import time\nfor i in range(30):\n    print(f'\\r{i}/30', end='', flush=True); time.sleep(0.05)\nprint()\nprint('é', b'\\xff'.decode('utf-8', 'surrogateescape'))";
    let done = Bench::new(&[("", code), ("", "print('after')")]).run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    assert!(done.text(0).starts_with("29/30\né \u{fffd}"), "{:?}", done.text(0));
    let lines = done.sink.lines();
    let progress: Vec<_> = lines.iter().filter(|line| line.text.ends_with("/30")).collect();
    assert!((2..6).contains(&progress.len()), "{progress:?}");
    assert_eq!(progress.last().unwrap().text, "29/30");
    assert!(lines.last().unwrap().at - lines[0].at > Duration::from_millis(900), "the first line came at the end");
    assert!(done.sink.notebooks().iter().any(|notebook| {
        let outputs = notebook.cells()[0].outputs();
        !outputs.is_empty() && notebook.cells()[0].metadata()["papermill"]["status"] == "running"
    }));
}

#[tokio::test]
async fn two_hundred_thousand_lines_all_arrive_and_the_notebook_stays_small() {
    let done = Bench::new(&[("", "for i in range(200_000): print('line number', i)")]).run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    let lines = done.sink.texts(Stream::Stdout);
    assert_eq!(lines.len(), 200_000);
    assert!(lines.iter().enumerate().all(|(i, line)| *line == format!("line number {i}")));
    let text = done.text(0);
    assert!(text.len() < (1 << 20) + 200);
    assert!(text.contains("bytes of stdout in all; whole in cell-0-stdout.txt]"));
    let whole = std::fs::read_to_string(&done.report.spilled[0]).unwrap();
    assert_eq!(whole.lines().count(), 200_000);
}

#[tokio::test]
async fn a_print_of_50_megabytes_is_cut_with_its_size_and_kept_whole() {
    let done = Bench::new(&[("", "print('y' * 50_000_000)"), ("", "print('still here')")]).run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    let lines = done.sink.texts(Stream::Stdout);
    assert!(lines[0].len() < 17 << 10 && lines[0].ends_with("… [cut: 50000000 bytes in all]"));
    assert_eq!(lines[1], "still here");
    assert_eq!(std::fs::metadata(&done.report.spilled[0]).unwrap().len(), 50_000_001);
    assert!(done.report.notebook.to_json().len() < 2 << 20);
}

#[tokio::test]
async fn a_rich_output_that_is_too_large_is_cut_and_kept_whole() {
    let code = "display({'text/plain': 'big', 'application/json': {'x': 'z' * 9_000_000}}, raw=True)";
    let done = Bench::new(&[("", code)]).run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    let mark = done.outputs(0)[0]["data"]["text/plain"].as_str().unwrap();
    assert!(mark.contains("cell-0-output-1.application-json.json"), "{mark}");
    assert_eq!(done.report.spilled.len(), 2);
    let line = done.sink.lines().remove(0);
    assert_eq!(line.text, "big");
    assert!(line.data.unwrap()["application/json"]["cut"].as_u64().unwrap() > 9_000_000);
}

#[tokio::test]
async fn a_flood_without_end_is_stopped_by_the_time_limit() {
    let mut bench = Bench::new(&[("", "while True: print('x' * 200, flush=True); display(1)")]);
    bench.request.cell_timeout = Some(Duration::from_secs(2));
    let done = bench.run().await;
    assert!(matches!(done.report.outcome, Outcome::CellTimeout { cell: 0, .. }), "{}", done.report.outcome);
    assert!(done.report.notebook.to_json().len() < 24 << 20);
}

#[tokio::test]
async fn what_a_thread_prints_after_its_cell_is_not_lost() {
    let code = "import threading, time\nt = threading.Thread(target=lambda: (time.sleep(0.3), print('late')))\nt.start()\nprint('early')";
    let done = Bench::new(&[("", code), ("", "t.join(); print('joined')")]).run().await;
    assert_eq!(done.sink.texts(Stream::Stdout), ["early", "late", "joined"]);
    assert_eq!(done.text(0) + &done.text(1), "early\nlate\njoined\n");
}

#[tokio::test]
async fn scraps_are_collected() {
    let glue = "def glue(name, value):\n    mime = 'application/scrapbook.scrap.json+json'\n    \
                data = {'name': name, 'data': value, 'encoder': 'json', 'version': 1}\n    \
                display({mime: data}, metadata={'scrapbook': {'name': name, 'data': True, 'display': False}}, raw=True)\n\
                glue('accuracy', 0.93); glue('labels', ['a', 'b'])";
    let old = "display({'application/papermill.record+json': {'old': 1}}, raw=True)";
    let done = Bench::new(&[("", glue), ("", old)]).run().await;
    assert_eq!(
        serde_json::to_value(&done.report.scraps).unwrap(),
        json!({"accuracy": 0.93, "labels": ["a", "b"], "old": 1})
    );
}

#[tokio::test]
async fn a_notebook_of_many_cells_is_not_handed_out_for_each() {
    let sources: Vec<_> = (0..400).map(|n| format!("v{n} = {n}")).collect();
    let cells: Vec<_> = sources.iter().map(|source| ("", source.as_str())).collect();
    let done = Bench::new(&cells).run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    let handed_out = done.sink.notebooks();
    assert!(handed_out.len() < 400, "{}", handed_out.len());
    assert_eq!(handed_out.last().unwrap().to_json(), done.report.notebook.to_json());
}
