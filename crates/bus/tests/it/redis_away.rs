//! A Redis that is unreachable, hangs or loses everything.

use std::time::{Duration, Instant};

use bus::BusError;

use crate::world::{World, job, next, teller, told_of};

/// Sends a job as soon as the queue takes it.
async fn send_when_up(world: &World, job: contract::Job) {
    let started = Instant::now();
    while world.queue.send_all(&[job]).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(15), "the queue does not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn assert_unavailable(world: &World) {
    let started = Instant::now();
    assert!(matches!(world.queue.send_all(&[job()]).await, Err(BusError::Unavailable(_))));
    assert!(started.elapsed() < Duration::from_millis(3500), "{:?}", started.elapsed());
    let started = Instant::now();
    assert!(matches!(world.queue.check().await, Err(BusError::Unavailable(_))));
    assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_on_after_redis_was_killed_and_started_again() {
    let world = World::redis().await;
    let (handler, mut told) = teller();
    let worker = world.work(1, handler);
    world.send(job()).await;
    next(&mut told).await;
    world.server().kill();
    assert_unavailable(&world).await;
    world.restart();
    let (sent, back) = (job(), Instant::now());
    send_when_up(&world, sent).await;
    told_of(&mut told, sent).await;
    eprintln!("handled {:?} after Redis was back", back.elapsed());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_on_after_redis_hung() {
    let world = World::redis().await;
    let (handler, mut told) = teller();
    let worker = world.work(1, handler);
    world.send(job()).await;
    next(&mut told).await;
    world.server().pause();
    assert_unavailable(&world).await;
    assert_unavailable(&world).await;
    world.server().wake();
    let (sent, back) = (job(), Instant::now());
    send_when_up(&world, sent).await;
    told_of(&mut told, sent).await;
    eprintln!("handled {:?} after Redis went on", back.elapsed());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_goes_on_after_redis_lost_everything() {
    let world = World::redis().await;
    let (handler, mut told) = teller();
    let workers = [world.work(2, handler.clone()), world.work(2, handler)];
    for _ in 0..3 {
        world.send(job()).await;
        next(&mut told).await;
        world.ask::<()>(&["FLUSHALL"]).await.unwrap();
        world.ask::<()>(&["SCRIPT", "FLUSH"]).await.unwrap();
        let sent = job();
        send_when_up(&world, sent).await;
        told_of(&mut told, sent).await;
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_can_be_stopped_while_redis_is_away() {
    let world = World::redis().await;
    let (handler, mut told) = teller();
    let worker = world.work(1, handler);
    world.send(job()).await;
    next(&mut told).await;
    world.server().pause();
    worker.stop().await;
    world.server().wake();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finished_jobs_do_not_pile_up() {
    let world = World::redis().await;
    let (handler, mut told) = teller();
    let worker = world.work(4, handler);
    let jobs: Vec<_> = (0..200).map(|_| job()).collect();
    world.queue.send_all(&jobs).await.unwrap();
    for _ in &jobs {
        next(&mut told).await;
    }
    let started = Instant::now();
    while world.ask::<usize>(&["DBSIZE"]).await.unwrap() > 6 {
        assert!(started.elapsed() < Duration::from_secs(20), "jobs are still kept");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    worker.stop().await;
}
