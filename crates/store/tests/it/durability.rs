use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Duration,
};

use store::{Accepted, Filter, NewDelivery, Store, StoreError};

use crate::{open, pushed, url};

/// Names the directory, in the process that is to be killed.
const VICTIM: &str = "STORE_TEST_VICTIM";

async fn accept(store: &Store, number: u64) -> Accepted {
    let delivery_id = format!("d{number}");
    let delivery = NewDelivery { delivery_id: &delivery_id, event: "push", repo: None, body_sha256: "00" };
    store.accept_delivery(delivery, vec![pushed(number, &format!("{number}.ipynb"))]).await.unwrap()
}

#[tokio::test]
#[ignore = "run by the next test, as a process of its own"]
async fn victim() {
    let Some(directory) = std::env::var_os(VICTIM) else { return };
    let store = open(directory.as_ref()).await;
    for number in 1.. {
        accept(&store, number).await;
        writeln!(std::io::stdout(), "accepted {number}").unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_whole_and_nothing_is_half() {
    let directory = tempfile::tempdir().unwrap();
    for round in 1..=3u64 {
        let directory = tempfile::tempdir_in(&directory).unwrap();
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["durability::victim", "--exact", "--ignored", "--nocapture"])
            .env(VICTIM, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut acknowledged = 0;
        for said in BufReader::new(victim.stdout.take().unwrap()).lines() {
            if let Some((_, number)) = said.unwrap().split_once("accepted ") {
                acknowledged = number.parse().unwrap();
            }
            if acknowledged == 7 * round {
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();

        let store = open(directory.path()).await;
        let (pipelines, _) = store.pipelines(Filter { limit: 10_000, ..Filter::default() }).await.unwrap();
        assert!(pipelines.len() as u64 >= acknowledged && acknowledged >= 7 * round);
        assert!(pipelines.iter().all(|pipeline| pipeline.phases.len() == 5));
        for number in 1..=acknowledged {
            assert!(matches!(accept(&store, number).await, Accepted::Repeated(pipelines) if pipelines.len() == 1));
        }
        // The connection that died in the middle of a write left no lock behind.
        accept(&store, 1_000_000).await;
    }
}

#[tokio::test]
async fn a_store_closed_and_opened_again_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    accept(&store, 1).await;
    store.close().await;
    assert!(matches!(store.repos().await, Err(StoreError::Unavailable(_))));
    let again = open(directory.path()).await;
    assert!(matches!(accept(&again, 1).await, Accepted::Repeated(_)));
}

#[tokio::test]
async fn a_write_of_another_process_makes_ours_wait_and_not_fail() {
    let directory = tempfile::tempdir().unwrap();
    let (ours, theirs) = (open(directory.path()).await, open(directory.path()).await);
    let work = |store: Store, parity: u64| async move {
        for number in 0..40 {
            accept(&store, 2 * number + parity).await;
        }
    };
    tokio::join!(work(ours.clone(), 0), work(theirs, 1));
    let (pipelines, _) = ours.pipelines(Filter { limit: 1000, ..Filter::default() }).await.unwrap();
    assert_eq!(pipelines.len(), 80);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_so_is_an_unknown_kind() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("store.db"), "This is a letter to a friend. ".repeat(100)).unwrap();
    let opened = tokio::time::timeout(Duration::from_mins(1), Store::open(&url(directory.path()))).await.unwrap();
    assert!(matches!(opened, Err(StoreError::Corrupt(_))), "{opened:?}");
    assert!(matches!(Store::open("mysql://localhost/x").await, Err(StoreError::Corrupt(_))));
}
