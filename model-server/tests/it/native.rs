//! Native models made by hand, put into a store as versions.

use artifacts::VersionLocation;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Place, Server};

/// A graph's file, and the arrays of it that are written so far.
#[derive(Default)]
pub struct Graph {
    listed: Vec<Value>,
    bytes: Vec<u8>,
}

impl Graph {
    fn add(&mut self, kind: &str, count: usize, bytes: impl Iterator<Item = u8>) -> Value {
        self.listed.push(json!([kind, count]));
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        json!({ "array": self.listed.len() - 1 })
    }

    pub fn doubles(&mut self, values: &[f64]) -> Value {
        self.add("f64", values.len(), values.iter().flat_map(|value| value.to_le_bytes()))
    }

    pub fn whole(&mut self, kind: &str, values: &[i32]) -> Value {
        self.add(kind, values.len(), values.iter().flat_map(|value| value.to_le_bytes()))
    }

    pub fn bytes(&mut self, values: &[u8]) -> Value {
        self.add("u8", values.len(), values.iter().copied())
    }

    fn file(self, header: &Value) -> Vec<u8> {
        let mut header = header.clone();
        header["arrays"] = json!(self.listed);
        let mut text = header.to_string().into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        [b"MLSYSNV1".as_slice(), &(text.len() as u64).to_le_bytes(), &text, &self.bytes].concat()
    }
}

/// What a version is, besides its graph.
pub struct Described {
    pub name: &'static str,
    pub task: &'static str,
    pub classes: Option<Vec<Value>>,
    pub signature: Value,
    pub example: Value,
    pub expected: Value,
}

/// Puts a version with a graph into a place's store, and serves it in dev.
pub async fn serve(place: &Place, server: &Server, graph: (Graph, Value), described: Described) {
    let Described { name, task, classes, signature, example, expected } = described;
    let file = graph.0.file(&graph.1);
    let manifest = json!({
        "format": 1, "model_name": name, "declared_version": "1.0",
        "task": task, "classes": classes,
        "signature": signature, "flavour": "native", "native": { "rows_verified": 1 }, "onnx": null,
        "input_example": example, "expected_output": expected,
        "files": { "model.native": { "sha256": hex::encode(Sha256::digest(&file)), "size": file.len() } },
        "environment": null, "python_version": "3.13.0", "libraries": {},
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.native"), file).unwrap();
    std::fs::write(folder.path().join("metadata.json"), manifest.to_string()).unwrap();
    let location: VersionLocation = place.put_folder(folder.path(), name, &["metadata.json", "model.native"]).await;
    server.loads(name, &location, 1, "dev").await;
}

/// `plan`, a text, and `age`, a number, before a linear model of three classes with probabilities.
pub async fn serve_plans(place: &Place, server: &Server) {
    let mut graph = Graph::default();
    let texts = json!({ "op": "one_hot", "sparse": false, "columns": [
        { "texts": ["basic", "pro"], "places": graph.whole("i32", &[0, 1]), "width": 2, "unknown": "zeros" },
    ] });
    let join = json!({ "op": "join", "sparse": false, "parts": [
        { "columns": [0], "then": texts },
        { "columns": [1], "then": { "op": "matrix", "width": 1, "single": false } },
    ] });
    let last = json!({
        "op": "linear", "features": 3, "says": "softmax", "intercepts": graph.doubles(&[0.5, 0.0, -0.5]),
        "coefficients": graph.doubles(&[1.0, 0.0, 0.25, 0.0, 1.0, 0.0, -1.0, -1.0, 0.5]),
    });
    let header = json!({
        "transforms": false, "inputs": ["text", "float"], "decision": "decision_function",
        "root": { "op": "chain", "steps": [join, last] },
    });
    // basic, 2: 2, 0, -0.5.
    let column = |name: &str, kind: &str| json!({ "name": name, "type": kind, "required": true, "nullable": false });
    let parts = [2.0_f64, 0.0, -0.5].map(f64::exp);
    let sum: f64 = parts.iter().sum();
    let described = Described {
        name: "plans",
        task: "classification",
        classes: Some(vec![json!("stays"), json!("moves"), json!("goes")]),
        signature: json!({ "kind": "columns", "columns": [column("plan", "string"), column("age", "double")] }),
        example: json!({ "columns": ["plan", "age"], "data": [["basic", 2.0]] }),
        expected: json!({ "predictions": ["stays"], "probabilities": [parts.map(|part| part / sum)] }),
    };
    serve(place, server, (graph, header), described).await;
}

/// Two trees over three numbers, whose sum is the prediction. `covers`: whether they can be explained.
pub async fn serve_trees(place: &Place, server: &Server, (name, covers): (&'static str, bool)) {
    let mut graph = Graph::default();
    let mut trees = json!({
        "op": "trees", "columns": 3, "single": false, "single_sums": false, "strict": false, "one_hot": false,
        "sizes": graph.whole("u32", &[5, 3]), "feature": graph.whole("i32", &[0, -1, 1, -1, -1, 2, -1, -1]),
        "threshold": graph.doubles(&[0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]),
        "left": graph.whole("i32", &[1, -1, 3, -1, -1, 1, -1, -1]), "right": graph.whole("i32", &[2, -1, 4, -1, -1, 2, -1, -1]),
        "missing_left": graph.bytes(&[0; 8]), "values": graph.doubles(&[0.0, 0.0, 1.0, -1.0, 1.0]),
        "start": graph.doubles(&[10.0]),
    });
    if covers {
        trees["covers"] = graph.doubles(&[2.0, 1.0, 1.0, 1.0, 1.0]);
    }
    let root = json!({
        "op": "scores", "of": trees, "link": "identity", "labels": null, "decision": false, "probabilities": false, "pair": false,
    });
    let described = Described {
        name,
        task: "regression",
        classes: None,
        signature: json!({ "kind": "tensor", "tensor": { "dtype": "float64", "shape": [-1, 3] } }),
        example: json!({ "inputs": [[1.0, 1.0, 1.0]] }),
        expected: json!({ "predictions": [12.0] }),
    };
    serve(place, server, (graph, json!({ "transforms": false, "root": root })), described).await;
}
