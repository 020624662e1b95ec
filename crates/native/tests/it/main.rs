//! Graphs as bytes: what is read, and what is refused. That they compute what estimators compute is looked at by the packager's
//! tests, with the estimators themselves.

#![expect(clippy::unwrap_used, clippy::panic, clippy::float_cmp, clippy::cast_precision_loss, reason = "tests")]

mod explain;
mod labels;

use std::time::Duration;

use native::{Column, Graph, Matrix, Prediction, Refused, TOLERANCE, Table, Value, Wanted};
use serde_json::{Value as Json, json};

/// A file with a header and arrays of doubles.
fn file(mut header: Json, arrays: &[&[f64]]) -> Vec<u8> {
    header["arrays"] = arrays.iter().map(|array| json!(["f64", array.len()])).collect();
    let mut text = header.to_string().into_bytes();
    text.resize((text.len() + 16).next_multiple_of(8) - 16, b' ');
    let mut bytes = b"MLSYSNV1".to_vec();
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text);
    bytes.extend(arrays.iter().flat_map(|array| array.iter()).flat_map(|value| value.to_le_bytes()));
    bytes
}

/// `scale` that doubles two columns.
fn doubling(array: usize) -> Json {
    json!({ "op": "scale", "width": 2, "steps": [{ "do": "multiply", "by": { "array": array } }] })
}

fn graph(root: &Json, arrays: &[&[f64]]) -> Result<Graph, String> {
    Graph::read(&file(json!({ "transforms": true, "root": root }), arrays)).map_err(|error| error.to_string())
}

fn matrix(rows: usize, values: &[f64]) -> Value<'static> {
    Value::Dense(Matrix { rows, width: values.len() / rows, values: values.to_vec(), single: false })
}

fn answer(graph: &Graph, rows: Value<'_>) -> Result<Vec<f64>, Refused> {
    match graph.answer(rows, Wanted::ALL)?.prediction {
        Some(Prediction::Values(values)) => Ok(values.values),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_graph_says_is_computed() {
    let graph = graph(&doubling(0), &[&[2.0, 4.0]]).unwrap();
    assert_eq!(answer(&graph, matrix(2, &[1.0, 1.0, 3.0, 0.5])).unwrap(), [2.0, 4.0, 6.0, 2.0]);
    assert_eq!(answer(&graph, matrix(1, &[f64::NAN, 1.0])).unwrap()[1], 4.0);
    let none: [f64; 0] = [];
    assert_eq!(answer(&graph, Value::Dense(Matrix { width: 2, ..Matrix::default() })).unwrap(), none);
}

#[test]
fn a_graphs_size_grows_with_what_it_holds() {
    let one = |count: usize| json!({ "op": "scale", "width": count, "steps": [{ "do": "multiply", "by": { "array": 0 } }] });
    let size = |count: usize| graph(&one(count), &[&vec![2.0; count]]).unwrap().size_bytes();
    assert_eq!(size(1000) - size(10), 990 * size_of::<f64>());
    assert!(size(1) > size_of::<f64>(), "the operator itself counts");
}

#[test]
fn rows_of_another_form_are_refused() {
    let graph = graph(&doubling(0), &[&[2.0, 4.0]]).unwrap();
    for rows in [
        matrix(1, &[1.0]),
        matrix(1, &[1.0, 2.0, 3.0]),
        Value::Table(Table { rows: 1, columns: Vec::new() }),
        Value::Table(Table { rows: 1, columns: vec![Column::Text(vec![None]), Column::Float(vec![1.0].into())] }),
    ] {
        assert!(matches!(answer(&graph, rows.clone()), Err(Refused::Misfit(_))), "{rows:?}");
    }
}

#[test]
fn files_that_are_none_are_refused() {
    let good = file(json!({ "transforms": true, "root": doubling(0) }), &[&[2.0, 4.0]]);
    assert!(Graph::read(&good).is_ok());
    for length in 0..good.len() {
        assert!(Graph::read(&good[..length]).is_err(), "{length} of {} bytes", good.len());
    }
    let mut longer = good.clone();
    longer[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(Graph::read(&longer).is_err());
    let header = |text: &str| {
        let mut bytes = b"MLSYSNV1".to_vec();
        let text = [text.as_bytes(), &vec![b' '; text.len().next_multiple_of(8) - text.len()]].concat();
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text);
        Graph::read(&bytes).is_err()
    };
    for text in [
        "",
        "[]",
        "7",
        "{}",
        "{\"arrays\": [[\"f64\", 18446744073709551615]]}",
        "{\"arrays\": [[\"f128\", 1]]}",
        &"[".repeat(100_000),
    ] {
        assert!(header(text), "{}", &text[..text.len().min(60)]);
    }
}

#[test]
fn an_array_is_used_once_and_is_as_long_as_it_must_be() {
    let twice = json!({ "op": "chain", "steps": [doubling(0), doubling(0)] });
    assert!(graph(&twice, &[&[2.0, 4.0]]).unwrap_err().contains("used here only"));
    for array in [&[][..], &[1.0], &[1.0, 2.0, 3.0]] {
        assert!(graph(&doubling(0), &[array]).is_err());
    }
    assert!(graph(&doubling(1), &[&[2.0, 4.0]]).is_err());
}

#[test]
fn operators_that_are_unknown_or_nested_too_deep_are_refused() {
    assert!(graph(&json!({ "op": "launch" }), &[]).unwrap_err().contains("no operator \"launch\""));
    assert!(graph(&json!({ "op": "chain", "steps": [] }), &[]).is_err());
    let nested = |depth: usize| (0..depth).fold(doubling(0), |inner, _| json!({ "op": "chain", "steps": [inner] }));
    assert!(graph(&nested(40), &[&[2.0, 4.0]]).is_ok());
    assert!(graph(&nested(49), &[&[2.0, 4.0]]).is_err());
}

#[test]
fn columns_that_double_at_each_step_end_in_a_refusal() {
    let all = || json!({ "columns": null, "then": null });
    let join = json!({ "op": "join", "sparse": false, "table": false, "parts": [all(), all()] });
    let steps: Vec<_> = (0..40).map(|_| join.clone()).collect();
    let graph = graph(&json!({ "op": "chain", "steps": steps }), &[]).unwrap();
    assert!(matches!(answer(&graph, matrix(1, &[1.0])), Err(Refused::Misfit(_))));
}

#[test]
fn a_graph_holds_if_it_says_what_the_estimator_said() {
    let bytes = file(json!({ "transforms": true, "root": doubling(0) }), &[&[2.0, 4.0]]);
    let proof = |said: &[f64]| {
        let array = json!({ "width": 2, "single": false, "values": { "array": 0 } });
        let values = json!({ "width": 2, "values": { "array": 1 } });
        file(json!({ "rows": 2, "columns": [], "array": array, "values": values }), &[&[1.0, 1.0, 3.0, 0.5], said])
    };
    let verify = |said: &[f64]| native::verify(&bytes, &proof(said), TOLERANCE, Duration::from_mins(1));
    assert_eq!(verify(&[2.0, 4.0, 6.0, 2.0]).unwrap().rows, 2);
    let near = verify(&[2.0, 4.0, 6.0, 2.0 + 1e-12]).unwrap();
    assert!(near.difference > 0.0 && near.difference <= TOLERANCE, "{near:?}");
    assert!(verify(&[2.0, 4.0, 6.0, 2.0 + 1e-11]).unwrap_err().contains("values differ"));
    assert!(verify(&[2.0, 4.0, 6.0, f64::NAN]).is_err());
    assert!(verify(&[2.0, 4.0, 6.0]).is_err());
    assert!(native::verify(&bytes, &proof(&[0.0; 4]), TOLERANCE, Duration::ZERO).unwrap_err().contains("takes longer"));
}
