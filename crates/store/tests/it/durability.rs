use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use contract::{PipelineStatus, Scope};
use futures_util::future::join_all;
use store::{Accepted, Filter, NewDelivery, Store, StoreError};
use testkit::Postgres;

use crate::{TTL, World, pushed, url};

/// Names the database, in the process that is to be killed.
const VICTIM: &str = "STORE_TEST_VICTIM";

async fn accept(store: &Store, number: u64) -> Accepted {
    let delivery_id = format!("d{number}");
    let delivery = NewDelivery { delivery_id: &delivery_id, event: "push", repo: None };
    store.intake.accept_delivery(delivery, vec![pushed(number, &format!("{number}.ipynb"))]).await.unwrap()
}

/// Does nothing but in the process that the next test starts.
#[tokio::test]
async fn victim() {
    let Ok(url) = std::env::var(VICTIM) else { return };
    let store = Store::open(&url).await.unwrap();
    for number in 1.. {
        accept(&store, number).await;
        writeln!(std::io::stdout(), "accepted {number}").unwrap();
    }
}

async fn what_was_acknowledged_before_a_kill_is_whole_and_nothing_is_half(world: World) {
    let mut acknowledged = 0;
    for round in 1..=3u64 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["durability::victim", "--exact", "--nocapture"])
            .env(VICTIM, &world.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for said in BufReader::new(victim.stdout.take().unwrap()).lines() {
            if let Some((_, number)) = said.unwrap().split_once("accepted ") {
                acknowledged = number.parse().unwrap();
            }
            if acknowledged >= 50 * round {
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();

        let store = Store::open(&world.url).await.unwrap();
        let (pipelines, _) = store.pipelines.pipelines(&Filter { limit: 10_000, ..Filter::default() }).await.unwrap();
        assert!(pipelines.len() as u64 >= acknowledged && acknowledged >= 50 * round);
        assert!(pipelines.iter().all(|pipeline| pipeline.phases.len() == 5));
        for number in 1..=acknowledged {
            assert!(matches!(accept(&store, number).await, Accepted::Repeated(pipelines) if pipelines.len() == 1));
        }
        // The connection that died in the middle of a write left no lock behind.
        accept(&store, 1_000_000 + round).await;
    }
}

async fn a_store_closed_and_opened_again_goes_on(world: World) {
    accept(&world.store, 1).await;
    world.store.close().await;
    assert!(matches!(world.store.intake.repos(&Scope::Everything).await, Err(StoreError::Unavailable(_))));
    let again = Store::open(&world.url).await.unwrap();
    assert!(matches!(accept(&again, 1).await, Accepted::Repeated(_)));
}

async fn a_write_of_another_process_makes_ours_wait_and_not_fail(world: World) {
    let theirs = Store::open(&world.url).await.unwrap();
    let work = |store: Store, parity: u64| async move {
        for number in 0..40 {
            accept(&store, 2 * number + parity).await;
        }
    };
    tokio::join!(work(world.store.clone(), 0), work(theirs, 1));
    let (pipelines, _) = world.store.pipelines.pipelines(&Filter { limit: 1000, ..Filter::default() }).await.unwrap();
    assert_eq!(pipelines.len(), 80);
}

/// Opens a new database from eight processes' worth of connections at once, and uses each.
async fn open_at_once(url: &str) {
    let opened = (0..8u64).map(|number| {
        let url = url.to_owned();
        tokio::spawn(async move {
            let store = Store::open(&url).await.unwrap();
            accept(&store, number).await;
        })
    });
    for opened in join_all(opened).await {
        opened.unwrap();
    }
    let store = Store::open(url).await.unwrap();
    assert_eq!(store.pipelines.pipelines(&Filter { limit: 100, ..Filter::default() }).await.unwrap().0.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn eight_that_open_a_new_sqlite_file_at_once_all_succeed() {
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        open_at_once(&url(directory.path())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn eight_that_open_a_new_postgresql_database_at_once_all_succeed() {
    for _ in 0..3 {
        open_at_once(&tokio::task::block_in_place(|| Postgres::shared().database())).await;
    }
}

#[tokio::test]
async fn sqlites_log_is_copied_into_the_file_while_the_store_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&url(directory.path())).await.unwrap();
    let size = || std::fs::metadata(directory.path().join("store.db")).unwrap().len();
    let before = size();
    for number in 0..200 {
        accept(&store, number).await;
    }
    // Commits copy nothing before the log has far more pages than these.
    let deadline = Instant::now() + Duration::from_mins(1);
    while size() < before + (32 << 10) {
        assert!(Instant::now() < deadline, "the file has {} bytes, as before", size());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn who_gives_up_in_the_middle_of_a_write_leaves_nothing_half_and_no_lock(world: World) {
    for number in 0..60 {
        accept(&world.store, number).await;
        let store = world.store.clone();
        let taking = tokio::spawn(async move { store.pipelines.take_next("hasty", TTL).await.map(drop) });
        // At another point of it each time.
        std::thread::sleep(Duration::from_micros(number * 40));
        taking.abort();
        let _ = taking.await;
    }
    while world.store.pipelines.take_next("patient", TTL).await.unwrap().is_some() {}
    let (running, _) = world.store.pipelines.pipelines(&Filter { limit: 100, ..Filter::default() }).await.unwrap();
    assert_eq!(running.iter().filter(|pipeline| pipeline.status == PipelineStatus::Running).count(), 60);
    assert_eq!(world.store.pipelines.unsent_jobs(100).await.unwrap(), []);
}

on_both![
    who_gives_up_in_the_middle_of_a_write_leaves_nothing_half_and_no_lock,
    what_was_acknowledged_before_a_kill_is_whole_and_nothing_is_half,
    a_store_closed_and_opened_again_goes_on,
    a_write_of_another_process_makes_ours_wait_and_not_fail,
];

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_so_is_an_unknown_kind() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("store.db"), "This is a letter to a friend. ".repeat(100)).unwrap();
    let opened = tokio::time::timeout(Duration::from_mins(1), Store::open(&url(directory.path()))).await.unwrap();
    assert!(matches!(opened, Err(StoreError::Corrupt(_))), "{opened:?}");
    assert!(matches!(Store::open("mysql://localhost/x").await, Err(StoreError::Corrupt(_))));
}
