//! Every number we have: its name, what it means, and the function that counts or measures it. For models the names alone
//! are public: on the way of a prediction, handles are made beforehand.
//!
//! Labels are words of ours, names of models that were deployed, or routes as they are written in the router: never what
//! a client makes up, which would be without bound.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use axum::http::Method;
use metrics::{Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const BUILD_INFO: &str = "mlsys_build_info";
const HTTP_REQUESTS: &str = "mlsys_http_requests_total";
const HTTP_DURATION: &str = "mlsys_http_request_duration_seconds";
const DELIVERIES: &str = "mlsys_webhook_deliveries_total";
const QUEUE_DEPTH: &str = "mlsys_queue_depth";
const RUNS: &str = "mlsys_pipeline_runs_total";
const RUN_QUEUE_DURATION: &str = "mlsys_pipeline_queue_duration_seconds";
const PHASE_DURATION: &str = "mlsys_pipeline_phase_duration_seconds";
const TASK_DURATION: &str = "mlsys_task_duration_seconds";
const LEASES_LOST: &str = "mlsys_leases_lost_total";
const KERNEL_RESTARTS: &str = "mlsys_kernel_restarts_total";
/// Counter of predictions; labels `model`, `version`, `protocol`, `code`.
pub const MODEL_REQUESTS: &str = "mlsys_model_requests_total";
/// Histogram of the seconds a prediction took; labels `model`, `version`, `protocol`.
pub const MODEL_DURATION: &str = "mlsys_model_request_duration_seconds";
/// Histogram of the seconds until an engine began; labels `model`, `version`.
pub const MODEL_QUEUE_DURATION: &str = "mlsys_model_queue_duration_seconds";
/// Histogram of the seconds an engine took; labels `model`, `version`.
pub const MODEL_COMPUTE_DURATION: &str = "mlsys_model_compute_duration_seconds";
/// Histogram of the rows that were computed at once; labels `model`, `version`.
pub const MODEL_BATCH_SIZE: &str = "mlsys_model_batch_size";
/// Gauge, 1 while a version is served and then 0; labels `model`, `version`, `environment`, `flavour`.
pub const MODEL_LOADED: &str = "mlsys_model_loaded_info";
/// Counter of the rows that a shadow computed as well; labels `model`, `version`, and `agrees` with the version that answered.
pub const MODEL_SHADOW_ROWS: &str = "mlsys_model_shadow_rows_total";
/// Counter of the requests that a shadow did not compute, or not in time; labels `model`, `version`.
pub const MODEL_SHADOW_ERRORS: &str = "mlsys_model_shadow_errors_total";
/// Counter of the requests that a shadow had no room for; labels `model`, `version`.
pub const MODEL_SHADOW_DROPPED: &str = "mlsys_model_shadow_dropped_total";
/// Histogram of the seconds a shadow took for a request, well or not; labels `model`, `version`.
pub const MODEL_SHADOW_DURATION: &str = "mlsys_model_shadow_duration_seconds";

/// Gauge of the bytes that a version's model takes, 0 while it sleeps; labels `model`, `version`.
pub const MODEL_MEMORY: &str = "mlsys_model_memory_bytes";

/// For answers to requests, in seconds.
const SHORT: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// For predictions, in seconds. Fewer than for requests: each model that is asked has these series.
const PREDICTION: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// For the parts of a prediction, in seconds: which of them is the slow one.
const PART: &[f64] = &[0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];
/// For work on pipelines, in seconds.
const LONG: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// For rows.
const SIZES: &[f64] = &[1.0, 16.0, 256.0, 4096.0];

/// The upper bounds of each histogram's buckets.
const BUCKETS: &[(&str, &[f64])] = &[
    (HTTP_DURATION, SHORT),
    (RUN_QUEUE_DURATION, LONG),
    (PHASE_DURATION, LONG),
    (TASK_DURATION, LONG),
    (MODEL_DURATION, PREDICTION),
    (MODEL_QUEUE_DURATION, PART),
    (MODEL_COMPUTE_DURATION, PART),
    (MODEL_BATCH_SIZE, SIZES),
    (MODEL_SHADOW_DURATION, PREDICTION),
];

/// The upper bounds of a histogram's buckets.
pub(super) fn bounds(name: &str) -> &'static [f64] {
    BUCKETS.iter().find(|(known, _)| *known == name).map_or(SHORT, |(_, bounds)| bounds)
}

/// Says what each name means.
pub(super) fn describe() {
    describe_gauge!(BUILD_INFO, "1, with the version of the software and the kind of process.");
    describe_counter!(HTTP_REQUESTS, "Requests answered, by route, method and status.");
    describe_histogram!(HTTP_DURATION, "Time until a request's answer began, in seconds, by route and method.");
    describe_counter!(DELIVERIES, "Webhook deliveries, by event and outcome.");
    describe_gauge!(QUEUE_DEPTH, "Pipelines that wait for a worker.");
    describe_counter!(RUNS, "Pipelines that ended, by status.");
    describe_histogram!(RUN_QUEUE_DURATION, "Time from a pipeline's creation until a worker took it, in seconds.");
    describe_histogram!(PHASE_DURATION, "Time that a phase of a pipeline took, in seconds, by phase.");
    describe_histogram!(TASK_DURATION, "Time that an attempt of a task took, in seconds, by kind and end.");
    describe_counter!(LEASES_LOST, "Pipelines and tasks that another worker took over from this one.");
    describe_counter!(KERNEL_RESTARTS, "Kernels that died or were replaced while a notebook ran.");
    describe_counter!(MODEL_REQUESTS, "Predictions asked for, by model, version, protocol and status code.");
    describe_histogram!(MODEL_DURATION, "Time that a prediction took, in seconds, by model, version and protocol.");
    describe_histogram!(
        MODEL_QUEUE_DURATION,
        "Time that rows waited for their batch to be computed, in seconds, by model and version."
    );
    describe_histogram!(MODEL_COMPUTE_DURATION, "Time that computing a batch took, in seconds, by model and version.");
    describe_histogram!(MODEL_BATCH_SIZE, "Rows in a computed batch, by model and version.");
    describe_gauge!(MODEL_MEMORY, "Memory that a model takes, in bytes, by model and version; 0 while it sleeps.");
    describe_counter!(MODEL_SHADOW_ROWS, "Rows that a shadow computed, by model, version and whether its answer agrees.");
    describe_counter!(MODEL_SHADOW_ERRORS, "Requests that a shadow failed on or took too long for, by model and version.");
    describe_counter!(MODEL_SHADOW_DROPPED, "Requests that a shadow had no room for, by model and version.");
    describe_histogram!(MODEL_SHADOW_DURATION, "Time that a shadow took for a request, in seconds, by model and version.");
    describe_gauge!(MODEL_LOADED, "1 while a version of a model is served in an environment, then 0.");
}

/// Which process this is.
pub(super) fn build_info(process: &'static str) {
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION"), "process" => process).set(1.0);
}

/// A request was answered. `route` is the router's template, not the path.
pub(crate) fn http_request(route: &str, method: &Method, status: u16, took: Duration) {
    // Looked up by name once in each thread. There are as many as routes, methods and statuses that were answered with.
    type Handles = HashMap<(&'static str, u16), HashMap<Box<str>, (Histogram, Counter)>>;
    thread_local!(static HANDLES: RefCell<Handles> = RefCell::default());
    let method = method_word(method);
    HANDLES.with_borrow_mut(|handles| {
        let routes = handles.entry((method, status)).or_default();
        if let Some((duration, requests)) = routes.get(route) {
            duration.record(took);
            requests.increment(1);
            return;
        }
        let named = route.to_owned();
        let duration = histogram!(HTTP_DURATION, "route" => named.clone(), "method" => method);
        let requests = counter!(HTTP_REQUESTS, "route" => named, "method" => method, "status" => status.to_string());
        duration.record(took);
        requests.increment(1);
        routes.insert(route.into(), (duration, requests));
    });
}

/// A client may make methods up.
fn method_word(method: &Method) -> &'static str {
    let known = [
        (Method::GET, "GET"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::PATCH, "PATCH"),
        (Method::DELETE, "DELETE"),
        (Method::HEAD, "HEAD"),
        (Method::OPTIONS, "OPTIONS"),
    ];
    known.iter().find(|(known, _)| known == method).map_or("other", |(_, word)| word)
}

/// A delivery of the code host's webhook was dealt with. `event` is what its header says; it may be anything before its
/// signature is checked, so events that start nothing are counted as `other`.
pub fn delivery(event: &str, outcome: &'static str) {
    let event = ["push", "ping"].into_iter().find(|known| *known == event).unwrap_or("other");
    counter!(DELIVERIES, "event" => event, "outcome" => outcome).increment(1);
}

/// So many pipelines wait for a worker.
pub fn queue_depth(waiting: u64) {
    #[expect(clippy::cast_precision_loss, reason = "no queue is that long")]
    gauge!(QUEUE_DEPTH).set(waiting as f64);
}

/// A worker took a pipeline that had been waiting.
pub fn pipeline_waited(waited: Duration) {
    histogram!(RUN_QUEUE_DURATION).record(waited);
}

/// A pipeline ended.
pub fn pipeline_ended(status: &'static str) {
    counter!(RUNS, "status" => status).increment(1);
}

/// A phase of a pipeline ended, well or not.
pub fn phase(phase: &'static str, took: Duration) {
    histogram!(PHASE_DURATION, "phase" => phase).record(took);
}

/// An attempt of a task ended: "succeeded", "failed", "retry", "cancelled", "released" or "lost".
pub fn task(kind: &'static str, end: &'static str, took: Duration) {
    histogram!(TASK_DURATION, "kind" => kind, "end" => end).record(took);
}

/// Another worker took over a pipeline or a task that this one thought its own.
pub fn lease_lost() {
    counter!(LEASES_LOST).increment(1);
}

/// A kernel died, or had to be replaced, while a notebook ran.
pub fn kernel_restarted() {
    counter!(KERNEL_RESTARTS).increment(1);
}
