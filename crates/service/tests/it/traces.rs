//! Traces over process boundaries, to a collector that is there or isn't.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    client,
    collector::{Collector, Sent},
    process::Process,
};

const SERVER: i32 = 2;
const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn one<'a>(spans: &'a [Sent], service: &str, name: &str) -> &'a Sent {
    let found: Vec<_> = spans.iter().filter(|span| span.service == service && span.name == name).collect();
    assert_eq!(found.len(), 1, "{service} {name}: {spans:#?}");
    found[0]
}

#[tokio::test]
async fn one_trace_goes_from_process_to_process_over_headers_and_stored_words() {
    let collector = Collector::start().await;
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2");
    // What is logged has no say in what is traced.
    let first = Process::start(&[endpoint, headers, ("RUST_LOG", "trace"), ("OTEL_SERVICE_NAME", "first")]).await;
    let compressed = ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    let second = Process::start(&[endpoint, headers, compressed, ("OTEL_BSP_SCHEDULE_DELAY", "50")]).await;

    let stored = first.get(&format!("/hop?to={}/trace", second.url)).await;
    second.get(&format!("/pipeline?parent={stored}")).await;
    first.get("/metrics").await;
    let (_, log_of_first) = first.stop().await;
    let (_, log_of_second) = second.stop().await;

    let spans = collector.spans();
    let names: BTreeSet<_> = spans.iter().map(|span| (span.service.as_str(), span.name.as_str())).collect();
    let expected = [
        ("first", "GET /hop"),
        ("first", "call"),
        ("double", "GET /trace"),
        ("double", "GET /pipeline"),
        ("double", "pipeline"),
    ];
    assert_eq!(names, expected.into(), "neither probes nor what the export itself does");
    let (hop, call) = (one(&spans, "first", "GET /hop"), one(&spans, "first", "call"));
    let (asked, pipeline) = (one(&spans, "double", "GET /trace"), one(&spans, "double", "pipeline"));
    assert_eq!((hop.kind, hop.status, hop.parent.as_str()), (SERVER, Some(200), ""));
    assert_eq!(stored, format!("00-{}-{}-01", call.trace, call.id));
    for (child, parent) in [(call, hop), (asked, call), (pipeline, call)] {
        assert_eq!((&child.trace, &child.parent), (&parent.trace, &parent.id), "{child:?} in {parent:?}");
    }
    assert_ne!(one(&spans, "double", "GET /pipeline").trace, hop.trace, "a request that names no trace starts one");

    assert!(collector.header("authorization").iter().all(|value| value == "hunter2"));
    assert!(!log_of_first.contains("hunter2") && !log_of_second.contains("hunter2"), "{log_of_first}");
    let line = log_of_second.lines().find(|line| line.contains("carried on")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let around = line["spans"].as_array().unwrap().iter().find(|span| span["name"] == "pipeline").unwrap();
    assert_eq!((&around["pipeline.id"], &around["trace_id"]), (&"p-7".into(), &hop.trace.as_str().into()), "{line}");
}

#[tokio::test]
async fn a_collector_that_is_away_delays_neither_requests_nor_the_end() {
    // One port where nobody listens, and one where nobody answers.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let [failed, late] = [r#""traces could not be exported""#, r#""the last traces could not be exported""#];
    for (address, said) in [(gone, failed), (silent.local_addr().unwrap(), late)] {
        let endpoint = format!("http://{address}");
        let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
        let process = Process::start(&environment).await;
        for _ in 0..100 {
            let answer = tokio::time::timeout(Duration::from_secs(2), process.get("/trace")).await;
            assert!(answer.unwrap().starts_with("00-"), "it has a trace all the same");
        }
        let (took, log) = process.stop().await;
        // Three seconds for the last traces; one export alone would wait for ten.
        assert!(took < Duration::from_secs(7), "{took:?} {log}");
        assert_eq!(log.matches(said).count(), 1, "said once: {log}");
    }
}

#[tokio::test]
async fn a_process_without_a_collector_hands_a_callers_trace_on() {
    let process = Process::start(&[]).await;
    let other =
        Process::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"), ("OTEL_SDK_DISABLED", "true")]).await;
    for url in [&process.url, &other.url] {
        let asked = client().get(format!("{url}/hop?to={}/trace", other.url)).header("traceparent", GIVEN);
        assert_eq!(asked.send().await.unwrap().text().await.unwrap(), GIVEN);
    }
    assert_eq!(process.get("/trace").await, "", "and makes none up");
    process.stop().await;
    let (_, log) = other.stop().await;
    assert!(!log.contains("exported"), "{log}");
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_said_without_its_password_and_stops_nothing() {
    let process = Process::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2 @collector")]).await;
    assert_eq!(process.get("/trace").await, "");
    let (_, log) = process.stop().await;
    assert!(log.contains("traces are not exported") && !log.contains("hunter2"), "{log}");
}
