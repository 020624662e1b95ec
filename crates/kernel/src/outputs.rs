//! The outputs of one cell as its notebook will hold them: in order, coalesced, and of bounded size.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::{fold::Folded, lines::cut, spill::Spill};

/// A cell holds at most this many bytes of stream text.
const STREAM_LIMIT: usize = 1 << 20;
/// A cell holds at most this many bytes of rich outputs, as JSON.
const RICH_LIMIT: usize = 8 << 20;
/// An output counts for at least this many bytes, so that many small ones are bounded too.
const OUTPUT_COST: usize = 64;
/// Of so many outputs beyond the limit each leaves a mark in the cell and its whole in a file; later ones are counted.
const MARKS: usize = 20;
/// A traceback keeps its last frames up to this many.
const FRAMES: usize = 100;

/// The outputs of one cell.
#[derive(Debug)]
pub(crate) struct Outputs {
    /// The cell's index, for the names of files.
    cell: usize,
    items: Vec<Item>,
    /// Standard output and standard error beyond the limit.
    cuts: [Cut; 2],
    stream_room: usize,
    rich_room: usize,
    /// How many rich outputs were cut.
    marks: usize,
    /// The next output replaces all others.
    clear_next: bool,
}

#[derive(Debug)]
enum Item {
    Stream { name: StreamName, text: Folded },
    Rich { output: Value, display_id: Option<String>, size: usize },
}

/// The part of a stream that the notebook does not hold.
#[derive(Debug, Default)]
struct Cut {
    kept: usize,
    dropped: usize,
}

/// The two streams of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamName {
    Stdout,
    Stderr,
}

impl StreamName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

impl Outputs {
    pub(crate) fn new(cell: usize) -> Self {
        Self {
            cell,
            items: Vec::new(),
            cuts: Default::default(),
            stream_room: STREAM_LIMIT,
            rich_room: RICH_LIMIT,
            marks: 0,
            clear_next: false,
        }
    }

    /// Appends stream text.
    pub(crate) fn stream(&mut self, name: StreamName, text: &str, spill: &Spill) {
        self.clear_if_due();
        let mut rest = text;
        if self.cuts[name as usize].dropped == 0 {
            if !matches!(self.items.last(), Some(Item::Stream { name: last, .. }) if *last == name) {
                self.stream_room = self.stream_room.saturating_sub(OUTPUT_COST);
                self.items.push(Item::Stream { name, text: Folded::default() });
            }
            if let Some(Item::Stream { text: folded, .. }) = self.items.last_mut() {
                let before = folded.as_str().len();
                rest = folded.push(text, before + self.stream_room);
                self.stream_room = (self.stream_room + before).saturating_sub(folded.as_str().len());
            }
        }
        if !rest.is_empty() {
            self.drop_text(name, rest, spill);
        }
    }

    fn drop_text(&mut self, name: StreamName, rest: &str, spill: &Spill) {
        let file = self.stream_file(name);
        if self.cuts[name as usize].dropped == 0 {
            let mut kept = String::new();
            for item in &self.items {
                if let Item::Stream { name: each, text } = item
                    && *each == name
                {
                    kept.push_str(text.as_str());
                }
            }
            self.cuts[name as usize].kept = kept.len();
            spill.append(&file, kept);
        }
        self.cuts[name as usize].dropped += rest.len();
        spill.append(&file, rest.to_owned());
    }

    fn stream_file(&self, name: StreamName) -> String {
        format!("cell-{}-{}.txt", self.cell, name.as_str())
    }

    /// Appends a `display_data` or `execute_result`, as nbformat has it.
    pub(crate) fn rich(&mut self, output: Value, display_id: Option<String>, spill: &Spill) {
        self.clear_if_due();
        let size = size_of(&output) + OUTPUT_COST;
        if let Some((output, size)) = self.bounded(output, size, spill) {
            self.items.push(Item::Rich { output, display_id, size });
        }
    }

    /// The output as the cell can hold it, and the room it takes; `None` when not even a mark has room.
    fn bounded(&mut self, mut output: Value, size: usize, spill: &Spill) -> Option<(Value, usize)> {
        if size <= self.rich_room {
            self.rich_room -= size;
            return Some((output, size));
        }
        self.marks += 1;
        if self.marks > MARKS {
            return None;
        }
        let mut mark = format!("… [cut: {size} bytes of rich output; whole in");
        if let Some(Value::Object(data)) = output.get_mut("data").map(Value::take) {
            for (mime, value) in data {
                let mime: String =
                    mime.chars().map(|each| if each.is_ascii_alphanumeric() { each } else { '-' }).take(80).collect();
                let file = format!("cell-{}-output-{}.{mime}.json", self.cell, self.marks);
                // Writing to a string has no way to fail.
                let _ = write!(mark, " {file}");
                spill.append(&file, value.to_string());
            }
        }
        mark.push(']');
        output["data"] = json!({ "text/plain": mark });
        output["metadata"] = json!({});
        Some((output, 0))
    }

    /// Replaces the data of every output shown under a display id; the answer is whether there was one.
    pub(crate) fn update(&mut self, display_id: &str, data: &Value, metadata: &Value, spill: &Spill) -> bool {
        let mut found = false;
        for number in 0..self.items.len() {
            let Item::Rich { output, display_id: Some(id), size } = &self.items[number] else { continue };
            if id != display_id {
                continue;
            }
            found = true;
            let mut new = output.clone();
            new["data"] = data.clone();
            new["metadata"] = metadata.clone();
            self.rich_room += size;
            let size = size_of(&new) + OUTPUT_COST;
            let old = output.clone();
            let (output, size) = self.bounded(new, size, spill).unwrap_or((old, 0));
            self.items[number] = Item::Rich { output, display_id: Some(display_id.to_owned()), size };
        }
        found
    }

    /// Appends an error.
    pub(crate) fn error(&mut self, ename: &str, evalue: &str, traceback: &[String]) {
        self.clear_if_due();
        let frames = traceback.iter().skip(traceback.len().saturating_sub(FRAMES)).map(|frame| cut(frame));
        let output =
            json!({"output_type": "error", "ename": ename, "evalue": cut(evalue), "traceback": frames.collect::<Vec<_>>()});
        self.items.push(Item::Rich { output, display_id: None, size: 0 });
    }

    /// Removes all outputs, now or when the next one comes.
    pub(crate) fn clear(&mut self, wait: bool) {
        if wait {
            self.clear_next = true;
        } else {
            // The count of cut outputs stays: it numbers their files.
            *self = Self { marks: self.marks, ..Self::new(self.cell) };
        }
    }

    fn clear_if_due(&mut self) {
        if std::mem::take(&mut self.clear_next) {
            self.clear(false);
        }
    }

    /// The outputs as nbformat has them.
    pub(crate) fn to_values(&self) -> Vec<Value> {
        let mut values: Vec<Value> = self.items.iter().map(Item::to_value).collect();
        for name in [StreamName::Stdout, StreamName::Stderr] {
            let Cut { kept, dropped } = self.cuts[name as usize];
            if dropped > 0 {
                let (all, file) = (kept + dropped, self.stream_file(name));
                values.push(stream(name, &format!("\n… [cut: {all} bytes of {} in all; whole in {file}]\n", name.as_str())));
            }
        }
        if self.marks > MARKS {
            let more = self.marks - MARKS;
            let mark = format!("… [cut: {more} more rich outputs]");
            values.push(json!({"output_type": "display_data", "data": {"text/plain": mark}, "metadata": {}}));
        }
        values
    }
}

impl Item {
    fn to_value(&self) -> Value {
        match self {
            Self::Stream { name, text } => stream(*name, text.as_str()),
            Self::Rich { output, .. } => output.clone(),
        }
    }
}

fn stream(name: StreamName, text: &str) -> Value {
    json!({"output_type": "stream", "name": name.as_str(), "text": text})
}

/// How many bytes a value takes as JSON, without writing it down.
pub(crate) fn size_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size_of(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() + size_of(value) + 4).sum::<usize>() + 2,
        _ => 8,
    }
}

/// A MIME bundle as a log line carries it: whole, or only its keys and sizes when it is large.
pub(crate) fn log_bundle(data: &Value) -> Value {
    const LIMIT: usize = 1 << 20;
    match data {
        Value::Object(fields) if size_of(data) > LIMIT => {
            fields.iter().map(|(mime, value)| (mime.clone(), json!({ "cut": size_of(value) }))).collect::<Map<_, _>>().into()
        }
        _ => data.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn shown(text: &str) -> Value {
        json!({"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}})
    }

    #[test]
    fn streams_are_coalesced_in_order_and_cleared_when_the_next_output_comes() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spill::start(directory.path().into());
        let mut outputs = Outputs::new(0);
        outputs.stream(StreamName::Stdout, "a", &spill);
        outputs.stream(StreamName::Stdout, "b", &spill);
        outputs.stream(StreamName::Stderr, "c", &spill);
        outputs.stream(StreamName::Stdout, "d", &spill);
        let texts =
            |outputs: &Outputs| outputs.to_values().iter().map(|value| value["text"].to_string()).collect::<Vec<_>>();
        assert_eq!(texts(&outputs), [r#""ab""#, r#""c""#, r#""d""#]);
        outputs.clear(true);
        assert_eq!(outputs.to_values().len(), 3);
        outputs.rich(shown("x"), None, &spill);
        assert_eq!(outputs.to_values(), [shown("x")]);
        outputs.clear(false);
        assert!(outputs.to_values().is_empty());
        assert!(spill.finish().is_empty());
    }

    #[test]
    fn updates_reach_every_output_of_their_display_id() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spill::start(directory.path().into());
        let mut outputs = Outputs::new(0);
        outputs.rich(shown("1"), Some("d".to_owned()), &spill);
        outputs.rich(shown("2"), None, &spill);
        assert!(outputs.update("d", &json!({"text/plain": "3"}), &json!({}), &spill));
        assert!(!outputs.update("e", &json!({}), &json!({}), &spill));
        assert_eq!(outputs.to_values(), [shown("3"), shown("2")]);
    }

    #[test]
    fn what_a_cell_cannot_hold_is_marked_and_kept_in_files() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spill::start(directory.path().into());
        let mut outputs = Outputs::new(4);
        for _ in 0..300 {
            outputs.stream(StreamName::Stdout, &"line\n".repeat(1000), &spill);
        }
        for _ in 0..40 {
            outputs.rich(shown(&"y".repeat(1 << 20)), None, &spill);
        }
        let values = outputs.to_values();
        assert!(size_of(&values.clone().into()) < STREAM_LIMIT + RICH_LIMIT + 10_000);
        let all = Value::from(values).to_string();
        assert!(
            all.contains("[cut: 1500000 bytes of stdout in all; whole in cell-4-stdout.txt]"),
            "{}",
            &all[all.len() - 900..]
        );
        assert!(all.contains("[cut: 13 more rich outputs]"));
        let files = spill.finish();
        assert_eq!(files.len(), 1 + MARKS);
        let text = std::fs::read_to_string(directory.path().join("cell-4-stdout.txt")).unwrap();
        assert_eq!(text, "line\n".repeat(300_000));
    }
}
