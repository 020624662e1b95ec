//! ONNX Runtime, in this process: a small pool of single-threaded sessions per model.

mod feed;
pub(crate) mod library;
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
use tokio_util::task::AbortOnDropHandle;

use self::{
    plan::Plan,
    pool::{Lease, Pool},
};
use crate::{Batch, LoadError, Memory, PredictError, Prediction, Runtime, Schema, Spent};

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
    memory: Memory,
    limit: Duration,
}

impl OnnxEngine {
    /// Opens a model's graph in as many sessions as there are to be threads, and warms every one with the example, which is
    /// given back.
    pub(crate) async fn start(
        (folder, manifest): (&Path, &ModelManifest),
        schema: &Arc<Schema>,
        example: Batch,
        runtime: &Runtime,
    ) -> Result<(Self, Batch), LoadError> {
        let (library, graph) = (runtime.config.onnxruntime_library.clone(), folder.join(ONNX_FILE));
        let (manifest, schema) = (manifest.clone(), Arc::clone(schema));
        let (sessions, limit) = (runtime.config.threads, runtime.config.prediction_limit);
        let start = move || {
            let onnxruntime = library::environment(&library).map_err(|error| LoadError::NotStarted(error.to_string()))?;
            let sessions = open(&onnxruntime, &graph, sessions).map_err(|error| LoadError::NotStarted(error.to_string()))?;
            let plan = Plan::new(&manifest, &schema, &sessions[0]).map_err(LoadError::BadManifest)?;
            let (sessions, fastest) = warm_up(sessions, &plan, &example)?;
            let pace = (example.rows(), fastest);
            let file = std::fs::metadata(&graph).map_or(0, |file| file.len());
            let memory = Memory { bytes: file.saturating_mul(sessions.len() as u64), measured: false };
            Ok((Self { pool: Pool::new(sessions), plan: Arc::new(plan), pace, memory, limit }, example))
        };
        tokio::task::spawn_blocking(start).await.map_err(|lost| LoadError::NotStarted(lost.to_string()))?
    }

    /// How much memory the sessions take: the runtime does not tell, so that each counts as large as the graph's file.
    pub(crate) fn memory(&self) -> Memory {
        self.memory
    }

    /// Computes the predictions for some rows.
    pub(crate) async fn predict(&self, batch: Batch) -> Result<Prediction, PredictError> {
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
        // It does not begin when whoever asked has gone.
        let work = AbortOnDropHandle::new(tokio::task::spawn_blocking(move || compute(&mut lease, &plan, &batch, asked)));
        match tokio::time::timeout(self.limit, work).await {
            Ok(Ok(done)) => done,
            Ok(Err(lost)) => Err(PredictError::Failed(lost.to_string())),
            Err(_) => Err(PredictError::TimedOut),
        }
    }
}

fn compute(lease: &mut Lease, plan: &Plan, batch: &Batch, asked: Instant) -> Result<Prediction, PredictError> {
    let began = Instant::now();
    let output = lease.run(|session| plan.run(session, batch))?;
    Ok(Prediction { output, more: None, spent: Spent { waiting: began - asked, computing: began.elapsed() } })
}

fn open(environment: &Environment, graph: &Path, sessions: usize) -> ort::Result<Vec<Session>> {
    let open = |_| {
        Session::builder(environment)?
            .with_log_level(LogLevel::Warning)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .commit_from_file(graph)
    };
    (0..sessions.max(1)).map(open).collect()
}

/// Has every session compute the example, and says how long the fastest took.
fn warm_up(mut sessions: Vec<Session>, plan: &Plan, example: &Batch) -> Result<(Vec<Session>, Duration), LoadError> {
    let mut fastest = Duration::MAX;
    for session in &mut sessions {
        for _ in 0..WARM_UPS {
            let started = Instant::now();
            plan.run(session, example).map_err(|error| LoadError::NotStarted(error.to_string()))?;
            fastest = fastest.min(started.elapsed());
        }
    }
    Ok((sessions, fastest))
}
