//! The Open Inference Protocol: what its clients send and read.

use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::{Place, Server, assert_close, manifest};

async fn infer(server: &Server, target: &str, body: &Value) -> Response {
    server.post(&format!("/v2/models/{target}")).json(body).send().await.unwrap()
}

/// The answer, which must be one.
pub async fn inferred(server: &Server, model: &str, body: &Value) -> Value {
    let response = infer(server, &format!("{model}/infer"), body).await;
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// What is wrong with a request.
async fn refused(server: &Server, model: &str, body: &Value) -> String {
    let response = infer(server, &format!("{model}/infer"), body).await;
    assert_eq!(response.status(), 400, "{body}");
    let error: Value = response.json().await.unwrap();
    assert_eq!(error.as_object().unwrap().len(), 1);
    error["error"].as_str().unwrap().to_owned()
}

pub fn tensor(name: &str, datatype: &str, shape: &[usize], data: &Value) -> Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "data": data})
}

/// The example of titanic as a client of a `DataFrame` sends it.
pub fn frame() -> Value {
    let example = manifest("titanic-1")["input_example"].clone();
    let (names, rows) = (example["columns"].as_array().unwrap(), example["data"].as_array().unwrap());
    let column = |(at, name): (usize, &Value)| {
        let data: Value = rows.iter().map(|row| row[at].clone()).collect();
        let datatype = match name.as_str().unwrap() {
            "Age" => "FP64",
            "Fare" => "FP32",
            "Pclass" => "INT64",
            "Alone" => "BOOL",
            _ => "BYTES",
        };
        let mut tensor = tensor(name.as_str().unwrap(), datatype, &[rows.len(), 1], &data);
        if datatype == "BYTES" {
            tensor["parameters"] = json!({"content_type": "str"});
        }
        tensor
    };
    names.iter().enumerate().map(column).collect()
}

pub async fn titanic(place: &Place) -> Server {
    let server = place.serve().await;
    let location = place.put("titanic-1", "titanic", 1).await;
    server.loads("titanic", &location, 1, "dev").await;
    server
}

#[tokio::test]
async fn the_server_and_its_models_say_what_they_are() {
    let place = Place::new();
    let server = titanic(&place).await;
    let location = place.put("prices", "prices", 7).await;
    server.loads("prices", &location, 7, "staging").await;
    let get = async |path: &str| server.get(path).await.json::<Value>().await.unwrap();
    let expected = json!({"name": "mlsys", "version": env!("CARGO_PKG_VERSION"), "extensions": ["binary_tensor_data"]});
    assert_eq!((get("/v2").await, get("/v2/").await), (expected.clone(), expected));
    assert_eq!(
        (get("/v2/health/live").await, get("/v2/health/ready").await),
        (json!({"live": true}), json!({"ready": true}))
    );
    assert_eq!(get("/v2/models/prices/ready").await, json!({"name": "prices", "ready": true}));
    assert_eq!(get("/v2/models/prices/versions/7/ready").await, json!({"name": "prices", "ready": true}));
    let prices = json!({
        "name": "prices", "versions": ["7"], "platform": "onnx_onnxv1",
        "inputs": [{"name": "inputs", "datatype": "FP64", "shape": [-1, 3]}],
        "outputs": [{"name": "predict", "datatype": "FP64", "shape": [-1, 1]}],
    });
    assert_eq!(get("/v2/models/prices").await, prices);
    assert_eq!(get("/v2/models/prices/versions/7").await, prices);
    let titanic = get("/v2/models/titanic").await;
    let said: Vec<_> =
        titanic["inputs"].as_array().unwrap().iter().map(|input| input["datatype"].as_str().unwrap()).collect();
    assert_eq!(said, ["FP64", "FP32", "INT64", "BYTES", "BYTES", "BOOL"]);
    assert_eq!(titanic["inputs"][3]["parameters"], json!({"content_type": "str"}));
    let outputs = json!([
        {"name": "predict", "datatype": "INT64", "shape": [-1, 1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
    ]);
    assert_eq!(titanic["outputs"], outputs);
    for path in ["absent", "absent/ready", "prices/versions/8", "Not%20a%20name"] {
        let answer = server.get(&format!("/v2/models/{path}")).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string(), "{path}");
    }
    let index = async |body: &'static str| {
        server.post("/v2/repository/index").body(body).send().await.unwrap().json::<Value>().await.unwrap()
    };
    let ready = |name: &str, version: &str| json!({"name": name, "version": version, "state": "READY", "reason": ""});
    for body in ["", "{}", r#"{"ready":true}"#] {
        assert_eq!(index(body).await, json!([ready("prices", "7"), ready("titanic", "1")]), "{body}");
    }
    for path in ["load", "unload"] {
        let answer = server.post(&format!("/v2/repository/models/prices/{path}")).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 403);
        assert!(answer.json::<Value>().await.unwrap()["error"].as_str().unwrap().contains("deploy"));
    }
}

#[tokio::test]
async fn a_data_frame_is_a_tensor_for_each_column() {
    let place = Place::new();
    let server = titanic(&place).await;
    let expected = &manifest("titanic-1")["expected_output"];
    let rows = expected["predictions"].as_array().unwrap().len();
    let predict = json!({
        "name": "predict", "shape": [rows, 1], "datatype": "INT64", "parameters": {"content_type": "np"},
        "data": expected["predictions"],
    });
    let body = json!({"id": "42", "parameters": {"content_type": "pd"}, "inputs": frame()});
    let response = infer(&server, "titanic/versions/1/infer", &body).await;
    let named = ["x-model-name", "x-model-version"].map(|name| response.headers()[name].to_str().unwrap().to_owned());
    assert_eq!(named, ["titanic", "1"]);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer, json!({"model_name": "titanic", "model_version": "1", "id": "42", "outputs": [predict]}));

    let outputs = json!([{"name": "predict_proba", "parameters": {}}, {"name": "predict"}]);
    let both = inferred(&server, "titanic", &json!({"inputs": frame(), "outputs": outputs})).await;
    assert_eq!(both["id"], Value::Null);
    assert_eq!(both["outputs"][0]["shape"], json!([rows, 2]));
    let flat: Value =
        expected["probabilities"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap().clone()).collect();
    assert_close(&both["outputs"][0]["data"], &flat, 1e-5);
    assert_eq!(both["outputs"][1], predict);
}

#[tokio::test]
async fn texts_come_as_they_are_in_base64_or_as_json() {
    let place = Place::new();
    let server = titanic(&place).await;
    let ask = async |content_type: &str, sex: &str, embarked: Value| {
        let mut inputs = frame();
        for input in inputs.as_array_mut().unwrap() {
            input["shape"] = json!([1]);
            let first = input["data"][0].clone();
            input["data"] = json!([first]);
        }
        let text = |name: &str, data: Value| json!({"name": name, "datatype": "BYTES", "shape": [1, 1], "parameters": {"content_type": content_type}, "data": [data]});
        inputs[3] = text("Sex", json!(sex));
        inputs[4] = text("Embarked", embarked);
        let body = json!({"inputs": inputs, "outputs": [{"name": "predict_proba"}]});
        inferred(&server, "titanic", &body).await["outputs"][0]["data"].clone()
    };
    let plain = ask("str", "female", json!("C")).await;
    assert_ne!(plain, ask("str", "male", json!("C")).await);
    assert_eq!(plain, ask("base64", "ZmVtYWxl", json!("Qw==")).await);
    assert_eq!(plain, ask("base64", "female", json!("Qw==")).await, "what is no Base64 is itself");
    assert_eq!(plain, ask("pd_json", "\"female\"", json!("\"C\"")).await);
    assert_eq!(ask("pd_json", "\"female\"", json!("null")).await, ask("str", "female", Value::Null).await);
}

#[tokio::test]
async fn an_array_is_one_tensor_or_a_column_each() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let expected = server.answer("prices", r#"{"inputs":[[1,2,3],[4,-5,6]]}"#).await["predictions"].clone();
    let column = |name: &str, data: &Value| tensor(name, "INT32", &[2, 1], data);
    for inputs in [
        json!([tensor("anything", "FP64", &[2, 3], &json!([1, 2, 3, 4, -5, 6]))]),
        json!([tensor("inputs", "FP32", &[2, 3], &json!([[1.0, 2.0, 3.0], [4, -5, 6]]))]),
        json!([tensor("inputs", "INT8", &[2, 3], &json!([[1, 2], [3, 4], [-5, 6]]))]),
        json!([column("a", &json!([1, 4])), column("b", &json!([2, -5])), column("c", &json!([3.0, 6]))]),
    ] {
        let answer = inferred(&server, "prices", &json!({ "inputs": inputs })).await;
        assert_eq!(answer["outputs"][0]["datatype"], "FP64");
        assert_eq!(answer["outputs"][0]["data"], expected, "{inputs}");
    }
    // A number is what its datatype makes of it, and Triton's client writes a missing one as NaN.
    let missing = r#"{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[NaN,0,0]}]}"#;
    let missing = server.post("/v2/models/prices/infer").body(missing).send().await.unwrap();
    assert_eq!(missing.json::<Value>().await.unwrap()["outputs"][0]["data"], json!([null]));
    let rounded = inferred(&server, "prices", &json!({"inputs": [tensor("x", "FP32", &[1, 3], &json!([0.1, 0, 0]))]})).await;
    let exact =
        inferred(&server, "prices", &json!({"inputs": [tensor("x", "FP64", &[1, 3], &json!([0.1f32, 0, 0]))]})).await;
    assert_eq!(rounded["outputs"], exact["outputs"]);
    let half = inferred(&server, "prices", &json!({"inputs": [tensor("x", "FP16", &[1, 3], &json!([2049, 0, 0]))]})).await;
    let even = inferred(&server, "prices", &json!({"inputs": [tensor("x", "FP64", &[1, 3], &json!([2048, 0, 0]))]})).await;
    assert_eq!(half["outputs"], even["outputs"]);
}

#[tokio::test]
async fn columns_may_come_side_by_side_in_one_tensor() {
    let place = Place::new();
    for name in ["flowers", "boosted"] {
        let server = place.serve_one(name).await;
        let rows = r#"{"inputs":[{"name":"rows","shape":[2,2],"datatype":"FP64","data":[0.5,1,4.5,7]}]}"#;
        let answer = inferred(&server, name, &serde_json::from_str(rows).unwrap()).await;
        let names = manifest(name)["signature"]["columns"].clone();
        let table =
            json!({"dataframe_split": {"columns": [names[0]["name"], names[1]["name"]], "data": [[0.5, 1], [4.5, 7]]}});
        let expected = server.answer(name, table.to_string()).await;
        assert_eq!(answer["outputs"][0]["datatype"], "BYTES");
        assert_eq!(answer["outputs"][0]["data"], expected["predictions"]);
        server.stop().await;
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_without_repeating_it() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let good = tensor("x", "FP64", &[1, 3], &json!([1, 2, 3]));
    let with = |key: &str, value: Value| {
        let mut tensor = good.clone();
        tensor[key] = value;
        json!({ "inputs": [tensor] })
    };
    for body in [
        json!([]),
        json!({}),
        json!({"inputs": []}),
        json!({"inputs": "hunter2"}),
        json!({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64"}]}),
        with("shape", json!([3])),
        with("shape", json!([1, 1, 3])),
        with("shape", json!([2, 3])),
        with("shape", json!([0, 3])),
        with("shape", json!([u64::MAX, 3])),
        with("shape", json!([-1, 3])),
        with("shape", json!("hunter2")),
        with("datatype", json!("hunter2")),
        with("datatype", json!("BF16")),
        with("datatype", json!("BYTES")),
        with("data", json!([1, 2])),
        with("data", json!([1, 2, 3, 4])),
        with("data", json!([1, 2, "hunter2"])),
        with("data", json!([1, 2, {"hunter2": 1}])),
        with("data", json!("hunter2")),
        with("data", json!({"hunter2": 1})),
        with("parameters", json!({"binary_data_size": 24})),
        with("parameters", json!({"shared_memory_region": "hunter2"})),
        json!({"inputs": [tensor("x", "INT8", &[1, 3], &json!([1, 2, 300]))]}),
        json!({"inputs": [tensor("x", "UINT32", &[1, 3], &json!([1, 2, -3]))]}),
        json!({"inputs": [tensor("x", "INT64", &[1, 3], &json!([1, 2, 0.5]))]}),
        json!({"inputs": [tensor("x", "FP16", &[1, 3], &json!([1, 2, 1e6]))]}),
        json!({"inputs": [good, good]}),
        json!({"inputs": [good], "outputs": [{"name": "hunter2"}]}),
        json!({"inputs": [good], "outputs": [{"name": "predict_proba"}]}),
        json!({"inputs": [good], "outputs": vec![json!({"name": "predict"}); 6]}),
        json!({"inputs": [good], "outputs": [{"name": "predict", "parameters": {"classification": 2}}]}),
        json!({"inputs": [good], "outputs": [{"name": "predict_proba", "parameters": {"classification": 2}}]}),
    ] {
        let said = refused(&server, "prices", &body).await;
        assert!(!said.contains("hunter2"), "{body}: {said}");
    }
    let request = server.post("/v2/models/prices/infer");
    let answer = request.header("Inference-Header-Content-Length", "1000").body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let answer = server.post("/v2/models/prices/infer").header("content-encoding", "br").body("").send().await.unwrap();
    assert_eq!(answer.status(), 415);
    assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    let answer = server.get("/v2/models/prices/infer").await;
    assert_eq!((answer.status().as_u16(), answer.headers()["allow"].to_str().unwrap()), (405, "POST"));
    assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
}

#[tokio::test]
async fn columns_that_do_not_fit_are_named() {
    let place = Place::new();
    let server = titanic(&place).await;
    let changed = |change: fn(&mut Vec<Value>)| {
        let mut inputs = frame();
        change(inputs.as_array_mut().unwrap());
        json!({ "inputs": inputs })
    };
    for (body, column) in [
        (changed(|inputs| drop(inputs.remove(1))), "Fare"),
        (changed(|inputs| inputs[0]["data"][2] = json!("hunter2")), "Age"),
        (changed(|inputs| inputs[3]["data"][2] = json!(31337)), "Sex"),
        (changed(|inputs| inputs[2]["data"][0] = Value::Null), "Pclass"),
        (changed(|inputs| inputs[1]["shape"] = json!([4, 2])), "Fare"),
        (changed(|inputs| inputs[5]["data"] = json!([true])), "Alone"),
        (changed(|inputs| inputs.push(inputs[0].clone())), "Age"),
    ] {
        let said = refused(&server, "titanic", &body).await;
        assert!(said.contains(&format!("{column:?}")) && !said.contains("hunter2") && !said.contains("31337"), "{said}");
    }
    // A column that need not be there may be absent, and what the model does not take is passed over.
    let short = changed(|inputs| drop(inputs.remove(4)));
    assert!(inferred(&server, "titanic", &short).await["outputs"].is_array());
    let more = changed(|inputs| inputs.push(tensor("Ticket", "BYTES", &[1], &json!(["x"]))));
    assert!(inferred(&server, "titanic", &more).await["outputs"].is_array());
}
