//! What is SQLite's own.

use apalis::prelude::TaskSink;
use apalis_sqlite::{Config, SqliteStorage};
use bus::{BusError, Queue};
use sqlx::{AssertSqlSafe, SqlitePool};

use crate::world::{World, job, next, teller};

#[tokio::test]
async fn a_worker_whose_database_fails_starts_again() {
    let world = World::embedded().await;
    let (handler, mut told) = teller();
    let worker = world.work(1, handler);
    let first = job();
    world.send(first).await;
    assert_eq!(next(&mut told).await, first);

    let other = SqlitePool::connect(&world.url).await.unwrap();
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
async fn jobs_are_written_as_apalis_itself_writes_them() {
    let world = World::embedded().await;
    let (sent, pool) = (job(), SqlitePool::connect(&world.url).await.unwrap());
    let mut storage = SqliteStorage::new(&pool).with_config(Config::default().queue("pipelines"));
    storage.push(sent).await.unwrap();
    world.queue.send_all(&[sent, sent]).await.unwrap();

    let columns: Vec<String> =
        sqlx::query_scalar("SELECT name FROM PRAGMA_TABLE_INFO('Jobs')").fetch_all(&pool).await.unwrap();
    assert!(columns.len() > 10, "{columns:?}");
    for column in columns {
        // The kinds too, and what must differ by its length.
        let value = if ["id", "run_at"].contains(&column.as_str()) { format!("LENGTH({column})") } else { column.clone() };
        let sql = format!("SELECT COUNT(DISTINCT QUOTE({value})) FROM Jobs");
        let different: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap();
        assert_eq!(different, 1, "{column}");
    }
}

#[tokio::test]
async fn an_address_of_no_queue_is_refused() {
    for url in ["", "nats://localhost", "/a/path", "redis://:0x/"] {
        assert!(matches!(Queue::open(url).await, Err(BusError::Url(_))), "{url}");
    }
}
