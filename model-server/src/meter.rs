//! What is counted and measured; `service` says what each name means and has the buckets. A model's handles are made
//! once, when it is loaded: a request looks none up and allocates nothing for them.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use contract::{Flavour, ModelName};
use metrics::{Counter, Histogram, counter, gauge, histogram};
use service::telemetry::metrics::{
    MODEL_BATCH_SIZE, MODEL_COMPUTE_DURATION, MODEL_DURATION, MODEL_LOADED, MODEL_QUEUE_DURATION, MODEL_REQUESTS,
};

use crate::registry::Deployment;

/// How a prediction can end; see [`crate::error::PredictError::status`].
const CODES: [StatusCode; 6] = [
    StatusCode::OK,
    StatusCode::BAD_REQUEST,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// How long an engine took for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    /// Until it began.
    pub(crate) waiting: Duration,
    /// From then on.
    pub(crate) computing: Duration,
}

/// The handles of one loaded version. The labels are of loaded models only, so their number is bounded.
#[derive(Debug)]
pub(crate) struct Meter {
    requests: [Counter; CODES.len()],
    duration: Histogram,
    queue: Histogram,
    compute: Histogram,
    rows: Histogram,
}

impl Meter {
    pub(crate) fn new(name: &ModelName, version: u64) -> Self {
        let model = name.to_string();
        let version = version.to_string();
        let requests = CODES.map(|code| {
            let (model, version) = (model.clone(), version.clone());
            counter!(MODEL_REQUESTS, "model" => model, "version" => version, "protocol" => "rest", "code" => code.as_str().to_owned())
        });
        Self {
            requests,
            duration: histogram!(MODEL_DURATION, "model" => model.clone(), "version" => version),
            queue: histogram!(MODEL_QUEUE_DURATION, "model" => model.clone()),
            compute: histogram!(MODEL_COMPUTE_DURATION, "model" => model.clone()),
            rows: histogram!(MODEL_BATCH_SIZE, "model" => model),
        }
    }

    /// A request has ended.
    pub(crate) fn ended(&self, started: Instant, code: StatusCode) {
        let known = CODES.iter().zip(&self.requests).find(|(known, _)| **known == code);
        if let Some((_, requests)) = known {
            requests.increment(1);
        }
        self.duration.record(started.elapsed());
    }

    /// The engine has computed.
    #[expect(clippy::cast_precision_loss, reason = "a request has at most some million rows")]
    pub(crate) fn computed(&self, rows: usize, spent: Spent) {
        self.rows.record(rows as f64);
        self.queue.record(spent.waiting);
        self.compute.record(spent.computing);
    }
}

fn flavour(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Onnx => "onnx",
        Flavour::Python => "python",
    }
}

/// Shows what is served after a change, and no more what was served before it.
pub(crate) fn show(before: &[Deployment], after: &[Deployment]) {
    let labels = |Deployment { info, .. }: &Deployment| {
        [
            ("model", info.model_name.to_string()),
            ("version", info.model_version.to_string()),
            ("environment", info.environment.to_string()),
            ("flavour", flavour(info.flavour).to_owned()),
        ]
    };
    let after: Vec<_> = after.iter().map(labels).collect();
    for gone in before.iter().map(labels).filter(|before| !after.contains(before)) {
        gauge!(MODEL_LOADED, &gone).set(0.0);
    }
    for served in &after {
        gauge!(MODEL_LOADED, served).set(1.0);
    }
}
