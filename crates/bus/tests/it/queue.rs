//! What holds of every queue.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bus::{JobKind, Queue};
use contract::{Job, TaskId};
use futures_util::FutureExt;
use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};

use crate::{
    on_every_backend,
    world::{DEADLINE, World, job, next, teller, work},
};

on_every_backend! {
    every_job_is_handled_once_by_one_of_two_workers
    a_job_sent_before_the_queue_was_opened_again_is_handled
    a_handler_that_panics_takes_nothing_with_it
    a_cancelled_worker_finishes_what_it_runs_and_takes_nothing_new
    no_more_handlers_run_at_once_than_allowed
    how_long_an_idle_worker_takes_to_pick_a_job_up
    thousands_of_jobs_are_sent_at_once_and_counted
    a_queue_that_answers_says_so
    a_task_does_not_wait_for_the_pipelines_before_it
}

async fn every_job_is_handled_once_by_one_of_two_workers(world: World) {
    let seen: Arc<Mutex<HashMap<Job, usize>>> = Arc::default();
    let (counted, count) = (seen.clone(), Arc::new(Semaphore::new(0)));
    let done = count.clone();
    let handler = move |job: Job| {
        *counted.lock().unwrap().entry(job).or_default() += 1;
        done.add_permits(1);
        futures_util::future::ready(()).boxed()
    };
    let workers = [world.work(2, handler.clone()), world.work(2, handler)];
    let jobs: Vec<Job> = (0..40).map(|_| job()).collect();
    world.queue.send_all(&jobs).await.unwrap();
    let _all = timeout(DEADLINE, count.acquire_many(40)).await.unwrap().unwrap();
    for worker in workers {
        worker.stop().await;
    }
    let expected = jobs.iter().map(|job| (*job, 1)).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

async fn a_job_sent_before_the_queue_was_opened_again_is_handled(world: World) {
    let sent = job();
    world.send(sent).await;
    let (handler, mut told) = teller();
    let worker = work(Queue::open(&world.url).await.unwrap(), 1, handler);
    assert_eq!(next(&mut told).await, sent);
    worker.stop().await;

    let (handler, mut told) = teller();
    let worker = world.work(1, handler);
    let second = job();
    world.send(second).await;
    assert_eq!(next(&mut told).await, second, "the first is done");
    worker.stop().await;
}

async fn a_handler_that_panics_takes_nothing_with_it(world: World) {
    let bad = job();
    let (handler, mut told) = teller();
    let worker = world.work(1, move |job| {
        assert!(job != bad, "a bug in the handler");
        handler(job)
    });
    let panicking_future = job();
    world.send(bad).await;
    world.send(panicking_future).await;
    assert_eq!(next(&mut told).await, panicking_future);
    worker.stop().await;
}

async fn a_cancelled_worker_finishes_what_it_runs_and_takes_nothing_new(world: World) {
    let (started, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let finished = Arc::new(AtomicUsize::new(0));
    let handler = {
        let (started, go_on, finished) = (started.clone(), go_on.clone(), finished.clone());
        move |_| {
            let (started, go_on, finished) = (started.clone(), go_on.clone(), finished.clone());
            async move {
                started.notify_one();
                go_on.notified().await;
                finished.fetch_add(1, Ordering::SeqCst);
            }
            .boxed()
        }
    };
    let mut worker = world.work(1, handler);
    let (first, second) = (job(), job());
    world.send(first).await;
    timeout(DEADLINE, started.notified()).await.unwrap();
    world.send(second).await;
    worker.cancel.cancel();
    assert!(timeout(Duration::from_millis(300), &mut worker.task).await.is_err(), "it waits for its handler");
    go_on.notify_one();
    timeout(DEADLINE, worker.task).await.unwrap().unwrap();
    assert_eq!(finished.load(Ordering::SeqCst), 1);

    let (handler, mut told) = teller();
    let next_worker = world.work(1, handler);
    assert_eq!(next(&mut told).await, second);
    next_worker.stop().await;
}

async fn no_more_handlers_run_at_once_than_allowed(world: World) {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (handler, mut told) = teller();
    let worker = {
        let (running, most) = (running.clone(), most.clone());
        world.work(2, move |job| {
            let (running, most, tell) = (running.clone(), most.clone(), handler(job));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(60)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                tell.await;
            }
            .boxed()
        })
    };
    for _ in 0..6 {
        world.send(job()).await;
    }
    for _ in 0..6 {
        next(&mut told).await;
    }
    worker.stop().await;
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

async fn how_long_an_idle_worker_takes_to_pick_a_job_up(world: World) {
    let (handler, mut told) = teller();
    let worker = world.work(1, handler);
    world.send(job()).await;
    next(&mut told).await;
    let mut took = Vec::new();
    for _ in 0..20 {
        let sent = Instant::now();
        world.send(job()).await;
        next(&mut told).await;
        took.push(sent.elapsed());
    }
    worker.stop().await;
    took.sort();
    eprintln!("pick-up: median {:?}, worst {:?}", took[10], took[19]);
}

async fn thousands_of_jobs_are_sent_at_once_and_counted(world: World) {
    let jobs: Vec<Job> = (0..10_000).map(|_| job()).collect();
    let started = Instant::now();
    for some in jobs.chunks(5000) {
        world.queue.send_all(some).await.unwrap();
    }
    eprintln!("10,000 jobs sent in {:?}", started.elapsed());
    assert_eq!(world.queue.waiting(JobKind::Pipelines).await.unwrap(), 10_000);

    let (handler, mut told) = teller();
    let worker = world.work(2, handler);
    for _ in 0..50 {
        next(&mut told).await;
    }
    worker.stop().await;
    assert!(world.queue.waiting(JobKind::Pipelines).await.unwrap() <= 9_950);
}

async fn a_queue_that_answers_says_so(world: World) {
    world.queue.check().await.unwrap();
    assert_eq!(world.queue.waiting(JobKind::Pipelines).await.unwrap(), 0);
    world.queue.send_all(&[]).await.unwrap();
    world.send(job()).await;
    assert_eq!(world.queue.waiting(JobKind::Pipelines).await.unwrap(), 1);
}

async fn a_task_does_not_wait_for_the_pipelines_before_it(world: World) {
    let task = Job::Task(TaskId::generate());
    let jobs: Vec<Job> = (0..20).map(|_| job()).chain([task]).collect();
    world.queue.send_all(&jobs).await.unwrap();
    assert_eq!(world.queue.waiting(JobKind::Pipelines).await.unwrap(), 20);
    assert_eq!(world.queue.waiting(JobKind::Tasks).await.unwrap(), 1);
    let busy = world.work(1, |_| futures_util::future::pending().boxed());
    let (handler, mut told) = teller();
    let cancel = tokio_util::sync::CancellationToken::new();
    let (queue, token) = (world.queue.clone(), cancel.clone());
    let worker = tokio::spawn(async move { queue.work(JobKind::Tasks, "tasks", 1, token, handler).await.unwrap() });
    assert_eq!(next(&mut told).await, task);
    cancel.cancel();
    timeout(DEADLINE, worker).await.unwrap().unwrap();
    busy.task.abort();
}
