//! What `/metrics` says.

use futures_util::future::join_all;

use tonic::Code;

use crate::{
    grpc_client::{Client, proto::ModelInferRequest},
    harness::{Place, Server},
};

/// How many models a server has that are many.
const MODELS: usize = 150;

/// The lines of models whose name begins so.
async fn numbers(server: &Server, name: &str) -> Vec<String> {
    let (text, label) = (server.get("/metrics").await.text().await.unwrap(), format!("model=\"{name}"));
    text.lines().filter(|line| line.contains(&label)).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn predictions_are_counted_by_model_version_and_outcome() {
    let place = Place::new();
    let server = place.serve().await;
    let location = place.put("counted", "counted", 3).await;
    server.loads("counted", &location, 3, "prod").await;
    server.answer("counted", r#"{"inputs":[[1,2,3],[4,5,6]]}"#).await;
    server.answer("counted", r#"{"inputs":[[1,2,3]]}"#).await;
    server.refusal("counted", "rubbish").await;
    for (path, body) in [
        ("/models/counted/invocations", r#"{"inputs":[[1,2,3]]}"#),
        ("/models/counted/invocations", "rubbish"),
        ("/v2/models/counted/infer", r#"{"inputs":[{"name":"x","shape":[1,3],"datatype":"INT8","data":[1,2,3]}]}"#),
    ] {
        server.post(path).header("content-type", "application/json").body(body).send().await.unwrap();
    }
    let empty = ModelInferRequest { model_name: "counted".to_owned(), ..ModelInferRequest::default() };
    assert_eq!(Client::of(&server).await.refused(empty).await.0, Code::InvalidArgument);

    let lines = numbers(&server, "counted").await;
    let has = |line: &str| assert!(lines.iter().any(|other| other == line), "{line} is not among {lines:#?}");
    has(r#"mlsys_model_requests_total{model="counted",version="3",protocol="rest",code="200"} 2"#);
    has(r#"mlsys_model_requests_total{model="counted",version="3",protocol="rest",code="400"} 1"#);
    has(r#"mlsys_model_requests_total{model="counted",version="3",protocol="mlflow",code="200"} 1"#);
    has(r#"mlsys_model_requests_total{model="counted",version="3",protocol="mlflow",code="400"} 1"#);
    has(r#"mlsys_model_requests_total{model="counted",version="3",protocol="v2",code="200"} 1"#);
    has(r#"mlsys_model_requests_total{model="counted",version="3",protocol="grpc",code="400"} 1"#);
    assert!(!lines.iter().any(|line| line.contains(r#"code="503""#)), "what never happened is not counted");
    has(r#"mlsys_model_loaded_info{model="counted",version="3",environment="prod",flavour="onnx"} 1"#);
    for (protocol, count) in [("rest", 3), ("mlflow", 2), ("v2", 1), ("grpc", 1)] {
        has(&format!(
            r#"mlsys_model_request_duration_seconds_count{{model="counted",version="3",protocol="{protocol}"}} {count}"#
        ));
    }
    has(r#"mlsys_model_queue_duration_seconds_count{model="counted",version="3"} 4"#);
    has(r#"mlsys_model_compute_duration_seconds_count{model="counted",version="3"} 4"#);
    has(r#"mlsys_model_batch_size_sum{model="counted",version="3"} 5"#);

    assert_eq!(server.unload("counted", "prod").await.status(), 204);
    let gone = r#"mlsys_model_loaded_info{model="counted",version="3",environment="prod",flavour="onnx"} 0"#;
    assert!(numbers(&server, "counted").await.iter().any(|line| line == gone));
}

#[tokio::test(flavor = "multi_thread")]
async fn models_that_nobody_asks_say_only_that_they_are_there() {
    let place = Place::new();
    let server = place.serve().await;
    let load = async |at: usize| {
        let name = format!("quiet-{at}");
        let location = place.put_as("prices", &name).await;
        server.loads(&name, &location, 1, "dev").await;
    };
    join_all((0..MODELS).map(load)).await;
    let lines = numbers(&server, "quiet-").await;
    assert_eq!(lines.len(), 2 * MODELS, "{lines:#?}");
    let only = ["mlsys_model_loaded_info{", "mlsys_model_memory_bytes{"];
    assert!(lines.iter().all(|line| only.iter().any(|name| line.starts_with(name))));

    join_all((0..MODELS).map(async |at| server.answer(&format!("quiet-{at}"), r#"{"inputs":[[1,2,3]]}"#).await)).await;
    let lines = numbers(&server, "quiet-").await;
    let one = lines.iter().filter(|line| line.contains("model=\"quiet-7\"")).count();
    assert!(one <= 50, "one model that was asked by one protocol has {one} lines");
    assert_eq!(lines.len(), MODELS * one);
    server.stop().await;
}
