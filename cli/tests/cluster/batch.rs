//! A table through a model into a table while workers die, sleep and lose the database: every row once.

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde_json::{Value, json};
use testkit::{Gcs, Notebook, Proxy, Size};
use tokio::time::{Instant, sleep};
use warehouse::{Disposition, Format, Import, Warehouse};

use crate::{Stage, stage};

/// How many files the input has, and rows each: each file is a shard.
const FILES: usize = 14;
const ROWS: usize = 50_000;
/// How often a worker is killed.
const KILLS: usize = 10;
/// How often the bucket is in trouble.
const TROUBLES: usize = 12;
/// How long the database is unavailable.
const UNAVAILABLE: Duration = Duration::from_secs(20);

/// A model that takes a second for some thousand rows.
const SLOW: &str = "import time
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
class Slow(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.n_features_in_, self.feature_names_in_ = 1, np.asarray(X.columns, dtype=object)
        return self
    def predict(self, X):
        time.sleep(1.0 * (len(X) > 1000))
        return np.asarray(X)[:, 0] * 2.0
X = X.iloc[:, :1].set_axis(['a'], axis=1)
model = Slow().fit(X, y)";

async fn fill(warehouse: &Warehouse, folder: &Path) {
    for part in 0..FILES {
        let lines = (part * ROWS..(part + 1) * ROWS).map(|id| format!("{id},{}.5", id % 1_000));
        let file = folder.join("part.csv");
        std::fs::write(&file, std::iter::once("id,a".to_owned()).chain(lines).collect::<Vec<_>>().join("\n"))
            .expect("written");
        let import = Import::open(&file, Format::of(&file).expect("CSV"), None).expect("rows");
        let table = "local.chaos.input".parse().expect("a name");
        let mut writer = warehouse.writer(&table, import.schema(), Disposition::Append).await.expect("a table");
        for batch in import {
            writer.write(&batch.expect("rows")).await.expect("written");
        }
        writer.commit(None).await.expect("committed");
    }
}

async fn now(stage: &Stage, id: &str) -> Option<Value> {
    stage.api().try_get(&format!("/api/batch-predictions/{id}")).await.ok()
}

/// Waits until more rows are done than before, for a while at most; whether all are.
async fn moves(stage: &Stage, id: &str, limit: Duration) -> bool {
    let (mut before, end) = (None, Instant::now() + limit);
    while Instant::now() < end {
        if let Some(batch) = now(stage, id).await {
            let done = batch["rows_done"].as_u64();
            if batch["status"] == "succeeded" || (before.is_some() && done > before) {
                return batch["status"] == "succeeded";
            }
            before = before.or(done);
        }
        sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_die_ten_times_sleep_and_lose_the_database_and_every_row_is_there_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let tables = folder.path().join("tables").display().to_string();
    let settings = vec![("MLSYS_WAREHOUSE", tables.clone())];
    let stage = stage(&Size { workers: 3, settings, ..Size::default() }).await;
    let warehouse = Warehouse::open(&tables, []).expect("a warehouse");
    fill(&warehouse, folder.path()).await;
    let id = started(&stage).await;

    let mut killed = 0;
    for turn in 0..KILLS {
        if moves(&stage, &id, stage.lease() * 2).await {
            break;
        }
        let worker = &stage.workers[turn % stage.workers.len()];
        stage.timeline.say(format!("{} is killed", worker.name()));
        worker.kill();
        killed += 1;
        match turn {
            2 => {
                // One goes on after its lease is another's.
                let sleeper = &stage.workers[0];
                sleeper.pause();
                sleep(stage.lease() + Duration::from_secs(2)).await;
                sleeper.wake();
            }
            5 => {
                stage.timeline.say("the database is unavailable");
                stage.postgres.pause();
                sleep(UNAVAILABLE).await;
                stage.postgres.wake();
            }
            _ => {}
        }
        worker.launch();
    }
    assert_eq!(killed, KILLS, "it was done too soon");
    ended(&stage, &id).await;
    let files = each_row_once(&warehouse).await;
    // Nothing of what was cut off is left, but what a worker that slept wrote after the end.
    let parts = std::fs::read_dir(folder.path().join("tables/local/chaos/output")).expect("its folder").flatten();
    let parts = parts.filter(|entry| entry.file_name().to_string_lossy().ends_with(".parquet")).count();
    assert_eq!(parts, files);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_busy_or_cut_off_in_the_middle_gets_every_row_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let gcs = Gcs::start();
    gcs.create_bucket("tables");
    let proxy = Proxy::to(&[gcs.port()]);
    let host = format!("http://127.0.0.1:{}", proxy.port());
    let settings = vec![("MLSYS_WAREHOUSE", "gs://tables/of-mlsys".to_owned()), ("STORAGE_EMULATOR_HOST", host)];
    let stage = stage(&Size { workers: 3, settings, ..Size::default() }).await;
    let warehouse = Warehouse::open("gs://tables/of-mlsys", [("STORAGE_EMULATOR_HOST", &*gcs.url())]).expect("a warehouse");
    fill(&warehouse, folder.path()).await;
    let id = started(&stage).await;
    let mut troubles = 0;
    while !now(&stage, &id).await.is_some_and(|batch| batch["status"] == "succeeded") && troubles < TROUBLES {
        match troubles % 3 {
            // Each request is tried again, but not as often as this.
            0 => gcs.fail_next([503; 20]),
            // Whatever is on its way arrives in part, or its answer does not.
            1 => proxy.cut(),
            _ => {
                proxy.reset();
                sleep(Duration::from_secs(2)).await;
                proxy.heal();
            }
        }
        stage.timeline.say(format!("trouble {troubles} for the bucket"));
        troubles += 1;
        sleep(Duration::from_millis(600)).await;
    }
    assert_eq!(troubles, TROUBLES, "it was done too soon");
    ended(&stage, &id).await;
    each_row_once(&warehouse).await;
}

/// Has the slow model deployed, and sends the input through it; answers the job's id.
async fn started(stage: &Stage) -> String {
    let repository = stage.repository("team/slow-tables").await;
    let notebook = Notebook::valid("slow-tables").with("mlops:training", SLOW).with("mlops:evaluation", "accuracy = 0.9");
    let pushed = stage.push_notebook(&repository, "n.ipynb", &notebook.json()).await;
    assert!(stage.api().succeeded(pushed).await.deployed);
    let api = stage.api();
    let body = json!({
        "model_name": "slow-tables", "environment": "dev", "job": "chaos",
        "input_table": "local.chaos.input", "output_table": "local.chaos.output",
    });
    // Two ask at once.
    let url = api.api("/api/batch-predictions");
    let (one, other) = tokio::join!(api.post(&url, &body), api.post(&url, &body));
    assert_eq!((one.0, other.0, &one.1["id"]), (202, 202, &other.1["id"]), "{one:?} {other:?}");
    assert_eq!(one.1["shards"], FILES);
    one.1["id"].as_str().expect("an id").to_owned()
}

/// Waits until the job is done.
async fn ended(stage: &Stage, id: &str) {
    let end = Instant::now() + Duration::from_mins(4);
    let done = loop {
        assert!(Instant::now() < end, "it does not come to its end: {:?}", now(stage, id).await);
        match now(stage, id).await {
            Some(batch) if batch["status"] == "succeeded" => break batch,
            Some(batch) => assert_ne!(batch["status"], "failed", "{batch}"),
            None => {}
        }
        sleep(Duration::from_millis(200)).await;
    };
    assert_eq!((&done["rows_done"], &done["rows_rejected"]), (&json!(FILES * ROWS), &json!(0)));
}

/// Looks at each row of the output; of how many files it is.
async fn each_row_once(warehouse: &Warehouse) -> usize {
    let snapshot = warehouse.snapshot(&"local.chaos.output".parse().expect("a name"), None).await.expect("a table");
    assert_eq!((snapshot.version(), snapshot.rows()), (0, Some((FILES * ROWS) as u64)));
    let mut seen = BTreeSet::new();
    for row in snapshot.sample(FILES * ROWS).await.expect("rows") {
        let (id, said) = (row["id"].as_u64().expect("a number"), row["Prediction"].as_f64());
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let expected = ((id % 1_000) as f64 + 0.5) * 2.0;
        assert_eq!(said, Some(expected), "{row}");
        assert!(seen.insert(id), "{id} is there twice");
    }
    assert_eq!(seen.len(), FILES * ROWS);
    snapshot.files().len()
}
