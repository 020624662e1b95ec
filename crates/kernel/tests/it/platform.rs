//! What the platform puts into a kernel, and what it reads from it.

use std::{sync::Arc, time::Duration};

use contract::Stream;
use kernel::{AfterCell, Kernel, KernelSpec, Outcome, Then, Unanswered};
use serde_json::json;

use crate::harness::{Bench, Done, spec};

async fn after(cells: &[(&str, &str)], code: &str) -> Done {
    let mut bench = Bench::new(cells);
    let timeout = Duration::from_secs(2);
    bench.request.after_cell =
        Some(AfterCell { index_tag: "mlops:export".to_owned(), code: code.to_owned(), timeout, memory: 0, then: None });
    bench.run().await
}

#[tokio::test]
async fn a_notebook_finds_its_folder_its_repository_and_its_variables() {
    let mut bench = Bench::new(&[
        (
            "",
            "import helper, os\nprint(helper.NAME, open('data.txt').read(), os.environ['GIT_COMMIT'], MODEL_OUTPUT_PATH, LEVEL)",
        ),
        ("", "print([name for name in dir() if 'mlsys' in name.lower()], len(In), list(Out))"),
    ]);
    std::fs::write(bench.request.import_root.join("helper.py"), "NAME = 'helper'").unwrap();
    std::fs::write(bench.request.directory.join("data.txt"), "data").unwrap();
    bench.request.environment = [("GIT_COMMIT".to_owned(), "abc".to_owned())].into();
    bench.request.injected = [("MODEL_OUTPUT_PATH".to_owned(), json!("/m.pkl")), ("LEVEL".to_owned(), json!(3))].into();
    let done = bench.run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    assert_eq!(done.text(0), "helper data abc /m.pkl 3\n");
    assert_eq!(done.text(1), "[] 3 []\n");
}

#[tokio::test]
async fn the_platforms_variables_win_over_parameters_and_before_the_export() {
    let mut bench = Bench::new(&[
        ("parameters", "MODEL_OUTPUT_PATH = 'default.pkl'; alpha = 1"),
        ("", "print(MODEL_OUTPUT_PATH, alpha)\nMODEL_OUTPUT_PATH = 'mine.pkl'"),
        ("", "print(MODEL_OUTPUT_PATH)"),
        ("mlops:export", "print(MODEL_OUTPUT_PATH, len(In))\nMODEL_OUTPUT_PATH = 'again.pkl'"),
        ("mlops:export", "print(MODEL_OUTPUT_PATH)"),
    ]);
    bench.request.injected = [("MODEL_OUTPUT_PATH".to_owned(), json!("/m.pkl"))].into();
    bench.request.parameters = [("MODEL_OUTPUT_PATH".to_owned(), json!("given.pkl")), ("alpha".to_owned(), json!(2))].into();
    let (index_tag, timeout) = ("mlops:export".to_owned(), Duration::from_secs(2));
    bench.request.after_cell = Some(AfterCell { index_tag, code: "result = 1".to_owned(), timeout, memory: 0, then: None });
    let done = bench.run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    let texts: Vec<String> = (2..6).map(|position| done.text(position)).collect();
    assert_eq!(texts, ["/m.pkl 2\n", "mine.pkl\n", "/m.pkl 6\n", "/m.pkl\n"]);
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_named() {
    let mut bench = Bench::new(&[("", "1")]);
    bench.request.directory = "/does/not/exist".into();
    let done = bench.run().await;
    assert!(done.report.outcome.to_string().contains("/does/not/exist"), "{}", done.report.outcome);
}

#[tokio::test]
async fn numbers_are_read_after_their_cell() {
    let mut bench = Bench::new(&[
        ("mlops:evaluation", "accuracy = 0.1"),
        (
            "mlops:evaluation",
            "import numpy as np\naccuracy = np.float32(0.5); n = 7; bad = float('nan'); low = -np.inf; name = 'x'; flag = True\n\
             zero = np.array(3); many = np.array([1, 2]); METRICS = {'f1': np.float64(0.25), 'up': float('inf'), 'text': 'no'}",
        ),
        ("", "accuracy = 9"),
    ]);
    let names = ["accuracy", "n", "bad", "low", "name", "flag", "zero", "many", "METRICS", "missing"];
    bench.request.read_after = Some(("mlops:evaluation".to_owned(), names.map(str::to_owned).to_vec()));
    let done = bench.run().await;
    assert_eq!(
        serde_json::to_value(&done.report.variables).unwrap(),
        json!({"accuracy": 0.5, "n": 7.0, "bad": "NaN", "low": "-Infinity", "zero": 3.0, "METRICS": {"f1": 0.25, "up": "Infinity"}})
    );
}

#[tokio::test]
async fn code_of_the_platform_runs_after_its_cell_out_of_sight() {
    let cells = [("mlops:export", "model = [1, 2]"), ("", "print('result' in dir(), len(In))")];
    let done = after(&cells, "import os\nprint('checking')\nresult = {'length': len(user_ns['model'])}").await;
    assert_eq!(done.report.after_cell, Some(Ok(json!({"length": 2}))));
    assert_eq!(done.text(1), "False 3\n");
    assert_eq!(done.text(0), "");
    assert_eq!(done.sink.texts(Stream::System), ["checking"]);
}

#[tokio::test]
async fn what_goes_wrong_in_code_of_the_platform_is_told_and_the_notebook_goes_on() {
    let cells = [("mlops:export", "1"), ("", "print('end')")];
    for (code, expected) in [
        ("raise ValueError('no model')", "ValueError: no model"),
        ("result = object()", "not JSON serializable"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import time; time.sleep(60)", "longer than 2 s"),
    ] {
        let done = after(&cells, code).await;
        let error = done.report.after_cell.clone().unwrap().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(done.text(1), "end\n", "{code}");
    }
    let done = after(&cells, "import os; os._exit(4)").await;
    assert!(matches!(done.report.outcome, Outcome::Died { cell: 0, .. }), "{}", done.report.outcome);
    assert!(after(&[("", "1")], "result = 1").await.report.after_cell.is_none());
}

#[tokio::test]
async fn code_of_the_platform_has_time_and_memory_of_its_own_and_another_try() {
    let mut bench = Bench::new(&[("mlops:export", "print('ran')"), ("", "print('end')")]);
    bench.request.run_timeout = Duration::from_secs(20);
    let kernel = Kernel::start(&KernelSpec { memory_limit: Some(400 << 20), ..spec() }).await.unwrap();
    let code = "import time\nheld = b'x' * (500 << 20)\ntime.sleep(60)".to_owned();
    let then = Then(Arc::new(|answer| {
        let again = matches!(answer, Err(Unanswered::Stopped(_))).then(|| "result = 'another way'".to_owned());
        Box::pin(async { again })
    }));
    let (index_tag, timeout) = ("mlops:export".to_owned(), Duration::from_secs(22));
    bench.request.after_cell = Some(AfterCell { index_tag, code, timeout, memory: 1 << 30, then: Some(then) });
    let done = bench.run_on(kernel).await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    assert_eq!((done.report.after_cell.clone(), done.text(1)), (Some(Ok(json!("another way"))), "end\n".to_owned()));
}

#[tokio::test]
async fn whatever_holds_one_number_is_one_and_what_does_not_is_named() {
    let cell = "import numpy as np, pandas as pd, decimal, fractions\nclass Tensor:\n    shape = (1,)\n    def numel(self): return 1\n    \
                def size(self): return (1,)\n    def item(self): return 0.5\n    def __len__(self): return 1\n\
                class Eager:\n    def numpy(self): return np.float32(0.5)\n\
                class Odd:\n    def __float__(self): raise ValueError\n    @property\n    def shape(self): raise ValueError\n\
                a, b, c, d = np.float32(0.5), np.array(0.5), np.array([[0.5]]), pd.Series([0.5])\n\
                e, f, g, h, i = decimal.Decimal('0.5'), fractions.Fraction(1, 2), Tensor(), Eager(), np.int8(2)\n\
                j, k, l, m, n = np.array([1, 2]), [1], '0.5', None, pd.DataFrame({'x': [1, 2]})\n\
                o, p, q, r, s, t = True, np.bool_(True), 1j, Odd(), 10 ** 400, np.datetime64('2020-01-01')\n\
                def u(): pass\nMETRICS = pd.Series({'v': 1, 'w': [1], 'x': np.array([2])})";
    let mut bench = Bench::new(&[("mlops:evaluation", cell)]);
    let names = "abcdefghijklmnopqrstuz".chars().map(String::from).chain(["METRICS".to_owned()]);
    bench.request.read_after = Some(("mlops:evaluation".to_owned(), names.collect()));
    let done = bench.run().await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    let found = json!(done.report.variables);
    assert_eq!(
        found,
        json!({"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.5, "f": 0.5, "g": 0.5, "h": 0.5, "i": 2.0,
            "METRICS": {"v": 1.0, "x": 2.0}})
    );
    assert_eq!(
        done.sink.texts(Stream::System),
        ["no metrics, as they are not numbers: j (ndarray of shape (2,)), k (list), l (str), m (NoneType), \
          n (DataFrame of shape (2, 1)), o (bool), p (bool), q (complex), r (Odd), s (int), t (datetime64), METRICS['w'] (list). \
          To report one, assign a number: float(text), values.mean(), len(items)"]
    );
}
