//! What a run leaves: outputs into the notebook, lines into the log, scraps aside.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use contract::Stream;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    EventSink, NotebookFile, Outcome,
    blot::{Blot, Held},
    drive::Observer,
    lines::{Lines, cut},
    outputs::{Outputs, StreamName, log_bundle},
    papermill::{self, Step},
    spill::Spill,
    wire::Message,
};

const MUTE: &str = "warning: the kernel sends no outputs any more, so they may be missing from this cell on; \
                    has the notebook closed a stream, or a socket of the kernel?";

/// Handing the notebook out takes at most about one part in so many of a run's time, however many cells it has.
const SHARE: u32 = 10;

/// The record of a run, by request. Outputs that come late, from a thread, still reach the cell they belong to.
pub(crate) struct Recording<'a> {
    events: &'a dyn EventSink,
    notebook: NotebookFile,
    spill: Spill,
    blot: Blot,
    scraps: BTreeMap<String, Value>,
    /// Positions in `entries`.
    requests: HashMap<String, usize>,
    entries: Vec<Entry>,
    /// Until when the notebook is not handed out again.
    rest: Instant,
    /// The notebook has changed since it was handed out.
    behind: bool,
}

/// What is recorded of one request.
struct Entry {
    step: Step,
    /// A cell's outputs; `None` for a request of our own, whose prints are system lines.
    outputs: Option<Outputs>,
    /// What of either stream waits for the end of its line.
    held: [Held; 2],
    lines: [Lines; 2],
    started: Timestamp,
    /// The notebook does not have the latest outputs.
    stale: bool,
}

impl Entry {
    fn new(step: Step, outputs: Option<Outputs>, started: Timestamp) -> Self {
        Self { step, outputs, held: Default::default(), lines: Default::default(), started, stale: false }
    }

    fn log_stream(&self, name: StreamName) -> Stream {
        match (&self.outputs, name) {
            (None, _) => Stream::System,
            (Some(_), StreamName::Stdout) => Stream::Stdout,
            (Some(_), StreamName::Stderr) => Stream::Stderr,
        }
    }

    fn flush(&mut self, events: &dyn EventSink) {
        for name in [StreamName::Stdout, StreamName::Stderr] {
            let (cell, stream) = (self.step.index, self.log_stream(name));
            self.lines[name as usize].finish(&mut |text| events.line(Some(cell), stream, text, None));
        }
    }
}

impl<'a> Recording<'a> {
    pub(crate) fn new(notebook: NotebookFile, (spill, blot): (Spill, Blot), events: &'a dyn EventSink) -> Self {
        let (scraps, requests, entries) = (BTreeMap::new(), HashMap::new(), Vec::new());
        Self { events, notebook, spill, blot, scraps, requests, entries, rest: Instant::now(), behind: false }
    }

    pub(crate) fn notebook(&self) -> &NotebookFile {
        &self.notebook
    }

    pub(crate) fn set_language(&mut self, language: Value) {
        if language.is_object() {
            self.notebook.metadata_mut().insert("language_info".to_owned(), language);
        }
    }

    /// Logs lines of our own.
    pub(crate) fn system(&self, cell: Option<usize>, text: &str) {
        for line in self.blot.text(text).lines() {
            self.events.line(cell, Stream::System, cut(line), None);
        }
    }

    /// A cell starts.
    pub(crate) fn begin(&mut self, step: Step) {
        let started = Timestamp::now();
        papermill::cell_started(&mut self.notebook.cells_mut()[step.position], started);
        let outputs = Some(Outputs::new(step.index));
        self.entries.push(Entry::new(step, outputs, started));
    }

    /// The cell that has just begun was sent.
    pub(crate) fn sent(&mut self, request: &str) {
        self.requests.insert(request.to_owned(), self.entries.len().saturating_sub(1));
        self.publish();
    }

    /// A request of our own was sent.
    pub(crate) fn called(&mut self, request: &str, step: Step) {
        self.requests.insert(request.to_owned(), self.entries.len());
        self.entries.push(Entry::new(step, None, Timestamp::now()));
    }

    /// Everything sent has ended.
    pub(crate) fn flush(&mut self) {
        for at in 0..self.entries.len() {
            self.release(at);
            self.entries[at].flush(self.events);
        }
    }

    /// The latest cell has ended; `failure` ended the run with it.
    pub(crate) fn end(&mut self, failure: Option<&Outcome>) {
        self.flush();
        let Some(entry) = self.entries.iter_mut().rfind(|entry| entry.outputs.is_some()) else { return };
        if let (Some(outcome), Some(outputs)) = (failure, &mut entry.outputs)
            && !matches!(outcome, Outcome::CellError { .. })
        {
            let (ename, evalue) = (outcome.ename(), outcome.to_string());
            outputs.error(ename, &evalue, &[format!("{ename}: {evalue}")]);
            entry.stale = true;
        }
        let cell = &mut self.notebook.cells_mut()[entry.step.position];
        papermill::cell_ended(cell, (entry.started, Timestamp::now()), failure.is_some());
        self.publish();
    }

    /// Hands the notebook to the sink, now or at a later change or tick.
    fn publish(&mut self) {
        let start = Instant::now();
        self.behind = start < self.rest;
        if !self.behind {
            self.update_outputs();
            self.events.notebook(&self.notebook);
            self.rest = Instant::now() + start.elapsed() * SHARE;
        }
    }

    fn update_outputs(&mut self) {
        for entry in &mut self.entries {
            if let Some(outputs) = entry.outputs.as_ref().filter(|_| entry.stale) {
                self.notebook.cells_mut()[entry.step.position].set_outputs(outputs.to_values());
                entry.stale = false;
            }
        }
    }

    /// Ends the record: the executed notebook, the scraps, and the writer of files to wait for.
    pub(crate) fn finish(
        mut self,
        started: Timestamp,
        failed: Option<usize>,
    ) -> (NotebookFile, BTreeMap<String, Value>, Spill) {
        self.flush();
        self.update_outputs();
        papermill::finish(&mut self.notebook, (started, Timestamp::now()), failed);
        self.events.notebook(&self.notebook);
        (self.notebook, self.scraps, self.spill)
    }

    fn stream(&mut self, at: usize, message: &Message) {
        let name = if message.text("name") == "stderr" { StreamName::Stderr } else { StreamName::Stdout };
        let text = self.entries[at].held[name as usize].push(message.text("text"), &self.blot);
        self.put(at, name, &text);
    }

    /// Takes in what was held back of either stream: nothing more belongs to its line.
    fn release(&mut self, at: usize) {
        for name in [StreamName::Stdout, StreamName::Stderr] {
            let text = self.entries[at].held[name as usize].take(&self.blot);
            self.put(at, name, &text);
        }
    }

    /// Takes in a stream's text.
    fn put(&mut self, at: usize, name: StreamName, text: &str) {
        if text.is_empty() {
            return;
        }
        let entry = &mut self.entries[at];
        let (cell, stream) = (entry.step.index, entry.log_stream(name));
        entry.lines[name as usize].push(text, &mut |line| self.events.line(Some(cell), stream, line, None));
        if let Some(outputs) = &mut entry.outputs {
            outputs.stream(name, text, &self.spill);
            entry.stale = true;
        }
    }

    fn rich(&mut self, at: usize, message: &mut Message) {
        self.release(at);
        let (data, metadata) = (self.take_bundle(message, "data"), self.take_bundle(message, "metadata"));
        collect_scraps(&data, &mut self.scraps);
        let entry = &mut self.entries[at];
        let text = cut(data.get("text/plain").and_then(Value::as_str).unwrap_or_default());
        self.events.line(Some(entry.step.index), Stream::Display, text, Some(log_bundle(&data)));
        let display_id = message.take("transient").get("display_id").and_then(Value::as_str).map(str::to_owned);
        let mut output = Map::new();
        output.insert("output_type".to_owned(), message.kind.as_str().into());
        output.insert("data".to_owned(), data);
        output.insert("metadata".to_owned(), object(metadata));
        if message.kind == "execute_result" {
            output.insert("execution_count".to_owned(), message.take("execution_count"));
        }
        if let Some(outputs) = &mut entry.outputs {
            outputs.rich(output.into(), display_id, &self.spill);
            entry.stale = true;
        }
    }

    /// Changes a display wherever it is shown, in earlier cells too.
    fn update(&mut self, at: usize, message: &mut Message) {
        self.release(at);
        let (data, metadata) = (self.take_bundle(message, "data"), object(self.take_bundle(message, "metadata")));
        collect_scraps(&data, &mut self.scraps);
        let transient = message.take("transient");
        let Some(display_id) = transient.get("display_id").and_then(Value::as_str) else { return };
        for entry in &mut self.entries {
            if let Some(outputs) = &mut entry.outputs {
                entry.stale |= outputs.update(display_id, &data, &metadata, &self.spill);
            }
        }
        let text = cut(data.get("text/plain").and_then(Value::as_str).unwrap_or_default());
        self.events.line(Some(self.entries[at].step.index), Stream::Display, text, Some(log_bundle(&data)));
    }

    fn error(&mut self, at: usize, message: &mut Message) {
        self.release(at);
        self.blot_error(message);
        let (ename, evalue, traceback) = (message.text("ename"), message.text("evalue"), message.texts("traceback"));
        let entry = &mut self.entries[at];
        let cell = Some(entry.step.index);
        entry.flush(self.events);
        for line in traceback.iter().flat_map(|frame| frame.lines()) {
            self.events.line(cell, Stream::Error, cut(line), None);
        }
        let data = json!({"ename": ename, "evalue": cut(evalue)});
        self.events.line(cell, Stream::Error, cut(&format!("{ename}: {evalue}")), Some(data));
        if let Some(outputs) = &mut entry.outputs {
            outputs.error(ename, evalue, &traceback);
            entry.stale = true;
        }
    }

    /// What a field says by MIME type, without secrets.
    fn take_bundle(&self, message: &mut Message, field: &str) -> Value {
        let mut bundle = message.take(field);
        bundle.as_object_mut().into_iter().flatten().for_each(|(_, payload)| self.blot.value(payload));
        bundle
    }

    /// Takes the secrets out of what was raised.
    fn blot_error(&self, message: &mut Message) {
        for field in ["ename", "evalue", "traceback"] {
            if let Some(said) = message.content.get_mut(field) {
                self.blot.value(said);
            }
        }
    }

    /// What a call of ours answered, without secrets.
    pub(crate) fn blotted(&self, answer: Result<Value, String>) -> Result<Value, String> {
        let clean = |mut value| {
            self.blot.value(&mut value);
            value
        };
        answer.map(clean).map_err(|traceback| self.blot.text(&traceback).into_owned())
    }

    fn clear(&mut self, at: usize, message: &Message) {
        self.release(at);
        let entry = &mut self.entries[at];
        if let Some(outputs) = &mut entry.outputs {
            outputs.clear(message.content.get("wait").and_then(Value::as_bool).unwrap_or(false));
            entry.stale = true;
        }
    }

    /// Notes when a step of the execution was reached, as Jupyter's own clients do in `metadata.execution`.
    fn stamp(&mut self, at: usize, step: &str, message: &Message) {
        let entry = &self.entries[at];
        if entry.outputs.is_none() {
            return;
        }
        let cell = &mut self.notebook.cells_mut()[entry.step.position];
        if let Some(count) = message.content.get("execution_count").and_then(Value::as_u64) {
            cell.set_execution_count(Some(count));
        }
        let execution = cell.metadata_mut().entry("execution").or_insert_with(|| json!({}));
        execution[step] = Timestamp::now().to_string().into();
    }
}

impl Observer for Recording<'_> {
    fn message(&mut self, message: &mut Message) {
        let Some(&at) = self.requests.get(&message.parent) else { return };
        match message.kind.as_str() {
            "stream" => self.stream(at, message),
            "display_data" | "execute_result" => self.rich(at, message),
            "update_display_data" => self.update(at, message),
            "error" => self.error(at, message),
            "clear_output" => self.clear(at, message),
            "execute_input" => self.stamp(at, "iopub.execute_input", message),
            "execute_reply" => {
                self.blot_error(message);
                self.stamp(at, "shell.execute_reply", message);
            }
            "status" if message.text("execution_state") == "busy" => self.stamp(at, "iopub.status.busy", message),
            "status" if message.text("execution_state") == "idle" => self.stamp(at, "iopub.status.idle", message),
            _ => {}
        }
    }

    fn mute(&mut self) {
        let cell = self.entries.last().map(|entry| entry.step.index);
        self.system(cell, MUTE);
    }

    fn tick(&mut self) {
        if self.behind || self.entries.iter().any(|entry| entry.stale) {
            self.publish();
        }
    }
}

fn object(value: Value) -> Value {
    if value.is_object() { value } else { json!({}) }
}

/// Scrapbook's glued values, also in the form of papermill's older `record`.
/// Source: scrapbook, `schemas.py` and `models.py`.
fn collect_scraps(data: &Value, scraps: &mut BTreeMap<String, Value>) {
    for (mime, payload) in data.as_object().into_iter().flatten() {
        if mime.starts_with("application/scrapbook.scrap.") {
            if let (Some(name), Some(value)) = (payload.get("name").and_then(Value::as_str), payload.get("data")) {
                scraps.insert(name.to_owned(), value.clone());
            }
        } else if mime == "application/papermill.record+json" {
            scraps.extend(payload.as_object().cloned().into_iter().flatten());
        }
    }
}
