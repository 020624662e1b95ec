//! The books of a run: what was acknowledged, held against what mlsys, MLflow and the model-servers say afterwards.

mod pipelines;
mod registry;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use contract::{PipelineId, PipelineRecord, PipelineStatus};

use crate::{Answer, Cluster, Push};

/// How long what converges by itself may take: model-servers, when everything runs again.
const CONVERGE: Duration = Duration::from_mins(1);

/// What a pushed notebook leads to, if nothing newer supersedes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its model passes its gates.
    Deploys,
    /// Its model is registered and held back by a gate.
    HeldBack,
    /// A cell raises.
    Fails,
}

/// One push of one notebook.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The push.
    pub push: Push,
    /// The notebook's model, which no other notebook has.
    pub model: String,
    /// What it leads to.
    pub outcome: Outcome,
    /// How it was acknowledged, if it was.
    pub answer: Option<Answer>,
}

/// All pushes of a run. The pushes of one model are noted in their order.
#[derive(Debug, Default)]
pub struct Books {
    entries: Mutex<Vec<Entry>>,
}

/// What the books say when they are right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many pipelines ended in each status.
    pub statuses: BTreeMap<PipelineStatus, usize>,
    /// How many versions were registered.
    pub versions: usize,
    /// How many models are deployed.
    pub deployed: usize,
    /// Why pipelines failed that should not have, with how many each.
    pub failures: BTreeMap<String, usize>,
}

/// What is wrong, one sentence each.
type Errors = Vec<String>;

impl Books {
    /// Notes a push; answers how many there are now.
    pub fn note(&self, entry: Entry) -> usize {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry);
        entries.len()
    }

    /// Everything noted.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until every pipeline has ended.
    pub async fn all_ended(&self, cluster: &Cluster, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut said = usize::MAX;
        loop {
            let mut open = Vec::new();
            for status in [PipelineStatus::Queued, PipelineStatus::Running] {
                open.extend(cluster.api().all(&format!("/api/pipelines?status={status}&limit=200")).await);
            }
            if open.is_empty() {
                return;
            }
            if open.len() != said {
                cluster.timeline.say(format!("{} pipelines have not ended", open.len()));
                said = open.len();
            }
            assert!(Instant::now() < deadline, "not ended in time: {open:#?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Checks everything, once every pipeline has ended.
    ///
    /// # Panics
    /// With everything that is wrong.
    pub async fn check(&self, cluster: &Cluster) -> Summary {
        let entries = self.entries();
        let mut errors = Errors::new();
        let all = self.pipelines(cluster).await;
        pipelines::deliveries(&entries, &all, &mut errors);
        pipelines::logs(cluster, &all, &mut errors).await;
        let versions = registry::versions(cluster, &entries, &all, &mut errors).await;
        registry::runs(cluster, &entries, &all, &mut errors).await;
        let mut summary = Summary { versions, failures: unexpected(&entries, &all), ..Summary::default() };
        for pipeline in all.values() {
            *summary.statuses.entry(pipeline.status).or_default() += 1;
        }
        let deadline = Instant::now() + CONVERGE;
        loop {
            let mut not_yet = Errors::new();
            summary.deployed = registry::deployed(cluster, &entries, &all, &mut not_yet).await;
            if not_yet.is_empty() || Instant::now() > deadline {
                errors.extend(not_yet);
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        cluster.timeline.say(format!("the books: {summary:?}"));
        assert!(errors.is_empty(), "the books are wrong:\n  {}", errors.join("\n  "));
        summary
    }

    /// Every pipeline of the repositories pushed to.
    async fn pipelines(&self, cluster: &Cluster) -> BTreeMap<PipelineId, PipelineRecord> {
        let repos: BTreeSet<_> = self.entries().into_iter().map(|entry| entry.push.repo).collect();
        let mut all = BTreeMap::new();
        for repo in repos {
            for item in cluster.api().all(&format!("/api/pipelines?repo={repo}&limit=200")).await {
                let pipeline: PipelineRecord = serde_json::from_value(item).expect("a pipeline");
                all.insert(pipeline.id, pipeline);
            }
        }
        all
    }
}

/// The pipelines of a model's pushes, in the order of the pushes.
fn of_model<'a>(
    model: &str,
    entries: &'a [Entry],
    all: &'a BTreeMap<PipelineId, PipelineRecord>,
) -> Vec<(&'a Entry, &'a PipelineRecord)> {
    let pushed = entries.iter().filter(|entry| entry.model == model);
    pushed.flat_map(|entry| all.values().filter(|one| belongs(entry, one)).map(move |one| (entry, one))).collect()
}

/// Whether a pipeline is one that a push makes.
fn belongs(entry: &Entry, pipeline: &PipelineRecord) -> bool {
    entry.push.repo == pipeline.repo
        && entry.push.branch == pipeline.branch
        && entry.push.commit == pipeline.commit_sha
        && entry.push.notebooks.contains(&pipeline.notebook_path)
}

fn models(entries: &[Entry]) -> BTreeSet<&str> {
    entries.iter().map(|entry| entry.model.as_str()).collect()
}

/// Failures of pipelines that should have succeeded: no error of the books, but worth a look.
fn unexpected(entries: &[Entry], all: &BTreeMap<PipelineId, PipelineRecord>) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    let healthy = entries.iter().filter(|entry| entry.outcome != Outcome::Fails);
    for pipeline in healthy.flat_map(|entry| all.values().filter(|one| belongs(entry, one))) {
        if pipeline.status == PipelineStatus::Failed {
            *reasons.entry(pipeline.reason.clone().unwrap_or_default()).or_default() += 1;
        }
    }
    reasons
}
