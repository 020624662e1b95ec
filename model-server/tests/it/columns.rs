//! Bodies in formats of columns, as pyarrow writes and reads them.

use std::{collections::BTreeMap, sync::LazyLock};

use model_server::bodies::{self, Format};
use reqwest::StatusCode;
use scoring::{Batch, Schema};
use serde_json::{Value, json};
use testkit::run_python;

use crate::{
    changed::changed,
    harness::{Place, TOKEN, outcome, problem},
    native::serve_plans,
};

pub const PROGRAM: &str = include_str!("columns.py");
const STREAM: &str = "application/vnd.apache.arrow.stream";

/// The bodies that pyarrow wrote, by their names.
static WRITTEN: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let folder = testkit::folder("mlsys-columns-");
    run_python(PROGRAM, &["write", &folder.path().to_string_lossy()]);
    let files = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
});

/// A model of one column, which is called `value`.
fn schema(column_type: &str, required: bool, nullable: bool) -> Schema {
    let column = json!({ "name": "value", "type": column_type, "required": required, "nullable": nullable });
    let manifest = json!({
        "format": 1, "model_name": "columns", "declared_version": "1", "task": "regression",
        "signature": { "kind": "columns", "columns": [column] }, "flavour": "python",
        "input_example": { "columns": [], "data": [] }, "expected_output": {}, "files": {}, "python_version": "3",
    });
    Schema::of(&serde_json::from_value(manifest).unwrap()).unwrap()
}

fn cells(batch: Result<Batch, String>) -> Result<Value, String> {
    match batch? {
        Batch::Table { columns, .. } => Ok(serde_json::to_value(&columns[0]).unwrap()),
        Batch::Array { .. } => panic!("a table"),
    }
}

/// What a file is: its name's ending.
fn kind(name: &str) -> &str {
    name.rsplit_once('.').unwrap().1
}

/// The rows in a body, by its name's ending; none if it is of no format of columns.
fn read(schema: &Schema, name: &str, body: Vec<u8>) -> Option<Result<Batch, String>> {
    let format = match kind(name) {
        "arrows" => Format::ArrowStream,
        "arrow" => Format::ArrowFile,
        "parquet" => Format::Parquet,
        _ => return None,
    };
    Some(bodies::read(format, schema, &body.into()))
}

#[test]
fn values_of_every_type_become_what_they_are_in_json_or_are_refused_as_there() {
    let (mut taken, mut refused) = (0, 0);
    for (name, rows) in WRITTEN.iter().filter(|(name, _)| kind(name) == "json") {
        let (number, column_type) = name.trim_end_matches(".json").split_once('-').unwrap();
        for (required, nullable) in [(true, true), (true, false), (false, false)] {
            let schema = schema(column_type, required, nullable);
            let (wanted, prefix) = (cells(bodies::read(Format::Json, &schema, &rows.clone().into())), format!("{number}-"));
            for (name, body) in WRITTEN.iter().filter(|(name, _)| name.starts_with(&prefix)) {
                let Some(batch) = read(&schema, name, body.clone()) else { continue };
                match (cells(batch), &wanted) {
                    (Ok(given), Ok(wanted)) => assert_eq!(&given, wanted, "{column_type} {name}"),
                    (Err(said), Err(_)) => assert!(said.contains("column \"value\", row "), "{name}: {said}"),
                    (given, wanted) => panic!("{column_type} {name}: {given:?}, not {wanted:?}"),
                }
                *(if wanted.is_ok() { &mut taken } else { &mut refused }) += 1;
            }
        }
    }
    assert!(taken > 500 && refused > 50, "{taken} {refused}");
}

#[test]
fn what_would_become_too_much_or_is_not_taken_is_refused_with_the_reason() {
    let schema = schema("string", true, true);
    let said: BTreeMap<String, String> = serde_json::from_slice(&WRITTEN["refused.said"]).unwrap();
    assert!(said.len() > 15);
    for (name, text) in said {
        let refusal = read(&schema, &name, WRITTEN[&name].clone()).unwrap().unwrap_err();
        assert!(refusal.contains(&text), "{name}: {refusal}");
    }
}

#[test]
fn changed_bodies_are_refused_or_read_and_neither_panic_nor_take_long() {
    let schemas: Vec<_> = ["string", "double", "long", "datetime", "boolean"].map(|kind| schema(kind, false, true)).into();
    let tried = |(name, body): &(&String, &Vec<u8>)| !["json", "said"].contains(&kind(name)) && body.len() < 100_000;
    let originals: Vec<_> = WRITTEN.iter().filter(tried).map(|(name, body)| (name.clone(), body.clone())).collect();
    changed((0x5eed_c0de, 10_000), &originals, |name, body, dice| {
        let schema = &schemas[dice.below(schemas.len())];
        read(schema, name, body).unwrap().is_ok()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_arrows_is_answered_as_one_of_json() {
    let place = Place::new();
    let server = place.serve().await;
    serve_plans(&place, &server).await;
    for name in ["titanic-1", "prices"] {
        let model = name.trim_end_matches("-1");
        server.loads(model, &place.put(name, model, 1).await, 1, "dev").await;
    }
    let people = json!({ "plan": ["basic", "pro", "none"], "age": [2.0, -4.0, 40.0] });
    let passengers = json!({
        "Age": [22.0, null, 38.5], "Fare": [7.25, 71.125, 8.0], "Pclass": [3, 1, 2], "Sex": ["male", "female", "female"],
        "Embarked": ["S", null, "Q"], "Alone": [false, true, false],
    });
    let asked = json!([
        ["predict/plans", people, null],
        ["predict/plans?outputs=predictions,probabilities,decision&top_k=2", people, null],
        ["predict/plans?explain=true&outputs=decision", people, null],
        ["predict/plans/versions/1?top_k=9&outputs=predictions", people, null],
        ["predict/titanic", passengers, null],
        ["predict/prices", { "a": [1.5, 2.0], "b": [0.25, 1.0], "c": [3.0, -1.0] }, [[1.5, 0.25, 3.0], [2.0, 1.0, -1.0]]],
    ]);
    let (url, asked) = (server.url.clone(), asked.to_string());
    let asking = move || run_python(PROGRAM, &["ask", &url, TOKEN, &asked]);
    tokio::task::spawn_blocking(asking).await.unwrap();

    let refused = |kind: &'static str, body: Vec<u8>| server.post("/predict/plans").header("content-type", kind).body(body);
    let other = refused("text/csv", b"plan,age\nbasic,2".to_vec()).send().await.unwrap();
    let other = problem(other).await;
    assert_eq!((other.status, other.code.as_str()), (415, "unsupported_media_type"));
    assert!(other.detail.contains("application/json") && other.detail.contains(STREAM), "{}", other.detail);
    let broken = refused(STREAM, b"[]".to_vec()).header("accept", STREAM).send().await.unwrap();
    assert_eq!(broken.status(), StatusCode::BAD_REQUEST);
    assert_eq!(outcome(broken).await, (400, "bad_input".to_owned()));
    server.stop().await;
}
