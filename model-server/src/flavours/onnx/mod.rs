//! ONNX Runtime, in this process: a small pool of single-threaded sessions per model.

mod feed;
mod plan;
mod pool;
mod read;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{ModelManifest, ONNX_FILE};
use ort::{environment::Environment, logging::LogLevel, session::Session};

use self::{
    plan::Plan,
    pool::{Lease, Pool},
};
use crate::{
    batch::Batch,
    engine::Output,
    error::{LoadError, PredictError},
    meter::Spent,
    schema::Schema,
};

/// Work that is expected to take less than this is done where the request is; a change of threads costs about as much.
const INLINE: Duration = Duration::from_micros(250);
/// How often the example is computed at start, by each session: the first time allocates, the quickest is measured.
const WARM_UPS: usize = 5;

/// A model's ONNX graph, ready to run.
#[derive(Debug)]
pub(crate) struct OnnxEngine {
    pool: Arc<Pool>,
    plan: Arc<Plan>,
    /// How many rows the example has, and how long they took.
    pace: (usize, Duration),
    limit: Duration,
}

impl OnnxEngine {
    /// Opens a model's graph `sessions` times and warms every session with the example. Blocks.
    pub(crate) fn start(
        environment: &Environment,
        folder: &Path,
        (manifest, schema): (&ModelManifest, &Schema),
        example: &Batch,
        (sessions, limit): (usize, Duration),
    ) -> Result<Self, LoadError> {
        let not_started = |error: ort::Error| LoadError::NotStarted(error.to_string());
        let mut opened = Vec::with_capacity(sessions);
        for _ in 0..sessions.max(1) {
            opened.push(open(environment, &folder.join(ONNX_FILE)).map_err(not_started)?);
        }
        let plan = Plan::new(manifest, schema, &opened[0]).map_err(LoadError::BadManifest)?;
        let mut fastest = Duration::MAX;
        for session in &mut opened {
            for _ in 0..WARM_UPS {
                let started = Instant::now();
                plan.run(session, example).map_err(|error| LoadError::NotStarted(error.to_string()))?;
                fastest = fastest.min(started.elapsed());
            }
        }
        Ok(Self { pool: Pool::new(opened), plan: Arc::new(plan), pace: (example.rows(), fastest), limit })
    }

    /// Computes the predictions for some rows, and says how long that took.
    pub(crate) async fn predict(&self, batch: Batch) -> Result<(Output, Spent), PredictError> {
        let asked = Instant::now();
        let mut lease = match Lease::now(&self.pool) {
            Some(lease) => lease,
            None => tokio::time::timeout(self.limit, Lease::wait(&self.pool)).await.map_err(|_| PredictError::TimedOut)?,
        };
        let (rows, took) = self.pace;
        if took.saturating_mul(u32::try_from(batch.rows().div_ceil(rows)).unwrap_or(u32::MAX)) <= INLINE {
            return compute(&mut lease, &self.plan, &batch, asked);
        }
        let plan = Arc::clone(&self.plan);
        let work = tokio::task::spawn_blocking(move || compute(&mut lease, &plan, &batch, asked));
        match tokio::time::timeout(self.limit, work).await {
            Ok(Ok(done)) => done,
            Ok(Err(lost)) => Err(PredictError::Failed(lost.to_string())),
            Err(_) => Err(PredictError::TimedOut),
        }
    }
}

fn compute(lease: &mut Lease, plan: &Plan, batch: &Batch, asked: Instant) -> Result<(Output, Spent), PredictError> {
    let began = Instant::now();
    let output = lease.run(|session| plan.run(session, batch))?;
    Ok((output, Spent { waiting: began - asked, computing: began.elapsed() }))
}

fn open(environment: &Environment, graph: &Path) -> ort::Result<Session> {
    Session::builder(environment)?
        .with_log_level(LogLevel::Warning)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .commit_from_file(graph)
}
