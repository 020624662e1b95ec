//! A schedule that three workers look after, which die and sleep, while its clock is moved: each moment fires once.

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::{Value, json};
use sqlx::{AnyPool, any::install_default_drivers};
use testkit::{Notebook, Size};
use tokio::time::{Instant, sleep};
use warehouse::{Disposition, Format, Import, Warehouse};

use crate::{Stage, stage};

/// The first of this month, or of one before it. Months, for hours might pass while the test runs.
const FIRST: &str =
    "CAST(EXTRACT(EPOCH FROM date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => $1)) AS BIGINT) * 1000";

/// The clock of schedules is the database's: to move what is to come next back or forth is to move the clock forth or back.
struct Clock(AnyPool);

impl Clock {
    /// The next firing is the one of so many months ago; has it looked at.
    async fn next_is_of(&self, months_ago: i32) {
        let sql = format!("UPDATE schedules SET next_at = {FIRST}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(months_ago).execute(&self.0).await.expect("changed");
        self.wake().await;
    }

    async fn wake(&self) {
        self.run("UPDATE tasks SET run_at = 0, job_sent_at = NULL WHERE kind = 'schedule' AND status = 'queued'").await;
    }

    async fn run(&self, change: &'static str) {
        sqlx::query(change).execute(&self.0).await.expect("changed");
    }
}

async fn firings(stage: &Stage, id: &str) -> Vec<Value> {
    let page = stage.api().try_get(&format!("/api/schedules/{id}/firings?limit=500")).await;
    page.map(|page| page["items"].as_array().expect("a list").clone()).unwrap_or_default()
}

/// The firings, once there are so many of this status and none waits or runs.
async fn settled(stage: &Stage, id: &str, succeeded: usize) -> Vec<Value> {
    let limit = Instant::now() + Duration::from_mins(3);
    loop {
        let all = firings(stage, id).await;
        let done = all.iter().filter(|firing| firing["status"] == "succeeded").count();
        if done >= succeeded && all.iter().all(|firing| firing["finished_at"].is_string()) {
            return all;
        }
        assert!(Instant::now() < limit, "{succeeded} are to succeed: {all:#?}");
        sleep(Duration::from_millis(200)).await;
    }
}

/// How many rows were scored, and for how many moments.
async fn rows(stage: &Stage) -> (usize, usize) {
    let table = stage.api().get("/api/tables/local.monthly.output/sample?rows=1000").await;
    let at = table["columns"].as_array().expect("names").iter().position(|name| name == "ScheduledFor").expect("a column");
    let rows = table["rows"].as_array().expect("rows");
    (rows.len(), rows.iter().map(|row| row[at].to_string()).collect::<BTreeSet<_>>().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_moment_fires_once_though_workers_die_and_sleep_and_the_clock_is_moved() {
    let folder = tempfile::tempdir().expect("a folder");
    let tables = folder.path().join("tables").display().to_string();
    let settings = vec![("MLSYS_WAREHOUSE", tables.clone())];
    let stage = stage(&Size { workers: 3, settings, ..Size::default() }).await;
    install_default_drivers();
    let clock = Clock(AnyPool::connect(&stage.postgres.url()).await.expect("the database"));
    let warehouse = Warehouse::open(&tables, []).expect("a warehouse");
    let file = folder.path().join("in.csv");
    fs::write(&file, "length,width\n5.1,3.5\n6.2,2.9\n").expect("written");
    let import = Import::open(&file, Format::of(&file).expect("CSV"), None).expect("rows");
    let input = "local.monthly.input".parse().expect("a name");
    let mut writer = warehouse.writer(&input, import.schema(), Disposition::Append).await.expect("a table");
    for batch in import {
        writer.write(&batch.expect("rows")).await.expect("written");
    }
    writer.commit(None).await.expect("committed");
    let repository = stage.repository("team/monthly").await;
    let notebook =
        Notebook::valid("monthly").with("mlops:preprocessing", "X = X.iloc[:, :2].set_axis(['length', 'width'], axis=1)");
    let pushed = stage.push_notebook(&repository, "n.ipynb", &notebook.json()).await;
    assert!(stage.api().succeeded(pushed).await.deployed);

    let api = stage.api();
    let new = json!({
        "name": "monthly", "cron": "0 0 1 * *", "time_zone": "UTC", "overlap": "queue", "misfire": "all",
        "work": {
            "kind": "batch_prediction", "model_name": "monthly", "environment": "dev",
            "input_table": "local.monthly.input", "output_table": "local.monthly.output",
        },
    });
    let (status, made) = api.post(&api.api("/api/schedules"), &new).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().expect("an id").to_owned();

    // Nobody was there for eight months; and while it is made up for, each worker dies, and one sleeps past its lease.
    clock.next_is_of(7).await;
    for turn in 0..6 {
        sleep(Duration::from_millis(700)).await;
        let worker = &stage.workers[turn % stage.workers.len()];
        stage.timeline.say(format!("{} is killed", worker.name()));
        worker.kill();
        if turn == 2 {
            let sleeper = &stage.workers[0];
            sleeper.pause();
            sleep(stage.lease() + Duration::from_secs(2)).await;
            sleeper.wake();
        }
        worker.launch();
    }
    let made_up = settled(&stage, &id, 8).await;
    assert_eq!(made_up.len(), 8, "{made_up:#?}");
    assert_eq!(rows(&stage).await, (16, 8), "two rows for each moment");

    // The clock is set back by two months: what fired does not fire again, also where workers believe that its time has come.
    clock.next_is_of(2).await;
    sleep(stage.lease()).await;
    assert_eq!(settled(&stage, &id, 8).await.len(), 8);
    let next = api.get(&format!("/api/schedules/{id}")).await;
    assert!(next["next_firings"][0].as_str() > made_up[0]["scheduled_for"].as_str(), "{next}");

    // All sleep over four months, of which the newest is to stand for all.
    clock.run("UPDATE schedules SET misfire = 'once'").await;
    clock.run("UPDATE firings SET scheduled_for = scheduled_for - 86400000").await;
    stage.workers.iter().for_each(|worker| worker.pause());
    clock.next_is_of(3).await;
    sleep(stage.lease() + Duration::from_secs(2)).await;
    stage.workers.iter().for_each(|worker| worker.wake());
    clock.wake().await;
    let all = settled(&stage, &id, 9).await;
    let skipped = all.iter().filter(|firing| firing["status"] == "skipped").count();
    assert_eq!((all.len(), skipped), (12, 3), "{all:#?}");
    assert_eq!(all[0]["status"], "succeeded", "the newest");

    assert_eq!(rows(&stage).await, (18, 8), "two rows for each firing");
}
