//! The Open Inference Protocol over gRPC.

use std::collections::HashMap;

use serde_json::{Value, json};
use tonic::Code;

use crate::{
    grpc_client::{
        Client,
        proto::{
            InferTensorContents, ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse,
            ModelReadyRequest, ModelReadyResponse, RepositoryIndexRequest, RepositoryIndexResponse, ServerLiveResponse,
            ServerMetadataResponse, ServerReadyResponse,
            model_infer_request::{InferInputTensor, InferRequestedOutputTensor},
        },
        text,
    },
    harness::{Place, manifest},
    v2::{frame, inferred, tensor, titanic},
};

pub const INFERENCE: &str = "inference.GRPCInferenceService";

/// A tensor, with the elements that are set in its contents.
fn input(name: &str, datatype: &str, shape: &[i64], contents: InferTensorContents) -> InferInputTensor {
    let (name, datatype, shape) = (name.to_owned(), datatype.to_owned(), shape.to_vec());
    InferInputTensor { name, datatype, shape, parameters: HashMap::new(), contents: Some(contents) }
}

fn request(model: &str, inputs: Vec<InferInputTensor>) -> ModelInferRequest {
    ModelInferRequest { model_name: model.to_owned(), inputs, ..ModelInferRequest::default() }
}

/// The same, with all elements raw.
pub fn raw(model: &str, inputs: Vec<InferInputTensor>, elements: &[&[u8]]) -> ModelInferRequest {
    let inputs = inputs.into_iter().map(|input| InferInputTensor { contents: None, ..input }).collect();
    let raw_input_contents = elements.iter().map(|elements| elements.to_vec().into()).collect();
    ModelInferRequest { raw_input_contents, ..request(model, inputs) }
}

fn doubles(values: &[f64]) -> InferTensorContents {
    InferTensorContents { fp64_contents: values.to_vec(), ..InferTensorContents::default() }
}

pub fn row(model: &str, values: &[f64]) -> ModelInferRequest {
    request(model, vec![input("x", "FP64", &[1, i64::try_from(values.len()).unwrap()], doubles(values))])
}

/// A tensor of an answer, as REST has it.
fn as_json(answer: &ModelInferResponse, at: usize) -> Value {
    let output = &answer.outputs[at];
    let contents = output.contents.clone().unwrap_or_default();
    let texts = || contents.bytes_contents.iter().map(|text| json!(str::from_utf8(text).unwrap())).collect();
    let data = match output.datatype.as_str() {
        "BOOL" => json!(contents.bool_contents),
        "INT64" => json!(contents.int64_contents),
        "FP64" => json!(contents.fp64_contents),
        "BYTES" => Value::Array(texts()),
        other => panic!("{other}"),
    };
    let parameters = json!({"content_type": "np"});
    json!({"name": output.name, "shape": output.shape, "datatype": output.datatype, "parameters": parameters, "data": data})
}

/// The example of titanic as `MLServer`'s client for gRPC sends a `DataFrame`.
pub fn passengers() -> ModelInferRequest {
    let column = |column: &Value| {
        let values = || column["data"].as_array().unwrap().iter();
        let mut contents = InferTensorContents::default();
        match column["datatype"].as_str().unwrap() {
            "FP64" => contents.fp64_contents = values().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect(),
            #[expect(clippy::cast_possible_truncation, reason = "that is the datatype")]
            "FP32" => contents.fp32_contents = values().map(|value| value.as_f64().unwrap() as f32).collect(),
            "INT64" => contents.int64_contents = values().map(|value| value.as_i64().unwrap()).collect(),
            "BOOL" => contents.bool_contents = values().map(|value| value.as_bool().unwrap()).collect(),
            _ => contents.bytes_contents = values().map(|value| value.as_str().unwrap().to_owned().into()).collect(),
        }
        let shape: Vec<_> = column["shape"].as_array().unwrap().iter().map(|length| length.as_i64().unwrap()).collect();
        let mut input = input(column["name"].as_str().unwrap(), column["datatype"].as_str().unwrap(), &shape, contents);
        if input.datatype == "BYTES" {
            input.parameters = text("content_type", "str");
        }
        input
    };
    let inputs = frame().as_array().unwrap().iter().map(column).collect();
    ModelInferRequest { parameters: text("content_type", "pd"), ..request("titanic", inputs) }
}

#[tokio::test]
async fn the_server_and_its_models_say_over_grpc_what_they_say_over_rest() {
    let place = Place::new();
    let server = titanic(&place).await;
    let client = Client::of(&server).await;
    let method = |name: &str| format!("{INFERENCE}/{name}");
    let live: ServerLiveResponse = client.call(&method("ServerLive"), ()).await.unwrap().into_inner();
    let ready: ServerReadyResponse = client.call(&method("ServerReady"), ()).await.unwrap().into_inner();
    assert!(live.live && ready.ready);
    let said: ServerMetadataResponse = client.call(&method("ServerMetadata"), ()).await.unwrap().into_inner();
    assert_eq!((said.name.as_str(), said.version.as_str()), ("mlsys", env!("CARGO_PKG_VERSION")));

    let named = |name: &str, version: &str| ModelReadyRequest { name: name.to_owned(), version: version.to_owned() };
    for (name, version) in [("titanic", ""), ("titanic", "1")] {
        let ready: ModelReadyResponse = client.call(&method("ModelReady"), named(name, version)).await.unwrap().into_inner();
        assert!(ready.ready);
    }
    for (name, version, code) in [
        ("absent", "", Code::NotFound),
        ("titanic", "2", Code::NotFound),
        ("titanic", "latest", Code::InvalidArgument),
        ("not a name", "", Code::NotFound),
        ("", "", Code::NotFound),
    ] {
        let status = client.call::<_, ModelReadyResponse>(&method("ModelReady"), named(name, version)).await.unwrap_err();
        assert_eq!(status.code(), code, "{name} {version}");
        let asked = ModelMetadataRequest { name: name.to_owned(), version: version.to_owned() };
        let status = client.call::<_, ModelMetadataResponse>(&method("ModelMetadata"), asked).await.unwrap_err();
        assert_eq!(status.code(), code, "{name} {version}");
    }

    let asked = ModelMetadataRequest { name: "titanic".to_owned(), version: "1".to_owned() };
    let model: ModelMetadataResponse = client.call(&method("ModelMetadata"), asked).await.unwrap().into_inner();
    let rest: Value = server.get("/v2/models/titanic").await.json().await.unwrap();
    assert_eq!((json!(model.name), json!(model.versions), json!(model.platform)), {
        (rest["name"].clone(), rest["versions"].clone(), rest["platform"].clone())
    });
    for (tensors, rest) in [(&model.inputs, &rest["inputs"]), (&model.outputs, &rest["outputs"])] {
        assert_eq!(tensors.len(), rest.as_array().unwrap().len());
        for (tensor, rest) in tensors.iter().zip(rest.as_array().unwrap()) {
            assert_eq!((json!(tensor.name), json!(tensor.datatype), json!(tensor.shape)), {
                (rest["name"].clone(), rest["datatype"].clone(), rest["shape"].clone())
            });
            let content_type = rest["parameters"]["content_type"].as_str();
            assert_eq!(tensor.parameters, content_type.map(|said| text("content_type", said)).unwrap_or_default());
        }
    }

    for service in [INFERENCE, "inference.model_repository.ModelRepositoryService"] {
        let asked = RepositoryIndexRequest { ready: true, ..RepositoryIndexRequest::default() };
        let index: RepositoryIndexResponse =
            client.call(&format!("{service}/RepositoryIndex"), asked).await.unwrap().into_inner();
        let listed: Vec<_> =
            index.models.iter().map(|model| (model.name.as_str(), model.version.as_str(), model.state.as_str())).collect();
        assert_eq!(listed, [("titanic", "1", "READY")]);
        let loaded = client.call::<_, ()>(&format!("{service}/RepositoryModelLoad"), ()).await;
        let refused = loaded.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(refused.message().contains("deploy"), "{refused}");
    }
}

#[tokio::test]
async fn a_data_frame_over_grpc_is_answered_as_over_rest() {
    let place = Place::new();
    let server = titanic(&place).await;
    let client = Client::of(&server).await;
    let outputs = ["predict_proba", "predict"];
    let rest = json!({
        "parameters": {"content_type": "pd"}, "inputs": frame(),
        "outputs": outputs.map(|name| json!({"name": name, "parameters": {}})),
    });
    let rest = inferred(&server, "titanic", &rest).await;
    let output = |name: &str| InferRequestedOutputTensor { name: name.to_owned(), parameters: HashMap::new() };
    let asked = ModelInferRequest {
        id: "42".to_owned(),
        model_version: "1".to_owned(),
        outputs: outputs.map(output).to_vec(),
        ..passengers()
    };
    let response = client.infer(asked).await.unwrap();
    let named = ["x-model-name", "x-model-version"].map(|key| response.metadata().get(key).unwrap().to_str().unwrap());
    assert_eq!(named, ["titanic", "1"]);
    assert!(response.metadata().contains_key("x-request-id"));
    let answer = response.into_inner();
    assert_eq!((answer.model_name.as_str(), answer.model_version.as_str(), answer.id.as_str()), ("titanic", "1", "42"));
    assert_eq!(json!([as_json(&answer, 0), as_json(&answer, 1)]), rest["outputs"]);
    assert!(answer.raw_output_contents.is_empty());

    let plain = client.infer(passengers()).await.unwrap().into_inner();
    assert_eq!(plain.outputs.len(), 1);
    assert_eq!(as_json(&plain, 0)["data"], manifest("titanic-1")["expected_output"]["predictions"]);
}

#[tokio::test]
async fn tensors_of_every_datatype_may_be_typed_or_raw() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let client = Client::of(&server).await;
    let numbers = [1_u8, 2, 3, 4, 5, 6];
    let none = InferTensorContents::default;
    let ints = || InferTensorContents { int_contents: numbers.map(i32::from).to_vec(), ..none() };
    let uints = || InferTensorContents { uint_contents: numbers.map(u32::from).to_vec(), ..none() };
    let halves = [0x3c00_u16, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600].map(u16::to_le_bytes).concat();
    for (datatype, contents, elements) in [
        ("INT8", Some(ints()), numbers.to_vec()),
        ("INT16", Some(ints()), numbers.map(|number| i16::from(number).to_le_bytes()).concat()),
        ("INT32", Some(ints()), numbers.map(|number| i32::from(number).to_le_bytes()).concat()),
        (
            "INT64",
            Some(InferTensorContents { int64_contents: numbers.map(i64::from).to_vec(), ..none() }),
            numbers.map(|number| i64::from(number).to_le_bytes()).concat(),
        ),
        ("UINT8", Some(uints()), numbers.to_vec()),
        ("UINT16", Some(uints()), numbers.map(|number| u16::from(number).to_le_bytes()).concat()),
        ("UINT32", Some(uints()), numbers.map(|number| u32::from(number).to_le_bytes()).concat()),
        (
            "UINT64",
            Some(InferTensorContents { uint64_contents: numbers.map(u64::from).to_vec(), ..none() }),
            numbers.map(|number| u64::from(number).to_le_bytes()).concat(),
        ),
        ("FP16", None, halves),
        (
            "FP32",
            Some(InferTensorContents { fp32_contents: numbers.map(f32::from).to_vec(), ..none() }),
            numbers.map(|number| f32::from(number).to_le_bytes()).concat(),
        ),
        ("FP64", Some(doubles(&numbers.map(f64::from))), numbers.map(|number| f64::from(number).to_le_bytes()).concat()),
    ] {
        let rest = json!({"inputs": [tensor("x", datatype, &[2, 3], &json!(numbers))]});
        let expected = inferred(&server, "prices", &rest).await["outputs"][0].clone();
        let described = input("x", datatype, &[2, 3], none());
        let binary = client.infer(raw("prices", vec![described.clone()], &[&elements])).await.unwrap().into_inner();
        let values = binary.raw_output_contents[0].as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
        assert_eq!(json!(values.collect::<Vec<_>>()), expected["data"], "{datatype}");
        assert!(binary.outputs[0].contents.is_none() && binary.raw_output_contents.len() == 1);
        if let Some(contents) = contents {
            let typed = InferInputTensor { contents: Some(contents), ..described };
            let typed = client.infer(request("prices", vec![typed])).await.unwrap().into_inner();
            assert_eq!(as_json(&typed, 0), expected, "{datatype}");
        }
    }
    server.stop().await;

    let server = place.serve_one("flowers").await;
    let client = Client::of(&server).await;
    let columns = vec![input("length", "FP32", &[2], none()), input("width", "UINT64", &[2, 1], none())];
    let (lengths, widths) = ([0.0_f32, 3.0].map(f32::to_le_bytes).concat(), [0_u64, 3].map(u64::to_le_bytes).concat());
    // MLServer's client sends contents without elements as well.
    let asked = ModelInferRequest { inputs: columns.clone(), ..raw("flowers", columns, &[&lengths, &widths]) };
    let answer = client.infer(asked).await.unwrap().into_inner();
    assert_eq!(answer.raw_output_contents[0], b"\x06\0\0\0setosa\x0a\0\0\0versicolor"[..]);
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_over_grpc_without_repeating_it() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let client = Client::of(&server).await;
    let good = input("x", "FP64", &[1, 3], doubles(&[1.0, 2.0, 3.0]));
    let with = |change: fn(&mut InferInputTensor)| {
        let mut changed = good.clone();
        change(&mut changed);
        request("prices", vec![changed])
    };
    let three = 1.0_f64.to_le_bytes().repeat(3);
    let output = |name: &str| InferRequestedOutputTensor { name: name.to_owned(), parameters: HashMap::new() };
    let classified = InferRequestedOutputTensor { parameters: text("classification", "hunter2"), ..output("predict") };
    for asked in [
        request("prices", Vec::new()),
        with(|input| input.contents = None),
        with(|input| input.contents = Some(InferTensorContents::default())),
        with(|input| input.shape = vec![3]),
        with(|input| input.shape = vec![2, 3]),
        with(|input| input.shape = vec![0, 3]),
        with(|input| input.shape = vec![-1, 3]),
        with(|input| input.shape = vec![i64::MAX, 3]),
        with(|input| input.datatype = "hunter2".to_owned()),
        with(|input| input.datatype = "FP32".to_owned()),
        with(|input| input.datatype = "FP16".to_owned()),
        with(|input| {
            input.datatype = "BYTES".to_owned();
            let texts = ["hunter2", "1", "2"].map(|text| text.as_bytes().to_vec().into()).to_vec();
            input.contents = Some(InferTensorContents { bytes_contents: texts, ..InferTensorContents::default() });
        }),
        with(|input| {
            input.datatype = "INT8".to_owned();
            let numbers = vec![1, 2, 31337];
            input.contents = Some(InferTensorContents { int_contents: numbers, ..InferTensorContents::default() });
        }),
        with(|input| input.parameters = text("shared_memory_region", "hunter2")),
        request("prices", vec![good.clone(), good.clone()]),
        raw("prices", vec![good.clone()], &[&three[..8]]),
        raw("prices", vec![good.clone()], &[&three, &three]),
        ModelInferRequest { inputs: vec![good.clone()], ..raw("prices", vec![good.clone()], &[&three]) },
        ModelInferRequest { outputs: vec![output("hunter2")], ..with(|_| {}) },
        ModelInferRequest { outputs: vec![output("predict_proba")], ..with(|_| {}) },
        ModelInferRequest { outputs: vec![classified], ..with(|_| {}) },
    ] {
        let (code, said) = client.refused(asked.clone()).await;
        assert_eq!(code, Code::InvalidArgument, "{asked:?}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("31337"), "{said}");
    }
    for method in [&format!("{INFERENCE}/ModelStreamInfer"), "grpc.health.v1.Health/Watch"] {
        let unknown = client.call::<_, ModelInferResponse>(method, with(|_| {})).await;
        assert_eq!(unknown.unwrap_err().code(), Code::Unimplemented, "{method}");
    }
}
