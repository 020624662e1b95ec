//! What a notebook's stored outputs hold can't make it unreadable.

use pipeline::{Verdict, validate, without_outputs};
use proptest::prelude::*;
use serde_json::Value;

use crate::{good, notebook};

/// The good notebook with this text as the outputs of its training cell.
fn with_outputs(outputs: &[u8]) -> Vec<u8> {
    let mut cells = good();
    cells[2]["outputs"] = "HERE".into();
    let file = notebook(&cells);
    let at = file.windows(6).position(|window| window == b"\"HERE\"").expect("the mark");
    [&file[..at], outputs, &file[at + 6..]].concat()
}

fn is_valid(bytes: &[u8]) -> bool {
    matches!(validate(bytes, "n.ipynb"), Verdict::Valid(_))
}

#[test]
fn whatever_outputs_hold_the_notebook_is_read() {
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    let table: &[&[u8]] = &[
        b"[]",
        b"[{\"data\": {\"x\": [1, NaN, Infinity, -Infinity]}}]",
        br#"[{"text": "\ud83d"}, {"text": "\udc00\ud83d\ude00"}]"#,
        b"[1e999, -1e999, 123456789012345678901234567890]",
        b"[{\"a\": 1, \"a\": 2}]",
        b"[{\"text\": \"\xff\xfe \xc3\x28\"}]",
        deep.as_bytes(),
        br#"[{"text": "a \" ] } \\"}, "outputs", {"outputs": [[]]}]"#,
        b"[\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> b\n]",
        b"[{\"text\": \"a raw\nline end and \x01\"}]",
        b"[undefined, 'x', 01, +1, 1., .5]",
        b"[1, 2, ]",
        b"null",
        b"5",
        b"\"none\"",
    ];
    for outputs in table {
        assert!(is_valid(&with_outputs(outputs)), "{}", String::from_utf8_lossy(&outputs[..outputs.len().min(60)]));
    }
    assert!(!is_valid(&with_outputs(b"[1")), "outputs that never end");
}

#[test]
fn what_python_writes_that_is_not_json_is_read_elsewhere_too() {
    let mut file = String::from_utf8(notebook(&good())).expect("text");
    file =
        file.replacen("\"metadata\":{\"tags\"", "\"metadata\":{\"a\":NaN,\"b\":[-Infinity,1e999],\"c\":\"NaN\",\"tags\"", 1);
    file = file.replace("x = load()", r"x = load('\ud800')");
    assert!(is_valid(file.as_bytes()));
    let value: Value = serde_json::from_str(&without_outputs(file.as_bytes()).expect("text")).expect("JSON");
    assert_eq!(value["cells"][0]["metadata"]["a"], Value::Null);
    assert_eq!(value["cells"][0]["metadata"]["c"], "NaN");
    assert_eq!(value["cells"][1]["source"], "x = load('\u{fffd}')");
}

#[test]
fn files_of_other_encodings_are_read() {
    let file = String::from_utf8(notebook(&good())).expect("text");
    let units = || file.encode_utf16();
    let marked = [&b"\xef\xbb\xbf"[..], file.as_bytes()].concat();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    for bytes in [marked, [&b"\xff\xfe"[..], &little].concat(), [&b"\xfe\xff"[..], &big].concat(), little, big] {
        assert!(is_valid(&bytes));
    }
}

#[test]
fn a_notebook_without_what_some_tools_leave_out_is_read() {
    let mut file: Value = serde_json::from_slice(&notebook(&good())).expect("JSON");
    for key in ["nbformat_minor", "metadata"] {
        file.as_object_mut().expect("an object").remove(key);
    }
    for cell in file["cells"].as_array_mut().expect("cells") {
        for key in ["id", "outputs", "execution_count"] {
            cell.as_object_mut().expect("an object").remove(key);
        }
    }
    file["cells"][1]["source"] = serde_json::json!(["x = 1\n", "y = 2"]);
    file["cells"][1]["metadata"]["big"] = "x".repeat(3 << 20).into();
    assert!(is_valid(file.to_string().as_bytes()));
}

#[test]
fn lines_stay_where_they_are() {
    let text = without_outputs(b"{\"cells\": [{\"outputs\" :\n [\n1,\n\"a\nb\"],\n\"x\": 1}]}").expect("text");
    assert_eq!(text, "{\"cells\": [{\"outputs\" :\n [\n\n\n],\n\"x\": 1}]}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = without_outputs(&bytes);
        let _ = without_outputs(&with_outputs(&bytes));
    }

    #[test]
    fn json_without_outputs_stays_what_it_is(name in ".{0,20}", number in any::<i64>(), float in any::<f64>()) {
        let value = serde_json::json!({"cells": [{"source": name, "metadata": {"outputs": [number]}, "n": float}], "outputs": [1]});
        let text = without_outputs(value.to_string().as_bytes()).expect("text");
        prop_assert_eq!(text, value.to_string());
    }
}
