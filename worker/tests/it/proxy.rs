//! Notebooks' way to MLflow: MLflow's own client against a real server, through the proxy.

use std::{collections::BTreeMap, process::Stdio, sync::Arc, time::Duration};

use contract::RepoName;
use jiff::Timestamp;
use mlflow::{Client, NewRun};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::Mlflow;
use tokio::io::AsyncWriteExt;
use worker::mlflow_proxy::{Admission, Grant, Proxy};

const PATIENCE: Duration = Duration::from_mins(3);

/// A server, and the proxy before it.
struct Stage {
    mlflow: Arc<Mlflow>,
    client: Client,
    proxy: Proxy,
}

/// A run of a repository, admitted.
struct Running {
    grant: Grant,
    admission: Admission,
}

impl Stage {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mlflow = tokio::task::spawn_blocking(testkit::shared_mlflow).await.expect("a server");
        let client = Client::new(mlflow.url(), None).expect("a client");
        let proxy = Proxy::start(client.clone()).expect("a proxy");
        Self { mlflow, client, proxy }
    }

    /// A run of a new repository with a model named like it.
    async fn run(&self, name: &str) -> Running {
        let name = format!("{name}-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        self.run_of(&format!("octocat/{name}").parse().expect("a name"), &name).await
    }

    async fn run_of(&self, repository: &RepoName, model: &str) -> Running {
        let experiment_id = self.client.experiment_id(repository.as_str()).await.expect("an experiment");
        let new = NewRun { experiment_id, name: "run".to_owned(), tags: BTreeMap::new(), start_time: Timestamp::now() };
        let run = self.client.create_run(new).await.expect("a run");
        let grant = Grant { repository: repository.clone(), model: model.parse().expect("a name"), run };
        let admission = self.proxy.admit(grant.clone()).await.expect("admitted");
        Running { grant, admission }
    }

    /// Asks MLflow itself.
    async fn direct(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.mlflow.url())).json(body);
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.expect("a text"));
        answer.json().await.expect("JSON")
    }
}

impl Running {
    async fn ask(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.admission.url));
        let answer = request.bearer_auth(self.admission.token.expose()).json(body).send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a text");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Runs Python as the run's notebook would; answers what it printed.
    async fn python(&self, code: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let python = tokio::process::Command::new(testkit::python())
            .args(["-c", code])
            .current_dir(folder.path())
            .env("MLFLOW_TRACKING_URI", &self.admission.url)
            .env("MLFLOW_TRACKING_TOKEN", self.admission.token.expose())
            .env("MLFLOW_RUN_ID", &self.grant.run.run_id)
            .env("MLFLOW_EXPERIMENT_ID", &self.grant.run.experiment_id)
            .env("MODEL", self.grant.model.as_str())
            .env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let done = tokio::time::timeout(PATIENCE, python).await.expect("in time").expect("Python");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("a text")
    }
}

/// What was printed last: MLflow prints as well.
fn last(printed: &str) -> &str {
    printed.lines().last().unwrap_or_default()
}

const LOGGING: &str = r#"
import json, mlflow, os, pathlib
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plt, pandas as pd
client, run_id = mlflow.MlflowClient(), os.environ["MLFLOW_RUN_ID"]
with mlflow.start_run(log_system_metrics=True) as run:
    assert run.info.run_id == run_id
    mlflow.log_metric("a", 1, step=3)
    mlflow.log_metrics({"b": 2, "c": float("nan")})
    mlflow.log_params({f"p{i}": "é" for i in range(150)})
    mlflow.set_tags({"x": "y", "mlflow.note.content": "text"})
    mlflow.log_dict({"k": [1]}, "d/e f é;g.json")
    mlflow.log_text("hello", "hello.txt")
    mlflow.log_figure(plt.figure(), "plots/figure.png")
    mlflow.log_table({"q": [1, 2]}, "table.json"); mlflow.log_table({"q": [3]}, "table.json")
    assert list(mlflow.load_table("table.json").q) == [1, 2, 3]
    many = pathlib.Path("many"); many.mkdir()
    for i in range(40): (many / f"{i}.txt").write_text(str(i))
    mlflow.log_artifacts("many", "many")
    assert len(client.list_artifacts(run_id, "many")) == 40
    assert pathlib.Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="d/e f é;g.json")).read_text()
    mlflow.log_input(mlflow.data.from_pandas(pd.DataFrame({"a": [1]}), name="rows"), context="training")
    with mlflow.start_run(nested=True) as child:
        mlflow.log_metric("inner", 1)
        with mlflow.start_run(nested=True) as grandchild: pass
other = mlflow.start_run(); mlflow.end_run()
client.delete_run(grandchild.info.run_id); client.restore_run(grandchild.info.run_id)
assert [metric.step for metric in client.get_metric_history(run_id, "a")] == [3]
assert set(mlflow.search_runs().run_id) == {run_id, child.info.run_id, grandchild.info.run_id, other.info.run_id}
mlflow.set_experiment("tries of " + run_id)
with mlflow.start_run() as tried: mlflow.log_metric("a", 2)
assert tried.info.experiment_id != run.info.experiment_id
assert {each.experiment_id for each in client.search_experiments()} == {run.info.experiment_id, tried.info.experiment_id}
assert set(mlflow.search_runs(search_all_experiments=True).run_id) >= {run_id, tried.info.run_id}
print(json.dumps({kind: each.data.tags.get("mlflow.parentRunId") for kind, each in
    {"child": client.get_run(child.info.run_id), "other": client.get_run(other.info.run_id), "tried": client.get_run(tried.info.run_id)}.items()}))
"#;

#[tokio::test]
async fn all_that_a_notebook_logs_and_compares_goes_through() {
    let stage = Stage::new().await;
    let running = stage.run("logging").await;
    let said = running.python(LOGGING).await;
    let said: Value = serde_json::from_str(last(&said)).expect("JSON");
    let run_id = running.grant.run.run_id.as_str();
    assert_eq!(said, json!({ "child": run_id, "other": run_id, "tried": run_id }));
    let record = stage.client.get_run(run_id).await.expect("a run");
    assert!(record.metrics.iter().any(|metric| metric.key == "c" && metric.value.is_nan()));
    assert_eq!(record.params.len(), 150);

    // The next run of the repository sees it all, and changes none of it.
    let next = stage.run_of(&running.grant.repository, running.grant.model.as_str()).await;
    let found = format!(
        "import mlflow\nids = set(mlflow.search_runs().run_id)\nassert '{run_id}' in ids and len(ids) == 5, ids\n\
         mlflow.set_experiment('tries of {run_id}')\nassert len(mlflow.search_runs()) == 1\n\
         assert mlflow.artifacts.load_text('runs:/{run_id}/hello.txt') == 'hello'\n\
         try:\n    mlflow.MlflowClient().set_tag('{run_id}', 'x', 'z')\nexcept mlflow.MlflowException as error:\n    print(error)"
    );
    let said = next.python(&found).await;
    assert!(said.contains("PERMISSION_DENIED") && said.contains("is not this run's"), "{said}");
    assert_eq!(stage.client.get_run(run_id).await.expect("a run").tags["x"], "y");
}

const MODELS: &str = r#"
import mlflow, mlflow.sklearn, os, numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
client, name, run_id = mlflow.MlflowClient(), os.environ["MODEL"], os.environ["MLFLOW_RUN_ID"]
X = pd.DataFrame({"x": np.arange(20.), "y": np.arange(20.)}); y = (X.x > 9).astype(int)
mlflow.sklearn.autolog()
with mlflow.start_run(run_id=run_id):
    model = LogisticRegression().fit(X, y)
mlflow.sklearn.autolog(disable=True)
with mlflow.start_run(run_id=run_id):
    logged = mlflow.sklearn.log_model(model, name="m", registered_model_name=name, input_example=X[:2], serialization_format="cloudpickle")
    mlflow.log_metric("score", 1, model_id=logged.model_id)
    mlflow.models.evaluate(logged.model_uri, X.assign(target=y), targets="target", model_type="classifier", evaluator_config={"log_explainer": False})
assert (mlflow.sklearn.load_model(logged.model_uri).predict(X) == model.predict(X)).all()
assert (mlflow.pyfunc.load_model(f"models:/{name}/1").predict(X) == model.predict(X)).all()
again = mlflow.register_model(logged.model_uri, name, tags={"t": "u"})
assert (again.version, again.run_id) == ("2", run_id), again
client.set_model_version_tag(name, "2", "k", "v"); client.update_model_version(name, "2", "words")
client.update_registered_model(name, "words")
assert {each.version for each in client.search_model_versions()} == {"1", "2"}
assert [each.name for each in client.search_registered_models()] == [name]
assert {each.version for each in client.search_model_versions(f"name = '{name}' AND run_id = '{run_id}'")} == {"1", "2"}
mlflow.set_logged_model_tags(logged.model_id, {"z": "1"})
assert len(mlflow.search_logged_models(output_format="list")) >= 1
for act in (
    lambda: client.set_registered_model_alias(name, "prod", "1"), lambda: client.delete_model_version(name, "1"),
    lambda: client.delete_registered_model(name), lambda: client.rename_registered_model(name, "x"),
    lambda: client.transition_model_version_stage(name, "1", "Production"),
    lambda: mlflow.register_model(logged.model_uri, "other-model"),
    lambda: mlflow.sklearn.log_model(model, name="o", registered_model_name="other-model", serialization_format="cloudpickle"),
):
    try: act()
    except mlflow.MlflowException as error: print(error)
    else: print("done")
"#;

#[tokio::test]
async fn a_notebook_registers_versions_of_its_own_model_and_of_no_other() {
    let stage = Stage::new().await;
    let running = stage.run("models").await;
    let said = running.python(MODELS).await;
    let refused: Vec<&str> = said.lines().filter(|line| line.contains("PERMISSION_DENIED")).collect();
    assert_eq!(refused.len(), 7, "{said}");
    assert_eq!(refused.iter().filter(|line| line.contains("is not this notebook's model")).count(), 2, "{said}");
    let model = running.grant.model.as_str();
    let versions = stage.client.find_versions_by_run(model, &running.grant.run.run_id).await;
    assert_eq!(versions.expect("versions"), [1, 2]);
    assert_eq!(stage.client.get_alias(model, "prod").await.expect("asked"), None);
}

const TRACES: &str = r#"
import mlflow, os
client, run_id = mlflow.MlflowClient(), os.environ["MLFLOW_RUN_ID"]
@mlflow.trace
def ask(question):
    with mlflow.start_span("inner") as span: span.set_inputs({"camelCase": {"Mixed": 1}})
    return question + "!"
with mlflow.start_run(run_id=run_id): ask("why")
mlflow.flush_trace_async_logging()
[trace] = mlflow.search_traces(return_type="list")
trace = mlflow.get_trace(trace.info.trace_id)
assert [span.name for span in trace.data.spans] == ["ask", "inner"], trace
assert trace.data.spans[1].inputs == {"camelCase": {"Mixed": 1}}
client.set_trace_tag(trace.info.trace_id, "k", "v"); client.delete_trace_tag(trace.info.trace_id, "k")
mlflow.log_feedback(trace_id=trace.info.trace_id, name="good", value={"Mixed": True})
assert mlflow.get_trace(trace.info.trace_id).info.assessments[0].value == {"Mixed": True}
print(trace.info.trace_id)
"#;

#[tokio::test]
async fn traces_are_the_runs_own() {
    let stage = Stage::new().await;
    let (mine, theirs) = (stage.run("traces").await, stage.run("others-traces").await);
    let trace = mine.python(TRACES).await;
    let trace = last(&trace);
    let tag = format!("/api/2.0/mlflow/traces/{trace}/tags");
    let (status, _) = theirs.ask(Method::PATCH, &tag, &json!({ "key": "a", "value": "b" })).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{trace}");
    for path in [format!("/api/3.0/mlflow/traces/{trace}"), format!("/api/3.0/mlflow/traces/get?trace_id={trace}")] {
        assert_eq!(theirs.ask(Method::GET, &path, &json!({})).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    // To start it anew in one's own experiment would take it over.
    let location = json!({ "mlflow_experiment": { "experiment_id": theirs.grant.run.experiment_id } });
    let info =
        json!({ "trace_id": trace, "trace_location": location, "request_time": "2026-01-01T00:00:00Z", "state": "OK" });
    let (status, said) =
        theirs.ask(Method::POST, "/api/3.0/mlflow/traces", &json!({ "trace": { "trace_info": info } })).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{said}");
}

/// What another repository has in MLflow.
struct Others {
    running: Running,
    model_id: String,
    file: String,
}

async fn others(stage: &Stage) -> Others {
    let running = stage.run("theirs").await;
    let run = &running.grant.run;
    stage.client.put_artifact_bytes(run, "secret.txt", b"secret".to_vec()).await.expect("stored");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("MLmodel"), "flavors: {}").expect("written");
    let name = running.grant.model.as_str();
    let logged =
        mlflow::LoggedModel { experiment_id: &run.experiment_id, run_id: &run.run_id, name, directory: folder.path() };
    let model_id = stage.client.upload_model(logged).await.expect("a model");
    stage.client.ensure_registered_model(name).await.expect("a name");
    stage.client.create_version(name, &model_id, &run.run_id, &BTreeMap::new()).await.expect("a version");
    stage.client.set_alias(name, "prod", 1).await.expect("an alias");
    let file = format!("{}/secret.txt", run.artifact_uri.trim_start_matches("mlflow-artifacts:/"));
    Others { running, model_id, file }
}

/// Requests of one run for what is another's.
type Attempts = Vec<(&'static str, String, Value)>;

fn on_runs(mine: &Running, theirs: &Others) -> Attempts {
    let Others { running, model_id, .. } = theirs;
    let run = &running.grant.run.run_id;
    let experiment = &running.grant.run.experiment_id;
    let own_run = &mine.grant.run.run_id;
    let own_experiment = &mine.grant.run.experiment_id;
    let none = json!({});
    let v2 = "/api/2.0/mlflow";
    vec![
        ("GET", format!("{v2}/runs/get?run_id={run}"), none.clone()),
        ("GET", format!("{v2}/runs/get?run_uuid={run}"), none.clone()),
        ("GET", format!("/ajax-api/2.0/mlflow/runs/get?run_id={run}"), none.clone()),
        ("GET", format!("/%61pi/2.0/mlflow/runs/get?run_id={run}"), none.clone()),
        ("POST", format!("{v2}/runs/search"), json!({ "experiment_ids": [experiment] })),
        ("POST", format!("{v2}/runs/search"), json!({ "experiment_ids": [own_experiment, experiment] })),
        ("POST", format!("{v2}/runs/search"), json!({ "experimentIds": [experiment] })),
        ("POST", format!("{v2}/runs/create"), json!({ "experiment_id": experiment })),
        ("POST", format!("{v2}/runs/create"), json!({ "tags": [{ "key": "mlflow.parentRunId", "value": run }] })),
        ("POST", format!("{v2}/runs/update"), json!({ "run_id": run, "status": "FAILED" })),
        ("POST", format!("{v2}/runs/update"), json!({ "runId": run, "status": "FAILED" })),
        ("POST", format!("{v2}/runs/delete"), json!({ "run_id": run })),
        (
            "POST",
            format!("{v2}/runs/log-metric?run_id={own_run}"),
            json!({ "run_id": run, "key": "a", "value": 1, "timestamp": 1 }),
        ),
        ("POST", format!("{v2}/runs/log-batch"), json!({ "run_id": run, "tags": [{ "key": "a", "value": "b" }] })),
        ("POST", format!("{v2}/runs/log-parameter"), json!({ "run_uuid": run, "key": "a", "value": "b" })),
        ("POST", format!("{v2}/runs/set-tag"), json!({ "run_id": run, "key": "a", "value": "b" })),
        (
            "POST",
            format!("{v2}/runs/outputs"),
            json!({ "run_id": own_run, "models": [{ "model_id": model_id, "step": 0 }] }),
        ),
        (
            "POST",
            format!("{v2}/runs/log-metric"),
            json!({ "run_id": own_run, "model_id": model_id, "key": "a", "value": 1, "timestamp": 1 }),
        ),
        ("GET", format!("{v2}/metrics/get-history?run_id={run}&metric_key=a"), none.clone()),
        (
            "GET",
            format!("{v2}/metrics/get-history-bulk-interval?run_ids={own_run}&run_ids={run}&metric_key=a"),
            none.clone(),
        ),
        ("GET", format!("{v2}/artifacts/list?run_id={run}"), none.clone()),
    ]
}

fn on_experiments_and_models(_mine: &Running, theirs: &Others) -> Attempts {
    let Others { running, model_id, .. } = theirs;
    let run = &running.grant.run.run_id;
    let experiment = &running.grant.run.experiment_id;
    let none = json!({});
    let v2 = "/api/2.0/mlflow";
    vec![
        ("GET", format!("{v2}/experiments/get?experiment_id={experiment}"), none.clone()),
        ("GET", format!("{v2}/experiments/get-by-name?experiment_name={}", running.grant.repository), none.clone()),
        (
            "POST",
            format!("{v2}/experiments/set-experiment-tag"),
            json!({ "experiment_id": experiment, "key": "a", "value": "b" }),
        ),
        ("POST", format!("{v2}/experiments/delete"), json!({ "experiment_id": experiment })),
        ("GET", format!("{v2}/logged-models/{model_id}"), none.clone()),
        ("DELETE", format!("{v2}/logged-models/{model_id}"), none.clone()),
        ("PATCH", format!("{v2}/logged-models/{model_id}/tags"), json!({ "tags": [{ "key": "a", "value": "b" }] })),
        ("POST", format!("{v2}/logged-models/search"), json!({ "experiment_ids": [experiment] })),
        ("POST", format!("{v2}/logged-models"), json!({ "source_run_id": run })),
    ]
}

fn on_the_registry(mine: &Running, theirs: &Others) -> Attempts {
    let Others { running, model_id, file } = theirs;
    let run = &running.grant.run.run_id;
    let name = running.grant.model.as_str();
    let own = mine.grant.model.as_str();
    let own_run = &mine.grant.run.run_id;
    let none = json!({});
    let v2 = "/api/2.0/mlflow";
    vec![
        ("GET", format!("{v2}/registered-models/get?name={name}"), none.clone()),
        ("GET", format!("{v2}/registered-models/alias?name={name}&alias=prod"), none.clone()),
        ("DELETE", format!("{v2}/registered-models/delete"), json!({ "name": name })),
        ("POST", format!("{v2}/registered-models/alias"), json!({ "name": name, "alias": "prod", "version": "1" })),
        ("DELETE", format!("{v2}/registered-models/alias"), json!({ "name": name, "alias": "prod" })),
        ("POST", format!("{v2}/registered-models/rename"), json!({ "name": name, "new_name": own })),
        ("POST", format!("{v2}/registered-models/set-tag"), json!({ "name": name, "key": "a", "value": "b" })),
        ("GET", format!("{v2}/model-versions/get?name={name}&version=1"), none.clone()),
        ("GET", format!("{v2}/model-versions/get-download-uri?name={name}&version=1"), none.clone()),
        ("DELETE", format!("{v2}/model-versions/delete"), json!({ "name": name, "version": "1" })),
        (
            "POST",
            format!("{v2}/model-versions/create"),
            json!({ "name": name, "source": format!("runs:/{own_run}/m"), "run_id": own_run }),
        ),
        (
            "POST",
            format!("{v2}/model-versions/create"),
            json!({ "name": own, "source": format!("models:/{model_id}"), "model_id": model_id }),
        ),
        ("POST", format!("{v2}/model-versions/create"), json!({ "name": own, "source": format!("models:/{name}/1") })),
        (
            "POST",
            format!("{v2}/model-versions/create"),
            json!({ "name": own, "source": format!("runs:/{run}/m"), "run_id": run }),
        ),
        (
            "POST",
            format!("{v2}/model-versions/create"),
            json!({ "name": own, "source": format!("mlflow-artifacts:/{file}"), "run_id": own_run }),
        ),
    ]
}

fn on_files(mine: &Running, theirs: &Others) -> Attempts {
    let Others { running, file, .. } = theirs;
    let run = &running.grant.run.run_id;
    let experiment = &running.grant.run.experiment_id;
    let name = running.grant.model.as_str();
    let own_run = &mine.grant.run.run_id;
    let own_experiment = &mine.grant.run.experiment_id;
    let none = json!({});
    let files = "/api/2.0/mlflow-artifacts/artifacts";
    vec![
        ("GET", format!("{files}/{file}"), none.clone()),
        ("PUT", format!("{files}/{file}"), none.clone()),
        ("DELETE", format!("{files}/{file}"), none.clone()),
        ("GET", format!("/ajax-api/2.0/mlflow-artifacts/artifacts/{file}"), none.clone()),
        ("GET", format!("{files}?path={}", file.trim_end_matches("/secret.txt")), none.clone()),
        ("GET", format!("{files}?path={experiment}"), none.clone()),
        (
            "GET",
            format!("{files}/{own_experiment}/{own_run}/artifacts/%252e%252e/%252e%252e/%252e%252e/{file}"),
            none.clone(),
        ),
        ("GET", format!("/get-artifact?run_uuid={run}&path=secret.txt"), none.clone()),
        ("POST", format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=x"), none.clone()),
        ("GET", format!("/model-versions/get-artifact?name={name}&version=1&path=MLmodel"), none.clone()),
        (
            "POST",
            "/graphql".to_owned(),
            json!({ "query": "{ mlflowGetExperiment(input: {experimentId: \"0\"}) { experiment { name } } }" }),
        ),
    ]
}

#[tokio::test]
async fn what_is_anothers_can_be_neither_seen_nor_changed() {
    let stage = Stage::new().await;
    let (mine, theirs) = (stage.run("mine").await, others(&stage).await);
    let (run, name) = (&theirs.running.grant.run, theirs.running.grant.model.as_str());
    let (own_run, run, experiment) = (&mine.grant.run.run_id, &run.run_id, &run.experiment_id);
    let before = stage.client.get_run(run).await.expect("a run");
    let v2 = "/api/2.0/mlflow";
    let attempts = [on_runs, on_experiments_and_models, on_the_registry, on_files].map(|attempts| attempts(&mine, &theirs));
    for (method, path, body) in attempts.into_iter().flatten() {
        let (status, said) = mine.ask(method.parse().expect("a method"), &path, &body).await;
        let refused = matches!(status, StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST);
        assert!(
            refused && said["message"].is_string() && !said.to_string().contains("secret"),
            "{method} {path}: {status} {said}"
        );
    }
    // MLflow takes the last of two, and so does what is judged.
    let twice = format!(r#"{{"run_id":"{own_run}","run_id":"{run}","key":"a","value":"b"}}"#);
    let request = reqwest::Client::new().post(format!("{}{v2}/runs/set-tag", mine.admission.url)).body(twice);
    assert_eq!(
        request.bearer_auth(mine.admission.token.expose()).send().await.expect("an answer").status(),
        StatusCode::FORBIDDEN
    );
    // A method or a workspace that a header names counts for nothing.
    let request = reqwest::Client::new().get(format!("{}{v2}/runs/get?run_id={own_run}", mine.admission.url));
    let request = request.bearer_auth(mine.admission.token.expose()).header("x-http-method-override", "DELETE");
    assert_eq!(request.header("x-mlflow-workspace", "other").send().await.expect("an answer").status(), StatusCode::OK);

    let after = stage.client.get_run(run).await.expect("a run");
    assert_eq!(before, after);
    assert_eq!(stage.client.get_alias(name, "prod").await.expect("asked"), Some(1));
    let found = stage.direct(Method::POST, &format!("{v2}/runs/search"), &json!({ "experiment_ids": [experiment] })).await;
    assert_eq!(found["runs"].as_array().map(Vec::len), Some(1), "{found}");
    let (_, found) = mine.ask(Method::GET, &format!("{v2}/registered-models/search"), &json!({})).await;
    assert_eq!(found["registered_models"].as_array().map_or(0, Vec::len), 0, "{found}");
    let wide = format!("{v2}/model-versions/search?filter=name%20LIKE%20%27%25%27");
    let (status, found) = mine.ask(Method::GET, &wide, &json!({})).await;
    assert_eq!((status, found["model_versions"].as_array().map_or(0, Vec::len)), (StatusCode::OK, 0), "{found}");
}

#[tokio::test]
async fn a_later_run_of_a_repository_sees_its_models_versions_and_leaves_them_as_they_are() {
    let stage = Stage::new().await;
    let Others { running, model_id, .. } = others(&stage).await;
    let name = running.grant.model.as_str();
    let next = stage.run_of(&running.grant.repository, name).await;
    let (v2, none) = ("/api/2.0/mlflow", json!({}));
    let files = format!("{}/models/{model_id}/artifacts", running.grant.run.experiment_id);
    for path in [
        format!("{v2}/registered-models/alias?name={name}&alias=prod"),
        format!("{v2}/model-versions/get-download-uri?name={name}&version=1"),
        format!("{v2}/logged-models/{model_id}"),
        format!("/api/2.0/mlflow-artifacts/artifacts?path={files}"),
        format!("/api/2.0/mlflow-artifacts/artifacts/{files}/MLmodel"),
    ] {
        let (status, said) = next.ask(Method::GET, &path, &none).await;
        assert_eq!(status, StatusCode::OK, "{path}: {said}");
    }
    let tag = json!({ "name": name, "version": "1", "key": "a", "value": "b" });
    let source = json!({ "name": name, "source": format!("models:/{model_id}"), "model_id": model_id });
    for (method, path, body) in [
        (Method::POST, format!("{v2}/model-versions/set-tag"), &tag),
        (Method::POST, format!("{v2}/model-versions/create"), &source),
        (Method::DELETE, format!("{v2}/logged-models/{model_id}"), &none),
        (Method::PUT, format!("/api/2.0/mlflow-artifacts/artifacts/{files}/MLmodel"), &none),
    ] {
        let (status, said) = next.ask(method, &path, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {said}");
    }
}

#[tokio::test]
async fn nobody_gets_in_without_the_token_of_a_run_that_goes_on() {
    let stage = Stage::new().await;
    let (running, other) = (stage.run("ends").await, stage.run("goes-on").await);
    let url = format!("{}/api/2.0/mlflow/runs/get?run_id={}", running.admission.url, running.grant.run.run_id);
    let ask = async |authorization: &[&str]| {
        let mut request = reqwest::Client::new().get(&url);
        for shown in authorization {
            request = request.header("authorization", *shown);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.json::<Value>().await.expect("JSON")["error_code"].clone())
    };
    let unknown = (StatusCode::UNAUTHORIZED, json!("UNAUTHENTICATED"));
    let shown = format!("Bearer {}", running.admission.token.expose());
    let cut = &shown[..shown.len() - 1];
    for wrong in [&[][..], &[""], &["Bearer"], &["Bearer "], &[cut], &[running.admission.token.expose()], &[&shown, &shown]]
    {
        assert_eq!(ask(wrong).await, unknown, "{wrong:?}");
    }
    assert_eq!(ask(&[&shown]).await.0, StatusCode::OK);
    assert_eq!(ask(&[&format!("Bearer {}", other.admission.token.expose())]).await.0, StatusCode::FORBIDDEN);

    // An upload that is under way when its run ends.
    let (mut sender, receiver) = tokio::io::duplex(1 << 16);
    let path = running.grant.run.artifact_uri.trim_start_matches("mlflow-artifacts:/").to_owned();
    let address = format!("{}/api/2.0/mlflow-artifacts/artifacts/{path}/cut.bin", running.admission.url);
    let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::new(receiver));
    let upload =
        tokio::spawn(reqwest::Client::new().put(address).bearer_auth(running.admission.token.expose()).body(body).send());
    sender.write_all(&vec![7; 1 << 18]).await.expect("it is taken in");
    drop(running.admission);
    let ended = tokio::time::timeout(Duration::from_secs(20), upload).await.expect("it is cut off").expect("no panic");
    assert!(ended.map_or(true, |answer| answer.status() == StatusCode::UNAUTHORIZED));
    assert_eq!(ask(&[&shown]).await, unknown);
    assert_eq!(other.ask(Method::GET, "/version", &json!({})).await.0, StatusCode::OK);
    let found = stage.client.get_run(&running.grant.run.run_id).await.expect("a run");
    let listed = format!("/api/2.0/mlflow/artifacts/list?run_id={}", found.run.run_id);
    assert!(!stage.direct(Method::GET, &listed, &json!({})).await.to_string().contains("cut.bin"));
}

/// The most memory that this process has had, in bytes. Source: proc(5).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

#[tokio::test]
async fn large_files_are_streamed_both_ways() {
    let stage = Stage::new().await;
    let running = stage.run("large").await;
    let before = peak();
    let code = "import hashlib, mlflow, os, pathlib\nblock = os.urandom(1 << 20)\n\
                with open('big.bin', 'wb') as file:\n    for _ in range(100): file.write(block)\n\
                digest = lambda path: hashlib.file_digest(open(path, 'rb'), 'sha256').hexdigest()\n\
                run = os.environ['MLFLOW_RUN_ID']\nmlflow.log_artifact('big.bin')\n\
                there = mlflow.artifacts.download_artifacts(run_id=run, artifact_path='big.bin', dst_path='there')\n\
                assert digest(there) == digest('big.bin') and pathlib.Path(there).stat().st_size == 100 << 20";
    running.python(code).await;
    let grown = peak() - before;
    assert!(grown < 50 << 20, "100 MiB took {} MiB of memory", grown >> 20);
}

#[tokio::test]
async fn what_is_too_much_or_no_object_is_refused() {
    let stage = Stage::new().await;
    let running = stage.run("odd").await;
    let send = async |body: Vec<u8>| {
        let url = format!("{}/api/2.0/mlflow/runs/set-tag", running.admission.url);
        let request = reqwest::Client::new().post(url).bearer_auth(running.admission.token.expose()).body(body);
        request.send().await.expect("an answer").status()
    };
    let run = &running.grant.run.run_id;
    let tag = |value: &str| format!(r#"{{"run_id":"{run}","key":"a","value":"{value}"}}"#);
    assert_eq!(send(tag(&"x".repeat(4 << 20)).into_bytes()).await, StatusCode::PAYLOAD_TOO_LARGE);
    for body in [&b"\xff\xfe{}"[..], b"[[[[", b"\"{}\"", b"run_id=a", b"{\"run_id\":1}"] {
        assert_eq!(send(body.to_vec()).await, StatusCode::BAD_REQUEST, "{body:?}");
    }
    assert_eq!(send([b"[".repeat(100_000), tag("b").into_bytes()].concat()).await, StatusCode::BAD_REQUEST);
    assert_eq!(send(tag("b").into_bytes()).await, StatusCode::OK);
    assert_eq!(stage.client.get_run(run).await.expect("a run").tags["a"], "b");
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable_and_not_waited_for() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stage = Stage::new().await;
    let port = testkit::free_port();
    let gone = Client::new(format!("http://127.0.0.1:{port}"), None).expect("a client");
    let proxy = Proxy::start(gone).expect("a proxy");
    let grant = stage.run("gone").await.grant;
    assert!(matches!(proxy.admit(grant).await, Err(mlflow::MlflowError::Unavailable { .. })));
}
