//! Tables through models into tables, by the command line and the API, with a real model of a push; and killed on the way.

use std::{fs, process::Output, time::Duration};

use serde_json::{Value, json};
use testkit::{Mlsys, Notebook, Options, Project, workspace_root};

use crate::{BINARY, mlsys};

fn run(mlsys: &Mlsys, arguments: &[&str]) -> Output {
    tokio::task::block_in_place(|| mlsys.cli(arguments).output().expect("mlsys runs"))
}

/// What a command says that must succeed.
fn says(mlsys: &Mlsys, arguments: &[&str]) -> String {
    let answer = run(mlsys, arguments);
    assert!(answer.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).expect("UTF-8")
}

fn json_of(mlsys: &Mlsys, arguments: &[&str]) -> Value {
    serde_json::from_str(&says(mlsys, &[arguments, &["--json"]].concat())).expect("JSON")
}

/// What a command says that must fail.
fn fails(mlsys: &Mlsys, arguments: &[&str]) -> String {
    let answer = run(mlsys, arguments);
    assert!(!answer.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&answer.stdout));
    String::from_utf8(answer.stderr).expect("UTF-8")
}

/// A table as the lines of a CSV file, without its head.
fn lines(mlsys: &Mlsys, table: &str, columns: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.csv").display().to_string();
    says(mlsys, &["tables", "export", table, &file, "--columns", columns]);
    fs::read_to_string(file).expect("written").lines().skip(1).map(str::to_owned).collect()
}

fn import(mlsys: &Mlsys, table: &str, csv: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("in.csv");
    fs::write(&file, csv).expect("written");
    says(mlsys, &["tables", "import", &file.display().to_string(), table]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_titanic_example_scores_a_table_as_it_scores_rows() {
    let mlsys = mlsys();
    let notebooks = workspace_root().join("notebooks");
    let example = fs::read_to_string(notebooks.join("titanic-survival-example.ipynb")).expect("the example");
    let project = Project::new(mlsys, "titanic-in-a-table");
    let passengers = fs::read_to_string(notebooks.join("titanic.csv")).expect("its data");
    project.write("titanic.csv", &passengers);
    let example = example.replace("titanic-survival", "titanic-in-a-table");
    assert!(mlsys.succeeded(project.push_notebook("model.ipynb", example)).await.deployed);
    import(mlsys, "local.titanic.all", &passengers);
    let count = passengers.lines().count() - 1;

    let start = ["batch", "start", "--model", "titanic-in-a-table", "--input", "local.titanic.all", "--output"];
    let preview = json_of(mlsys, &[&start[..], &["local.titanic.scored", "--dry-run"]].concat());
    assert_eq!((preview["rows"].as_u64(), preview["version"].as_u64()), (Some(count as u64), Some(1)), "{preview}");
    assert!(fails(mlsys, &["tables", "show", "local.titanic.scored"]).contains("no table"), "it was only looked");
    let done = json_of(mlsys, &[&start[..], &["local.titanic.scored", "--job", "once"]].concat());
    assert_eq!(
        (&done["status"], &done["rows_done"], &done["rows_rejected"]),
        (&json!("succeeded"), &json!(count), &json!(0))
    );
    let again = json_of(mlsys, &[&start[..], &["local.titanic.scored", "--job", "once"]].concat());
    assert_eq!(again["id"], done["id"], "the job is the same");
    for other in [vec!["local.titanic.other"], vec!["local.titanic.scored", "--write-disposition", "WRITE_TRUNCATE"]] {
        let said = fails(mlsys, &[&start[..], &other[..], &["--job", "once"]].concat());
        assert!(said.contains("was another one"), "{said}");
    }

    // Asked row by row, the model says the same.
    let table = mlsys.get("/api/tables/local.titanic.scored/sample?rows=1000").await;
    let (columns, rows) = (table["columns"].as_array().expect("names"), table["rows"].as_array().expect("rows"));
    assert_eq!(rows.len(), count, "each once");
    let at = |name: &str| columns.iter().position(|column| column == name).expect("a column");
    let (said, probable) = (at("Prediction"), at("PredictionProbability"));
    let records: Vec<Value> = rows
        .iter()
        .map(|row| {
            let fields = columns.iter().zip(row.as_array().expect("a row"));
            fields
                .map(|(name, value)| (name.as_str().expect("a name").to_owned(), value.clone()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        })
        .collect();
    let (status, answer) = mlsys.post(&mlsys.api("/api/models/titanic-in-a-table/predict"), &json!(records)).await;
    assert_eq!(status, 200, "{answer}");
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row[said], answer["predictions"][at], "row {at}");
        let best =
            answer["probabilities"][at].as_array().expect("numbers").iter().filter_map(Value::as_f64).fold(0.0, f64::max);
        assert!((row[probable].as_f64().expect("a number") - best).abs() < 1e-12, "row {at}");
    }

    // As one call, by flags, by words, and over HTTP.
    let words = ["predict", "dev", "local.titanic.all", "local.titanic.more", "titanic-in-a-table", "v1"];
    assert!(says(mlsys, &words).contains("succeeded"));
    let flags = ["--env", "dev", "--input_table", "local.titanic.all", "--output_table", "local.titanic.more"];
    let model = ["--model_name", "titanic-in-a-table", "--model_version", "v1"];
    says(mlsys, &[&["predict"], &flags[..], &model[..]].concat());
    let query = "env=dev&input_table=local.titanic.all&output_table=local.titanic.more&model_name=titanic-in-a-table&model_version=1";
    assert_eq!(mlsys.get(&format!("/predict?{query}")).await["status"], "succeeded");
    assert_eq!(mlsys.get("/api/tables/local.titanic.more").await["rows"], 3 * count);
    let noted = mlsys.get("/api/audit?action=batch_predictions&limit=100").await;
    let noted = noted["items"].as_array().expect("entries");
    let into = |table: &str| {
        noted.iter().filter(|entry| entry["after"].as_str().is_some_and(|after| after.ends_with(table))).count()
    };
    assert_eq!((into("into local.titanic.scored"), into("into local.titanic.more")), (1, 3), "{noted:?}");
    let listed = json_of(mlsys, &["batch", "list", "--model", "titanic-in-a-table"]);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(4), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_scored_is_told_before_or_kept_apart() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "flowers-in-a-table");
    // Two columns of which the model takes no gap.
    let notebook = Notebook::valid("flowers-in-a-table")
        .with("mlops:preprocessing", "X = X.iloc[:, :2].set_axis(['length', 'width'], axis=1)");
    assert!(mlsys.succeeded(project.push_notebook("model.ipynb", notebook.json())).await.deployed);
    import(mlsys, "local.flowers.some", "id,length,width\na,5.1,3.5\nb,,3.0\nc,7.0,3.2\n");
    import(mlsys, "local.flowers.narrow", "id,length\na,5.1\n");
    import(mlsys, "local.flowers.words", "length,width\n5.1,wide\n");
    import(mlsys, "local.flowers.none", "id,length,width\n");
    let start = |input: &'static str, output: &'static str| {
        vec!["batch", "start", "--model", "flowers-in-a-table", "--input", input, "--output", output]
    };
    for (input, output, more, expected) in [
        ("local.flowers", "local.flowers.out", vec![], "project.dataset.table"),
        ("local.flowers.nothing", "local.flowers.out", vec![], "no table local.flowers.nothing"),
        ("local.flowers.narrow", "local.flowers.out", vec![], "lacks \"width\""),
        ("local.flowers.words", "local.flowers.out", vec![], "values of type string"),
        ("local.flowers.none", "local.flowers.out", vec![], "has no rows"),
        ("local.flowers.some", "local.flowers.narrow", vec!["--write-disposition", "WRITE_EMPTY"], "WRITE_EMPTY"),
        ("local.flowers.some", "local.flowers.narrow", vec![], "width"),
        ("local.flowers.some", "local.flowers.out", vec!["--version", "9"], "no version 9"),
        ("local.flowers.some", "local.flowers.out", vec!["--env", "prod"], "deployed in prod"),
        ("local.flowers.some", "local.flowers.out", vec!["--id-columns", "name"], "no such column"),
        ("local.flowers.some", "local.flowers.out", vec!["--stop-on-reject"], "row 1 of the input"),
    ] {
        let said = fails(mlsys, &[start(input, output), more].concat());
        assert!(said.contains(expected), "{input}: {said}");
        assert!(
            fails(mlsys, &["tables", "show", "local.flowers.out"]).contains("no table"),
            "{expected}: nothing of it is there"
        );
    }
    let done = json_of(mlsys, &[start("local.flowers.some", "local.flowers.out"), vec!["--id-columns", "id"]].concat());
    assert_eq!(
        (&done["status"], &done["rows_done"], &done["rows_rejected"]),
        (&json!("succeeded"), &json!(3), &json!(1)),
        "{done}"
    );
    assert_eq!(
        lines(mlsys, "local.flowers.out", "id,Prediction,ModelName"),
        ["a,0,flowers-in-a-table", "c,1,flowers-in-a-table"]
    );
    let rejects = lines(mlsys, "local.flowers.out_rejects", "id,RejectReason");
    assert!(rejects.len() == 1 && rejects[0].starts_with("b,") && rejects[0].contains("missing"), "{rejects:?}");
    let failed = json_of(mlsys, &["batch", "list", "--model", "flowers-in-a-table", "--status", "failed"]);
    assert_eq!(failed["items"].as_array().map(Vec::len), Some(1), "{failed}");
}

/// How many rows are scored while mlsys is killed again and again, by a model that takes its time.
const ROWS: usize = 700_000;
const SLOW: &str = "import time
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
class Slow(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self
    def predict(self, X):
        time.sleep(0.05 * (len(X) > 1000))
        return np.asarray(X)[:, 0] * 2.0
X = X.iloc[:, :1].set_axis(['a'], axis=1)
model = Slow().fit(X, y)";

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_a_job_has_every_row_once() {
    let mut mlsys = Mlsys::start(BINARY, Options::default());
    let project = Project::new(&mlsys, "slow-in-a-table");
    let notebook =
        Notebook::valid("slow-in-a-table").with("mlops:training", SLOW).with("mlops:evaluation", "accuracy = 0.9");
    let pipeline = mlsys.succeeded(project.push_notebook("model.ipynb", notebook.json())).await;
    assert!(pipeline.deployed, "{:?}", pipeline.reason);
    for part in 0..7 {
        let rows = ROWS / 7;
        let lines = (part * rows..(part + 1) * rows).map(|id| format!("{id},{}.5", id % 1_000));
        let text = std::iter::once("id,a".to_owned()).chain(lines).collect::<Vec<_>>().join("\n");
        import(&mlsys, "local.big.input", &text);
    }
    let start =
        ["batch", "start", "--model", "slow-in-a-table", "--input", "local.big.input", "--output", "local.big.output"];
    let made = json_of(&mlsys, &[&start[..], &["--detach"]].concat());
    assert_eq!(made["shards"], 7, "{made}");
    let id = made["id"].as_str().expect("an id").to_owned();
    let mut killed = 0;
    while killed < 3 {
        let before = now(&mlsys, &id).await;
        if before["status"] == "succeeded" {
            break;
        }
        let seen = before["rows_done"].as_u64();
        let moved = async {
            while now(&mlsys, &id).await["rows_done"].as_u64() == seen {
                pause().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(2), moved).await.expect("it goes on");
        mlsys.kill();
        mlsys.resume();
        killed += 1;
    }
    assert!(killed > 1, "it was done before it could be killed");
    let said = says(&mlsys, &["batch", "wait", &id]);
    assert!(said.contains("succeeded"), "{said}");
    let mut rows: Vec<(usize, String)> = lines(&mlsys, "local.big.output", "id,Prediction")
        .iter()
        .filter_map(|line| line.split_once(','))
        .map(|(id, said)| (id.parse().expect("a number"), said.to_owned()))
        .collect();
    rows.sort_unstable();
    assert_eq!(rows.len(), ROWS);
    for (at, (id, said)) in rows.iter().enumerate() {
        assert_eq!(
            (*id, said.parse::<f64>().ok()),
            (at, format!("{}.5", at % 1_000).parse::<f64>().ok().map(|given| given * 2.0))
        );
    }

    // Cancelled, and gone on with.
    let made = json_of(&mlsys, &[&start[..7], &["local.big.other", "--detach"]].concat());
    let id = made["id"].as_str().expect("an id").to_owned();
    let begun = async {
        while now(&mlsys, &id).await["status"] == "queued" {
            pause().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), begun).await.expect("it begins");
    assert_eq!(json_of(&mlsys, &["batch", "cancel", &id])["status"], "cancelled");
    assert!(fails(&mlsys, &["batch", "wait", &id]).contains("mlsys batch resume"));
    let resumed = async {
        while !run(&mlsys, &["batch", "resume", &id]).status.success() {
            pause().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), resumed).await.expect("it goes on");
    assert_eq!(mlsys.get("/api/tables/local.big.other").await["rows"], ROWS);
}

async fn now(mlsys: &Mlsys, id: &str) -> Value {
    mlsys.get(&format!("/api/batch-predictions/{id}")).await
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}
