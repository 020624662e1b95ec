//! A notebook small enough to be looked at: what its cells printed at length is cut, and each such cell can be had whole.
//!
//! Only what is cut is decoded; everything else passes through as it is kept.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

/// The longest text of an output, as JSON, in bytes.
const TEXT: usize = 16 << 10;
/// All that is not text, of all outputs together, in bytes: tables, pictures. What comes later is left out.
const RICH: usize = 16 << 20;
/// The tag of the cells that a run which failed puts in. Source: papermill.
const ERROR_MARK: &str = "papermill-error-cell-tag";

type Object<'a> = BTreeMap<String, &'a RawValue>;

/// The notebook with its outputs' long texts cut. A cell that lost something has its whole size, in bytes of JSON, in
/// `metadata.mlsys.abridged`. `None`: nothing is too long, or it is no notebook.
pub(crate) fn abridged(notebook: &str) -> Option<String> {
    let mut room = RICH;
    let root: Object<'_> = serde_json::from_str(notebook).ok()?;
    let cells: Vec<&RawValue> = read(root.get("cells")?)?;
    let mut any = false;
    let cells: Vec<_> = cells
        .into_iter()
        .map(|cell| match abridge_cell(cell, &mut room) {
            Some(short) => {
                any = true;
                short
            }
            None => cell.to_owned(),
        })
        .collect();
    let cells = any.then(|| to_raw_value(&cells).ok()).flatten()?;
    write(root, "cells", &cells).map(|root| root.get().to_owned())
}

/// A cell of the notebook as it was pushed, whole: the cells that mark a failure do not count.
pub(crate) fn cell(notebook: &str, index: usize) -> Option<&str> {
    let root: Object<'_> = serde_json::from_str(notebook).ok()?;
    let cells: Vec<&RawValue> = read(root.get("cells")?)?;
    cells.into_iter().filter(|cell| !is_mark(cell)).nth(index).map(RawValue::get)
}

fn is_mark(cell: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Cell {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        tags: Vec<String>,
    }
    cell.get().contains(ERROR_MARK)
        && read::<Cell>(cell).is_some_and(|cell| cell.metadata.tags.iter().any(|tag| tag == ERROR_MARK))
}

fn abridge_cell(raw: &RawValue, room: &mut usize) -> Option<Box<RawValue>> {
    let cell: Object<'_> = read(raw)?;
    let outputs: Vec<&RawValue> = read(cell.get("outputs")?)?;
    let mut any = false;
    let outputs: Vec<_> = outputs
        .into_iter()
        .map(|output| match abridge_output(output, room) {
            Some(short) => {
                any = true;
                short
            }
            None => output.to_owned(),
        })
        .collect();
    let outputs = any.then(|| to_raw_value(&outputs).ok()).flatten()?;
    let mark = to_raw_value(&BTreeMap::from([("abridged", raw.get().len())])).ok()?;
    let metadata = write(cell.get("metadata").and_then(|raw| read(raw)).unwrap_or_default(), "mlsys", &mark)?;
    let mut cell = cell;
    cell.insert("metadata".to_owned(), &metadata);
    write(cell, "outputs", &outputs)
}

fn abridge_output(raw: &RawValue, room: &mut usize) -> Option<Box<RawValue>> {
    let output: Object<'_> = read(raw)?;
    if let Some(text) = output.get("text") {
        let text = cut(text)?;
        return write(output, "text", &text);
    }
    let mut data: Object<'_> = read(output.get("data")?)?;
    let plain = data.get("text/plain").and_then(|text| cut(text));
    let before = data.len();
    data.retain(|mime, value| {
        if mime == "text/plain" {
            return true;
        }
        let fits = value.get().len() <= *room;
        *room -= if fits { value.get().len() } else { 0 };
        fits
    });
    if plain.is_none() && data.len() == before {
        return None;
    }
    if let Some(plain) = &plain {
        data.insert("text/plain".to_owned(), plain);
    }
    let data = to_raw_value(&data).ok()?;
    write(output, "data", &data)
}

/// The beginning of a text that is too long; `None` if it is not, or is no text.
fn cut(raw: &RawValue) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Whole(String),
        Lines(Vec<String>),
    }
    if raw.get().len() <= TEXT {
        return None;
    }
    let mut text = match read(raw)? {
        Text::Whole(text) => text,
        Text::Lines(lines) => lines.concat(),
    };
    text.truncate(text.floor_char_boundary(TEXT));
    to_raw_value(&text).ok()
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// The object with another value under a key.
fn write<'a>(mut object: Object<'a>, key: &str, value: &'a RawValue) -> Option<Box<RawValue>> {
    object.insert(key.to_owned(), value);
    to_raw_value(&object).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn notebook(outputs: &Value) -> String {
        let printed = json!({"cell_type": "code", "metadata": {"tags": ["a"]}, "source": "x", "outputs": outputs});
        let prose = json!({"cell_type": "markdown", "metadata": {}, "source": "long ".repeat(10_000)});
        json!({"cells": [prose, printed], "metadata": {"a": 1}, "nbformat": 4, "nbformat_minor": 5}).to_string()
    }

    fn short(notebook: &str) -> Value {
        serde_json::from_str(&abridged(notebook).expect("something is too long")).expect("JSON")
    }

    #[test]
    fn long_texts_are_cut_and_the_cell_says_so() {
        for text in [json!("é\n".repeat(20_000)), json!(vec!["é\n"; 20_000])] {
            let whole = notebook(&json!([{"output_type": "stream", "name": "stdout", "text": text}]));
            let short = short(&whole);
            let mut expected: Value = serde_json::from_str(&whole).expect("JSON");
            let size = expected["cells"][1].to_string().len();
            expected["cells"][1]["metadata"]["mlsys"] = json!({"abridged": size});
            let kept = "é\n".repeat(5461) + "\n";
            let kept = &kept[..kept.len() - 1];
            expected["cells"][1]["outputs"][0]["text"] = json!(kept);
            assert_eq!(short, expected);
            assert_eq!(cell(&whole, 1).map(str::len), Some(size));
        }
    }

    #[test]
    fn what_is_short_stays_as_it_is() {
        let outputs = json!([
            {"output_type": "stream", "name": "stdout", "text": "short"},
            {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "x", "image/png": "A".repeat(1 << 20)}},
            {"output_type": "error", "ename": "E", "evalue": "e", "traceback": ["t".repeat(30_000)]},
        ]);
        assert_eq!(abridged(&notebook(&outputs)), None);
    }

    #[test]
    fn tables_and_pictures_are_left_out_only_where_there_are_too_many() {
        let picture = json!({"output_type": "display_data", "metadata": {}, "data": {"text/plain": "x", "image/png": "A".repeat(5 << 20)}});
        let short = short(&notebook(&json!([picture, picture, picture, picture])));
        let kept = |at: usize| short["cells"][1]["outputs"][at]["data"].as_object().expect("a bundle").len();
        assert_eq!([kept(0), kept(1), kept(2), kept(3)], [2, 2, 2, 1]);
    }

    #[test]
    fn a_long_plain_text_beside_a_table_is_cut() {
        let table = json!({"output_type": "execute_result", "metadata": {}, "data": {"text/html": "<table>", "text/plain": "x".repeat(TEXT + 1)}});
        let short = short(&notebook(&json!([table])));
        assert_eq!(short["cells"][1]["outputs"][0]["data"], json!({"text/html": "<table>", "text/plain": "x".repeat(TEXT)}));
    }

    #[test]
    fn cells_are_counted_without_the_marks_of_a_failure() {
        let mark = json!({"cell_type": "markdown", "metadata": {"tags": [ERROR_MARK]}, "source": "failed"});
        let about = json!({"cell_type": "markdown", "metadata": {}, "source": ERROR_MARK});
        let file = json!({"cells": [mark, about, {"cell_type": "code"}]}).to_string();
        assert_eq!(cell(&file, 0), Some(about.to_string().as_str()));
        assert_eq!(cell(&file, 1), Some("{\"cell_type\":\"code\"}"));
        assert_eq!(cell(&file, 2), None);
    }

    #[test]
    fn what_is_no_notebook_is_left_alone() {
        let long = "x".repeat(TEXT * 2);
        for file in [
            String::new(),
            "[]".to_owned(),
            "{}".to_owned(),
            json!({"cells": long}).to_string(),
            json!({"cells": [long, null, {"outputs": [long, null, {"text": {"a": long}}, {"data": {"text/plain": [1, long]}}]}]}).to_string(),
        ] {
            assert_eq!(abridged(&file), None, "{file:.80}");
            assert_eq!(cell(&file, 7), None);
        }
    }
}
