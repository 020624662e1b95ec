//! PostgreSQL: `auto_explain` writes the plan of every statement that is run into the server's log, with what it read.

use std::path::PathBuf;

use serde_json::Value;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use store::Store;

use testkit::Postgres;

use crate::{fill, work};

/// The tables that may have many rows.
const LARGE: [&str; 8] =
    ["pipelines", "log_chunks", "notebooks", "phases", "versions", "deployment_history", "deliveries", "tasks"];

/// Of so many rows a table is not read whole, and nothing sorted.
const WHOLE: f64 = 10_000.0;
/// No step of a plan reads more rows than this.
const READ: f64 = 30_000.0;
/// What PostgreSQL asks itself for a foreign key, by plans that it keeps until it looks at the tables the next time.
const FOREIGN_KEY: &str = "SELECT 1 FROM ONLY";
/// What has to read very many rows reads none of them twice.
const COUNTED: f64 = 330_000.0;

/// Tables before those that they refer to.
const UNLOGGED: [&str; 11] = [
    "deployment_locks",
    "environment_claims",
    "deployments",
    "deployment_history",
    "versions",
    "phases",
    "log_chunks",
    "notebooks",
    "deliveries",
    "tasks",
    "pipelines",
];

async fn run(connection: &mut AnyConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

/// A database whose every statement is explained, and which does not look after its statistics.
struct Explained {
    url: String,
    connection: AnyConnection,
    log: PathBuf,
    read: usize,
}

impl Explained {
    async fn start(server: &Postgres) -> Self {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&server.url()).await.unwrap();
        run(&mut connection, "LOAD 'auto_explain'").await;
        for setting in [
            "autovacuum = off",
            "max_wal_size = '8GB'",
            "session_preload_libraries = 'auto_explain'",
            "auto_explain.log_min_duration = 0",
            "auto_explain.log_format = 'json'",
            "auto_explain.log_analyze = on",
            "auto_explain.log_timing = off",
            "auto_explain.log_nested_statements = on",
        ] {
            run(&mut connection, &format!("ALTER SYSTEM SET {setting}")).await;
        }
        run(&mut connection, "SELECT pg_reload_conf()").await;
        let log = server.log_file().to_owned();
        let url = tokio::task::block_in_place(|| server.database());
        let first = Store::open(&url).await.unwrap();
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        let quick = "SET session_replication_role = replica; SET auto_explain.log_min_duration = -1; SET maintenance_work_mem = '256MB'; SET jit = off";
        run(&mut connection, quick).await;
        first.close().await;
        Self { url, connection, log, read: 0 }
    }

    async fn fill(&mut self, many: i64) {
        for sql in fill::statements(many, |number| format!("LPAD(TO_HEX({number}), 12, '0')")) {
            run(&mut self.connection, &sql).await;
        }
    }

    /// Fills it as [`Self::fill`] does, but makes the indices at the end, which is quicker, and what the server knows of its
    /// tables is still that they are empty.
    async fn fill_quickly(&mut self) {
        for table in UNLOGGED {
            run(&mut self.connection, &format!("ALTER TABLE {table} SET UNLOGGED")).await;
        }
        let query = "SELECT CAST(indexname AS TEXT), indexdef FROM pg_indexes i WHERE schemaname = 'public' AND NOT EXISTS (
             SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)";
        let indices = sqlx::raw_sql(query).fetch_all(&mut self.connection).await.unwrap();
        for index in &indices {
            run(&mut self.connection, &format!("DROP INDEX {}", index.get::<String, _>(0))).await;
        }
        self.fill(fill::MANY).await;
        for index in &indices {
            run(&mut self.connection, &index.get::<String, _>(1)).await;
        }
        let forget = "UPDATE pg_class SET reltuples = 0, relpages = 0, relallvisible = 0
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')";
        run(&mut self.connection, forget).await;
    }

    /// The statements that were run since the last call, with their plans.
    fn plans(&mut self) -> Vec<(String, Value)> {
        let text = std::fs::read_to_string(&self.log).unwrap();
        let mut plans = Vec::new();
        let mut lines = text[self.read..].lines().peekable();
        while let Some(line) = lines.next() {
            if !line.ends_with("plan:") {
                continue;
            }
            let mut json = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
                json.push_str(line);
            }
            let mut plan: Value = serde_json::from_str(&json).unwrap();
            plans.push((plan["Query Text"].as_str().unwrap().to_owned(), plan["Plan"].take()));
        }
        self.read = text.len();
        plans
    }
}

/// What is wrong with a node of a plan, and with those below it.
fn wrong(node: &Value, counted: bool, found: &mut Vec<String>) {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let read = (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops");
    let (kind, relation) = (node["Node Type"].as_str().unwrap(), node["Relation Name"].as_str().unwrap_or_default());
    let what = format!("{kind} {relation} {}: {read} rows", node["Index Name"].as_str().unwrap_or_default());
    let whole = kind == "Seq Scan" && LARGE.contains(&relation) && read > WHOLE;
    let too_many = if counted { read > COUNTED } else { whole || read > READ || (kind == "Sort" && read > WHOLE) };
    found.extend(too_many.then_some(what));
    for below in node["Plans"].as_array().into_iter().flatten() {
        wrong(below, counted, found);
    }
}

/// What is wrong with what was run since the last call.
fn complaints(database: &mut Explained, when: &str, counted: bool) -> Vec<String> {
    let plans = database.plans();
    assert!(plans.len() > 20, "{when}: only {} statements", plans.len());
    let mut all = Vec::new();
    for (statement, plan) in plans.into_iter().filter(|(statement, _)| !statement.starts_with(FOREIGN_KEY)) {
        let mut found = Vec::new();
        wrong(&plan, counted, &mut found);
        if !found.is_empty() {
            all.push(format!("{when}: {found:#?}\n{statement}\n"));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_reads_no_large_table_whole_and_sorts_none() {
    let server = tokio::task::block_in_place(Postgres::start);
    let mut database = Explained::start(&server).await;
    run(&mut database.connection, "ANALYZE").await;
    database.fill_quickly().await;
    database.plans();
    let mut all = Vec::new();
    for knows in ["of empty tables", "of its tables"] {
        for mode in ["force_custom_plan", "force_generic_plan"] {
            run(&mut database.connection, &format!("ALTER SYSTEM SET plan_cache_mode = {mode}")).await;
            run(&mut database.connection, "SELECT pg_reload_conf()").await;
            let when = format!("{mode}, PostgreSQL knows {knows}");
            let store = Store::open(&database.url).await.unwrap();
            work::bounded(&store).await;
            all.extend(complaints(&mut database, &when, false));
            if mode == "force_custom_plan" {
                work::counted(&store).await;
                all.extend(complaints(&mut database, &when, true));
            }
            store.close().await;
        }
        run(&mut database.connection, "ANALYZE").await;
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_of_an_intake_that_was_made_for_empty_tables_is_good_for_full_ones() {
    let server = tokio::task::block_in_place(Postgres::start);
    let mut database = Explained::start(&server).await;
    let store = Store::open(&database.url).await.unwrap();
    // From the sixth time on, a connection keeps a plan.
    for _ in 0..6 {
        work::first_push(&store).await;
    }
    database.plans();
    database.fill(30_000).await;
    for _ in 0..30 {
        work::first_push(&store).await;
    }
    let all = complaints(&mut database, "after the tables grew", false);
    assert!(all.is_empty(), "{}", all.join("\n"));
}
