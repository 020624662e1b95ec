//! What is SQLite's own.

use bus::{BusError, Queue};

use crate::world::{World, job, next, teller};

#[tokio::test]
async fn a_worker_whose_database_fails_starts_again() {
    let world = World::embedded().await;
    let (handler, mut told) = teller();
    let worker = world.work(1, handler);
    let first = job();
    world.send(first).await;
    assert_eq!(next(&mut told).await, first);

    let other = sqlx::SqlitePool::connect(&world.url).await.unwrap();
    let registered =
        || async { sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM Workers").fetch_one(&other).await.unwrap() };
    let before = registered().await;
    let trigger = "CREATE TRIGGER broken BEFORE UPDATE ON Jobs BEGIN SELECT RAISE(ABORT, 'broken'); END";
    sqlx::query(trigger).execute(&other).await.unwrap();
    let second = job();
    world.send(second).await;
    // A worker registers before it takes a job: more of them are there only because they fail.
    let restarted = async {
        while registered().await < before + 2 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::world::DEADLINE, restarted).await.unwrap();
    sqlx::query("DROP TRIGGER broken").execute(&other).await.unwrap();
    assert_eq!(next(&mut told).await, second);
    worker.stop().await;
}

#[tokio::test]
async fn an_address_of_no_queue_is_refused() {
    for url in ["", "nats://localhost", "/a/path", "redis://:0x/"] {
        assert!(matches!(Queue::open(url).await, Err(BusError::Url(_))), "{url}");
    }
}
