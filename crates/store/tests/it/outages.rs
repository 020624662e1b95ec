//! What happens when PostgreSQL goes away and comes back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use contract::{PipelineStatus, Scope};
use sqlx::Connection;
use store::{Accepted, NewDelivery, Store, StoreError};
use testkit::Postgres;

use crate::{TTL, pushed};

/// A server of a test's own, and a store on it.
async fn started() -> (Postgres, Store) {
    let (server, url) = tokio::task::block_in_place(|| {
        let server = Postgres::start();
        let url = server.database();
        (server, url)
    });
    (server, Store::open(&url).await.unwrap())
}

/// A connection of somebody who may end those of others.
async fn operator(server: &Postgres) -> sqlx::AnyConnection {
    sqlx::any::install_default_drivers();
    sqlx::AnyConnection::connect(&server.url()).await.unwrap()
}

async fn accept(store: &Store, number: u64) -> Result<Accepted, StoreError> {
    let delivery_id = format!("d{number}");
    let delivery = NewDelivery { delivery_id: &delivery_id, event: "push", repo: None };
    store.intake.accept_delivery(delivery, vec![pushed(number, &format!("{number}.ipynb"))]).await
}

/// Accepts as a sender does who tries again.
async fn accept_at_last(store: &Store, number: u64) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while let Err(error) = accept(store, number).await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(Instant::now() < deadline, "still {error}");
    }
}

/// Waits until the store works again.
async fn healed(store: &Store) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while let Err(error) = store.intake.repos(&Scope::Everything).await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(Instant::now() < deadline, "still {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_killed_and_started_again_is_unavailable_meanwhile_and_loses_nothing_acknowledged() {
    let (server, store) = started().await;
    let enough = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..8u64)
        .map(|caller| {
            let (store, enough) = (store.clone(), enough.clone());
            tokio::spawn(async move {
                let (mut acknowledged, mut refused) = (Vec::new(), 0);
                for number in (caller..).step_by(8) {
                    if enough.load(Ordering::SeqCst) {
                        break;
                    }
                    match accept(&store, number).await {
                        Ok(_) => acknowledged.push(number),
                        Err(StoreError::Unavailable(_)) => {
                            refused += 1;
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                (acknowledged, refused)
            })
        })
        .collect();
    accept(&store, 1_000_000).await.unwrap();
    let lease = store.pipelines.take_next("w", TTL).await.unwrap().unwrap();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.kill();
        let failed = store.pipelines.renew_lease(&lease, TTL).await;
        assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
        tokio::task::block_in_place(|| server.start());
        healed(&store).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    enough.store(true, Ordering::SeqCst);
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    for caller in callers {
        let (accepted, not) = caller.await.unwrap();
        acknowledged.extend(accepted);
        refused += not;
    }
    assert!(acknowledged.len() > 10 && refused > 0, "{} accepted, {refused} refused", acknowledged.len());
    for number in acknowledged {
        let again = accept(&store, number).await.unwrap();
        assert!(matches!(again, Accepted::Repeated(pipelines) if pipelines.len() == 1), "{number} is lost");
    }
    store.pipelines.renew_lease(&lease, TTL).await.unwrap();
    store.pipelines.finish_pipeline(&lease, PipelineStatus::Succeeded, false, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_the_server_ends_are_replaced() {
    let (server, store) = started().await;
    let mut operator = operator(&server).await;
    for number in 0..5 {
        accept_at_last(&store, number).await;
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname <> 'postgres'";
        sqlx::raw_sql(end).execute(&mut operator).await.unwrap();
        healed(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_that_was_lost_while_nothing_came_in_costs_no_delivery() {
    let (server, store) = started().await;
    let mut operator = operator(&server).await;
    for number in 0..3 {
        accept(&store, number).await.unwrap();
        // Longer than a connection is trusted unasked.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE pid <> pg_backend_pid() AND datname <> 'postgres'";
        sqlx::raw_sql(end).execute(&mut operator).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_falls_silent_keeps_nobody_waiting_for_ever() {
    let (server, store) = started().await;
    accept(&store, 1).await.unwrap();
    let lease = store.pipelines.take_next("w", TTL).await.unwrap().unwrap();
    server.pause();
    let begun = Instant::now();
    let (read, accepted, renewed) = tokio::time::timeout(Duration::from_secs(50), async {
        tokio::join!(store.intake.repos(&Scope::Everything), accept(&store, 2), store.pipelines.renew_lease(&lease, TTL))
    })
    .await
    .unwrap();
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert!(matches!(accepted, Err(StoreError::Unavailable(_))), "{accepted:?}");
    assert!(matches!(renewed, Err(StoreError::Unavailable(_))), "{renewed:?}");
    assert!(begun.elapsed() >= Duration::from_secs(10), "it waits some time: the server may only be slow");
    server.wake();
    healed(&store).await;
    accept_at_last(&store, 2).await;
    store.pipelines.renew_lease(&lease, TTL).await.unwrap();
}
