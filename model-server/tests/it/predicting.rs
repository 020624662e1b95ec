//! Answers, whatever the shape of the body.

use contract::LoadedModel;
use serde_json::{Value, json};

use crate::harness::{Place, assert_close, manifest, outcome};

/// The example of a model with columns, as rows.
fn records(example: &Value) -> Vec<Value> {
    let columns = example["columns"].as_array().unwrap();
    let record = |row: &Value| -> Value {
        let cells = columns.iter().zip(row.as_array().unwrap());
        cells
            .map(|(name, value)| (name.as_str().unwrap().to_owned(), value.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    example["data"].as_array().unwrap().iter().map(record).collect()
}

#[tokio::test]
async fn every_shape_of_body_gets_the_same_answer() {
    let place = Place::new();
    let server = place.serve().await;
    let location = place.put("titanic-1", "titanic", 1).await;
    server.loads("titanic", &location, 1, "dev").await;
    let example = manifest("titanic-1")["input_example"].clone();
    let rows = records(&example);
    let by_column: Value = example["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| {
            let name = name.as_str().unwrap();
            (name.to_owned(), rows.iter().map(|row| row[name].clone()).collect())
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    let data_first =
        format!("{{\"dataframe_split\":{{\"data\":{},\"index\":[0],\"columns\":{}}}}}", example["data"], example["columns"]);
    let expected = manifest("titanic-1")["expected_output"].clone();
    for body in [
        json!(rows).to_string(),
        json!({ "instances": rows }).to_string(),
        json!({ "inputs": by_column }).to_string(),
        json!({ "dataframe_split": example }).to_string(),
        json!({ "dataframe_records": rows, "params": {"ignored": 1} }).to_string(),
        data_first,
    ] {
        let answer = server.answer("titanic", body).await;
        assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!("titanic"), &json!(1)));
        assert_eq!(answer["predictions"], expected["predictions"]);
        assert_eq!(answer["classes"], json!([0, 1]));
        assert_close(&answer["probabilities"], &expected["probabilities"], 1e-5);
    }
}

#[tokio::test]
async fn a_converted_models_array_has_gaps_only_where_the_estimator_takes_them() {
    let place = Place::new();
    let server = place.serve_one("truths").await;
    let detail = server.predict("truths", r#"{"inputs":[[1,2],[null,2]]}"#).await;
    assert_eq!(outcome(detail).await, (400, "bad_input".to_owned()));
    // Its manifest is an earlier one, which says nothing.
    let location = place.put("prices", "prices", 1).await;
    server.loads("prices", &location, 1, "dev").await;
    assert_eq!(server.answer("prices", r#"{"inputs":[[null,0,0]]}"#).await["predictions"], json!([null]));
}

#[tokio::test]
async fn classes_are_text_or_truths_as_the_estimator_has_them() {
    let place = Place::new();
    for name in ["flowers", "truths"] {
        let server = place.serve_one(name).await;
        let manifest = manifest(name);
        let example = &manifest["input_example"];
        let body = if example["columns"].is_null() { example.clone() } else { json!({ "dataframe_split": example }) };
        let answer = server.answer(name, body.to_string()).await;
        assert_eq!(answer["predictions"], manifest["expected_output"]["predictions"]);
        assert_eq!(answer["classes"], manifest["classes"]);
        assert_close(&answer["probabilities"], &manifest["expected_output"]["probabilities"], 1e-5);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_regression_answers_numbers_in_full_precision_and_nothing_else() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let rows = manifest("prices")["input_example"]["inputs"].clone();
    for body in [json!({ "inputs": rows }), json!({ "instances": rows })] {
        let answer = server.answer("prices", body.to_string()).await;
        assert_close(&answer["predictions"], &manifest("prices")["expected_output"]["predictions"], 1e-12);
        assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["model_name", "model_version", "predictions"]);
    }
}

#[tokio::test]
async fn a_long_body_gets_the_answers_of_its_rows() {
    let place = Place::new();
    let server = place.serve().await;
    let location = place.put("titanic-1", "titanic", 1).await;
    server.loads("titanic", &location, 1, "dev").await;
    let rows = records(&manifest("titanic-1")["input_example"]);
    let many: Vec<_> = rows.iter().cycle().take(rows.len() * 1000).collect();
    let answer = server.answer("titanic", json!(many).to_string()).await;
    let expected = manifest("titanic-1")["expected_output"]["predictions"].clone();
    for some in answer["predictions"].as_array().unwrap().chunks(rows.len()) {
        assert_eq!(some, expected.as_array().unwrap());
    }
    assert_eq!(answer["probabilities"].as_array().unwrap().len(), many.len());
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let body = vec![b' '; 64 * 1024 * 1024 + 1];
    assert_eq!(outcome(server.predict("prices", body).await).await, (413, "body_too_large".to_owned()));
}

#[tokio::test]
async fn the_answer_is_of_the_version_and_environment_asked_for() {
    let place = Place::new();
    let server = place.serve().await;
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let body = json!({ "dataframe_split": manifest("titanic-1")["input_example"] }).to_string();
    let version = async |target: &str| server.answer(target, body.clone()).await["model_version"].as_u64().unwrap();
    server.loads("titanic", &second, 2, "dev").await;
    assert_eq!(version("titanic").await, 2);
    server.loads("titanic", &first, 1, "staging").await;
    assert_eq!(version("titanic").await, 1, "staging is higher than dev");
    server.loads("titanic", &second, 2, "prod").await;
    assert_eq!(version("titanic").await, 2, "prod is highest");
    assert_eq!(version("titanic?env=staging").await, 1);
    assert_eq!(version("titanic?version=1").await, 1);
    assert_eq!(version("titanic?version=2&env=dev").await, 2);
    for (target, expected) in [
        ("titanic?version=3", (404, "version_not_found")),
        ("titanic?version=1&env=prod", (404, "version_not_found")),
        ("unknown", (404, "model_not_found")),
        ("Not%20a%20name", (404, "model_not_found")),
        ("titanic?env=moon", (400, "bad_request")),
        ("titanic?version=x", (400, "bad_request")),
    ] {
        let (status, code) = outcome(server.predict(target, body.clone()).await).await;
        assert_eq!((status, code.as_str()), expected, "{target}");
    }
}

#[tokio::test]
async fn what_is_served_is_listed() {
    let place = Place::new();
    let server = place.serve_one("flowers").await;
    let location = place.put("prices", "prices", 4).await;
    let loaded = server.loads("prices", &location, 4, "prod").await;
    let models: Value = server.get("/models").await.json().await.unwrap();
    let names: Vec<_> = models["items"].as_array().unwrap().iter().map(|item| item["model_name"].clone()).collect();
    assert_eq!(names, ["flowers", "prices"]);
    assert_eq!(serde_json::from_value::<LoadedModel>(models["items"][1].clone()).unwrap(), loaded);
    assert_eq!(models["items"][1]["state"], "awake");
    let one: Value = server.get("/models/flowers").await.json().await.unwrap();
    assert_eq!(one["items"][0]["classes"], json!(["setosa", "versicolor", "virginica"]));
    assert_eq!(one["items"][0]["signature"], manifest("flowers")["signature"]);
    assert_eq!(outcome(server.get("/models/absent").await).await, (404, "model_not_found".to_owned()));
    assert_eq!(server.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_foreign_name_or_page_is_refused_and_answers_say_what_a_browser_may_do() {
    let place = Place::new();
    let server = place.serve().await;
    for (host, origin, refused) in [
        ("localhost:8001", "", None),
        ("localhost:8001", "http://localhost:8001", None),
        ("localhost:8001", "http://attacker.example", Some((403, "foreign_origin"))),
        ("attacker.example:8001", "http://attacker.example:8001", Some((421, "unknown_host"))),
    ] {
        let mut call = server.client.post(format!("{}/predict/none", server.url)).header("host", host).body("[]");
        if !origin.is_empty() {
            call = call.header("origin", origin);
        }
        let answer = call.send().await.unwrap();
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let expected = refused.unwrap_or((404, "model_not_found"));
        assert_eq!(outcome(answer).await, (expected.0, expected.1.to_owned()), "{host} {origin}");
    }
}
