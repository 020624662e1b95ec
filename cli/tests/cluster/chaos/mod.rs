//! Many pushes, while something is killed or paused every few seconds; then the books.
//!
//! `CHAOS_SEED` repeats a run's choices. `CHAOS_PUSHES`, `CHAOS_REPOSITORIES`, `CHAOS_WORKERS` and `CHAOS_SECONDS` (for how
//! long pushes and faults go on) make it longer; the pushes come in `CHAOS_BURSTS` bursts.

mod faults;
mod random;

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

use contract::{PipelineRecord, PipelineStatus};
use testkit::{Books, Cluster, Entry, Notebook, Outcome, Push, Size};

use crate::stage;
use faults::Faults;
use random::Random;

/// The longest that all pipelines of a run may take to end.
const LIMIT: Duration = Duration::from_mins(10);

/// A run's size.
#[derive(Debug, Clone, Copy)]
struct Plan {
    seed: u64,
    pushes: usize,
    repositories: usize,
    workers: usize,
    seconds: u64,
    bursts: usize,
}

impl Plan {
    /// A short run, unless the environment says otherwise.
    fn read() -> Self {
        let clock = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(1, |time| time.as_secs());
        Self {
            seed: given("CHAOS_SEED", clock),
            pushes: given("CHAOS_PUSHES", 60),
            repositories: given("CHAOS_REPOSITORIES", 10),
            workers: given("CHAOS_WORKERS", 3),
            seconds: given("CHAOS_SECONDS", 45),
            bursts: given("CHAOS_BURSTS", 2),
        }
    }
}

fn given<T: FromStr>(name: &str, default: T) -> T {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} must be a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_or_sleeps_the_books_are_right_afterwards() {
    let plan = Plan::read();
    let settings = vec![("WORKER_CONCURRENCY", "1".to_owned())];
    let stage = stage(&Size { workers: plan.workers, model_servers: 2, lease: 5, settings, ..Size::default() }).await;
    stage.timeline.say(format!("CHAOS_SEED={}: {plan:?}", plan.seed));
    let books = Books::default();
    let mut pushes = Vec::new();
    for number in 0..plan.repositories {
        pushes.push((number, committed(&stage, plan, number).await));
    }
    let began = Instant::now();
    let faults = Faults::start(&stage, plan.seed, Duration::from_secs(plan.seconds));
    futures_util::future::join_all(pushes.into_iter().map(|one| announced(&stage, &books, plan, one))).await;
    let ended_by_themselves = tokio::task::block_in_place(|| faults.end());
    books.all_ended(&stage, LIMIT.saturating_sub(began.elapsed())).await;
    let took = began.elapsed();
    let summary = books.check(&stage).await;
    let ran: usize =
        summary.statuses.iter().filter(|(status, _)| **status != PipelineStatus::Cancelled).map(|(_, count)| count).sum();
    let (of, seed, seconds) = (plan.pushes, plan.seed, took.as_secs());
    stage.timeline.say(format!("a pipeline of one attempt took {} ms in the median", median(&stage).await));
    stage.timeline.say(format!(
        "CHAOS_SEED={seed}: all in {seconds} s; of {of} pipelines {ran} ran to an end, the others were superseded"
    ));
    assert!(ended_by_themselves.is_empty(), "these ended by themselves: {ended_by_themselves:?}");
}

/// How long the pipelines took that nothing cut off, in milliseconds.
async fn median(cluster: &Cluster) -> i128 {
    let items = cluster.api().all("/api/pipelines?status=succeeded&limit=200").await;
    let all = items.into_iter().map(|item| serde_json::from_value::<PipelineRecord>(item).expect("a pipeline"));
    let whole = all.filter(|one| one.phases.iter().all(|phase| phase.attempt == 1));
    let mut took: Vec<_> =
        whole.filter_map(|one| Some(one.finished_at?.duration_since(one.started_at?).as_millis())).collect();
    took.sort_unstable();
    took.get(took.len() / 2).copied().unwrap_or_default()
}

/// What is pushed to one repository, in order. The commits are made ahead, so that a burst is one.
type Pushes = Vec<(Push, Outcome)>;

async fn committed(cluster: &Cluster, plan: Plan, number: usize) -> Pushes {
    let mut random = Random::new(plan.seed.wrapping_add(number as u64 + 1));
    let repository = cluster.repository(&format!("team/{}", model(number))).await;
    let labels = 0..(number..plan.pushes).step_by(plan.repositories).count();
    let commit = |label: usize| {
        let (outcome, notebook) = notebook(&mut random, &model(number), label);
        (repository.push("main", &[("n.ipynb", &notebook.json())]), outcome)
    };
    tokio::task::block_in_place(|| labels.map(commit).collect())
}

/// Announces what was pushed to one repository, one after the other, in bursts; one in ten a second time.
async fn announced(cluster: &Cluster, books: &Books, plan: Plan, (number, pushes): (usize, Pushes)) {
    let mut random = Random::new(plan.seed.wrapping_sub(number as u64 + 1));
    let (began, count) = (Instant::now(), pushes.len());
    for (index, (push, outcome)) in pushes.into_iter().enumerate() {
        let burst = index * plan.bursts / count;
        let due = Duration::from_secs(plan.seconds * burst as u64 / plan.bursts as u64);
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        let answer = cluster.deliver(&push).await;
        if random.below(10) == 0 {
            assert_eq!(cluster.deliver(&push).await.pipelines, answer.pipelines, "the same delivery again");
        }
        let noted = books.note(Entry { push, model: model(number), outcome, answer: Some(answer) });
        if (noted * plan.bursts).is_multiple_of(plan.pushes) {
            cluster.timeline.say(format!("{noted} pushes are acknowledged"));
        }
    }
}

fn model(number: usize) -> String {
    format!("chaos-{number}")
}

/// Mostly notebooks that go well.
fn notebook(random: &mut Random, model: &str, label: usize) -> (Outcome, Notebook) {
    let well = Notebook::tiny(model, &label.to_string());
    match random.below(8) {
        0 => (Outcome::Fails, well.with("mlops:evaluation", "accuracy = 1 / 0")),
        1 => (Outcome::HeldBack, well.with("mlops:evaluation", "accuracy = 0.5")),
        _ => (Outcome::Deploys, well),
    }
}
