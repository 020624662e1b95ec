//! Secrets of a run: the notebook has them, and what is told of it has not.

use contract::Stream;
use kernel::Outcome;

use crate::harness::Bench;

const SECRET: &str = "hunter2 & hunter3";

#[tokio::test]
async fn a_secret_is_blotted_out_wherever_it_comes_from_and_nothing_else_is() {
    let mut bench = Bench::new(&[
        ("", "import os, sys, threading, time; s = os.environ['S']; print(len(s), os.environ['PIPELINE_ID'])"),
        (
            "",
            "for c in s: sys.stdout.write(c); sys.stdout.flush()\nprint('', s.encode().hex()); print('end', s[:6], end='')",
        ),
        ("", "import html; h = display({'text/html': html.escape(s), 'text/plain': s}, raw=True, display_id='x'); 'kept'"),
        ("", "from IPython.display import update_display; update_display(s, display_id='x')"),
        ("", "print('z' * 2_000_000); print(s)"),
        ("", "open('/proc/self/environ').read().count(s) + open('/proc/self/cmdline').read().count(s)"),
        (
            "",
            "def late():\n    time.sleep(.2); print('late', s)\nthread = threading.Thread(target=late); thread.start(); thread.join()",
        ),
        ("raises-exception", "raise KeyError(s)"),
        ("", "os.write(2, s.encode()); {}[s]"),
    ]);
    bench.request.secrets.0.insert("S".parse().unwrap(), SECRET.to_owned());
    bench.request.environment.insert("PIPELINE_ID".to_owned(), "of the platform".to_owned());
    let done = bench.run().await;
    let Outcome::CellError { evalue, traceback, .. } = &done.report.outcome else { panic!("{}", done.report.outcome) };
    assert_eq!(evalue, "'***'");
    // Before them stands what papermill says of the failure.
    assert_eq!(done.text(1), "17 of the platform\n");
    assert_eq!(done.text(2), "*** ***\nend hunter");
    assert_eq!(done.outputs(3)[0]["data"]["text/plain"], "'***'", "updated since");
    assert_eq!(done.outputs(3)[1]["data"]["text/plain"], "'kept'");
    assert_eq!(done.outputs(6)[0]["data"]["text/plain"], "0", "it stands in no list of processes");
    assert_eq!(done.text(7), "late ***\n");
    assert_eq!(done.outputs(8)[0]["evalue"], "'***'");
    let whole = std::fs::read_to_string(&done.report.spilled[0]).unwrap();
    assert!(whole.ends_with("z\n***\n"));
    let lines = done.sink.lines();
    assert!(lines.iter().any(|line| line.stream == Stream::Stdout && line.text == "*** ***"));
    let shown = lines.iter().find(|line| line.stream == Stream::Display).unwrap();
    assert_eq!(shown.data.as_ref().unwrap()["text/html"], "***");
    let mut told = format!("{lines:?} {traceback:?} {:?} {whole}", done.report.notebook);
    done.sink.notebooks().iter().for_each(|notebook| told.push_str(&String::from_utf8_lossy(&notebook.to_json())));
    for part in [SECRET, "hunter3", "hunter2 &amp;", "68756e74657232"] {
        let at = told.find(part).map(|at| &told[at.saturating_sub(200)..(at + 50).min(told.len())]);
        assert_eq!(at, None, "{part}");
    }
}
