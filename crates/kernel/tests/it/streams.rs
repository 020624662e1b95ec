//! Notebooks that replace, close or break what the kernel answers over.

use std::time::{Duration, Instant};

use contract::Stream;
use kernel::{AfterCell, Outcome};
use serde_json::json;

use crate::harness::{Bench, Done};

const CLASS: &str = "import sys, os, io\nclass Odd:\n    def __init__(self, **methods): self.__dict__.update(methods)\n\
                     def fail(*_): raise RuntimeError('broken stream')\n";

/// Runs a cell that breaks something, another one, and an export cell with code after it.
async fn broken(code: &str) -> (Done, Duration) {
    let mut bench = Bench::new(&[("", &format!("{CLASS}{code}")), ("", "y = 2"), ("export", "z = y + 1")]);
    let code = "print('packaging')\nimport sys\nprint('aside', file=sys.stderr)\nresult = user_ns['z']".to_owned();
    bench.request.after_cell =
        Some(AfterCell { index_tag: "export".to_owned(), code, timeout: Duration::from_secs(30), memory: 0, then: None });
    let kernel = crate::harness::kernel().await;
    let start = Instant::now();
    let done = bench.run_on(kernel).await;
    (done, start.elapsed())
}

#[tokio::test]
async fn a_notebook_may_do_to_its_streams_what_it_likes() {
    for code in [
        "sys.stdout = None",
        "import threading; threading.Event.wait = lambda *_: False; threading.Lock = fail",
        "sys.stderr = None",
        "sys.stdout = sys.stderr = None",
        "sys.stdout.close()",
        "sys.stderr.close()",
        "os.close(1)",
        "os.close(2)",
        "os.close(1); os.close(2)",
        "sys.stdout = Odd()",
        "sys.stderr = Odd(write=print)",
        "sys.stdout = Odd(write=len, flush=fail)",
        "sys.stderr = Odd(write=fail, flush=fail)",
        "sys.stdout = Odd(write=fail)",
        "sys.stdout = open(os.devnull, 'w'); sys.stdout.close()",
        "sys.stdout = io.StringIO(); sys.stdout.close()",
        "sys.stdout = 7",
        "sys.stdout = Odd(write=len, flush=sys.exit)",
    ] {
        let (done, took) = broken(code).await;
        assert!(matches!(done.report.outcome, Outcome::Succeeded), "{code}: {}", done.report.outcome);
        assert!(took < Duration::from_secs(30), "{code}: {took:?}");
        assert_eq!(done.report.after_cell, Some(Ok(json!(3))), "{code}");
        let said = done.sink.texts(Stream::System);
        assert!(said.contains(&"packaging".to_owned()) && said.contains(&"aside".to_owned()), "{code}: {said:?}");
    }
}

#[tokio::test]
async fn an_error_is_told_whatever_the_streams_are() {
    for code in
        ["sys.stdout = None; 1/0", "sys.stderr = Odd(); 1/0", "del sys.stderr; 1/0", "sys.stdout = Odd(flush=fail); 1/0"]
    {
        let (done, took) = broken(code).await;
        let Outcome::CellError { cell: 0, ename, .. } = &done.report.outcome else {
            panic!("{code}: {}", done.report.outcome)
        };
        assert_eq!(ename, "ZeroDivisionError", "{code}");
        assert!(took < Duration::from_secs(30), "{code}: {took:?}");
        assert!(done.sink.texts(Stream::Error).iter().any(|line| line.contains("ZeroDivisionError: division")), "{code}");
    }
}

#[tokio::test]
async fn a_notebook_that_deletes_a_stream_is_told_so() {
    let (done, took) = broken("del sys.stdout").await;
    assert!(done.report.outcome.to_string().contains("has no attribute 'stdout'"), "{}", done.report.outcome);
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test]
async fn a_kernel_without_broadcasts_goes_on_and_the_log_says_so_once() {
    for code in [
        "get_ipython().kernel.iopub_thread.close()",
        "get_ipython().kernel.iopub_thread.socket.close(0)",
        "get_ipython().kernel.iopub_thread.send_multipart = lambda *_, **__: None",
    ] {
        let (done, took) = broken(code).await;
        assert!(took < Duration::from_secs(30), "{code}: {took:?}");
        match &done.report.outcome {
            Outcome::Succeeded => {
                assert_eq!(done.report.after_cell, Some(Ok(json!(3))), "{code}");
                let said = done.sink.texts(Stream::System);
                assert_eq!(said.iter().filter(|line| line.contains("sends no outputs")).count(), 1, "{code}: {said:?}");
            }
            outcome => panic!("{code}: {outcome}"),
        }
    }
}

#[tokio::test]
async fn a_kernel_that_cannot_answer_any_more_ends_the_run_in_seconds() {
    for code in [
        "get_ipython().kernel.session.send = fail",
        "get_ipython().kernel.session.send = lambda *_, **__: None",
        "get_ipython().kernel.session.pack = fail",
        "get_ipython().kernel.iopub_thread.send_multipart = fail",
        "get_ipython().kernel.shell_handlers.clear()",
        "get_ipython().kernel.should_handle = lambda *_: False",
        "get_ipython().run_cell = fail",
        "get_ipython().run_cell_async = fail",
        "get_ipython().kernel.do_execute = fail",
        "import sys; sys.modules.clear()",
    ] {
        let (done, took) = broken(code).await;
        assert!(matches!(done.report.outcome, Outcome::NoReply { .. }), "{code}: {}", done.report.outcome);
        assert!(took < Duration::from_secs(30), "{code}: {took:?}");
    }
}

#[tokio::test]
async fn a_kernel_whose_broadcasting_thread_was_stopped_goes_on() {
    let (done, took) = broken("get_ipython().kernel.iopub_thread.stop()").await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(done.report.after_cell, Some(Ok(json!(3))));
}

#[tokio::test]
async fn outputs_that_come_long_after_the_reply_are_all_there() {
    let flood = "for n in range(20_000):\n    print('line', n)\nfrom IPython.display import display\nfor n in range(500): display(n)";
    let done = Bench::new(&[("", flood), ("", "print('end')")]).run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    let lines = done.sink.texts(Stream::Stdout);
    assert_eq!((lines.len(), lines.last().map(String::as_str)), (20_001, Some("end")));
    assert!(!done.sink.texts(Stream::System).iter().any(|line| line.contains("sends no outputs")));
}

#[tokio::test]
async fn text_that_utf_8_cannot_write_is_told_with_a_mark() {
    let done = Bench::new(&[("", "print('a \\ud800 b')"), ("", "raise ValueError('bad \\ud800 end')")]).run().await;
    assert_eq!(done.report.outcome.to_string(), "cell 1 raised ValueError: bad ? end");
    assert_eq!(done.sink.texts(Stream::Stdout), ["a ? b"]);
}

#[tokio::test]
async fn a_text_of_any_length_is_kept_whole() {
    let done = Bench::new(&[("", "print('ä' * 10_000_000)\nprint('end')")]).run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    let whole: u64 = done.report.spilled.iter().map(|file| std::fs::metadata(file).unwrap().len()).sum();
    assert_eq!(whole, 20_000_005);
}
