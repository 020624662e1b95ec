//! Numbers for Prometheus: collected in the process, read at `GET /metrics`.
//!
//! `names` has every name, with what it means and its buckets; nothing else writes a name.

mod exposition;
mod histograms;
mod names;
mod process;

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

pub use exposition::routes;
pub(crate) use names::http_request;
pub use names::{
    MODEL_BATCH_SIZE, MODEL_COMPUTE_DURATION, MODEL_DURATION, MODEL_LOADED, MODEL_MEMORY, MODEL_QUEUE_DURATION,
    MODEL_REQUESTS, MODEL_SHADOW_DROPPED, MODEL_SHADOW_DURATION, MODEL_SHADOW_ERRORS, MODEL_SHADOW_ROWS, delivery,
    kernel_restarted, lease_lost, phase, pipeline_ended, pipeline_waited, queue_depth, task,
};

/// Collects numbers from now on, for the whole process, and says which process it is. Calling it again changes nothing.
pub(super) fn install(process: &'static str) {
    recorder();
    names::build_info(process);
}

/// The process's one collection, made when it is first wanted.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if ::metrics::set_global_recorder(histograms::WithHistograms(recorder)).is_err() {
            tracing::error!("someone else collects this process's metrics; /metrics has few");
        }
        names::describe();
        handle
    })
}
