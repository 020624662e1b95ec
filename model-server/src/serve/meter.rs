//! What is counted and measured of a version; `service` says what each name means and has the buckets.
//!
//! A handle is made when there is first something to say with it, and kept: models that nobody asks say nothing, and a
//! request looks no name up.

use std::{sync::OnceLock, time::Duration};

use contract::{Flavour, LoadedModel, ModelName};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use scoring::Spent;
use service::telemetry::metrics::{
    MODEL_BATCH_SIZE, MODEL_COMPUTE_DURATION, MODEL_DURATION, MODEL_LOADED, MODEL_MEMORY, MODEL_QUEUE_DURATION,
    MODEL_REQUESTS,
};

/// The status codes that predictions mostly end with.
const CODES: [u16; 6] = [200, 400, 429, 500, 503, 504];

/// How a prediction was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `POST /predict/{name}`.
    Rest,
    /// MLflow's scoring protocol.
    Mlflow,
    /// The Open Inference Protocol.
    V2,
    /// The same over gRPC.
    Grpc,
}

impl Protocol {
    const ALL: usize = 4;

    fn label(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Mlflow => "mlflow",
            Self::V2 => "v2",
            Self::Grpc => "grpc",
        }
    }
}

/// The handles of one loaded version. The labels are of loaded models only, so their number is bounded.
#[derive(Debug)]
pub(crate) struct Meter {
    model: String,
    version: String,
    /// By protocol and code.
    requests: [[OnceLock<Counter>; CODES.len()]; Protocol::ALL],
    duration: [OnceLock<Histogram>; Protocol::ALL],
    computed: OnceLock<Computed>,
    memory: OnceLock<Gauge>,
}

#[derive(Debug)]
struct Computed {
    queue: Histogram,
    compute: Histogram,
    rows: Histogram,
}

impl Meter {
    pub(super) fn new(name: &ModelName, version: u64) -> Self {
        let (model, version) = (name.to_string(), version.to_string());
        let (requests, duration) = Default::default();
        Self { model, version, requests, duration, computed: OnceLock::new(), memory: OnceLock::new() }
    }

    /// A request has ended with a status code.
    pub(crate) fn ended(&self, protocol: Protocol, code: u16, took: Duration) {
        match CODES.iter().position(|known| *known == code) {
            Some(at) => {
                let handle = &self.requests[protocol as usize][at];
                handle.get_or_init(|| self.counter(protocol, code)).increment(1);
            }
            None => self.counter(protocol, code).increment(1),
        }
        let duration = || {
            let (model, version) = (self.model.clone(), self.version.clone());
            histogram!(MODEL_DURATION, "model" => model, "version" => version, "protocol" => protocol.label())
        };
        self.duration[protocol as usize].get_or_init(duration).record(took);
    }

    fn counter(&self, protocol: Protocol, code: u16) -> Counter {
        let (model, version, protocol) = (self.model.clone(), self.version.clone(), protocol.label());
        counter!(MODEL_REQUESTS, "model" => model, "version" => version, "protocol" => protocol, "code" => code.to_string())
    }

    /// The engine has computed.
    #[expect(clippy::cast_precision_loss, reason = "a request has at most some million rows")]
    pub(super) fn computed(&self, rows: usize, spent: Spent) {
        let named = |name| histogram!(name, "model" => self.model.clone(), "version" => self.version.clone());
        let computed = self.computed.get_or_init(|| Computed {
            queue: named(MODEL_QUEUE_DURATION),
            compute: named(MODEL_COMPUTE_DURATION),
            rows: named(MODEL_BATCH_SIZE),
        });
        computed.rows.record(rows as f64);
        computed.queue.record(spent.waiting);
        computed.compute.record(spent.computing);
    }

    /// The model takes so much memory, in bytes.
    #[expect(clippy::cast_precision_loss, reason = "no memory is that large")]
    pub(super) fn takes(&self, bytes: u64) {
        let gauge = || gauge!(MODEL_MEMORY, "model" => self.model.clone(), "version" => self.version.clone());
        self.memory.get_or_init(gauge).set(bytes as f64);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.get() {
            memory.set(0.0);
        }
    }
}

/// Shows whether a version is served at a place.
pub(super) fn show(info: &LoadedModel, served: bool) {
    let flavour = match info.flavour {
        Flavour::Native => "native",
        Flavour::Onnx => "onnx",
        Flavour::Python => "python",
    };
    let labels = [
        ("model", info.model_name.to_string()),
        ("version", info.model_version.to_string()),
        ("environment", info.environment.to_string()),
        ("flavour", flavour.to_owned()),
    ];
    gauge!(MODEL_LOADED, &labels).set(f64::from(u8::from(served)));
}
