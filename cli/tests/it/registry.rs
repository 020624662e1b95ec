//! The registry: what lies in an environment's bucket, whoever put it there.

use std::fs;

use serde_json::{Value, json};
use testkit::{Mlsys, Notebook, Options, Project};

use crate::BINARY;

fn scan(mlsys: &Mlsys, more: &[&str]) -> Value {
    let arguments = [&["registry", "scan", "--json"], more].concat();
    let answer = tokio::task::block_in_place(|| mlsys.cli(&arguments).output().expect("mlsys runs"));
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    serde_json::from_slice(&answer.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_a_bucket_is_in_its_table_whoever_put_it_there() {
    // Of its own: nobody else's models are there.
    let mlsys = Mlsys::start(BINARY, Options::default());
    let nothing = scan(&mlsys, &["--env", "staging"]);
    assert_eq!((&nothing["versions"], &nothing["written"]), (&json!([]), &json!(false)));

    let project = Project::new(&mlsys, "irises");
    assert!(mlsys.succeeded(project.push_notebook("model.ipynb", Notebook::valid("irises").json())).await.deployed);
    let bucket = mlsys.home().join("artifacts/mlsys-models-dev");
    let put = |folder: &str, file: &str, text: &str| {
        fs::create_dir_all(bucket.join(folder)).expect("a folder");
        fs::write(bucket.join(folder).join(file), text).expect("written");
    };
    put("by-hand/v9", "model.pkl", "pickled");
    put("by-hand/v10", "model.pkl", "pickled more");
    put("by-hand/v10", "metadata.json", r#"{"uploader": "ada", "metrics": {"accuracy": 0.8}}"#);
    put("by-hand/v11", "metadata.json", "{}");
    put("broken/v1", "model.pkl", "pickled");
    put("broken/v1", "metadata.json", "{");
    put("by-hand/latest", "model.pkl", "pickled");

    let looked = scan(&mlsys, &["--dry-run"]);
    assert_eq!(looked["written"], false);
    let refused = tokio::task::block_in_place(|| mlsys.cli(&["tables", "show", "local.mlsys_dev.model_registry"]).output());
    assert!(!refused.expect("mlsys runs").status.success(), "it was only looked");

    let found = scan(&mlsys, &[]);
    assert_eq!(found["added"], json!(["broken/v1", "by-hand/v9", "by-hand/v10", "irises/v1"]), "{found}");
    assert_eq!((&found["added"], &found["written"]), (&looked["added"], &json!(true)));
    let problems = found["problems"].as_array().expect("a list");
    assert!(
        problems.iter().any(|problem| problem.as_str().is_some_and(|problem| problem.starts_with("broken/v1/metadata")))
    );
    assert!(problems.iter().any(|problem| problem.as_str().is_some_and(|problem| problem.contains("by-hand/latest"))));
    assert_eq!(problems.len(), 2, "{problems:?}");
    let table = mlsys.get("/api/tables/local.mlsys_dev.model_registry/sample?rows=100").await;
    let names = table["columns"].as_array().expect("names");
    let row = |model: &str, version: u64| {
        let at = |name: &str| names.iter().position(|column| column == name).expect("a column");
        let rows = table["rows"].as_array().expect("rows");
        let row = rows.iter().find(|row| row[at("name")] == model && row[at("version")] == version).expect("a row");
        ["path", "size", "uploader", "metrics"].map(|name| row[at(name)].clone())
    };
    let [path, size, uploader, metrics] = row("by-hand", 10);
    assert_eq!((path, uploader), (json!("by-hand/v10/model.pkl"), json!("ada")));
    assert_eq!((size, metrics), (json!(12 + 49), json!(r#"{"accuracy":0.8}"#)));
    assert_eq!(row("by-hand", 9)[2..], [Value::Null, Value::Null]);
    let [_, size, uploader, metrics] = row("irises", 1);
    assert_eq!(uploader, "mlsys");
    assert!(size.as_u64() > Some(1000) && metrics.as_str().is_some_and(|metrics| metrics.contains("accuracy")));

    // Once more, nothing changes; then something does.
    let again = scan(&mlsys, &[]);
    assert_eq!((&again["written"], &again["versions"]), (&json!(false), &found["versions"]));
    fs::remove_dir_all(bucket.join("by-hand/v9")).expect("removed");
    put("by-hand/v10", "model.pkl", "pickled anew");
    put("by-hand/v12", "model.pkl", "pickled");
    let answer = mlsys.get("/model-registry?env=dev").await;
    assert_eq!(
        (&answer["added"], &answer["changed"], &answer["removed"]),
        (&json!(["by-hand/v12"]), &json!(["by-hand/v10"]), &json!(["by-hand/v9"])),
        "{answer}"
    );
    let of = |scan: &Value, version: u64| {
        let versions = scan["versions"].as_array().expect("a list").clone();
        versions.into_iter().find(|one| one["name"] == "by-hand" && one["version"] == version).expect("a version")
    };
    assert_eq!(of(&answer, 10)["registered_at"], of(&found, 10)["registered_at"], "since then");

    // On a schedule.
    put("by-hand/v13", "model.pkl", "pickled");
    for arguments in [
        &["schedules", "create", "registry-scan", "--env", "dev", "--cron", "@hourly"][..],
        &["schedules", "run", "registry-scan-dev", "--wait"],
    ] {
        let answer = tokio::task::block_in_place(|| mlsys.cli(arguments).output().expect("mlsys runs"));
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        if arguments[1] == "run" {
            let said = String::from_utf8_lossy(&answer.stdout);
            assert!(said.contains("5 versions: 1 new, 0 changed, 0 gone"), "{said}");
        }
    }
    assert_eq!(scan(&mlsys, &[])["written"], false);
}
