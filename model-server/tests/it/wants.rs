//! What answers hold, as requests ask for it.

use std::collections::HashMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    grpc::row,
    grpc_client::{Client, proto::model_infer_request::InferRequestedOutputTensor},
    harness::{Place, Server, assert_close, manifest, outcome},
    native::{Described, Graph, serve, serve_plans, serve_trees},
    v2::{inferred, tensor},
};

const PEOPLE: &str = r#"[{"plan":"basic","age":2},{"plan":"pro","age":-4},{"plan":"none","age":40}]"#;
/// Of each class, what the model's scores are for these.
const SCORES: [[f64; 3]; 3] = [[2.0, 0.0, -0.5], [-0.5, 1.0, -3.5], [10.5, 0.0, 19.5]];

async fn plans(place: &Place) -> Server {
    let server = place.serve().await;
    serve_plans(place, &server).await;
    server
}

fn keys(answer: &Value) -> Vec<&str> {
    answer.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn an_answer_holds_what_is_asked_for_and_by_default_what_it_always_did() {
    let place = Place::new();
    let server = plans(&place).await;
    let plain = server.predict("plans", PEOPLE).await.text().await.unwrap();
    let start = r#"{"model_name":"plans","model_version":1,"predictions":["stays","moves","goes"],"probabilities":[["#;
    assert!(plain.starts_with(start) && plain.ends_with(r#"]],"classes":["stays","moves","goes"]}"#), "{plain}");
    let both = server.predict("plans?outputs=predictions,probabilities", PEOPLE).await.text().await.unwrap();
    assert_eq!(both, plain);
    for (query, wanted) in [
        ("outputs=predictions", vec!["classes", "model_name", "model_version", "predictions"]),
        ("outputs=probabilities", vec!["classes", "model_name", "model_version", "probabilities"]),
        ("outputs=decision&env=dev", vec!["classes", "decision", "decision_of", "model_name", "model_version"]),
        ("top_k=1&outputs=predictions&version=1", vec!["classes", "model_name", "model_version", "predictions", "top_k"]),
    ] {
        let mut given = server.answer(&format!("plans?{query}"), PEOPLE).await;
        let mut found: Vec<_> = keys(&given).into_iter().map(str::to_owned).collect();
        found.sort_unstable();
        assert_eq!(found, wanted, "{query}");
        if let Some(decision) = given.get_mut("decision") {
            assert_close(&decision.take(), &json!(SCORES), 1e-12);
            assert_eq!(given["decision_of"], "decision_function");
        }
    }
}

#[tokio::test]
async fn the_most_probable_classes_come_in_their_order() {
    let place = Place::new();
    let server = plans(&place).await;
    let classes = |answer: &Value, row: usize| -> Vec<String> {
        let best = answer["top_k"][row].as_array().unwrap();
        best.iter().map(|one| one["class"].as_str().unwrap().to_owned()).collect()
    };
    let two = server.answer("plans?top_k=2", PEOPLE).await;
    assert_eq!(classes(&two, 0), ["stays", "moves"]);
    assert_eq!(
        (classes(&two, 1), classes(&two, 2)),
        (vec!["moves".into(), "stays".into()], vec!["goes".into(), "stays".into()])
    );
    assert_eq!(two["top_k"][1][0]["probability"], two["probabilities"][1][1]);
    let all = server.answer("plans?top_k=1000", PEOPLE).await;
    assert_eq!(classes(&all, 2), ["goes", "stays", "moves"]);
    // Of models that are served another way, too.
    let example = json!({ "dataframe_split": manifest("flowers")["input_example"] }).to_string();
    let location = place.put("flowers", "flowers", 1).await;
    server.loads("flowers", &location, 1, "dev").await;
    let flowers = server.answer("flowers?top_k=1", example).await;
    let best: Vec<_> = flowers["top_k"].as_array().unwrap().iter().map(|row| row[0]["class"].clone()).collect();
    assert_eq!(json!(best), flowers["predictions"]);
}

#[tokio::test]
async fn a_hundred_classes_that_are_alike_keep_their_order() {
    let place = Place::new();
    let server = place.serve().await;
    let mut graph = Graph::default();
    let root = json!({
        "op": "linear", "features": 1, "says": "softmax", "intercepts": graph.doubles(&[0.0; 100]),
        "coefficients": graph.doubles(&[0.0; 100]),
    });
    let described = Described {
        name: "alike",
        task: "classification",
        classes: Some((0..100).map(|class| json!(class)).collect()),
        signature: json!({ "kind": "tensor", "tensor": { "dtype": "float64", "shape": [-1, 1] } }),
        example: json!({ "inputs": [[1.0]] }),
        expected: json!({ "predictions": [0], "probabilities": [vec![0.01; 100]] }),
    };
    serve(&place, &server, (graph, json!({ "transforms": false, "root": root })), described).await;
    let answer = server.answer("alike?top_k=7&outputs=predictions", r#"{"inputs":[[5.0]]}"#).await;
    let best: Vec<_> = answer["top_k"][0].as_array().unwrap().iter().map(|one| one["class"].as_u64().unwrap()).collect();
    assert_eq!(best, [0, 1, 2, 3, 4, 5, 6]);
    assert!(server.refusal("alike?outputs=decision", r#"{"inputs":[[5.0]]}"#).await.contains("no decision values"));
}

#[tokio::test]
async fn explanations_are_told_by_input_column_and_sum_up_to_what_is_said() {
    let place = Place::new();
    let server = plans(&place).await;
    let answer = server.answer("plans?explain=true&outputs=decision", PEOPLE).await;
    let explained = &answer["explanations"];
    assert_eq!((&explained["of"], &explained["columns"]), (&json!("scores"), &json!(["plan", "age"])));
    assert_eq!(explained["base_value"], json!([0.5, 0.0, -0.5]));
    let none = json!([0.0, 0.0, 0.0]);
    let wanted =
        json!([[[1.0, 0.0, -1.0], [0.5, 0.0, 1.0]], [[0.0, 1.0, -1.0], [-1.0, 0.0, -2.0]], [none, [10.0, 0.0, 20.0]],]);
    assert_close(&explained["values"], &wanted, 1e-12);
    // Of one output, numbers; of an array, its columns by their places.
    serve_trees(&place, &server, ("sums", true)).await;
    let answer = server.answer("sums?explain=true", r#"{"inputs":[[1.0,1.0,1.0],[0.0,1.0,-1.0]]}"#).await;
    let explained = &answer["explanations"];
    assert_eq!((&explained["of"], &explained["columns"]), (&json!("predictions"), &json!([0, 1, 2])));
    assert_close(&explained["base_value"], &json!(10.25), 1e-12);
    assert_close(&explained["values"], &json!([[0.375, 0.375, 1.0], [-0.375, 0.125, -1.0]]), 1e-12);
    assert_close(&answer["predictions"], &json!([12.0, 9.0]), 1e-12);
}

#[tokio::test]
async fn many_rows_are_explained_like_few_and_too_many_are_refused() {
    let place = Place::new();
    let server = place.serve().await;
    serve_trees(&place, &server, ("sums", true)).await;
    let rows = |count: usize| json!({ "inputs": vec![[1.0, 1.0, 1.0]; count] }).to_string();
    let answer = server.answer("sums?explain=true", rows(1_000)).await;
    let values = answer["explanations"]["values"].as_array().unwrap();
    assert_eq!(values.len(), 1_000);
    for row in values {
        assert_close(row, &json!([0.375, 0.375, 1.0]), 1e-12);
    }
    assert!(server.refusal("sums?explain=true", rows(1_001)).await.contains("1000 rows"));
    assert!(server.refusal("sums?explain=true", r#"{"inputs":[]}"#).await.contains("no rows"));
    serve_trees(&place, &server, ("older", false)).await;
    assert!(server.refusal("older?explain=true", rows(1)).await.contains("deploy the model again"));
    assert_eq!(server.answer("older?explain=false", rows(1)).await["predictions"], json!([12.0]));
}

#[tokio::test]
async fn what_there_is_not_is_refused_and_what_there_is_is_named() {
    let place = Place::new();
    let server = plans(&place).await;
    serve_trees(&place, &server, ("sums", true)).await;
    for query in
        ["outputs=shap", "outputs=", "top_k=0", "top_k=-1", "top_k=many", "explain=maybe", "topk=3", "outputs=all&env=dev"]
    {
        let response = server.predict(&format!("plans?{query}"), PEOPLE).await;
        assert_eq!(outcome(response).await, (400, "bad_request".to_owned()), "{query}");
    }
    for (query, named) in [("outputs=shap", "predictions, probabilities and decision"), ("topk=3", "`top_k`")] {
        let text = server.predict(&format!("plans?{query}"), PEOPLE).await.text().await.unwrap();
        assert!(text.contains(named), "{text}");
    }
    let one = r#"{"inputs":[[1.0,1.0,1.0]]}"#;
    assert!(server.refusal("sums?top_k=2", one).await.contains("classifiers"));
    assert!(server.refusal("sums?outputs=probabilities", one).await.contains("no probabilities"));
    assert!(server.refusal("sums?outputs=decision", one).await.contains("no decision values"));
    let example = json!({ "dataframe_split": manifest("flowers")["input_example"] }).to_string();
    let location = place.put("flowers", "flowers", 1).await;
    server.loads("flowers", &location, 1, "dev").await;
    for query in ["outputs=decision", "explain=true"] {
        assert!(server.refusal(&format!("flowers?{query}"), example.clone()).await.contains("natively"), "{query}");
    }
}

#[tokio::test]
async fn decision_values_are_an_output_of_the_open_inference_protocol() {
    let place = Place::new();
    let server = plans(&place).await;
    let metadata: Value = server.get("/v2/models/plans").await.json().await.unwrap();
    assert_eq!(metadata["outputs"][2], json!({ "name": "decision_function", "datatype": "FP64", "shape": [-1, -1] }));
    let inputs = json!([
        tensor("plan", "BYTES", &[3, 1], &json!(["basic", "pro", "none"])),
        tensor("age", "FP64", &[3], &json!([2.0, -4.0, 40.0])),
    ]);
    let outputs = ["decision_function", "predict"].map(|name| json!({ "name": name }));
    let answer = inferred(&server, "plans", &json!({ "inputs": inputs, "outputs": outputs })).await;
    assert_eq!(
        (&answer["outputs"][0]["name"], &answer["outputs"][0]["shape"]),
        (&json!("decision_function"), &json!([3, 3]))
    );
    assert_close(&answer["outputs"][0]["data"], &json!(SCORES.as_flattened()), 1e-12);
    assert_eq!(answer["outputs"][1]["data"], json!(["stays", "moves", "goes"]));
    let wrong = json!({ "inputs": inputs, "outputs": [{ "name": "score_samples" }] });
    let response = server.post("/v2/models/plans/infer").json(&wrong).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("decision_function"));
}

#[tokio::test]
async fn decision_values_of_a_model_in_its_own_process_are_its_estimators() {
    let place = Place::new();
    let server = place.serve_one("boosted").await;
    let location = place.put("moody", "moody", 1).await;
    server.loads("moody", &location, 1, "dev").await;
    let rows = r#"[{"a":null,"b":7},{"a":1,"b":2},{"a":-1,"b":5}]"#;
    let both = "boosted?outputs=decision,probabilities";
    // Some of them at once: they are not asked together with others.
    let asked = join_all([both, "boosted", "boosted", both].map(|target| server.answer(target, rows))).await;
    let [first, plain, _, last] = asked.as_slice() else { panic!("four") };
    assert_eq!((first, plain.get("decision")), (last, None));
    assert_eq!(first["decision_of"], "decision_function");
    let values: Vec<_> = first["decision"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    let probable: Vec<_> = values.iter().map(|value| 1.0 / (1.0 + (-value).exp())).map(|low| [1.0 - low, low]).collect();
    assert_close(&json!(probable), &first["probabilities"], 1e-12);

    let metadata: Value = server.get("/v2/models/boosted").await.json().await.unwrap();
    assert_eq!(metadata["outputs"][2]["name"], "decision_function");
    let inputs =
        json!([tensor("a", "FP64", &[3], &json!([null, 1.0, -1.0])), tensor("b", "INT64", &[3], &json!([7, 2, 5])),]);
    let outputs = json!([{ "name": "decision_function" }]);
    let answer = inferred(&server, "boosted", &json!({ "inputs": inputs, "outputs": outputs })).await;
    assert_eq!((&answer["outputs"][0]["shape"], &answer["outputs"][0]["data"]), (&json!([3, 1]), &first["decision"]));

    let said = server.refusal("boosted?explain=true", rows).await;
    assert!(said.contains("no explanations") && said.contains("its own Python library"), "{said}");
    let said = server.refusal("moody?outputs=decision", r#"{"inputs":[[1,2]]}"#).await;
    assert!(said.contains("neither decision_function nor score_samples"), "{said}");
    server.stop().await;
}

#[tokio::test]
async fn the_most_probable_classes_and_explanations_are_outputs_of_the_open_inference_protocol() {
    let place = Place::new();
    let server = plans(&place).await;
    let inputs = json!([
        tensor("plan", "BYTES", &[3, 1], &json!(["basic", "pro", "none"])),
        tensor("age", "FP64", &[3], &json!([2.0, -4.0, 40.0])),
    ]);
    let best = json!({ "name": "predict_proba", "parameters": { "classification": 2 } });
    let outputs = json!([best, { "name": "explanations" }, { "name": "base_values" }]);
    let answer = inferred(&server, "plans", &json!({ "inputs": inputs, "outputs": outputs })).await;
    let [best, explained, base] = &answer["outputs"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!(
        (&best["name"], &best["datatype"], &best["shape"]),
        (&json!("predict_proba"), &json!("BYTES"), &json!([3, 2]))
    );
    let ours = server.answer("plans?top_k=2&explain=true", PEOPLE).await;
    let places = |class: &Value| ours["classes"].as_array().unwrap().iter().position(|known| known == class).unwrap();
    let text = |one: &Value| format!("{}:{}:{}", one["probability"], places(&one["class"]), one["class"].as_str().unwrap());
    let texts: Vec<_> = ours["top_k"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap()).map(text).collect();
    assert_eq!(best["data"], json!(texts));
    let flat = |values: &Value| -> Vec<Value> {
        let rows = values.as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
        rows.flat_map(|column| column.as_array().unwrap()).cloned().collect()
    };
    assert_eq!((&explained["shape"], &explained["parameters"]["of"]), (&json!([3, 2, 3]), &json!("scores")));
    assert_eq!(explained["data"], json!(flat(&ours["explanations"]["values"])));
    assert_eq!((&base["shape"], &base["data"]), (&json!([1, 3]), &ours["explanations"]["base_value"]));

    // The same over gRPC; of one output, without an axis of outputs.
    serve_trees(&place, &server, ("sums", true)).await;
    let mut asked = row("sums", &[1.0, 1.0, 1.0]);
    let output = |name: &str| InferRequestedOutputTensor { name: name.to_owned(), parameters: HashMap::new() };
    asked.outputs = vec![output("explanations"), output("base_values")];
    let answer = Client::of(&server).await.infer(asked).await.unwrap().into_inner();
    let shapes: Vec<_> = answer.outputs.iter().map(|output| output.shape.clone()).collect();
    assert_eq!(shapes, [[1, 3], [1, 1]]);
    let values: Vec<_> = answer.outputs.iter().map(|output| &output.contents.as_ref().unwrap().fp64_contents).collect();
    assert_close(&json!(values), &json!([[0.375, 0.375, 1.0], [10.25]]), 1e-12);
    assert!(answer.outputs[0].parameters.contains_key("of"));
    server.stop().await;
}
