//! Workers that die, sleep, or are cut off with a pipeline in hand: another finishes it, and theirs comes to nothing.

use std::time::{Duration, Instant};

use contract::{Phase, PhaseRecord, PhaseStatus, PipelineId};
use testkit::{Books, Entry, Notebook, Outcome, Size};

use crate::{Stage, WHO, said_worker, stage};

/// For how long a worker that vanished in the middle of a transaction holds the pipeline's row: then the database ends it.
const TRANSACTION: Duration = Duration::from_secs(5);
/// How much longer the first line of the next worker may take.
const SLACK: Duration = Duration::from_secs(5);

/// A pipeline in `execute`.
pub(crate) struct Busy {
    pub(crate) id: PipelineId,
    /// The worker that has it.
    pub(crate) worker: usize,
    books: Books,
}

/// Pushes a notebook that runs for some seconds, and waits until a worker runs it.
pub(crate) async fn busy(stage: &Stage, model: &str, seconds: u32) -> Busy {
    let repository = stage.repository(&format!("team/{model}")).await;
    let ticks = format!("{WHO}for i in range({seconds} * 5): print('tick', i, flush=True); time.sleep(.2)");
    let push = repository.push("main", &[("n.ipynb", &Notebook::tiny(model, "1").before("mlops:export", &ticks).json())]);
    let answer = stage.deliver(&push).await;
    let id = answer.pipelines[0];
    let books = Books::default();
    books.note(Entry { push, model: model.to_owned(), outcome: Outcome::Deploys, answer: Some(answer) });
    let line = stage.api().line(id, 0, Duration::from_mins(1), |line| line.text == "tick 3").await;
    let log = stage.api().stored_log(id).await;
    let pid = log.iter().find_map(said_worker).expect("it said its worker");
    let worker = stage.worker_of(pid).expect("a worker of ours");
    stage.timeline.say(format!("{} runs {id}, at line {}", stage.workers[worker].name(), line.seq));
    Busy { id, worker, books }
}

/// Waits for the first line after what is there now, which must come soon after the pipeline is `free` to be taken over, counted
/// from `since`.
async fn carried_on(stage: &Stage, id: PipelineId, since: Instant, free: Duration) {
    // What the old worker had on its way to the store arrives at once, or never.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let seen = stage.api().stored_log(id).await.last().map_or(0, |line| line.seq);
    let line = stage.api().line(id, seen, Duration::from_mins(1), |_| true).await;
    let took = since.elapsed();
    stage.timeline.say(format!("the next line came after {:.1} s: {:?}", took.as_secs_f64(), line.text));
    assert!(took < free + SLACK, "{took:?}");
}

/// The pipeline succeeds on another worker, with everything once.
pub(crate) async fn finished_elsewhere(stage: &Stage, busy: Busy) {
    let pipeline = stage.api().succeeded(busy.id).await;
    assert!(pipeline.deployed, "{:?}", pipeline.reason);
    assert_eq!(pipeline.phases[2].attempt, 2);
    let log = stage.api().stored_log(busy.id).await;
    let workers: Vec<_> = log.iter().filter_map(said_worker).collect();
    assert!(workers.len() == 2 && workers[0] != workers[1], "{workers:?}");
    busy.books.check(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_pipeline_is_finished_by_another() {
    let stage = stage(&Size::default()).await;
    let busy = busy(&stage, "killed", 4).await;
    stage.workers[busy.worker].kill();
    let since = Instant::now();
    stage.timeline.say("killed");
    carried_on(&stage, busy.id, since, stage.lease()).await;
    finished_elsewhere(&stage, busy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_slept_through_its_lease_writes_nothing_more() {
    let stage = stage(&Size::default()).await;
    let busy = busy(&stage, "slept", 8).await;
    let sleeper = &stage.workers[busy.worker];
    sleeper.pause();
    let since = Instant::now();
    stage.timeline.say("paused");
    carried_on(&stage, busy.id, since, stage.lease()).await;
    let again = |line: &contract::LogLine| said_worker(line).is_some_and(|pid| Some(pid) != sleeper.pid());
    stage.api().line(busy.id, 0, Duration::from_mins(1), again).await;
    sleeper.wake();
    stage.timeline.say("woken, while the other runs the notebook");
    says_that_it_lost(&stage, busy.worker, 0).await;
    finished_elsewhere(&stage, busy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_cut_off_from_the_store_lets_go_and_comes_back() {
    let stage = stage(&Size { proxied: true, ..Size::default() }).await;
    let cut_off = busy(&stage, "cut-off", 8).await;
    let worker = cut_off.worker;
    let links = stage.workers[worker].links();
    links.postgres.blackhole();
    links.redis.reset();
    let since = Instant::now();
    stage.timeline.say("cut off");
    carried_on(&stage, cut_off.id, since, stage.lease().max(TRANSACTION)).await;
    tokio::time::sleep(stage.lease()).await;
    links.postgres.heal();
    links.redis.heal();
    stage.timeline.say("connected again");
    says_that_it_lost(&stage, worker, 0).await;
    finished_elsewhere(&stage, cut_off).await;
    // Slow links cost time and nothing else.
    for other in &stage.workers {
        other.links().postgres.slow(Duration::from_millis(20));
    }
    let slow = busy(&stage, "slow-link", 1).await;
    stage.workers[1 - worker].kill();
    assert!(stage.api().succeeded(slow.id).await.deployed, "the worker that was cut off works again");
}

/// How slow MLflow is for the worker that falls asleep: so that it does so within a phase, not between two.
const SLOW: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_slept_in_register_or_deploy_registers_and_deploys_nothing_late() {
    let stage = stage(&Size { proxied: true, ..Size::default() }).await;
    for (number, (phase, after)) in
        [(Phase::Register, 0), (Phase::Register, 1200), (Phase::Deploy, 0)].into_iter().enumerate()
    {
        let (model, books) = (format!("late-{number}"), Books::default());
        let repository = stage.repository(&format!("team/{model}")).await;
        let push = async |label: &str| {
            let notebook = Notebook::tiny(&model, label).before("mlops:export", WHO);
            let push = repository.push("main", &[("n.ipynb", &notebook.json())]);
            let answer = stage.deliver(&push).await;
            let id = answer.pipelines[0];
            books.note(Entry { push, model: model.clone(), outcome: Outcome::Deploys, answer: Some(answer) });
            id
        };
        stage.workers.iter().for_each(|worker| worker.links().mlflow.slow(SLOW));
        let id = push("1").await;
        let reached = |one: &PhaseRecord| one.name == phase && one.status != PhaseStatus::Pending;
        stage.api().until(id, Duration::from_mins(1), |pipeline| pipeline.phases.iter().any(reached)).await;
        tokio::time::sleep(Duration::from_millis(after)).await;
        let log = stage.api().stored_log(id).await;
        let sleeper = log.iter().find_map(said_worker).and_then(|pid| stage.worker_of(pid)).expect("a worker of ours");
        stage.workers[sleeper].pause();
        stage.timeline.say(format!("{} sleeps, {after} ms after {phase} began", stage.workers[sleeper].name()));
        stage.workers.iter().for_each(|worker| worker.links().mlflow.heal());
        // Another finishes it, and then makes and deploys a newer version.
        stage.api().succeeded(id).await;
        let newer = push("2").await;
        assert!(stage.api().succeeded(newer).await.deployed);
        let said = losses(&stage, sleeper);
        stage.workers[sleeper].wake();
        stage.timeline.say("woken");
        says_that_it_lost(&stage, sleeper, said).await;
        books.check(&stage).await;
    }
}

/// How often a worker's own log says that its pipeline is another's.
fn losses(stage: &Stage, worker: usize) -> usize {
    stage.workers[worker].log().matches("another worker has taken the pipeline over").count()
}

/// Waits until a worker's own log says so once more.
async fn says_that_it_lost(stage: &Stage, worker: usize, before: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while losses(stage, worker) <= before {
        assert!(Instant::now() < deadline, "it does not say that its pipeline is another's");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
