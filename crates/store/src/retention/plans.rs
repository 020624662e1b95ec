//! How both databases go about what retention asks of them: on tables with many rows, nothing reads one whole. They are
//! asked on connections without any of the store's settings.
#![expect(clippy::unwrap_used, reason = "tests")]

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};

use super::{ages, history, kept, pipelines, versions};
use crate::{Store, db::dialect::Dialect};

/// A hundred thousand of everything that there may be many of.
const FILL: &str = "
    INSERT INTO pipelines (id, repo, branch, commit_sha, notebook_path, parameters, manual, status, created_at, finished_at)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    SELECT 'p' || (1000000 + i), 'o/r' || (i % 50), 'main', 'c' || i, 'n' || (i % 7), '{}', 0,
        CASE i % 3 WHEN 0 THEN 'failed' ELSE 'succeeded' END, i, i FROM n;
    INSERT INTO log_chunks SELECT id, 1, 2, '[]' FROM pipelines;
    INSERT INTO notebooks SELECT id, '{}' FROM pipelines;
    INSERT INTO phases SELECT id, 'download', 'succeeded', 1, 2, 1, NULL, NULL FROM pipelines;
    INSERT INTO versions SELECT 'm' || (created_at % 10), created_at, id, 'onnx', 'u', 's', created_at FROM pipelines;
    INSERT INTO deployment_history (generation, former, model_name, environment, version, pipeline_id, uri, sha256, metrics,
        deployed_at) SELECT version, version - 10, model_name, 'dev', version, pipeline_id, 'u', 's', '{}', created_at FROM versions;
    INSERT INTO deployments SELECT model_name, 'dev', version, version FROM versions WHERE version > 99990;
    INSERT INTO deliveries (delivery_id, event, pipelines, received_at) SELECT id, 'push', '[]', created_at FROM pipelines;
    INSERT INTO tasks (id, kind, payload, run_at, status, max_attempts, created_at, finished_at)
        SELECT id, 'retention', 'null', 1, 'succeeded', 1, 1, created_at FROM pipelines;";

const LARGE: [&str; 8] =
    ["pipelines", "log_chunks", "notebooks", "phases", "versions", "deployment_history", "deliveries", "tasks"];

/// Every statement, with values for its parameters.
fn statements(dialect: Dialect) -> Vec<(String, Vec<&'static str>)> {
    let ids = r#"'["p1019000", "p1000007", "p1000008"]'"#;
    let named = r#"'[{"model": "m7", "version": 7}, {"model": "m8", "version": 8}]'"#;
    let mut all = vec![
        (kept::ROLLBACKS.to_owned(), vec!["10"]),
        (ages::LAST.to_owned(), vec!["1000"]),
        (ages::measured(), vec!["15000", "'p1015000'"]),
        (pipelines::page(dialect), vec!["15000", "700", "'p1000700'", ids, "10"]),
        (pipelines::going(dialect), vec![ids, "10"]),
        (versions::page(dialect), vec!["'m3'", "7", "15000", ids, "10"]),
        (versions::going(dialect), vec![named, "10"]),
        (history::DELIVERIES.to_owned(), vec!["15000", "64"]),
        (history::TASKS.to_owned(), vec!["15000", "64"]),
    ];
    all.extend(pipelines::logs(dialect).map(|sql| (sql, vec![ids, "10", "64"])));
    all.extend(versions::removal(dialect).map(|sql| (sql, vec![named])));
    for (table, column) in pipelines::TABLES {
        all.push((format!("DELETE FROM {table} WHERE {}", dialect.among(column, "$1")), vec![ids]));
    }
    all
}

async fn plan(connection: &mut AnyConnection, explain: &str, (sql, values): &(String, Vec<&str>)) -> Vec<String> {
    let mut sql = format!("{explain} {sql}");
    for (place, value) in values.iter().enumerate().rev() {
        sql = sql.replace(&format!("${}", place + 1), value);
    }
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(row.len() - 1)).collect()
}

async fn filled(url: &str) -> AnyConnection {
    Store::open(url).await.unwrap().close().await;
    let mut connection = AnyConnection::connect(url).await.unwrap();
    sqlx::raw_sql(FILL).execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn nothing_makes_sqlite_read_a_large_table_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut connection = filled(&format!("sqlite://{}", directory.path().join("store.db").display())).await;
    for statement in statements(Dialect::Sqlite) {
        let plan = plan(&mut connection, "EXPLAIN QUERY PLAN", &statement).await;
        let made: Vec<_> =
            plan.iter().filter_map(|step| step.strip_prefix("CO-ROUTINE ").or(step.strip_prefix("MATERIALIZE "))).collect();
        for step in &plan {
            let Some(scanned) = step.strip_prefix("SCAN ") else { continue };
            let small = ["d", "b", "x", "back", "deployment_locks", "environment_claims"].contains(&scanned)
                || made.contains(&scanned);
            assert!(small || scanned.contains("USING") || scanned.contains("VIRTUAL TABLE"), "{}\n{plan:#?}", statement.0);
        }
    }
}

#[tokio::test]
async fn nothing_makes_postgresql_read_a_large_table_whole() {
    let server = testkit::Postgres::start();
    let mut connection = filled(&server.url()).await;
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
    for statement in statements(Dialect::Postgres) {
        let plan = plan(&mut connection, "EXPLAIN", &statement).await;
        let whole = |step: &String| LARGE.iter().any(|table| step.contains(&format!("Seq Scan on {table}")));
        assert!(!plan.iter().any(whole), "{}\n{plan:#?}", statement.0);
    }
}
