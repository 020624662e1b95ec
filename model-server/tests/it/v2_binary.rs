//! The Open Inference Protocol, with tensors that are not in the JSON.

use std::io::Write;

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    harness::{Place, Server, assert_close, manifest},
    v2::{frame, inferred, tensor, titanic},
};

/// A request whose tensors follow its JSON.
async fn binary(server: &Server, model: &str, json: &Value, tensors: &[u8]) -> Response {
    let json = json.to_string();
    let body = [json.as_bytes(), tensors].concat();
    let request = server.post(&format!("/v2/models/{model}/infer"));
    request.header("Inference-Header-Content-Length", json.len()).body(body).send().await.unwrap()
}

/// The JSON of an answer, and what follows it.
async fn parts(response: Response) -> (Value, Vec<u8>) {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    let length: usize = response.headers()["inference-header-content-length"].to_str().unwrap().parse().unwrap();
    let body = response.bytes().await.unwrap();
    (serde_json::from_slice(&body[..length]).unwrap(), body[length..].to_vec())
}

fn followed(name: &str, datatype: &str, shape: &[usize], size: usize) -> Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}})
}

#[tokio::test]
async fn tensors_may_follow_the_json_both_ways() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let expected = server.answer("prices", r#"{"inputs":[[1,2,3],[4,-5,6]]}"#).await["predictions"].clone();
    let numbers = [1_i8, 2, 3, 4, -5, 6];
    let halves = [0x3c00_u16, 0x4000, 0x4200, 0x4400, 0xc500, 0x4600];
    for (datatype, bytes) in [
        ("INT8", numbers.map(|number| number.to_le_bytes().to_vec()).concat()),
        ("INT16", numbers.map(|number| i16::from(number).to_le_bytes().to_vec()).concat()),
        ("INT32", numbers.map(|number| i32::from(number).to_le_bytes().to_vec()).concat()),
        ("INT64", numbers.map(|number| i64::from(number).to_le_bytes().to_vec()).concat()),
        ("FP16", halves.map(|number| number.to_le_bytes().to_vec()).concat()),
        ("FP32", numbers.map(|number| f32::from(number).to_le_bytes().to_vec()).concat()),
        ("FP64", numbers.map(|number| f64::from(number).to_le_bytes().to_vec()).concat()),
    ] {
        let json =
            json!({"inputs": [followed("x", datatype, &[2, 3], bytes.len())], "parameters": {"binary_data_output": true}});
        let (answer, tensor) = parts(binary(&server, "prices", &json, &bytes).await).await;
        assert_eq!(answer["outputs"][0]["parameters"], json!({"binary_data_size": 16}), "{datatype}");
        let given: Vec<_> = tensor.as_chunks::<8>().0.iter().map(|bytes| json!(f64::from_le_bytes(*bytes))).collect();
        assert_close(&json!(given), &expected, 1e-12);
    }
    server.stop().await;

    let server = place.serve_one("flowers").await;
    let (lengths, widths) = ([0.0_f32, 3.0].map(f32::to_le_bytes).concat(), [0_u64, 3].map(u64::to_le_bytes).concat());
    let inputs = json!([followed("length", "FP32", &[2], 8), followed("width", "UINT64", &[2, 1], 16)]);
    let outputs = json!([{"name": "predict", "parameters": {"binary_data": true}}, {"name": "predict_proba"}]);
    let request = json!({"inputs": inputs, "outputs": outputs});
    let (answer, tensor) = parts(binary(&server, "flowers", &request, &[lengths, widths].concat()).await).await;
    assert_eq!(tensor, b"\x06\0\0\0setosa\x0a\0\0\0versicolor");
    assert_eq!(answer["outputs"][0]["datatype"], "BYTES");
    assert_eq!(answer["outputs"][1]["data"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn outputs_have_the_types_that_the_estimator_gives() {
    let place = Place::new();
    for (name, shape, datatype, binary_size) in
        [("truths", [2, 2], "BOOL", 2), ("moody", [2, 2], "FP64", 16), ("boosted", [2, 2], "BYTES", 15)]
    {
        let server = place.serve_one(name).await;
        let mut request = json!({"inputs": [tensor("x", "FP32", &shape, &json!([1, 2, 3.5, 7]))]});
        let answer = inferred(&server, name, &request).await;
        assert_eq!(
            (&answer["outputs"][0]["datatype"], &answer["outputs"][0]["shape"]),
            (&json!(datatype), &json!([2, 1])),
            "{name}"
        );
        request["parameters"] = json!({"binary_data_output": true});
        let (described, tensor) = parts(binary(&server, name, &request, b"").await).await;
        assert_eq!(described["outputs"][0]["parameters"]["binary_data_size"], json!(tensor.len()));
        assert_eq!(tensor.len(), binary_size, "{name}: {}", answer["outputs"][0]["data"]);
        let metadata: Value = server.get(&format!("/v2/models/{name}")).await.json().await.unwrap();
        assert_eq!(metadata["outputs"][0]["datatype"], datatype);
        server.stop().await;
    }
}

#[tokio::test]
async fn bytes_in_binary_are_texts_and_truths() {
    let place = Place::new();
    let server = titanic(&place).await;
    let mut inputs = frame();
    let rows = inputs[0]["shape"][0].as_u64().unwrap();
    let mut tensors = Vec::new();
    for at in [3, 4, 5] {
        let (before, data) = (tensors.len(), inputs[at]["data"].clone());
        for value in data.as_array().unwrap() {
            match value {
                Value::String(text) => {
                    tensors.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
                    tensors.extend_from_slice(text.as_bytes());
                }
                value => tensors.push(u8::from(value.as_bool().unwrap())),
            }
        }
        let input = inputs[at].as_object_mut().unwrap();
        input.shift_remove("data");
        input.insert("parameters".to_owned(), json!({"binary_data_size": tensors.len() - before}));
    }
    let answer: Value = binary(&server, "titanic", &json!({ "inputs": inputs }), &tensors).await.json().await.unwrap();
    assert_eq!(answer["outputs"][0]["shape"], json!([rows, 1]));
    assert_eq!(answer["outputs"][0]["data"], manifest("titanic-1")["expected_output"]["predictions"]);
}

#[tokio::test]
async fn json_and_tensors_may_be_compressed_together() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let send = async |encoding: &str, json_length: usize, body: Vec<u8>| {
        let request = server.post("/v2/models/prices/infer").header("content-encoding", encoding);
        request.header("Inference-Header-Content-Length", json_length).body(body).send().await.unwrap()
    };
    let json = json!({"inputs": [followed("x", "INT8", &[1, 3], 3)]}).to_string();
    let whole = [json.as_bytes(), &[1, 2, 3]].concat();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&whole).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(&whole).unwrap();
    let deflate = deflate.finish().unwrap();
    let mut answers = Vec::new();
    for (encoding, body) in [("identity", whole.clone()), ("gzip", gzip.clone()), ("deflate", deflate)] {
        answers.push(send(encoding, json.len(), body).await.json::<Value>().await.unwrap());
    }
    assert!(answers[0]["outputs"].is_array() && answers[1..].iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // A little that would become very much, and what is none or cut off.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 48 << 20]).unwrap();
    for body in [bomb.finish().unwrap(), whole, gzip[..gzip.len() - 9].to_vec()] {
        let answer = send("gzip", json.len(), body).await;
        assert_eq!(answer.status(), 400);
        assert!(answer.json::<Value>().await.unwrap()["error"].as_str().unwrap().contains("Content-Encoding"));
    }
}

#[tokio::test]
async fn tensors_of_another_length_are_refused() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    for (json, tensors) in [
        (json!({"inputs": [followed("x", "FP64", &[1, 3], 24)]}), vec![0; 23]),
        (json!({"inputs": [followed("x", "FP64", &[1, 3], 24)]}), vec![0; 25]),
        (json!({"inputs": [followed("x", "FP64", &[1, 3], 16)]}), vec![0; 16]),
        (json!({"inputs": [followed("x", "BYTES", &[1, 3], 7)]}), b"\x03\0\0\0abc".to_vec()),
        (json!({"inputs": [followed("x", "BYTES", &[1, 3], 7)]}), b"\x09\0\0\0abc".to_vec()),
        (json!({"inputs": [followed("x", "FP64", &[1, 3], usize::MAX)]}), vec![0; 24]),
    ] {
        assert_eq!(binary(&server, "prices", &json, &tensors).await.status(), 400, "{json}");
    }
}
