//! Notebooks to run, and a sink that remembers.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use contract::{RunSecrets, Stream};
use kernel::{EventSink, Kernel, KernelSpec, NotebookFile, RunReport, RunRequest};
use serde_json::{Value, json};
use tempfile::TempDir;
pub(crate) use testkit::python;
use tokio_util::sync::CancellationToken;

pub(crate) fn spec() -> KernelSpec {
    KernelSpec { python: python(), memory_limit: None, preload: Vec::new(), confined: None }
}

pub(crate) async fn kernel() -> Kernel {
    Kernel::start(&spec()).await.expect("a kernel starts")
}

/// A notebook of code cells, given as tags (by spaces) and source.
pub(crate) fn notebook(cells: &[(&str, &str)]) -> NotebookFile {
    let cells: Vec<Value> = cells
        .iter()
        .map(|(tags, source)| {
            let tags: Vec<&str> = tags.split_whitespace().collect();
            json!({"cell_type": "code", "metadata": {"tags": tags}, "source": source, "outputs": [], "execution_count": null})
        })
        .collect();
    let text = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    NotebookFile::parse(text.to_string().as_bytes()).unwrap()
}

/// A line as the sink got it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) cell: Option<usize>,
    pub(crate) stream: Stream,
    pub(crate) text: String,
    pub(crate) data: Option<Value>,
    pub(crate) at: Instant,
}

/// Remembers all lines, and cancels a run when a line comes that contains a text.
#[derive(Default)]
pub(crate) struct Sink {
    lines: Mutex<Vec<Line>>,
    notebooks: Mutex<Vec<NotebookFile>>,
    pub(crate) cancel_at: Option<&'static str>,
    pub(crate) cancel: CancellationToken,
}

impl Sink {
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }

    pub(crate) fn texts(&self, stream: Stream) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.stream == stream).map(|line| line.text).collect()
    }

    pub(crate) fn notebooks(&self) -> Vec<NotebookFile> {
        self.notebooks.lock().unwrap().clone()
    }
}

impl EventSink for Sink {
    fn line(&self, cell: Option<usize>, stream: Stream, text: String, data: Option<Value>) {
        if self.cancel_at.is_some_and(|mark| text.contains(mark)) {
            self.cancel.cancel();
        }
        self.lines.lock().unwrap().push(Line { cell, stream, text, data, at: Instant::now() });
    }

    fn notebook(&self, notebook: &NotebookFile) {
        self.notebooks.lock().unwrap().push(notebook.clone());
    }
}

/// A run with its folders and its sink.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) request: RunRequest,
    pub(crate) sink: Sink,
}

impl Bench {
    pub(crate) fn new(cells: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (directory, import_root) = (folder.path().join("root/sub"), folder.path().join("root"));
        std::fs::create_dir_all(&directory).unwrap();
        let request = RunRequest {
            notebook: notebook(cells),
            directory,
            import_root,
            library: None,
            environment: [].into(),
            secrets: RunSecrets::default(),
            injected: [].into(),
            parameters: [].into(),
            cell_timeout: None,
            run_timeout: Duration::from_mins(10),
            input_path: "sub/in.ipynb".to_owned(),
            output_path: "sub/out.ipynb".to_owned(),
            spill_directory: folder.path().join("spill"),
            read_after: None,
            after_cell: None,
        };
        Self { folder, request, sink: Sink::default() }
    }

    pub(crate) async fn run(self) -> Done {
        self.run_on(kernel().await).await
    }

    pub(crate) async fn run_on(self, kernel: Kernel) -> Done {
        let Self { folder, request, sink } = self;
        let cancel = sink.cancel.clone();
        let report = kernel::run(kernel, request, &sink, &cancel).await;
        Done { folder, report, sink }
    }
}

/// What came of a run.
pub(crate) struct Done {
    pub(crate) folder: TempDir,
    pub(crate) report: RunReport,
    pub(crate) sink: Sink,
}

impl Done {
    /// The outputs of a cell of the executed notebook.
    pub(crate) fn outputs(&self, position: usize) -> &[Value] {
        self.report.notebook.cells()[position].outputs()
    }

    /// The stream text that a cell of the executed notebook holds.
    pub(crate) fn text(&self, position: usize) -> String {
        self.outputs(position).iter().filter_map(|output| output["text"].as_str()).collect()
    }

    pub(crate) fn status(&self, position: usize) -> &Value {
        &self.report.notebook.cells()[position].metadata()["papermill"]["status"]
    }

    /// Lets Python's nbformat judge the executed notebook.
    pub(crate) fn assert_valid(&self) {
        let path = self.folder.path().join("executed.ipynb");
        std::fs::write(&path, self.report.notebook.to_json()).unwrap();
        let code = "import sys, nbformat; nbformat.validate(nbformat.read(sys.argv[1], as_version=nbformat.NO_CONVERT))";
        let check = std::process::Command::new(python()).args(["-W", "error", "-c", code]).arg(&path).output().unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    }
}

/// Waits for a condition, with a deadline.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process of this number exists and is not a zombie.
pub(crate) fn is_running(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}
