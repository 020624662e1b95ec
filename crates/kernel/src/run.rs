//! The run of one notebook, cell by cell.

use std::{
    collections::BTreeMap,
    ops::ControlFlow::{self, Break, Continue},
    time::Duration,
};

use jiff::Timestamp;
use sandbox::Watch;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    AfterCell, DeathCause, EventSink, Kernel, KernelError, Outcome, RunReport, RunRequest, Then, Unanswered,
    blot::Blot,
    call,
    drive::{Ended, Limits, Stop, drive},
    notebook::CellKind,
    papermill::{self, Prepared, Step},
    record::Recording,
    spill::Spill,
    wire::Message,
};

/// The exit code of a kernel that finds that it can't answer any more; see `launcher/`.
const BROKEN: i32 = 70;
/// How long our own small calls into the kernel may take.
const CALL: Duration = Duration::from_mins(1);

/// Runs a notebook on a kernel. Whatever happens, the kernel is gone afterwards.
pub async fn run(kernel: Kernel, request: RunRequest, events: &dyn EventSink, cancel: &CancellationToken) -> RunReport {
    // On the heap, so that callers need not carry the whole state machine in theirs.
    Box::pin(run_notebook(kernel, request, events, cancel)).await
}

async fn run_notebook(
    kernel: Kernel,
    mut request: RunRequest,
    events: &dyn EventSink,
    cancel: &CancellationToken,
) -> RunReport {
    let started = Timestamp::now();
    let paths = (request.input_path.as_str(), request.output_path.as_str());
    let prepared = papermill::prepare(request.notebook.clone(), &request.parameters, paths, started);
    let (prepared, refused) = match prepared {
        Ok(prepared) => (prepared, None),
        Err(error) => {
            let notebook = request.notebook.clone();
            (Prepared { notebook, steps: Vec::new(), no_parameters_cell: false }, Some(error))
        }
    };
    let (blot, refused) = match Blot::new(&request.secrets) {
        Ok(blot) => (blot, refused),
        Err(error) => (Blot::default(), Some(error)),
    };
    let spill = Spill::start(std::mem::take(&mut request.spill_directory));
    let mut run = Run {
        memory: kernel.process.watch(kernel.memory_limit),
        recording: Recording::new(prepared.notebook, (spill, blot), events),
        limit: (Instant::now() + request.run_timeout, request.run_timeout),
        kernel,
        request,
        cancel,
        current: None,
        progress: Progress::default(),
    };
    let outcome = match refused {
        Some(error) => Outcome::Broken(error),
        None => run.all(&prepared.steps, prepared.no_parameters_cell).await,
    };
    run.end(outcome, started).await
}

struct Run<'a> {
    kernel: Kernel,
    request: RunRequest,
    recording: Recording<'a>,
    memory: Watch,
    /// When the run must be over, and how long it may take.
    limit: (Instant, Duration),
    cancel: &'a CancellationToken,
    /// The cell that was started last.
    current: Option<Step>,
    progress: Progress,
}

#[derive(Default)]
struct Progress {
    cells_run: usize,
    time_in_cells: Duration,
    after_cell: Option<Result<Value, Unanswered>>,
    variables: BTreeMap<String, Value>,
}

impl Run<'_> {
    async fn all(&mut self, steps: &[Step], no_parameters_cell: bool) -> Outcome {
        self.recording.set_language(self.kernel.language.take());
        if no_parameters_cell {
            self.recording
                .system(None, "no cell is tagged \"parameters\": the run's parameters are set before the first cell");
        }
        let (read_at, after_at) = (
            self.request.read_after.as_ref().and_then(|(tag, _)| self.last_bearing(tag)),
            self.request.after_cell.as_ref().and_then(|after| self.last_bearing(&after.index_tag)),
        );
        if let Break(outcome) = self.prepare().await {
            return outcome;
        }
        for &step in steps {
            if self.cancel.is_cancelled() {
                return Outcome::Cancelled { cell: self.current.map(|step| step.index) };
            }
            if let Break(outcome) = self.step_with_calls(step, (read_at, after_at)).await {
                return outcome;
            }
        }
        Outcome::Succeeded
    }

    /// The position of the last code cell that bears a tag.
    fn last_bearing(&self, tag: &str) -> Option<usize> {
        self.recording.notebook().cells().iter().rposition(|cell| cell.kind() == CellKind::Code && cell.has_tag(tag))
    }

    async fn prepare(&mut self) -> ControlFlow<Outcome> {
        let RunRequest { directory, import_root, library, environment, secrets, injected, .. } = &self.request;
        let secrets = secrets.0.iter().map(|(name, value)| (name.as_str(), value));
        let own = environment.iter().map(|(name, value)| (name.as_str(), value));
        let environment: BTreeMap<_, _> = secrets.chain(own).collect();
        let arguments = json!({
            "directory": directory, "import_root": import_root, "library": library, "environment": environment,
            "variables": injected,
        });
        match self.call("prepare", &arguments, CALL, Step { position: 0, index: 0 }).await {
            Ok(Ok(_)) => Continue(()),
            Ok(Err(error)) => Break(Outcome::Broken(KernelError::Prepare(error))),
            Err(Ended::Stopped { why: Stop::Cancelled, .. }) => Break(Outcome::Cancelled { cell: None }),
            Err(ended) => Break(self.failure(ended, 0)),
        }
    }

    /// Assigns the platform's variables: again, after and before cells where it matters that the notebook did not.
    async fn assign(&mut self, step: Step) -> ControlFlow<Outcome> {
        if self.request.injected.is_empty() {
            return Continue(());
        }
        match self.call("assign", &json!({"variables": self.request.injected}), CALL, step).await {
            Ok(Ok(_)) => Continue(()),
            Ok(Err(error)) => Break(Outcome::Broken(KernelError::Prepare(error))),
            Err(ended) => Break(self.failure(ended, step.index)),
        }
    }

    /// Runs a cell and our calls around it; `read_at` and `after_at` are the positions whose cells those follow.
    async fn step_with_calls(
        &mut self,
        step: Step,
        (read_at, after_at): (Option<usize>, Option<usize>),
    ) -> ControlFlow<Outcome> {
        let cell = &self.recording.notebook().cells()[step.position];
        let sets_parameters = papermill::sets_parameters(cell);
        if self.request.after_cell.as_ref().is_some_and(|after| cell.has_tag(&after.index_tag)) {
            self.assign(step).await?;
        }
        self.step(step).await?;
        if sets_parameters {
            self.assign(step).await?;
        }
        if read_at == Some(step.position) {
            self.read_variables(step).await?;
        }
        if after_at == Some(step.position) {
            self.after_cell(step).await?;
        }
        Continue(())
    }

    /// Runs a cell, where it is one to run.
    async fn step(&mut self, step: Step) -> ControlFlow<Outcome> {
        let cell = &self.recording.notebook().cells()[step.position];
        let source = cell.source();
        let runs = cell.kind() == CellKind::Code && !cell.has_tag("skip-execution") && !source.trim().is_empty();
        let may_raise = cell.has_tag("raises-exception");
        self.recording.begin(step);
        if !runs {
            self.recording.end(None);
            return Continue(());
        }
        self.current = Some(step);
        self.progress.cells_run += 1;
        let began = Instant::now();
        let ended = match call::send(&mut self.kernel, call::cell_request(source)).await {
            Ok(request) => {
                self.recording.sent(&request);
                let limits = Limits { request: self.request.cell_timeout, run: self.limit, cancel: self.cancel };
                drive(&mut self.kernel, &request, limits, &mut self.recording).await
            }
            Err(ended) => ended,
        };
        self.progress.time_in_cells += began.elapsed();
        let flow = match ended {
            Ended::Replied(reply) => after_reply(&reply, step.index, may_raise),
            ended => Break(self.failure(ended, step.index)),
        };
        self.recording.end(match &flow {
            Continue(()) | Break(Outcome::Exited { .. }) => None,
            Break(failure) => Some(failure),
        });
        flow
    }

    async fn read_variables(&mut self, step: Step) -> ControlFlow<Outcome> {
        let Some((_, names)) = self.request.read_after.take() else { return Continue(()) };
        match self.call("numbers", &json!({ "names": names }), CALL, step).await {
            Ok(Ok(Value::Object(found))) => self.progress.variables = found.into_iter().collect(),
            Ok(answer) => {
                self.recording.system(Some(step.index), &format!("the cell's variables cannot be read: {answer:?}"));
            }
            Err(Ended::Stopped { why: Stop::RequestTimeout(limit), kernel_lives: true }) => {
                let seconds = limit.as_secs();
                self.recording.system(Some(step.index), &format!("no metrics: reading the variables took over {seconds} s"));
            }
            Err(ended) => return Break(self.failure(ended, step.index)),
        }
        Continue(())
    }

    async fn after_cell(&mut self, step: Step) -> ControlFlow<Outcome> {
        let Some(AfterCell { code, timeout, memory, then, .. }) = self.request.after_cell.take() else {
            return Continue(());
        };
        // To the end of the run: what was taken is not always given back.
        self.memory.set_limit(self.memory.limit().map(|limit| limit.saturating_add(memory)));
        let (began, end) = (Instant::now(), self.limit.0);
        // Longer than all of it may take: each call has a limit of its own.
        self.limit.0 += timeout * 4;
        let mut flow = self.private_code(code, timeout, step).await;
        if let (Continue(()), Some(answer), Some(Then(then))) = (&flow, &self.progress.after_cell, then)
            && let Some(more) = then(answer.clone()).await
        {
            flow = self.private_code(more, timeout, step).await;
        }
        self.limit.0 = end + began.elapsed();
        flow
    }

    async fn private_code(&mut self, code: String, timeout: Duration, step: Step) -> ControlFlow<Outcome> {
        match self.call("run_private", &json!({ "code": code }), timeout, step).await {
            Ok(answer) => self.progress.after_cell = Some(answer.map_err(Unanswered::Failed)),
            Err(Ended::Stopped { why: Stop::RequestTimeout(limit), kernel_lives: true }) => {
                self.progress.after_cell = Some(Err(Unanswered::Stopped(limit)));
            }
            Err(ended) => {
                let outcome = self.failure(ended, step.index);
                self.progress.after_cell = Some(Err(Unanswered::Failed(outcome.to_string())));
                return Break(outcome);
            }
        }
        Continue(())
    }

    /// Calls a function of `launcher/`. The inner error is its traceback.
    async fn call(
        &mut self,
        function: &str,
        arguments: &Value,
        limit: Duration,
        step: Step,
    ) -> Result<Result<Value, String>, Ended> {
        let request = call::send(&mut self.kernel, call::request(function, arguments)).await?;
        self.recording.called(&request, step);
        let limits = Limits { request: Some(limit), run: self.limit, cancel: self.cancel };
        let ended = drive(&mut self.kernel, &request, limits, &mut self.recording).await;
        self.recording.flush();
        match ended {
            Ended::Replied(reply) => Ok(self.recording.blotted(call::answer(reply))),
            ended => Err(ended),
        }
    }

    /// What a request that got no reply in time means for the run.
    fn failure(&self, ended: Ended, cell: usize) -> Outcome {
        let peak = self.memory.peak();
        let killed = |cause: &DeathCause| matches!(cause, DeathCause::Signal(_, 9));
        match ended {
            Ended::Stopped { why: Stop::RequestTimeout(after), .. } => Outcome::CellTimeout { cell, after },
            Ended::Stopped { why: Stop::RunTimeout(after), .. } => Outcome::RunTimeout { cell, after },
            Ended::Stopped { why: Stop::Cancelled, .. } => Outcome::Cancelled { cell: Some(cell) },
            Ended::NoReply | Ended::Died(DeathCause::ExitCode(BROKEN)) => Outcome::NoReply { cell },
            Ended::Died(_) if self.memory.is_over_limit() => {
                Outcome::OutOfMemory { cell, limit: self.memory.limit(), peak: peak.unwrap_or(0) }
            }
            Ended::Died(cause) if killed(&cause) && self.memory.system_ran_out() => {
                Outcome::OutOfMemory { cell, limit: None, peak: peak.unwrap_or(0) }
            }
            Ended::Died(exit) => Outcome::Died { cell, exit, peak },
            Ended::Broken(error) => Outcome::Broken(error),
            Ended::Replied(_) => Outcome::Succeeded,
        }
    }

    async fn end(self, outcome: Outcome, started: Timestamp) -> RunReport {
        let Self { mut kernel, recording, memory, current, progress, .. } = self;
        let peak_memory = memory.peak();
        drop(memory);
        if matches!(outcome, Outcome::Died { .. }) {
            recording.system(outcome.cell(), &kernel.process.log_tail());
        }
        if kernel.is_alive() && !matches!(outcome, Outcome::NoReply { .. }) {
            kernel.shutdown().await;
        } else {
            kernel.kill().await;
        }
        let failed = current.map(|step| step.position).filter(|_| !outcome.is_success());
        let (notebook, scraps, spill) = recording.finish(started, failed);
        let spilled = tokio::task::spawn_blocking(move || spill.finish()).await.unwrap_or_default();
        let Progress { cells_run, time_in_cells, after_cell, variables } = progress;
        RunReport { outcome, notebook, cells_run, time_in_cells, peak_memory, scraps, spilled, after_cell, variables }
    }
}

/// What a cell's reply means for the run.
fn after_reply(reply: &Message, cell: usize, may_raise: bool) -> ControlFlow<Outcome> {
    let asks_exit = |item: &Value| item.get("source").and_then(Value::as_str) == Some("ask_exit");
    if reply.text("status") == "ok" {
        let payload = reply.content.get("payload").and_then(Value::as_array);
        return if payload.into_iter().flatten().any(asks_exit) { Break(Outcome::Exited { cell }) } else { Continue(()) };
    }
    let (ename, evalue) = (reply.text("ename"), reply.text("evalue"));
    if may_raise {
        return Continue(());
    }
    if ename == "SystemExit" && matches!(evalue, "" | "0" | "None") {
        return Break(Outcome::Exited { cell });
    }
    let (ename, evalue) = (if ename.is_empty() { "Aborted" } else { ename }.to_owned(), evalue.to_owned());
    Break(Outcome::CellError { cell, ename, evalue, traceback: reply.texts("traceback") })
}
