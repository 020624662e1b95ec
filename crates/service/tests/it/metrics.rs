//! `/metrics`, as Prometheus reads it.

use std::time::Duration;

use ::metrics::{counter, gauge, histogram};
use axum::{Router, http::StatusCode, routing::get};
use reqwest::Method;
use service::{
    layers,
    telemetry::{self, metrics},
};

use super::{Served, client, exposition::Exposition};

async fn read(served: &Served) -> Exposition {
    let answer = client().get(format!("{}/metrics", served.url)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    Exposition::read(&answer.text().await.unwrap())
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_what_clients_make_up() {
    let routes = Router::new()
        .route("/counted/{name}", get(|| async { "ok" }))
        .route("/failing/{name}", get(|| async { StatusCode::IM_A_TEAPOT }));
    let served = Served::start(layers(routes.merge(metrics::routes()))).await;
    let client = client();
    let ask = async |method: &[u8], path: &str| {
        let method = Method::from_bytes(method).unwrap();
        client.request(method, format!("{}{path}", served.url)).send().await.unwrap();
    };
    for path in ["/counted/a", "/counted/b?c=d", "/counted/b", "/failing/secret", "/made-up/1", "/made-up/2"] {
        ask(b"GET", path).await;
    }
    ask(b"MADEUP", "/counted/a").await;

    let read = read(&served).await;
    let count = |route, method, status| {
        read.value("mlsys_http_requests_total", &[("route", route), ("method", method), ("status", status)])
    };
    assert_eq!(count("/counted/{name}", "GET", "200"), Some(3.0));
    assert_eq!(count("/failing/{name}", "GET", "418"), Some(1.0));
    assert_eq!(count("/counted/{name}", "other", "405"), Some(1.0));
    // Other tests share the process and ask for unknown paths, too.
    assert!(count("unmatched", "GET", "404").unwrap() >= 2.0);
    let labels = [("route", "/counted/{name}"), ("method", "GET")];
    assert_eq!(read.value("mlsys_http_request_duration_seconds_count", &labels), Some(3.0));
    let slowest = [("le", "30"), ("route", "/counted/{name}"), ("method", "GET")];
    assert_eq!(read.value("mlsys_http_request_duration_seconds_bucket", &slowest), Some(3.0));
    assert!(read.values_of("route").iter().all(|route| !route.contains("made-up") && !route.contains("secret")));
    assert!(!read.values_of("method").contains("MADEUP"));
}

#[tokio::test]
async fn everything_that_is_counted_or_measured_can_be_read_and_has_a_help() {
    let _telemetry = telemetry::init("test", "error", &service::Settings::default());
    let _again = telemetry::init("another", "error", &service::Settings::default());
    metrics::delivery("push", "accepted");
    metrics::delivery("made-up", "rejected");
    metrics::queue_depth(7);
    metrics::pipeline_waited(Duration::from_secs(2));
    metrics::pipeline_ended("succeeded");
    metrics::phase("execute", Duration::from_secs(90));
    metrics::lease_lost();
    metrics::kernel_restarted();
    let labels = [("model", "iris"), ("version", "3")];
    gauge!(metrics::MODEL_LOADED, &labels).set(1.0);
    counter!(metrics::MODEL_REQUESTS, &labels).increment(1);
    histogram!(metrics::MODEL_DURATION, "model" => "iris").record(0.001);
    histogram!(metrics::MODEL_QUEUE_DURATION, "model" => "iris").record(0.0002);
    histogram!(metrics::MODEL_COMPUTE_DURATION, "model" => "iris").record(0.00005);
    histogram!(metrics::MODEL_BATCH_SIZE, "model" => "iris").record(16.0);

    let served = Served::start(layers(metrics::routes())).await;
    let read = read(&served).await;
    let version = env!("CARGO_PKG_VERSION");
    let model = ("model", "iris");
    for (name, labels, value) in [
        ("mlsys_build_info", &[("version", version), ("process", "test")][..], 1.0),
        ("mlsys_webhook_deliveries_total", &[("event", "push"), ("outcome", "accepted")], 1.0),
        ("mlsys_webhook_deliveries_total", &[("event", "other"), ("outcome", "rejected")], 1.0),
        ("mlsys_queue_depth", &[], 7.0),
        ("mlsys_pipeline_queue_duration_seconds_sum", &[], 2.0),
        ("mlsys_pipeline_runs_total", &[("status", "succeeded")], 1.0),
        ("mlsys_pipeline_phase_duration_seconds_bucket", &[("phase", "execute"), ("le", "120")], 1.0),
        ("mlsys_pipeline_phase_duration_seconds_bucket", &[("phase", "execute"), ("le", "60")], 0.0),
        ("mlsys_leases_lost_total", &[], 1.0),
        ("mlsys_kernel_restarts_total", &[], 1.0),
        ("mlsys_model_loaded_info", &[model, ("version", "3")], 1.0),
        ("mlsys_model_requests_total", &[model, ("version", "3")], 1.0),
        ("mlsys_model_request_duration_seconds_count", &[model], 1.0),
        ("mlsys_model_queue_duration_seconds_bucket", &[model, ("le", "0.001")], 1.0),
        ("mlsys_model_compute_duration_seconds_count", &[model], 1.0),
        ("mlsys_model_batch_size_bucket", &[model, ("le", "16")], 1.0),
    ] {
        assert_eq!(read.value(name, labels), Some(value), "{name} {labels:?}");
    }
    assert!(read.value("process_resident_memory_bytes", &[]).unwrap() > 1e6);
    assert!(read.value("process_open_fds", &[]).unwrap() > 3.0);
    assert!(read.value("process_start_time_seconds", &[]).unwrap() > 1.6e9);
    assert_eq!(read.kind("process_cpu_seconds_total"), Some("counter"));
    assert_eq!(read.undescribed(), Vec::<&String>::new());
}
