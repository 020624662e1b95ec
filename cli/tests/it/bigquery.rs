//! Tables in `BigQuery`, by nothing but settings: the command line, a batch prediction and the registry.

use std::fs;

use serde_json::{Value, json};
use testkit::{BigQuery, Mlsys, Notebook, Options, Project};

use crate::BINARY;

const PROJECT: &str = "project-of-tests";

fn says(mlsys: &Mlsys, arguments: &[&str]) -> String {
    let answer = tokio::task::block_in_place(|| mlsys.cli(arguments).output().expect("mlsys runs"));
    assert!(answer.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).expect("UTF-8")
}

fn json_of(mlsys: &Mlsys, arguments: &[&str]) -> Value {
    serde_json::from_str(&says(mlsys, &[arguments, &["--json"]].concat())).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_in_bigquery_are_imported_scored_scanned_and_exported_by_settings_alone() {
    let server = tokio::task::spawn_blocking(BigQuery::start).await.expect("it starts");
    for dataset in ["flowers", "mlsys_dev"] {
        server.create_dataset(PROJECT, dataset).await;
    }
    let place = ("MLSYS_WAREHOUSE", server.address(PROJECT));
    let environment = server.access().into_iter().chain([place]).map(|(name, value)| (name.to_owned(), value)).collect();
    let mlsys = Mlsys::start(BINARY, Options { environment });

    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("in.csv"), "id,length,width\na,5.1,3.5\nb,,3.0\nc,7.0,3.2\n").expect("written");
    assert!(says(&mlsys, &["tables", "list"]).contains("no tables in bigquery://"));
    says(&mlsys, &["tables", "import", &path("in.csv"), "local.flowers.some"]);
    let shown = json_of(&mlsys, &["tables", "show", &format!("{PROJECT}.flowers.some")]);
    assert_eq!((&shown["rows"], &shown["sample"][2]["length"]), (&json!(3), &json!(7.0)));

    let project = Project::new(&mlsys, "flowers-in-bigquery");
    let notebook = Notebook::valid("flowers-in-bigquery")
        .with("mlops:preprocessing", "X = X.iloc[:, :2].set_axis(['length', 'width'], axis=1)");
    assert!(mlsys.succeeded(project.push_notebook("model.ipynb", notebook.json())).await.deployed);
    let start = ["batch", "start", "--model", "flowers-in-bigquery", "--input", "local.flowers.some", "--id-columns", "id"];
    let preview = json_of(&mlsys, &[&start[..], &["--output", "local.flowers.out", "--dry-run"]].concat());
    assert_eq!(preview["rows"], 3, "{preview}");
    let done = json_of(&mlsys, &[&start[..], &["--output", "local.flowers.out", "--job", "once"]].concat());
    assert_eq!(
        (&done["status"], &done["rows_done"], &done["rows_rejected"]),
        (&json!("succeeded"), &json!(3), &json!(1)),
        "{done}"
    );
    says(&mlsys, &["tables", "export", "local.flowers.out", &path("out.csv"), "--columns", "id,Prediction"]);
    assert_eq!(fs::read_to_string(path("out.csv")).expect("written"), "id,Prediction\na,0\nc,1\n");
    let scanned = json_of(&mlsys, &["registry", "scan"]);
    assert_eq!((&scanned["added"], &scanned["written"]), (&json!(["flowers-in-bigquery/v1"]), &json!(true)));
    assert_eq!(json_of(&mlsys, &["registry", "scan"])["written"], false, "nothing is new");

    let listed = json_of(&mlsys, &["tables", "list"]);
    let names = listed["items"].as_array().expect("tables").iter().map(|table| table["table"].as_str().unwrap_or_default());
    let expected = ["flowers.out", "flowers.out_rejects", "flowers.some", "mlsys_dev.model_registry"];
    assert_eq!(names.collect::<Vec<_>>(), expected.map(|name| format!("{PROJECT}.{name}")));
    let table = mlsys.get("/api/tables/local.flowers.out").await;
    assert_eq!((&table["rows"], table["versions"].as_array().map(Vec::len)), (&json!(2), Some(1)), "{table}");
}
