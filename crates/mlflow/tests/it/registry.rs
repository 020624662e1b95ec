use std::{collections::BTreeMap, fs, path::Path, process::Command};

use mlflow::{Client, LoggedModel, MlflowError};

use crate::{client, config, run, url};

const MLMODEL: &str = "\
flavors:
  python_function:
    loader_module: twice
    code: code
    env: {virtualenv: python_env.yaml}
    python_version: 3.11.7
mlflow_version: 3.17.2
";

/// A model that MLflow can load: it doubles what it is given.
fn package(directory: &Path) {
    fs::create_dir_all(directory.join("code")).unwrap();
    fs::write(directory.join("MLmodel"), MLMODEL).unwrap();
    fs::write(directory.join("python_env.yaml"), "python: 3.11.7\ndependencies: []\n").unwrap();
    let module = "class Twice:\n    def predict(self, data, params=None):\n        return data * 2\n\n\ndef _load_pyfunc(path):\n    return Twice()\n";
    fs::write(directory.join("code/twice.py"), module).unwrap();
}

#[tokio::test]
async fn a_model_is_uploaded_registered_as_the_next_version_and_found_by_its_run_and_its_alias() {
    let client = client();
    let name = "titanic";
    let directory = tempfile::tempdir().unwrap();
    package(directory.path());
    assert_eq!(client.get_alias(name, "dev").await.unwrap(), None, "no such model");
    client.ensure_registered_model(name).await.unwrap();
    client.ensure_registered_model(name).await.unwrap();
    assert_eq!(client.get_alias(name, "dev").await.unwrap(), None, "no such alias");

    for version in 1..=2 {
        let run = run(&client, "registered", &[]).await;
        let (experiment_id, run_id) = (run.experiment_id.as_str(), run.run_id.as_str());
        let model = LoggedModel { experiment_id, run_id, name: "model", directory: directory.path() };
        let model_id = client.upload_model(model).await.unwrap();
        assert!(model_id.starts_with("m-"));
        assert_eq!(client.find_versions_by_run(name, run_id).await.unwrap(), [0; 0]);
        let tags = BTreeMap::from([("mlsys.commit".to_owned(), "0123".to_owned())]);
        assert_eq!(client.create_version(name, &model_id, run_id, &tags).await.unwrap(), version);
        assert_eq!(client.find_versions_by_run(name, run_id).await.unwrap(), [version]);
        client.set_alias(name, "dev", version).await.unwrap();
        assert_eq!(client.get_alias(name, "dev").await.unwrap(), Some(version));
    }
    client.set_alias(name, "dev", 1).await.unwrap();
    assert_eq!(client.get_alias(name, "dev").await.unwrap(), Some(1));

    loads_with_mlflow_itself(&format!("models:/{name}@dev"));
    an_alias_follows_what_changes_meanwhile(&client, name).await;
    for _again in 0..2 {
        client.delete_version(name, 2).await.unwrap();
    }
}

async fn an_alias_follows_what_changes_meanwhile(client: &Client, name: &str) {
    let mut news = [Some(1), Some(2), Some(2)].into_iter();
    let current = || std::future::ready(Ok::<_, MlflowError>(news.next().unwrap()));
    client.align_alias(name, "staging", current).await.unwrap();
    assert_eq!(client.get_alias(name, "staging").await.unwrap(), Some(2));
    for _again in 0..2 {
        client.align_alias(name, "staging", || std::future::ready(Ok::<_, MlflowError>(None))).await.unwrap();
        assert_eq!(client.get_alias(name, "staging").await.unwrap(), None);
    }
    client.delete_alias("never-registered", "staging").await.unwrap();
}

fn loads_with_mlflow_itself(model: &str) {
    let script = "import sys, mlflow; print('answer', mlflow.pyfunc.load_model(sys.argv[1]).predict(21))";
    let directory = crate::fresh_directory("loads");
    let output = Command::new(config(Path::new("."), 0).python)
        .args(["-c", script, model])
        .env("MLFLOW_TRACKING_URI", url())
        .current_dir(directory)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("answer 42"), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
