//! Several labels a row: what is computed natively is answered as Python answers it, but for spaces in JSON.

use serde_json::{Value, json};
use testkit::run_python;

use crate::{
    grpc::row,
    grpc_client::Client,
    harness::{Place, Server},
    native::{Described, Graph, serve},
};

/// The models in Python.
const PROGRAM: &str = include_str!("several.py");
const ARROWS: &str = "application/vnd.apache.arrow.stream";

/// Of each of two columns, whether it is above zero, with a probability and a decision.
fn sign(graph: &mut Graph, (features, column): (usize, usize), takes: &Value) -> Value {
    let coefficients: Vec<_> = (0..features).map(|at| f64::from(u8::from(at == column))).collect();
    let linear = json!({
        "op": "linear", "features": features, "says": "huber", "coefficients": graph.doubles(&coefficients),
        "intercepts": graph.doubles(&[0.0]),
    });
    json!({ "then": linear, "takes": takes })
}

/// What each output's labels are.
fn labelling(graph: &mut Graph, labels: &Value) -> Value {
    let mut member = |column| {
        let places = graph.doubles(&[2.0 * f64::from(column), 2.0 * f64::from(column) + 1.0]);
        sign(graph, (2, usize::from(column)), &json!([{ "of": "prediction", "labels": places }]))
    };
    let gather = json!({ "op": "gather", "members": [member(0_u8), member(1)] });
    let root = json!({ "op": "chain", "steps": [gather, { "op": "labels", "by": "place", "width": 2 }] });
    json!({ "transforms": false, "root": root, "labels": labels })
}

fn marks(graph: &mut Graph) -> Value {
    let takes = json!([{ "of": "decision" }, { "of": "probabilities", "column": 1 }]);
    let members = [sign(graph, (2, 0), &takes), sign(graph, (2, 1), &takes)];
    let last = json!({
        "op": "labels", "by": "threshold", "width": 4, "scores": [0, 2], "positives": [1, 3], "threshold": 0.0, "decides": true,
    });
    let root = json!({ "op": "chain", "steps": [{ "op": "gather", "members": members }, last] });
    json!({ "transforms": false, "root": root, "labels": [0, 1], "decision": "decision_function" })
}

fn chain(graph: &mut Graph) -> Value {
    let mut member = |features, column| {
        let prediction = json!({ "of": "prediction", "labels": graph.doubles(&[0.0, 1.0]) });
        let takes = json!([prediction, { "of": "probabilities", "column": 1 }, { "of": "decision" }]);
        sign(graph, (features, column), &takes)
    };
    let root = json!({
        "op": "classifier_chain", "features": 2, "members": [member(2, 1), member(3, 0)], "order": [1, 0],
        "probabilities": true, "decision": true, "passes": "prediction",
    });
    json!({ "transforms": false, "root": root, "decision": "decision_function" })
}

/// Bytes without a model's name, and JSON without spaces. The names are equally long.
fn anonymous(bytes: &[u8], name: &str) -> Vec<u8> {
    let json = serde_json::from_slice::<Value>(bytes).map(|json| json.to_string().into_bytes());
    let mut bytes = json.unwrap_or_else(|_| bytes.to_vec());
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(name.len()).position(|window| window == name.as_bytes()) {
        bytes[at + found..at + found + name.len()].fill(b'-');
        at += found + name.len();
    }
    bytes
}

/// What a model answers in every protocol, and what it says of itself.
async fn said(server: &Server, name: &str, probable: bool) -> Vec<(String, Vec<u8>)> {
    let rows = json!({ "inputs": [[1.0, -0.25], [-2.0, 0.5], [0.0, 3.0]] }).to_string();
    // They are computed in blocks.
    let many =
        json!({ "inputs": (0_u16..600).map(|at| [f64::from(at % 7) - 3.0, f64::from(at % 5) - 2.0]).collect::<Vec<_>>() });
    let tensor = json!({ "name": "x", "datatype": "FP64", "shape": [2, 2], "data": [1.0, -0.25, -2.0, 0.5] });
    let outputs: Vec<_> = if probable { vec!["predict", "predict_proba", "decision_function"] } else { vec!["predict"] };
    let named: Vec<_> = outputs.iter().map(|name| json!({ "name": name })).collect();
    let binary: Vec<_> = outputs.iter().map(|name| json!({ "name": name, "parameters": { "binary_data": true } })).collect();
    let v2 = |outputs: &[Value]| json!({ "inputs": [tensor], "outputs": outputs }).to_string();
    let mut asked = vec![
        (format!("/predict/{name}"), rows.clone(), "*/*"),
        (format!("/predict/{name}"), rows.clone(), ARROWS),
        (format!("/predict/{name}"), many.to_string(), "*/*"),
        (format!("/models/{name}/invocations"), rows.clone(), "*/*"),
        (format!("/v2/models/{name}/infer"), json!({ "inputs": [tensor] }).to_string(), "*/*"),
        (format!("/v2/models/{name}/infer"), v2(&named), "*/*"),
        (format!("/v2/models/{name}/infer"), v2(&binary), "*/*"),
    ];
    if probable {
        let all = format!("/predict/{name}?outputs=predictions,decision");
        asked.extend([(all.clone(), rows.clone(), "*/*"), (all, rows, ARROWS)]);
    }
    let mut said = Vec::new();
    for (path, body, accept) in asked {
        let sent = server.post(&path).header("content-type", "application/json").header("accept", accept).body(body);
        let response = sent.send().await.unwrap();
        let (status, bytes) = (response.status(), response.bytes().await.unwrap());
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&bytes));
        said.push((path.replace(name, "-"), anonymous(&bytes, name)));
    }
    let answer = Client::of(server).await.infer(row(name, &[1.0, -0.25])).await.unwrap().into_inner();
    said.push(("gRPC".to_owned(), anonymous(format!("{answer:?}").as_bytes(), name)));
    for path in [format!("/v2/models/{name}"), format!("/models/{name}/openapi.json")] {
        let bytes = server.get(&path).await.bytes().await.unwrap();
        said.push((path.replace(name, "-"), anonymous(&bytes, name)));
    }
    said
}

#[tokio::test]
async fn several_labels_a_row_are_answered_natively_as_by_python_in_every_protocol() {
    let place = Place::new();
    let server = place.serve().await;
    let folder = testkit::folder("mlsys-several-");
    run_python(PROGRAM, &[&folder.path().to_string_lossy()]);
    for (kind, labels) in [
        ("texts", json!(["down", "up", "left", "a \"right\""])),
        ("mixed", json!(["down", "up", 3, 1])),
        ("whole", json!([0, 1, 1, 7])),
        ("truths", json!([false, true, false, true])),
        ("chain", Value::Null),
        ("marks", Value::Null),
    ] {
        let (native, python) = (format!("native-{kind}"), format!("python-{kind}"));
        let files = folder.path().join(kind);
        let packaged: Value = serde_json::from_slice(&std::fs::read(files.join("metadata.json")).unwrap()).unwrap();
        let mut graph = Graph::default();
        let header = match kind {
            "chain" => chain(&mut graph),
            "marks" => marks(&mut graph),
            _ => labelling(&mut graph, &labels),
        };
        let described = Described {
            name: native.clone().leak(),
            task: "classification",
            classes: packaged["classes"].as_array().cloned(),
            signature: packaged["signature"].clone(),
            example: packaged["input_example"].clone(),
            expected: packaged["expected_output"].clone(),
        };
        serve(&place, &server, (graph, header), described).await;
        let location = place.put_folder(&files, &python, &["metadata.json", "model.pkl"]).await;
        server.loads(&python, &location, 1, "dev").await;
        let probable = !packaged["expected_output"]["probabilities"].is_null();
        let (one, other) = (said(&server, &native, probable).await, said(&server, &python, probable).await);
        for ((path, one), (_, other)) in one.iter().zip(&other) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert!(one == other, "{kind} {path}:\n{}\n{}", text(one), text(other));
        }
    }
    server.stop().await;
}
