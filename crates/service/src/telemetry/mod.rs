//! What a process tells about itself: logs, traces, and the numbers behind `/metrics`.

mod blot;
mod context;
mod logs;
pub mod metrics;
mod traces;

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use tracing_subscriber::layer::SubscriberExt;

use crate::Settings;

pub use blot::blot_out;
pub use context::{continue_trace, current_traceparent, trace_headers};
pub(crate) use context::{mark_answered, names_trace, receive_trace};
pub(crate) use traces::exporting;

/// The telemetry of a process. Keep it until the process ends: dropping it sends what is left of the traces, for at most
/// three seconds.
#[derive(Debug, Default)]
#[must_use = "traces end when it is dropped"]
pub struct Telemetry {
    _traces: Option<traces::Export>,
}

/// Starts the telemetry of a process. Only the first call of a process has an effect.
///
/// Logs go to standard error, without the secrets that are known ([`blot_out`]; every one that was read from the settings): JSON lines when it is not a terminal or `LOG_FORMAT=json`, else lines for people. `RUST_LOG`
/// chooses what is logged; `default_directive` (e.g. `"info"`) does where it is unset. Lines name the spans around them
/// with their fields, whatever is chosen.
///
/// Numbers are collected for [`metrics::routes`]; `mlsys_build_info` names `process`.
///
/// Traces (spans from `INFO` up) are exported when the environment has `OTEL_EXPORTER_OTLP_ENDPOINT` or
/// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, as protobuf over HTTP, by a thread of their own; the standard `OTEL_*` variables
/// hold, and `process` is the service's name unless they give one. They are read from the environment alone, not from a
/// `.env` file. A collector that is unreachable costs traces and nothing else.
pub fn init(process: &'static str, default_directive: &str, settings: &Settings) -> Telemetry {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if STARTED.swap(true, Ordering::Relaxed) {
        return Telemetry::default();
    }
    metrics::install(process);
    let (traces, unusable) = match traces::start(process) {
        Ok(traces) => (traces, None),
        Err(error) => (None, Some(error)),
    };
    let (filter, ignored) = logs::filter(default_directive, settings);
    let layers = tracing_subscriber::registry().with(traces.as_ref().map(traces::Export::layer));
    // Not `try_init`: where any package asks for it, that also takes in what is said to the `log` crate.
    let layers = layers.with(logs::layer(logs::as_json(settings), filter, io::stderr));
    if tracing::subscriber::set_global_default(layers).is_err() {
        // Someone else's subscriber is there; it keeps its ways.
        return Telemetry::default();
    }
    if let Some(error) = ignored {
        tracing::warn!(%error, "RUST_LOG is not understood and was ignored");
    }
    if let Some(error) = unusable {
        tracing::warn!(%error, "traces are not exported");
    }
    Telemetry { _traces: traces }
}
