//! Tasks in a worker's hands: how they end, and what a worker that is lost, stopped or too late leaves.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use assembly::Adapters;
use bus::{LogHub, Queue};
use contract::{Job, Leftovers, TaskId, TaskPayload, TaskStatus};
use service::{Check, Secret, Settings};
use store::{NewTask, Store, TaskRecord};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use worker::{Config, Notebooks, Tuning, Worker};

/// The longest that anything here may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What the MLflow of these tests does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mlflow {
    Answers,
    Fails,
    /// Waits until it is to do something else.
    Hangs,
}

/// A database, a queue, and an MLflow that does as it is told.
struct Stage {
    folder: TempDir,
    store: Store,
    queue: Queue,
    mlflow: Arc<Mutex<Mlflow>>,
    /// What it was asked, and whether whoever asked heard the answer out.
    asked: Arc<Mutex<Vec<(String, bool)>>>,
    url: String,
    _serving: AbortOnDropHandle<()>,
}

/// A running worker.
struct Running {
    stop: CancellationToken,
    ended: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(LIMIT, self.ended).await.expect("it ends").expect("it does not panic");
    }
}

impl Stage {
    async fn new(mlflow: Mlflow) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name| format!("sqlite://{}", folder.path().join(name).display());
        let store = Store::open(&file("mlsys.db")).await.expect("a store");
        let queue = Queue::open(&file("queue.db")).await.expect("a queue");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (mlflow, asked) = (Arc::new(Mutex::new(mlflow)), Arc::default());
        let serving = AbortOnDropHandle::new(tokio::spawn(serve(listener, Arc::clone(&mlflow), Arc::clone(&asked))));
        Self { folder, store, queue, mlflow, asked, url, _serving: serving }
    }

    fn mlflow(&self, does: Mlflow) {
        *self.mlflow.lock().unwrap_or_else(PoisonError::into_inner) = does;
    }

    fn asked(&self) -> Vec<(String, bool)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn start(&self, name: &str) -> Running {
        let stop = CancellationToken::new();
        let given: Settings = [("LEASE_SECONDS".to_owned(), "3".to_owned())].into_iter().collect();
        let config = Config {
            name: name.to_owned(),
            tuning: Tuning::read(&given, &mut Check::default()),
            work_directory: self.folder.path().join(name),
            internal_token: Secret::new("token"),
            in_pod: false,
            signing_key: None,
        };
        let folder = |name| self.folder.path().join(name);
        let spec = kernel::KernelSpec { python: "python3".into(), memory_limit: None, preload: Vec::new(), confined: None };
        let git = forge::LocalGit { root: folder("git") };
        let adapters = Adapters {
            store: self.store.clone(),
            queue: self.queue.clone(),
            hub: LogHub::in_memory(),
            hosts: forge::Hosts::new(git, forge::GitHub::new("https://api.github.com", None).expect("a client")),
            mlflow: mlflow::Client::new(&self.url, None).expect("a client"),
            artifacts: artifacts::Store::open(&folder("artifacts").to_string_lossy(), []).expect("a store"),
            warehouse: warehouse::Warehouse::open(&folder("warehouse").to_string_lossy(), []).expect("a warehouse"),
        };
        let notebooks = Notebooks {
            kernels: kernel::Pool::start(spec, 0, stop.clone()),
            environments: python::Environments::new(folder("environments"), "uv".into(), "python3".into()),
            library: folder("library"),
            data: worker::data::DataPlaces::read(&Settings::default(), &folder("home")),
            mlflow_proxy: worker::mlflow_proxy::Proxy::start(adapters.mlflow.clone()).expect("a port"),
            pods: None,
        };
        let worker = Worker::new(config, adapters, notebooks).expect("a worker");
        let token = stop.clone();
        let ended = tokio::spawn(async move { worker.run(token).await.expect("the queue works") });
        Running { stop, ended }
    }

    /// A task that has MLflow delete a version and then a run.
    async fn task(&self, max_attempts: u32, after: Duration) -> TaskId {
        let versions = vec![("titanic".parse().expect("a name"), 3)];
        let left = Leftovers { versions, registered: true, runs: vec!["r1".to_owned()], ..Leftovers::default() };
        let task = NewTask { payload: TaskPayload::RemoveFiles(left), key: None, after, max_attempts };
        self.store.tasks.create(task).await.expect("stored").expect("made")
    }

    /// Sends what is due, as backends do.
    async fn dispatch(&self) -> usize {
        let due = self.store.tasks.unsent_jobs(9).await.expect("listed");
        let jobs: Vec<_> = due.iter().map(|job| Job::Task(job.id)).collect();
        self.queue.send_all(&jobs).await.expect("sent");
        self.store.tasks.mark_sent(&due).await.expect("noted");
        due.len()
    }

    async fn record(&self, id: TaskId) -> TaskRecord {
        let all = self.store.tasks.list(9).await.expect("listed");
        all.into_iter().find(|one| one.id == id).expect("it is there")
    }

    async fn until(&self, id: TaskId, is: impl Fn(&TaskRecord) -> bool) -> TaskRecord {
        let deadline = Instant::now() + LIMIT;
        loop {
            let record = self.record(id).await;
            if is(&record) {
                return record;
            }
            assert!(Instant::now() < deadline, "{record:#?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until whoever asked first has gone without its answer.
    async fn until_dropped(&self) {
        let deadline = Instant::now() + LIMIT;
        while self.asked()[0].1 {
            assert!(Instant::now() < deadline, "its handler goes on");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_asked(&self, times: usize) {
        let deadline = Instant::now() + LIMIT;
        while self.asked().len() < times {
            assert!(Instant::now() < deadline, "{:?}", self.asked());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Changes rows behind the store's back, as time or another worker would.
    async fn tamper(&self, sql: &str) {
        let (file, sql) = (self.folder.path().join("mlsys.db").display().to_string(), sql.to_owned());
        let code = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], 10)\ndb.execute(sys.argv[2])\ndb.commit()";
        let run = move || testkit::run_python(code, &[&file, &sql]);
        tokio::task::spawn_blocking(run).await.expect("changed");
    }
}

/// Takes requests, one a connection.
async fn serve(listener: TcpListener, does: Arc<Mutex<Mlflow>>, asked: Arc<Mutex<Vec<(String, bool)>>>) {
    while let Ok((mut socket, _)) = listener.accept().await {
        let (does, asked) = (Arc::clone(&does), Arc::clone(&asked));
        tokio::spawn(async move {
            let mut request = vec![0; 4096];
            let read = socket.read(&mut request).await.unwrap_or(0);
            let line = String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned();
            let number = {
                let mut entries = asked.lock().unwrap_or_else(PoisonError::into_inner);
                entries.push((line, true));
                entries.len() - 1
            };
            let what = || *does.lock().unwrap_or_else(PoisonError::into_inner);
            while what() == Mlflow::Hangs {
                let gone = tokio::time::timeout(Duration::from_millis(20), socket.read(&mut request)).await;
                if matches!(gone, Ok(Ok(0) | Err(_))) {
                    asked.lock().unwrap_or_else(PoisonError::into_inner)[number].1 = false;
                    return;
                }
            }
            let status = if what() == Mlflow::Answers { "200 OK" } else { "503 Service Unavailable" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            let _ = socket.write_all(answer.as_bytes()).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_runs_when_it_is_due_and_not_before_whoever_sends_its_job() {
    let stage = Stage::new(Mlflow::Answers).await;
    let running = stage.start("worker-a");
    let (later, now) = (stage.task(3, Duration::from_hours(1)).await, stage.task(3, Duration::ZERO).await);
    stage.queue.send_all(&[Job::Task(later)]).await.expect("sent");
    assert_eq!(stage.dispatch().await, 1);
    let done = stage.until(now, |one| one.status == TaskStatus::Succeeded).await;
    assert_eq!((done.attempt, done.owner, done.error), (1, None, None));
    let lines: Vec<_> = stage.asked().into_iter().map(|(line, _)| line).collect();
    assert!(lines[0].contains("model-versions/delete") && lines[1].contains("runs/delete"), "{lines:?}");
    let early = stage.record(later).await;
    assert_eq!((early.status, early.attempt), (TaskStatus::Queued, 0));
    stage.tamper("UPDATE tasks SET run_at = 1 WHERE status = 'queued' AND kind = 'remove_files'").await;
    assert_eq!(stage.dispatch().await, 1);
    stage.until(later, |one| one.status == TaskStatus::Succeeded).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_fails_waits_longer_each_time_and_is_given_up_after_its_last_attempt() {
    let stage = Stage::new(Mlflow::Fails).await;
    let running = stage.start("worker-a");
    let id = stage.task(3, Duration::ZERO).await;
    let mut waits = Vec::new();
    for attempt in 1..=2 {
        assert_eq!(stage.dispatch().await, 1);
        let record = stage.until(id, |one| one.status == TaskStatus::Queued && one.attempt == attempt).await;
        assert!(record.error.is_some_and(|error| error.contains("503")) && record.owner.is_none());
        waits.push(record.run_at.duration_since(jiff::Timestamp::now()).as_secs());
        assert_eq!(stage.dispatch().await, 0, "it is not due yet");
        stage.tamper("UPDATE tasks SET run_at = 1 WHERE kind = 'remove_files'").await;
    }
    assert!((5..=10).contains(&waits[0]) && (15..=20).contains(&waits[1]), "{waits:?}");
    assert_eq!(stage.dispatch().await, 1);
    let failed = stage.until(id, |one| one.status == TaskStatus::Failed).await;
    assert!(failed.attempt == 3 && failed.error.is_some() && failed.finished_at.is_some());
    assert_eq!(stage.dispatch().await, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lost_its_lease_lets_go_at_once_and_writes_nothing_more() {
    let stage = Stage::new(Mlflow::Hangs).await;
    let running = stage.start("worker-a");
    let id = stage.task(3, Duration::ZERO).await;
    stage.dispatch().await;
    stage.until_asked(1).await;
    stage
        .tamper("UPDATE tasks SET lease_token = lease_token + 1, lease_owner = 'worker-b' WHERE kind = 'remove_files'")
        .await;
    stage.until_dropped().await;
    running.stop().await;
    let record = stage.record(id).await;
    assert_eq!((record.status, record.owner.as_deref(), record.error), (TaskStatus::Running, Some("worker-b"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_in_hand_when_its_worker_stops_is_handed_back_and_its_attempt_does_not_count() {
    let stage = Stage::new(Mlflow::Hangs).await;
    let running = stage.start("worker-a");
    let id = stage.task(1, Duration::ZERO).await;
    stage.dispatch().await;
    stage.until_asked(1).await;
    running.stop().await;
    let back = stage.record(id).await;
    assert_eq!((back.status, back.attempt, back.owner), (TaskStatus::Queued, 0, None));
    stage.mlflow(Mlflow::Answers);
    let other = stage.start("worker-b");
    assert_eq!(stage.dispatch().await, 1, "its job is sent again");
    let done = stage.until(id, |one| one.status == TaskStatus::Succeeded).await;
    assert_eq!(done.attempt, 1);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_takes_its_workers_down_is_given_up_after_its_last_attempt() {
    let stage = Stage::new(Mlflow::Answers).await;
    let id = stage.task(2, Duration::ZERO).await;
    for worker in ["dead-a", "dead-b"] {
        let lease = stage.store.tasks.lease(id, worker, LIMIT).await.expect("leased");
        assert!(lease.is_some(), "{worker}");
        // Nobody hears of it again, and its lease runs out.
        stage.tamper("UPDATE tasks SET lease_expires_at = 1 WHERE kind = 'remove_files'").await;
    }
    let running = stage.start("worker-a");
    assert_eq!(stage.dispatch().await, 1);
    let failed = stage.until(id, |one| one.status == TaskStatus::Failed).await;
    assert!(failed.error.is_some_and(|error| error.contains("given up")));
    assert!(stage.asked().is_empty(), "it is not begun once more");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_a_person_cancels_ends_in_the_middle() {
    let stage = Stage::new(Mlflow::Hangs).await;
    let running = stage.start("worker-a");
    let id = stage.task(3, Duration::ZERO).await;
    stage.dispatch().await;
    stage.until_asked(1).await;
    assert_eq!(stage.store.tasks.request_cancel(id).await.expect("asked"), TaskStatus::Running);
    let cancelled = stage.until(id, |one| one.status == TaskStatus::Cancelled).await;
    assert!(cancelled.finished_at.is_some() && cancelled.owner.is_none());
    stage.until_dropped().await;
    running.stop().await;
}
