//! gRPC as it is on the wire: damaged bodies, compression, deadlines, statuses, and who may ask.

use std::{io::Write, time::Duration};

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use futures_util::{StreamExt, future::join_all};
use serde_json::json;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use crate::{
    grpc::{INFERENCE, row},
    grpc_client::{
        Client, framed,
        proto::{
            ModelInferRequest, ModelInferResponse, ServerLiveResponse,
            health::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus},
        },
    },
    harness::Place,
};

/// Over HTTP/1, where a body can be anything.
#[tokio::test]
async fn bodies_that_are_no_message_are_refused() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let post = |body: Vec<u8>, headers: &[(&str, &str)]| {
        let request = server.post(&format!("/{INFERENCE}/ModelInfer")).header("content-type", "application/grpc");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        async { request.body(body).send().await.unwrap() }
    };
    let whole = framed(&row("prices", &[1.0, 2.0, 3.0]));
    let good = post(whole.clone(), &[]).await;
    assert_eq!((good.status().as_u16(), good.headers().get("grpc-status")), (200, None), "it comes after the answer");
    assert!(!good.bytes().await.unwrap().is_empty());

    let mut compressed = whole.clone();
    compressed[0] = 1;
    let mut odd = whole.clone();
    odd[0] = 2;
    let mut state = 0x0dd_ba11_u64;
    let mut damaged = |whole: &[u8]| {
        let mut body = whole.to_vec();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = 5 + usize::try_from(state >> 33).unwrap() % (body.len() - 5);
        body[at] = u8::try_from(state >> 56).unwrap();
        body
    };
    for _ in 0..500 {
        let answer = post(damaged(&whole), &[]).await;
        let status = answer.headers().get("grpc-status").map_or("0", |status| status.to_str().unwrap()).to_owned();
        assert!(["0", "3", "5"].contains(&status.as_str()), "{status}");
    }
    for (body, headers, code) in [
        (Vec::new(), vec![], "3"),
        (whole[..4].to_vec(), vec![], "3"),
        (whole[..whole.len() - 1].to_vec(), vec![], "3"),
        ([whole.clone(), whole.clone()].concat(), vec![], "3"),
        (odd, vec![], "3"),
        (compressed.clone(), vec![], "3"),
        (compressed.clone(), vec![("grpc-encoding", "gzip")], "3"),
        (compressed, vec![("grpc-encoding", "zstd")], "12"),
        (whole.clone(), vec![("grpc-timeout", "soon")], "3"),
        (vec![0; (64 << 20) + 6], vec![], "8"),
        (b"\0\0\0\0\x07hunter2".to_vec(), vec![], "3"),
    ] {
        let answer = post(body, &headers).await;
        assert_eq!(answer.headers().get("grpc-status").map_or("0", |status| status.to_str().unwrap()), code, "{headers:?}");
    }
}

#[tokio::test]
async fn messages_may_be_compressed() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let whole = framed(&row("prices", &[1.0, 2.0, 3.0]));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&whole[5..]).unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&whole[5..]).unwrap();
    for (name, inside) in [("gzip", gzip.finish().unwrap()), ("deflate", zlib.finish().unwrap())] {
        let length = u32::try_from(inside.len()).unwrap().to_be_bytes();
        let request = server.post(&format!("/{INFERENCE}/ModelInfer")).header("content-type", "application/grpc+proto");
        let body = [&[1][..], &length, &inside].concat();
        let answer = request.header("grpc-encoding", name).body(body).send().await.unwrap();
        assert_eq!(answer.headers().get("grpc-status"), None, "{name}");
        assert_eq!(answer.headers()["x-model-name"], "prices", "{name}");
    }
}

#[tokio::test]
async fn a_model_with_too_much_in_hand_that_dies_or_takes_too_long_has_a_status_for_it() {
    let mut place = Place::new();
    place.queue = 2;
    let server = place.serve_one("moody").await;
    let client = Client::of(&server).await;
    // Each takes a second.
    let answers = join_all((0..6).map(|_| client.infer(row("moody", &[-4.0, 0.0])))).await;
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.iter().map(tonic::Status::code).collect::<Vec<_>>(), [Code::ResourceExhausted; 4]);
    assert_eq!(refused[0].metadata().get("retry-after").unwrap(), "1");

    let mut late = Request::new(row("moody", &[-4.0, 0.0]));
    late.set_timeout(Duration::from_millis(50));
    late.metadata_mut().insert("authorization", client.shown.as_ref().unwrap().parse().unwrap());
    let late = client.send::<_, ModelInferResponse>(&format!("{INFERENCE}/ModelInfer"), late).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);

    let mut died = client.refused(row("moody", &[-1.0, 0.0])).await.0;
    // What was given up may still be computed.
    while died == Code::ResourceExhausted {
        died = client.refused(row("moody", &[-1.0, 0.0])).await.0;
    }
    assert_eq!(died, Code::Unavailable);
    while client.infer(row("moody", &[1.0, 0.0])).await.is_err() {}
    server.stop().await;
}

#[tokio::test]
async fn who_shows_nothing_is_refused_before_the_message_has_come() {
    let mut place = Place::new();
    place.open.predictions = Vec::new();
    let server = place.serve_one("prices").await;
    let mut client = Client::of(&server).await;
    client.shown = None;
    let asked = futures_util::stream::pending::<ModelInferRequest>();
    let mut grpc = client.grpc();
    grpc.ready().await.unwrap();
    let path = format!("/{INFERENCE}/ModelInfer").parse().unwrap();
    let codec = ProstCodec::<ModelInferRequest, ModelInferResponse>::default();
    let refused = grpc.client_streaming(Request::new(asked), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    // Nothing need be shown to learn that the server is up.
    let live: ServerLiveResponse = client.call(&format!("{INFERENCE}/ServerLive"), ()).await.unwrap().into_inner();
    assert!(live.live);
}

#[tokio::test]
async fn probes_learn_whether_the_server_is_ready_and_tools_what_it_speaks() {
    let place = Place::new();
    let server = place.serve().await;
    server.until("/ready", 200).await;
    let mut client = Client::of(&server).await;
    client.shown = None;
    let check = async |service: &str| {
        let asked = HealthCheckRequest { service: service.to_owned() };
        client.call::<_, HealthCheckResponse>("grpc.health.v1.Health/Check", asked).await
    };
    for service in ["", INFERENCE] {
        assert_eq!(check(service).await.unwrap().into_inner().status(), ServingStatus::Serving);
    }
    assert_eq!(check("absent").await.unwrap_err().code(), Code::NotFound);

    let services = reflected(&client, MessageRequest::ListServices(String::new())).await;
    let Some(MessageResponse::ListServicesResponse(services)) = services.message_response else { panic!("{services:?}") };
    let mut names: Vec<_> = services.service.into_iter().map(|service| service.name).collect();
    names.sort();
    let own = ["grpc.health.v1.Health", INFERENCE, "inference.model_repository.ModelRepositoryService"];
    assert!(own.iter().all(|own| names.iter().any(|name| name == own)), "{names:?}");
    let symbol = MessageRequest::FileContainingSymbol("inference.ModelInferRequest".to_owned());
    let described = reflected(&client, symbol).await;
    assert!(matches!(described.message_response, Some(MessageResponse::FileDescriptorResponse(_))), "{described:?}");
    server.stop().await;
}

/// What is said of what is spoken.
async fn reflected(client: &Client, asked: MessageRequest) -> ServerReflectionResponse {
    let asked = ServerReflectionRequest { host: String::new(), message_request: Some(asked) };
    let mut grpc = client.grpc();
    grpc.ready().await.unwrap();
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo".parse().unwrap();
    let asked = Request::new(futures_util::stream::iter([asked]));
    let codec = ProstCodec::<ServerReflectionRequest, ServerReflectionResponse>::default();
    let mut answers = grpc.streaming(asked, path, codec).await.unwrap().into_inner();
    answers.next().await.unwrap().unwrap()
}

#[tokio::test]
async fn many_calls_share_a_connection() {
    let place = Place::new();
    let server = place.serve_one("prices").await;
    let client = Client::of(&server).await;
    let rest = server.answer("prices", r#"{"inputs":[[1,2,3]]}"#).await["predictions"][0].clone();
    let answers = join_all((0..300).map(|_| client.infer(row("prices", &[1.0, 2.0, 3.0])))).await;
    let refused = |status: &tonic::Status| status.code() == Code::ResourceExhausted;
    for answer in answers {
        match answer {
            Ok(answer) => {
                assert_eq!(json!(answer.into_inner().outputs[0].contents.as_ref().unwrap().fp64_contents[0]), rest);
            }
            Err(status) => assert!(refused(&status), "{status}"),
        }
    }
    server.stop().await;
}
