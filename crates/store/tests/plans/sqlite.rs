//! SQLite: the statements are taken from what its driver logs, the plans from `EXPLAIN QUERY PLAN`.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use store::Store;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::{fill, work};

/// Keeps the text of every statement.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<BTreeSet<String>>>);

impl Statements {
    fn taken(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query" && *metadata.level() <= Level::DEBUG
    }

    /// SQLite is asked on threads of its own, by which its statements are told from PostgreSQL's.
    fn event(&self, event: &Event<'_>) {
        if std::thread::current().name().is_some_and(|name| name.starts_with("sqlx-sqlite")) {
            event.record(&mut self.clone());
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Statements {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Of a short statement, the summary is all there is.
        if matches!(field.name(), "summary" | "db.statement") && !value.ends_with('…') && !value.is_empty() {
            self.0.lock().unwrap().insert(value.trim().to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

async fn rows(connection: &mut AnyConnection, sql: String) -> Vec<String> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(row.len() - 1)).collect()
}

/// Fills a file of the store's. Indices are made at the end, which is quicker.
async fn filled(url: &str) -> AnyConnection {
    Store::open(url).await.unwrap().close().await;
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let pragmas = "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000";
    sqlx::raw_sql(pragmas).execute(&mut connection).await.unwrap();
    let indices = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    let made_again = rows(&mut connection, indices.to_owned()).await;
    let names = rows(&mut connection, indices.replace("sql FROM", "name FROM")).await;
    let mut all = vec!["BEGIN".to_owned()];
    all.extend(names.iter().map(|name| format!("DROP INDEX {name}")));
    all.extend(fill::statements(fill::MANY, |number| format!("PRINTF('%012x', {number})")));
    all.extend(made_again);
    all.push("COMMIT".to_owned());
    for sql in all {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    connection
}

/// Tables, and what they are called in statements, that have few rows; and what waits or is under way, which is few too.
const FEW: [&str; 15] = [
    "people",
    "api_keys",
    "g",
    "o",
    "b",
    "deployment_changes",
    "model_servers",
    "repos",
    "r",
    "deployments",
    "d",
    "c",
    "turns",
    "deployment_locks",
    "jobs_to_send",
];
const UNFINISHED: [&str; 4] =
    ["pipelines_unfinished", "pipelines_unfinished_by_id", "pipelines_running", "tasks_unfinished"];

/// What most rows of a large table may be alike in: looked up by it alone, without a limit, they are all read:
/// as only what counts them has to.
const WIDE: [&str; 5] = ["(status=?)", "(repo=?)", "(branch=?)", "(id<?)", "(id>?)"];

/// Whether a plan reads a large table whole, or sorts one.
fn is_wrong(statement: &str, plan: &[String]) -> bool {
    let wide = |step: &String| step.starts_with("SEARCH p") && WIDE.iter().any(|wide| step.ends_with(wide));
    if !statement.contains("LIMIT") && !statement.contains("COUNT(*) AS found") && plan.iter().any(wide) {
        return true;
    }
    let made = |name: &str| {
        let makes = |step: &String| {
            step.strip_prefix("CO-ROUTINE ").or(step.strip_prefix("MATERIALIZE ")).is_some_and(|made| made == name)
        };
        name.starts_with("(subquery") || plan.iter().any(makes)
    };
    let sorts = plan.iter().any(|step| step.starts_with("USE TEMP B-TREE"));
    plan.iter().filter_map(|step| step.strip_prefix("SCAN ")).any(|scan| {
        let name = scan.split(' ').next().unwrap_or_default();
        let few = FEW.contains(&name)
            || made(name)
            || scan.contains("VIRTUAL TABLE")
            || ["CONSTANT ROW", "VALUES CLAUSE"].iter().any(|given| scan.contains(given))
            || UNFINISHED.iter().any(|index| scan.ends_with(&format!("INDEX {index}")));
        // In an index's order, up to a limit.
        let in_order = scan.contains(" USING ") && !sorts;
        !few && !in_order
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_reads_no_large_table_whole_and_sorts_none() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("store.db").display());
    let mut connection = filled(&url).await;
    let statements = Statements::default();
    tracing::subscriber::set_global_default(statements.clone()).unwrap();
    let store = Store::open(&url).await.unwrap();
    work::bounded(&store).await;
    let bounded = statements.taken();
    assert!(bounded.len() > 100, "only {bounded:#?}");
    let mut wrong = Vec::new();
    // A delivery is one call of several statements.
    for statement in bounded.iter().flat_map(|call| call.split(';')).map(str::trim) {
        if ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].iter().any(|word| statement.starts_with(word))
            && !statement.contains("_sqlx_migrations")
        {
            let plan = rows(&mut connection, format!("EXPLAIN QUERY PLAN {statement}")).await;
            if is_wrong(statement, &plan) {
                wrong.push(format!("{statement}\n{plan:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What counts has to read what it counts: here, that it comes to an end.
    work::counted(&store).await;
}
