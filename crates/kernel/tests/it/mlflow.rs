//! Notebooks that use MLflow in a run that the platform has begun.

use std::{collections::BTreeMap, fs, path::Path, process::Command, sync::LazyLock};

use kernel::{Kernel, KernelSpec, Outcome};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Bench, Done, python, spec};

const BEGIN: &str = "import mlflow\nclient = mlflow.MlflowClient()\nexperiment = client.create_experiment('pipeline')\n\
                     print(experiment, client.create_run(experiment).info.run_id)";
const AUTOLOG: &str = "import mlflow.sklearn\nfrom sklearn.linear_model import LinearRegression\nmlflow.sklearn.autolog(log_models=False)\n\
                       fitted = LinearRegression().fit([[0], [1], [2]], [0, 1, 2])\nmlflow.log_metric('c', 3)";

/// The environment that leads to a file store.
fn environment(store: &Path) -> BTreeMap<String, String> {
    let uri = format!("file://{}", store.display());
    let pairs = [("MLFLOW_TRACKING_URI", uri.as_str()), ("MLFLOW_ALLOW_FILE_STORE", "true")];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A folder with a file `store` that has an experiment and a run, and the ids of both: made once, as MLflow takes seconds to import.
fn begun() -> &'static (TempDir, String, String) {
    static BEGUN: LazyLock<(TempDir, String, String)> = LazyLock::new(|| {
        let folder = testkit::folder("mlsys-mlflow-store-");
        let answer =
            Command::new(python()).args(["-c", BEGIN]).envs(environment(&folder.path().join("store"))).output().unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        let answer = String::from_utf8(answer.stdout).unwrap();
        let (experiment, run) = answer.trim().split_once(' ').unwrap();
        (folder, experiment.to_owned(), run.to_owned())
    });
    &BEGUN
}

/// Copies a folder of text files, with one text in place of another.
fn copy(from: &Path, to: &Path, [old, new]: [&str; 2]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to, [old, new]);
        } else {
            fs::write(to, fs::read_to_string(from).unwrap().replace(old, new)).unwrap();
        }
    }
}

/// The metrics of all runs of a file store that are not deleted, by the runs' ids.
fn metrics(store: &Path) -> Value {
    let folders = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let experiments = folders(store).into_iter().filter(|folder| !folder.ends_with(".trash"));
    let runs = experiments.flat_map(|folder| folders(&folder)).filter(|run| run.join("metrics").is_dir());
    let active = runs.filter(|run| fs::read_to_string(run.join("meta.yaml")).unwrap().contains("lifecycle_stage: active"));
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let listed = active.map(|run| {
        let mut metrics: Vec<_> = folders(&run.join("metrics")).iter().map(|path| name(path)).collect();
        metrics.sort();
        (name(&run), json!(metrics))
    });
    Value::Object(listed.collect())
}

/// Runs cells in a run that was begun for them; answers its id and the metrics of all runs of the store.
async fn joined(cells: &[(&str, &str)], kernel: Kernel) -> (Done, String, Value) {
    let mut bench = Bench::new(cells);
    let (folder, experiment, run) = begun();
    let (begun, own) = (folder.path().join("store"), bench.folder.path().join("store"));
    // Its files name the folder that they lie in.
    copy(&begun, &own, [&begun, &own].map(|path| path.to_str().unwrap()));
    bench.request.environment = environment(&own);
    bench.request.environment.insert("MLFLOW_EXPERIMENT_ID".to_owned(), experiment.clone());
    bench.request.environment.insert("MLFLOW_RUN_ID".to_owned(), run.clone());
    let done = bench.run_on(kernel).await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    (done, run.clone(), metrics(&own))
}

#[tokio::test]
async fn all_that_a_notebook_logs_lands_in_the_run_begun_for_it() {
    let cells = [
        ("", "import mlflow\nprint(mlflow.set_experiment('x').name)"),
        (
            "",
            "with mlflow.start_run(run_name='mine', experiment_id='0'):\n    mlflow.log_metric('a', 1)\nmlflow.log_metric('b', 2)\nmlflow.end_run()",
        ),
        ("", AUTOLOG),
    ];
    let (done, run, runs) = joined(&cells, crate::harness::kernel().await).await;
    assert!(done.text(0).contains("pipeline\n") && done.text(0).contains("stays in the pipeline's experiment 'pipeline'"));
    let metrics = runs[&run].as_array().unwrap();
    for metric in ["a", "b", "c", "training_score"] {
        assert!(metrics.contains(&json!(metric)), "{metric}: {runs}");
    }
    assert_eq!(runs.as_object().unwrap().len(), 1, "{runs}");
}

#[tokio::test]
async fn a_search_over_parameters_makes_children_and_keeps_the_run() {
    let search = "import mlflow\nfor alpha in (1, 2, 3):\n    with mlflow.start_run():\n        mlflow.log_param('alpha', alpha)\n        \
                  mlflow.log_metric('score', alpha)\nmlflow.log_metric('best', 3)";
    let (_, run, mut runs) = joined(&[("", search)], crate::harness::kernel().await).await;
    assert_eq!(runs.as_object_mut().unwrap().remove(&run), Some(json!(["best", "score"])));
    assert_eq!(runs.as_object().unwrap().values().collect::<Vec<_>>(), [&json!(["score"]), &json!(["score"])]);
}

#[tokio::test]
async fn a_kernel_that_has_mlflow_imported_ahead_joins_as_well() {
    let cells = [(
        "",
        "import mlflow\nexperiment = mlflow.set_experiment('x')\nwith mlflow.start_run():\n    mlflow.log_metric('a', 1)\n    \
         with mlflow.start_run(nested=True):\n        mlflow.log_metric('inner', 1)\nmlflow.log_metric('b', 2)",
    )];
    let kernel = Kernel::start(&KernelSpec { preload: vec!["mlflow".to_owned()], ..spec() }).await.unwrap();
    let (_, run, mut runs) = joined(&cells, kernel).await;
    assert_eq!(runs.as_object_mut().unwrap().remove(&run), Some(json!(["a", "b"])));
    assert_eq!(runs.as_object().unwrap().values().collect::<Vec<_>>(), [&json!(["inner"])]);
}

#[tokio::test]
async fn without_a_run_begun_for_it_a_notebook_chooses_experiment_and_runs() {
    let code = "import mlflow\nprint(mlflow.set_experiment('x').name)\nfor _ in range(2):\n    with mlflow.start_run():\n        pass";
    let mut bench = Bench::new(&[("", code)]);
    let own = bench.folder.path().join("store");
    bench.request.environment = environment(&own);
    let done = bench.run().await;
    assert!(done.text(0).contains("x\n"), "{}", done.report.outcome);
    let runs = metrics(&own);
    assert_eq!(runs.as_object().unwrap().len(), 2, "{runs}");
}

/// Runs a cell that has a metric logged; answers what the log says, having seen that the run has the metric.
async fn stays(code: &str) -> Done {
    let started = std::time::Instant::now();
    let (done, run, runs) = joined(&[("", code)], crate::harness::kernel().await).await;
    assert_eq!(runs, json!({ &run: ["a"] }), "{code}");
    assert!(started.elapsed() < std::time::Duration::from_mins(1), "{code}");
    done
}

const LOG: &str = "with mlflow.start_run():\n    mlflow.log_metric('a', 1)\n";

#[tokio::test]
async fn the_run_stays_whatever_server_the_notebook_names() {
    let set = "import mlflow\nfor uri in ['sqlite:///mlflow.db', 'http://nowhere.invalid:5000', 'file:mlruns', 'databricks', '']:\n    \
               mlflow.set_tracking_uri(uri)\n";
    let done = stays(&format!("{set}{LOG}")).await;
    assert_eq!(done.text(0).matches("set_tracking_uri: this run stays").count(), 5, "{}", done.text(0));
    let before = "import os\nos.environ['MLFLOW_TRACKING_URI'] = 'http://127.0.0.1:9'\nimport mlflow\n\
                  from mlflow.tracking import set_tracking_uri, MlflowClient\nset_tracking_uri('x')\n\
                  mlflow.set_registry_uri('sqlite:///r.db')\nmlflow.search_registered_models()\n\
                  assert MlflowClient('sqlite:///x.db').get_run(mlflow.start_run().info.run_id)\nmlflow.end_run()\n\
                  os.environ['MLFLOW_TRACKING_URI'] = 'sqlite:///y.db'\n\
                  MlflowClient(tracking_uri='http://127.0.0.1:9').log_metric(mlflow.start_run().info.run_id, 'a', 1)\n";
    let (done, _, runs) = joined(&[("", before)], crate::harness::kernel().await).await;
    // The second run that a notebook starts is a child of its first.
    assert!(runs.to_string().contains(r#"["a"]"#), "{runs}");
    for (word, count) in [("set_tracking_uri", 1), ("set_registry_uri", 1), ("MlflowClient", 2), ("MLFLOW_TRACKING_URI", 2)]
    {
        assert_eq!(done.text(0).matches(&format!("{word}: this")).count(), count, "{word}: {}", done.text(0));
    }
}

#[tokio::test]
async fn a_notebook_cannot_delete_what_its_pipeline_needs() {
    let code = "import os, mlflow\nrun, experiment = os.environ['MLFLOW_RUN_ID'], os.environ['MLFLOW_EXPERIMENT_ID']\n\
                mlflow.delete_run(run)\nmlflow.MlflowClient().delete_run(run_id=run)\nmlflow.delete_experiment(experiment)\n\
                with mlflow.start_run():\n    with mlflow.start_run(nested=True) as child: pass\n\
                mlflow.delete_run(child.info.run_id)\nmlflow.log_metric('a', 1)";
    let done = stays(code).await;
    assert_eq!(done.text(0).matches("nothing is deleted").count(), 3, "{}", done.text(0));
}

#[tokio::test]
async fn a_run_that_the_notebook_names_by_its_id_is_the_one_it_gets() {
    let code = "import mlflow\nwith mlflow.start_run() as run:\n    mlflow.log_metric('a', 1)\n\
                with mlflow.start_run(run_id=run.info.run_id):\n    mlflow.log_metric('b', 1)\n    \
                with mlflow.start_run(nested=True, experiment_id='0'):\n        mlflow.log_metric('c', 1)";
    let (_, run, mut runs) = joined(&[("", code)], crate::harness::kernel().await).await;
    assert_eq!(runs.as_object_mut().unwrap().remove(&run), Some(json!(["a", "b"])));
    assert_eq!(runs.as_object().unwrap().values().collect::<Vec<_>>(), [&json!(["c"])]);
}

#[tokio::test]
async fn models_are_logged_whatever_they_are_made_of() {
    let code = "import mlflow, mlflow.sklearn, numpy as np\nfrom sklearn.pipeline import make_pipeline\n\
                from sklearn.preprocessing import FunctionTransformer\nfrom sklearn.linear_model import LinearRegression\n\
                X, y = np.arange(40.).reshape(20, 2), np.arange(20.)\ndef mine(x): return x * 2\n\
                model = make_pipeline(FunctionTransformer(mine), LinearRegression()).fit(X, y)\n\
                with mlflow.start_run():\n    mlflow.log_metric('a', 1)\n    at = mlflow.sklearn.log_model(model, name='m').model_uri\n\
                assert np.allclose(mlflow.sklearn.load_model(at).predict(X), model.predict(X))";
    let others = "from xgboost import XGBRegressor\nfrom lightgbm import LGBMRegressor\nimport mlflow.xgboost, mlflow.lightgbm, mlflow.pyfunc\n\
                  class Mine(mlflow.pyfunc.PythonModel):\n    def predict(self, model_input): return model_input\n\
                  mlflow.xgboost.log_model(XGBRegressor(n_estimators=2).fit(X, y), name='x')\n\
                  mlflow.lightgbm.log_model(LGBMRegressor(n_estimators=2, verbose=-1, min_child_samples=1).fit(X, y), name='l')\n\
                  mlflow.pyfunc.log_model(name='p', python_model=Mine())";
    let (done, run, runs) = joined(&[("", code), ("", others)], crate::harness::kernel().await).await;
    assert_eq!(runs, json!({ run: ["a"] }), "{}", done.text(1));
}
