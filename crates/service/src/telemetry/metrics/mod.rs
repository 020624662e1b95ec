//! Numbers for Prometheus: collected in the process, read at `GET /metrics`.
//!
//! `names` has every name, with what it means and its buckets; nothing else writes a name.

mod exposition;
mod names;
mod process;

use std::{
    io,
    sync::{OnceLock, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

pub use exposition::routes;
pub(crate) use names::http_request;
pub use names::{
    MODEL_BATCH_SIZE, MODEL_COMPUTE_DURATION, MODEL_DURATION, MODEL_LOADED, MODEL_MEMORY, MODEL_QUEUE_DURATION,
    MODEL_REQUESTS, MODEL_SHADOW_DROPPED, MODEL_SHADOW_DURATION, MODEL_SHADOW_ERRORS, MODEL_SHADOW_ROWS, delivery,
    kernel_restarted, lease_lost, phase, pipeline_ended, pipeline_waited, queue_depth, task,
};

/// How often measurements are gathered into buckets when nobody reads them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Collects numbers from now on, for the whole process, and says which process it is. Calling it again changes nothing.
pub(super) fn install(process: &'static str) {
    recorder();
    names::build_info(process);
}

/// The process's one collection, made when it is first wanted.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let builder = with_buckets(PrometheusBuilder::new()).unwrap_or_else(|error| {
            tracing::error!(%error, "histograms have no buckets");
            PrometheusBuilder::new()
        });
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if ::metrics::set_global_recorder(recorder).is_err() {
            tracing::error!("someone else collects this process's metrics; /metrics has few");
        }
        names::describe();
        handle
    })
}

fn with_buckets(builder: PrometheusBuilder) -> Result<PrometheusBuilder, BuildError> {
    names::BUCKETS.iter().try_fold(builder, |builder, (name, bounds)| {
        builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), bounds)
    })
}

/// The thread that gathers measurements; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Upkeep {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    /// Starts it. Without it, measurements pile up between reads.
    pub(super) fn start() -> Option<Self> {
        let (stop, stopped) = mpsc::channel();
        let gather = move || {
            while stopped.recv_timeout(UPKEEP) == Err(mpsc::RecvTimeoutError::Timeout) {
                recorder().run_upkeep();
            }
        };
        let started: io::Result<_> = thread::Builder::new().name("metrics".to_owned()).spawn(gather);
        match started {
            Ok(thread) => Some(Self { stop: Some(stop), thread: Some(thread) }),
            Err(error) => {
                tracing::warn!(%error, "measurements are gathered only when /metrics is read");
                None
            }
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        drop(self.stop.take());
        let panicked = self.thread.take().is_some_and(|thread| thread.join().is_err());
        if panicked {
            tracing::error!("the thread that gathers measurements panicked");
        }
    }
}
