//! An OpenTelemetry collector that remembers what it is sent.

use std::{
    io::Read,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message;

use super::Served;

/// One span, as it arrived.
#[derive(Debug, Clone)]
pub struct Sent {
    pub service: String,
    pub name: String,
    pub kind: i32,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub status: Option<i64>,
}

pub struct Collector {
    pub url: String,
    received: Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>,
    _served: Served,
}

impl Collector {
    pub async fn start() -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let take = move |headers: HeaderMap, body: Bytes| async move {
            let mut plain = Vec::new();
            if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
                GzDecoder::new(body.as_ref()).read_to_end(&mut plain).unwrap();
            } else {
                plain.extend_from_slice(&body);
            }
            let request = ExportTraceServiceRequest::decode(plain.as_slice()).unwrap();
            kept.lock().unwrap().push((headers, request));
        };
        let served = Served::start(Router::new().route("/v1/traces", post(take))).await;
        Self { url: served.url.clone(), received, _served: served }
    }

    /// The values of a header of all requests.
    pub fn header(&self, name: &str) -> Vec<String> {
        let received = self.received.lock().unwrap();
        received.iter().map(|(headers, _)| headers[name].to_str().unwrap().to_owned()).collect()
    }

    pub fn spans(&self) -> Vec<Sent> {
        let received = self.received.lock().unwrap();
        let resources = received.iter().flat_map(|(_, request)| &request.resource_spans);
        resources
            .flat_map(|of_one| {
                let service = text(&of_one.resource.as_ref().unwrap().attributes, "service.name");
                of_one.scope_spans.iter().flat_map(|scope| &scope.spans).map(move |span| Sent {
                    service: service.clone(),
                    name: span.name.clone(),
                    kind: span.kind,
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    status: span.attributes.iter().find(|one| one.key == "http.response.status_code").and_then(number),
                })
            })
            .collect()
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    match attributes.iter().find(|one| one.key == key).unwrap().value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        other => panic!("{key} is {other:?}"),
    }
}

fn number(attribute: &KeyValue) -> Option<i64> {
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::IntValue(number) => Some(*number),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
