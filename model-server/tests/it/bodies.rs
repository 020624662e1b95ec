//! What a body may hold, and what is said of one that may not be.

use serde_json::{Value, json};

use crate::harness::{Place, Server};

async fn titanic(place: &Place) -> Server {
    let server = place.serve().await;
    let location = place.put("titanic-1", "titanic", 1).await;
    server.loads("titanic", &location, 1, "dev").await;
    server
}

/// A good row with some of it replaced; `None` takes a column out.
fn row(changes: &[(&str, Option<Value>)]) -> Value {
    let mut row = json!({"Age": 22.0, "Fare": 7.25, "Pclass": 3, "Sex": "male", "Embarked": "S", "Alone": false});
    for (name, value) in changes {
        match value {
            Some(value) => row[name] = value.clone(),
            None => drop(row.as_object_mut().unwrap().shift_remove(*name)),
        }
    }
    row
}

#[tokio::test]
async fn values_that_a_column_can_take_are_taken() {
    let place = Place::new();
    let server = titanic(&place).await;
    for (column, value) in [
        ("Age", json!(22)),
        ("Age", Value::Null),
        ("Age", json!(u64::MAX)),
        ("Fare", json!(7)),
        ("Pclass", json!(3.0)),
        ("Alone", json!(1)),
        ("Alone", json!(0)),
        ("Sex", json!("unheard-of")),
        ("Sex", json!("ä\"\\\u{1F600}")),
        ("Embarked", Value::Null),
        ("Ticket", json!({"extra": ["columns", "are", "ignored"]})),
    ] {
        let body = json!([row(&[(column, Some(value.clone()))])]).to_string();
        let response = server.predict("titanic", body).await;
        assert_eq!(response.status(), 200, "{column}: {value}: {}", response.text().await.unwrap());
    }
}

#[tokio::test]
async fn a_missing_text_is_what_the_graph_has_for_it() {
    let place = Place::new();
    let server = titanic(&place).await;
    let answer = async |row: Value| server.answer("titanic", json!([row]).to_string()).await["probabilities"].clone();
    let named = answer(row(&[("Embarked", Some(json!("missing")))])).await;
    assert_eq!(answer(row(&[("Embarked", Some(Value::Null))])).await, named);
    assert_eq!(answer(row(&[("Embarked", None)])).await, named, "a column that is not required may be absent");
    assert_ne!(answer(row(&[])).await, named);
}

#[tokio::test]
async fn values_that_a_column_cannot_take_are_refused_by_its_name_and_not_repeated() {
    let place = Place::new();
    let server = titanic(&place).await;
    for (column, value) in [
        ("Age", json!("hunter2")),
        ("Age", json!(true)),
        ("Age", json!(["hunter2"])),
        ("Age", json!({"hunter2": 1})),
        ("Fare", json!(1e39)),
        // The graph would compute with it; the estimator would not.
        ("Fare", Value::Null),
        ("Pclass", json!(31337.5)),
        ("Pclass", json!("31337")),
        ("Pclass", json!(true)),
        ("Pclass", json!(1e300)),
        ("Pclass", json!(u64::MAX)),
        ("Pclass", Value::Null),
        ("Sex", json!(31337)),
        ("Sex", json!(true)),
        ("Sex", Value::Null),
        ("Sex", json!("hunter2\0")),
        ("Alone", json!("hunter2")),
        ("Alone", json!(31337)),
        ("Alone", json!(0.5)),
        ("Alone", Value::Null),
    ] {
        let changed = row(&[(column, Some(value.clone()))]);
        let (names, cells): (Vec<_>, Vec<_>) = changed.as_object().unwrap().clone().into_iter().unzip();
        let by_column: Value =
            changed.as_object().unwrap().clone().into_iter().map(|(name, cell)| (name, json!([cell]))).collect();
        for body in [
            json!([changed]),
            json!({ "inputs": by_column }),
            json!({"dataframe_split": {"columns": names, "data": [cells]}}),
            json!({"dataframe_split": {"data": [cells], "columns": names}}),
        ] {
            let detail = server.refusal("titanic", body.to_string()).await;
            assert!(detail.contains(&format!("{column:?}")), "{column}: {value}: {detail}");
            assert!(!detail.contains("hunter2") && !detail.contains("31337"), "{detail}");
        }
    }
}

#[tokio::test]
async fn a_missing_column_is_named() {
    let place = Place::new();
    let server = titanic(&place).await;
    let short = row(&[("Fare", None)]);
    let by_column: Value =
        short.as_object().unwrap().clone().into_iter().map(|(name, cell)| (name, json!([cell]))).collect();
    let (names, cells): (Vec<_>, Vec<_>) = short.as_object().unwrap().clone().into_iter().unzip();
    for body in [
        json!([row(&[]), short]),
        json!({ "inputs": by_column }),
        json!({"dataframe_split": {"columns": names, "data": [cells]}}),
    ] {
        let detail = server.refusal("titanic", body.to_string()).await;
        assert!(detail.contains("\"Fare\" is missing"), "{detail}");
    }
    assert!(server.refusal("titanic", json!([row(&[]), short]).to_string()).await.contains("row 1"));
}

#[tokio::test]
async fn bodies_of_another_shape_are_refused_without_repeating_them() {
    let place = Place::new();
    let server = titanic(&place).await;
    let good = row(&[]);
    for body in [
        good.to_string(),
        json!({"hunter2": [good]}).to_string(),
        json!({"instances": [good], "inputs": {}}).to_string(),
        json!({"dataframe_records": [good], "instances": [good]}).to_string(),
        "[]".to_owned(),
        json!({"instances": []}).to_string(),
        json!({"inputs": {}}).to_string(),
        json!({"instances": ["hunter2"]}).to_string(),
        json!({"instances": "hunter2"}).to_string(),
        json!({"instances": [[1, 2]]}).to_string(),
        json!({"inputs": [good]}).to_string(),
        json!({"inputs": {"Age": "hunter2"}}).to_string(),
        json!({"inputs": {"Age": [1, 2], "Fare": [1]}}).to_string(),
        json!({"dataframe_split": [good]}).to_string(),
        json!({"dataframe_split": {"columns": ["Age"]}}).to_string(),
        json!({"dataframe_split": {"columns": "hunter2", "data": []}}).to_string(),
        json!({"dataframe_split": {"columns": ["Age", "Age", "Fare", "Pclass", "Sex", "Alone"], "data": []}}).to_string(),
        r#"{"dataframe_split":{"columns":["Age","Fare","Pclass","Sex","Alone"],"data":[[1,1,1,"x"]]}}"#.to_owned(),
        r#"{"dataframe_split":{"columns":["Age","Fare","Pclass","Sex","Alone"],"data":[[1,1,1,"x",true,1]]}}"#.to_owned(),
        r#"[{"Age":1,"Age":2}]"#.to_owned(),
        "\"hunter2, expected hunter2\"".to_owned(),
        "[{\"Age\": hunter2}]".to_owned(),
        format!("[{good}"),
        format!("[{good}] hunter2"),
        format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
        String::new(),
    ] {
        let detail = server.refusal("titanic", body.clone()).await;
        assert!(!detail.contains("hunter2"), "{body}: {detail}");
    }
    let invalid_utf8 = b"[{\"Age\": \"\xff\"}]".to_vec();
    server.refusal("titanic", invalid_utf8).await;
}

#[tokio::test]
async fn rows_without_end_are_refused_before_they_fill_the_memory() {
    let place = Place::new();
    let server = place.serve_one("flowers").await;
    let many = format!("[{}{{}}]", r#"{"length":0,"width":0},"#.repeat(2_000_000));
    assert!(
        server.refusal("flowers", many).await.contains("row 2000000"),
        "two million rows of two columns are not too many"
    );
    let too_many = format!("{{\"inputs\":{{\"length\":[{}0]}}}}", "0,".repeat(9_000_000));
    assert!(server.refusal("flowers", too_many).await.contains("rows; send them in several requests"));
}

#[tokio::test]
async fn arrays_must_have_the_models_shape() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let rows = json!([[1, 2, 3], [4.5, 5, 6]]);
    for body in [
        json!({ "inputs": rows }),
        json!({ "instances": rows }),
        json!({"dataframe_split": {"columns": [0, 1, 2], "data": rows}}),
    ] {
        assert_eq!(server.answer("prices", body.to_string()).await["predictions"].as_array().unwrap().len(), 2);
    }
    for body in [
        json!({"inputs": [[1, 2]]}),
        json!({"inputs": [[1, 2, 3], [1, 2, 3, 4]]}),
        json!({"inputs": [1, 2, 3]}),
        json!({"inputs": [[[1, 2, 3]]]}),
        json!({"inputs": [[1, 2, "hunter2"]]}),
        json!({"inputs": {"a": [1]}}),
        json!({"inputs": []}),
        json!([{"a": 1}]),
        json!([[1, 2, 3]]),
        json!({"dataframe_records": [{"a": 1, "b": 2, "c": 3}]}),
    ] {
        let detail = server.refusal("prices", body.to_string()).await;
        assert!(!detail.contains("hunter2"), "{body}: {detail}");
    }
}
