use serde_json::{Value, json};

use super::{
    Access::Write,
    Grant, Judged,
    Kind::{Experiment, Run, Version},
    Then, judge,
};
use crate::mlflow_proxy::{call::Call, refusal::Refusal};

const RUN: &str = "0123456789abcdef0123456789abcdef";

fn grant() -> Grant {
    let run = json!({ "run_id": RUN, "experiment_id": "7", "artifact_uri": format!("mlflow-artifacts:/7/{RUN}/artifacts") });
    Grant {
        repository: "octocat/titanic".parse().expect("a name"),
        model: "titanic".parse().expect("a name"),
        run: serde_json::from_value(run).expect("a run"),
    }
}

/// Judges a request; answers what was found, and what would be passed on.
fn ask(method: &str, uri: &str, body: Option<&str>) -> Result<(Judged, String, Value), Refusal> {
    let mut call = Call::parse(&method.parse().expect("a method"), &uri.parse().expect("an address"))?;
    if let Some(body) = body.filter(|_| !call.asks_by_query()) {
        call.read(body.as_bytes())?;
    }
    let judged = judge(&mut call, &grant())?;
    Ok((judged, call.target(), Value::Object(call.fields)))
}

fn post(path: &str, body: &Value) -> Result<(Judged, String, Value), Refusal> {
    ask("POST", &format!("/api/2.0/mlflow/{path}"), Some(&body.to_string()))
}

/// The needs of a request that is admitted if they hold, as words.
fn needs(method: &str, path: &str, body: &str) -> String {
    let (judged, ..) = ask(method, path, Some(body)).unwrap_or_else(|refusal| panic!("{method} {path}: {refusal:?}"));
    let needs = judged.needs.iter().map(|need| format!("{:?} {:?} {}", need.access, need.kind, need.id));
    needs.collect::<Vec<_>>().join(", ")
}

#[test]
fn runs_and_models_must_be_the_runs_own_to_be_changed_and_its_repositorys_to_be_seen() {
    let batch = r#"{"runId":"r","metrics":[{"modelId":"m-1"},{"model_id":"m-1"}],"tags":[{"key":"mlflow.parentRunId","value":"p"}]}"#;
    let cases = [
        ("POST", "runs/log-metric", r#"{"run_uuid":"r","run_id":"r","key":"a"}"#, "Write Run r"),
        ("POST", "runs/log-metric", r#"{"runId":"r","modelId":"m-1"}"#, "Write Run r, Read Model m-1"),
        ("POST", "runs/update", r#"{"run_uuid":"r"}"#, "Write Run r"),
        ("POST", "runs/log-batch", batch, "Write Run p, Read Model m-1, Write Run r"),
        ("POST", "runs/outputs", r#"{"run_id":"r","models":[{"modelId":"m-1"}]}"#, "Write Model m-1, Write Run r"),
        ("POST", "runs/delete", r#"{"run_id":"r"}"#, "Write Run r"),
        ("POST", "runs/search", r#"{"experimentIds":["1","2"]}"#, "Read Experiment 1, Read Experiment 2"),
        ("GET", "runs/get?run_id=r", "", "Read Run r"),
        ("GET", "runs/get?run_uuid=r", "", "Read Run r"),
        ("GET", "metrics/get-history-bulk-interval?run_ids=a&run_ids=b", "", "Read Run a, Read Run b"),
        ("GET", "artifacts/list?run_id=r&path=plots/a", "", "Read Run r"),
        ("POST", "logged-models", r#"{"experiment_id":"1","source_run_id":"r"}"#, "Read Experiment 1, Write Run r"),
        ("POST", "logged-models/search", r#"{"experiment_ids":["1"]}"#, "Read Experiment 1"),
        ("GET", "logged-models/m-1?allow_deleted=true", "", "Read Model m-1"),
        ("PATCH", "logged-models/m-1", r#"{"model_id":"m-1","status":1}"#, "Write Model m-1"),
        ("DELETE", "logged-models/m-1/tags/a", "", "Write Model m-1"),
        ("POST", "experiments/set-experiment-tag", r#"{"experiment_id":"7","key":"a"}"#, "Write Experiment 7"),
        ("POST", "model-versions/set-tag", r#"{"name":"titanic","version":"3","key":"a"}"#, "Write Version 3"),
    ];
    for (method, path, body, expected) in cases {
        for interface in ["api", "ajax-api"] {
            let path = format!("/{interface}/2.0/mlflow/{path}");
            assert_eq!(needs(method, &path, body), expected, "{method} {path}");
        }
    }
}

#[test]
fn so_must_traces_and_files() {
    let location = r#"{"locations":[{"mlflowExperiment":{"experimentId":"1"},"ucSchema":{}}]}"#;
    let cases = [
        ("POST", "3.0/mlflow/traces/search", location, "Read Experiment 1"),
        ("PATCH", "2.0/mlflow/traces/tr-1/tags", r#"{"key":"a","value":"b"}"#, "Write Trace tr-1"),
        ("POST", "3.0/mlflow/traces/tr-1/assessments", r#"{"assessment":{"traceId":"tr-1"}}"#, "Write Trace tr-1"),
        ("POST", "2.0/mlflow/traces/link-to-run", r#"{"trace_ids":["t"],"run_id":"r"}"#, "Read Trace t, Write Run r"),
        (
            "POST",
            "3.0/mlflow/traces/delete-traces",
            r#"{"request_ids":["t"],"experiment_id":"7"}"#,
            "Write Trace t, Read Experiment 7",
        ),
        ("GET", "3.0/mlflow/traces/batchGet?trace_ids=t&trace_ids=u", "", "Read Trace t, Read Trace u"),
        ("PUT", "2.0/mlflow-artifacts/artifacts/7/r/artifacts/a/b.txt", "", "Write Run r"),
        ("GET", "2.0/mlflow-artifacts/artifacts/7/models/m-1/artifacts/MLmodel", "", "Read Model m-1"),
        ("GET", "2.0/mlflow-artifacts/artifacts?path=7/traces/tr-1/artifacts", "", "Read Trace tr-1"),
        ("DELETE", "2.0/mlflow-artifacts/artifacts/7/r/artifacts/", "", "Write Run r"),
        ("POST", "2.0/mlflow-artifacts/mpu/create/7/r/artifacts", r#"{"path":"/tmp/a.bin"}"#, "Write Run r"),
    ];
    for (method, path, body, expected) in cases {
        assert_eq!(needs(method, &format!("/api/{path}"), body), expected, "{method} {path}");
    }
}

#[test]
fn files_must_live_where_the_path_says() {
    let (judged, target, _) =
        ask("PUT", "/ajax-api/2.0/mlflow-artifacts/artifacts/x/7/r/artifacts/artifacts/a%20b", None).expect("admitted");
    assert_eq!(judged.needs[0].files.as_deref(), Some("x/7/r/artifacts"));
    assert_eq!(target, "/api/2.0/mlflow-artifacts/artifacts/x/7/r/artifacts/artifacts/a%20b");
    for (method, path) in [
        ("PUT", "/artifacts/7/r/plots/a"),
        ("GET", "/artifacts?path="),
        ("GET", "/artifacts"),
        ("GET", "/artifacts?path=7"),
        ("GET", "/artifacts?path=7/r/artifacts/../../../8"),
        ("GET", "/artifacts?path=7/r/artifacts/%252e%252e/8"),
        ("GET", "/artifacts?path=/7/r/artifacts"),
        ("GET", "/artifacts?path=7/r/artifacts&path=8/s/artifacts"),
        ("DELETE", "/artifacts/artifacts"),
        ("POST", "/artifacts/7/r/artifacts/a"),
    ] {
        assert!(ask(method, &format!("/api/2.0/mlflow-artifacts{path}"), Some("{}")).is_err(), "{method} {path}");
    }
}

#[test]
fn a_new_run_is_a_child_of_the_run_in_its_experiment() {
    let child = |body: Value| post("runs/create", &body).map(|(judged, _, fields)| (judged, fields));
    let parent = json!([{ "key": "mlflow.parentRunId", "value": RUN }]);
    for named in [json!({}), json!({ "experiment_id": "" }), json!({ "experimentId": "0" }), json!({ "experiment_id": "7" })]
    {
        let (judged, fields) = child(named).expect("admitted");
        assert_eq!((&fields["experiment_id"], &fields["tags"]), (&json!("7"), &parent));
        assert_eq!(judged.then, Then::Learn(Run));
    }
    let tags = json!([{ "key": "mlflow.parentRunId", "value": "other" }]);
    let (judged, fields) = child(json!({ "tags": tags })).expect("admitted");
    assert_eq!((judged.needs[1].id.as_str(), judged.needs[1].access, &fields["tags"]), ("other", Write, &tags));
    assert!(child(json!({ "experiment_id": 8 })).is_err());
    assert!(child(json!({ "tags": [{ "key": "mlsys.pipeline_id", "value": "1" }] })).is_err());
}

#[test]
fn an_experiment_belongs_to_the_repository_of_the_run_that_creates_it() {
    let (judged, _, fields) = post("experiments/create", &json!({ "name": "/Users/me/tries" })).expect("admitted");
    assert_eq!(fields["tags"], json!([{ "key": "mlsys.repository", "value": "octocat/titanic" }]));
    assert_eq!(judged.then, Then::Learn(Experiment));
    for refused in [
        json!({ "name": "octocat/other" }),
        json!({ "name": "Octocat/other " }),
        json!({ "name": "tries", "artifact_location": "mlflow-artifacts:/8" }),
        json!({ "name": "tries", "artifactLocation": "file:///" }),
        json!({ "name": "tries", "tags": [{ "key": "mlsys.repository", "value": "octocat/other" }] }),
        json!({}),
    ] {
        assert!(post("experiments/create", &refused).is_err(), "{refused}");
    }
    let (judged, _, fields) =
        post("experiments/search", &json!({ "filter": "name = 'a'", "max_results": "x" })).expect("admitted");
    assert_eq!(
        fields.to_string(),
        r#"{"filter":"tags.`mlsys.repository` = 'octocat/titanic' AND name = 'a'","max_results":"x"}"#
    );
    assert_eq!(judged.then, Then::OurExperiments);
}

#[test]
fn the_registry_is_the_runs_own_model_and_versions_are_of_what_it_logged() {
    let create =
        |source: &str| post("model-versions/create", &json!({ "name": "titanic", "source": source, "run_id": RUN }));
    for (source, named) in [("models:/m-1", "m-1"), ("runs:/r/model", "r"), ("mlflow-artifacts:/7/r/artifacts/model", "r")] {
        let (judged, ..) = create(source).expect(source);
        assert!(judged.needs.iter().any(|each| each.id == named && each.access == Write), "{source}");
        assert_eq!(judged.then, Then::Learn(Version));
    }
    for source in [
        "models:/other/1",
        "models:/m-1/../m-2",
        "models://host/m-1",
        "runs:/r/../../s",
        "mlflow-artifacts:/7/r/artifacts/../../s",
        "mlflow-artifacts://host/7/r/artifacts",
        "s3://bucket/model",
        "/etc/passwd",
        "file:///etc",
        "",
    ] {
        assert!(create(source).is_err(), "{source}");
    }
    let (judged, target, _) =
        ask("GET", "/api/2.0/mlflow/model-versions/search?filter=run_id%3D%27a%27", None).expect("admitted");
    assert_eq!(target, "/api/2.0/mlflow/model-versions/search?filter=name+%3D+%27titanic%27+AND+run_id%3D%27a%27");
    assert_eq!(judged.then, Then::OurModel);
    for (method, path, body) in [
        ("POST", "registered-models/create", json!({ "name": "other" })),
        ("POST", "registered-models/create", json!({ "name": "Titanic" })),
        ("POST", "registered-models/create", json!({})),
        ("GET", "registered-models/get?name=other", json!({})),
        ("GET", "registered-models/get?name=titanic&name=other", json!({})),
        ("GET", "registered-models/alias?name=other&alias=prod", json!({})),
        ("POST", "model-versions/create", json!({ "name": "other", "source": "models:/m-1" })),
        ("POST", "model-versions/set-tag", json!({ "name": "other", "version": "1", "key": "a" })),
        ("POST", "model-versions/set-tag", json!({ "name": "titanic", "version": "1", "key": "mlsys.commit" })),
        ("POST", "registered-models/alias", json!({ "name": "titanic", "alias": "prod", "version": "1" })),
        ("DELETE", "registered-models/alias", json!({ "name": "titanic", "alias": "prod" })),
        ("POST", "registered-models/rename", json!({ "name": "titanic", "new_name": "x" })),
        ("DELETE", "registered-models/delete", json!({ "name": "titanic" })),
        ("DELETE", "model-versions/delete", json!({ "name": "titanic", "version": "1" })),
        ("POST", "model-versions/transition-stage", json!({ "name": "titanic", "version": "1", "stage": "Production" })),
    ] {
        let answer = ask(method, &format!("/api/2.0/mlflow/{path}"), Some(&body.to_string()));
        assert!(matches!(answer, Err(Refusal::Forbidden(_) | Refusal::Unclear(_))), "{method} {path}");
    }
}

#[test]
fn a_trace_is_started_in_an_experiment_under_an_identifier_of_its_own() {
    let start =
        |info: Value| ask("POST", "/api/3.0/mlflow/traces", Some(&json!({ "trace": { "traceInfo": info } }).to_string()));
    let location = json!({ "type": "UC_SCHEMA", "mlflow_experiment": { "experimentId": "7" }, "uc_schema": { "a": "b" } });
    let metadata = json!({ "mlflow.sourceRun": "r", "camelCase": "kept" });
    let (judged, _, fields) =
        start(json!({ "traceId": "tr-1", "traceLocation": location, "trace_metadata": metadata })).expect("admitted");
    let found: Vec<_> = judged.needs.iter().map(|need| format!("{:?} {:?}", need.access, need.kind)).collect();
    assert_eq!(found, ["Make Trace", "Read Experiment", "Write Run"]);
    let info = &fields["trace"]["trace_info"];
    assert_eq!(
        info["trace_location"],
        json!({ "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": "7" } })
    );
    assert_eq!(info["trace_metadata"]["camelCase"], "kept");
    for refused in [
        json!({ "trace_location": location }),
        json!({ "trace_id": "tr-1" }),
        json!({ "trace_id": "tr-1", "traceId": "tr-2", "trace_location": location }),
        json!({ "trace_id": "tr/1", "trace_location": location }),
        json!({ "trace_id": "tr-1", "trace_location": location, "tags": { "mlflow.artifactLocation": "mlflow-artifacts:/8" } }),
    ] {
        assert!(start(refused.clone()).is_err(), "{refused}");
    }
}

#[test]
fn what_no_rule_names_is_refused_and_so_is_what_can_be_read_in_two_ways() {
    let refused = [
        ("POST", "/api/2.0/mlflow/runs/delete", json!({ "run_id": RUN })),
        ("POST", "/api/2.0/mlflow/runs/log-metric", json!({ "run_id": "a", "run_uuid": "b" })),
        ("POST", "/api/2.0/mlflow/runs/log-metric", json!({ "run_id": "a", "runId": "b" })),
        ("POST", "/api/2.0/mlflow/runs/log-metric", json!({ "run_id": ["a"] })),
        ("POST", "/api/2.0/mlflow/runs/log-metric", json!({ "run_id": "a/../b" })),
        ("POST", "/api/2.0/mlflow/runs/log-metric?run_id=a", json!({})),
        ("POST", "/api/2.0/mlflow/runs/set-tag", json!({ "run_id": "a", "key": "mlsys.x", "value": "y" })),
        ("POST", "/api/2.0/mlflow/runs/search", json!({})),
        ("POST", "/api/2.0/mlflow/runs/search", json!({ "experiment_ids": [] })),
        ("GET", "/api/2.0/mlflow/runs/search?experiment_ids=7", json!({})),
        ("GET", "/api/2.0/mlflow/runs/get?run_id=a&run_id=b", json!({})),
        ("GET", "/api/2.0/mlflow/runs/get", json!({ "run_id": "a" })),
        ("PATCH", "/api/2.0/mlflow/runs/update", json!({ "run_id": "a" })),
        ("GET", "/api/2.0/mlflow/artifacts/list?run_id=a&path=../b", json!({})),
        ("POST", "/api/2.0/mlflow/experiments/delete", json!({ "experiment_id": "7" })),
        ("POST", "/api/2.0/mlflow/experiments/update", json!({ "experiment_id": "7", "new_name": "x" })),
        ("POST", "/api/2.0/mlflow/experiments/restore", json!({ "experiment_id": "8" })),
        ("PATCH", "/api/2.0/mlflow/logged-models/m-1", json!({ "model_id": "m-2" })),
        ("PATCH", "/api/2.0/mlflow/traces/tr-1/tags", json!({ "key": "a", "request_id": "tr-2" })),
        ("POST", "/api/3.0/mlflow/traces/tr-1/assessments", json!({ "assessment": { "trace_id": "tr-2" } })),
        ("POST", "/api/3.0/mlflow/traces/delete-traces", json!({ "experiment_id": "7", "max_timestamp_millis": 9 })),
        ("POST", "/api/3.0/mlflow/traces/search", json!({ "locations": [] })),
        ("GET", "/api/2.0/mlflow/webhooks", json!({})),
        ("POST", "/api/2.0/mlflow/webhooks", json!({ "name": "a" })),
        ("GET", "/api/2.0/mlflow/users/list", json!({})),
        ("POST", "/api/3.0/mlflow/scorers/register", json!({ "experiment_id": "7" })),
        ("GET", "/api/3.0/mlflow/gateway/secrets/list", json!({})),
        ("POST", "/api/3.0/mlflow/datasets/create", json!({})),
        ("GET", "/api/3.0/mlflow/workspaces", json!({})),
        ("POST", "/api/3.0/mlflow/runs/create", json!({})),
        ("POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=a", json!({})),
        ("GET", "/get-artifact?run_id=a&path=b", json!({})),
        ("GET", "/model-versions/get-artifact?name=other&version=1", json!({})),
        ("POST", "/graphql", json!({})),
        ("GET", "/", json!({})),
        ("GET", "/gateway/x/mlflow/invocations", json!({})),
        ("GET", "/API/2.0/mlflow/runs/get?run_id=a", json!({})),
        ("GET", "/api/2.0/mlflow/Runs/get?run_id=a", json!({})),
        ("GET", "/api/2.0/mlflow/runs/get;x?run_id=a", json!({})),
        ("HEAD", "/api/2.0/mlflow/runs/get?run_id=a", json!({})),
        ("OPTIONS", "/api/2.0/mlflow/runs/get", json!({})),
        ("DELETE", "/version", json!({})),
    ];
    for (method, path, body) in refused {
        let answer = ask(method, path, Some(&body.to_string()));
        assert!(matches!(answer, Err(Refusal::Forbidden(_) | Refusal::Unclear(_))), "{method} {path}: {answer:?}");
    }
    assert!(matches!(ask("POST", "/v1/traces", None), Err(Refusal::Unsupported(_))));
    let (judged, target, _) = ask("GET", "/ajax-api/3.0/mlflow/server-info", None).expect("admitted");
    assert_eq!((judged.needs.len(), judged.then, target.as_str()), (0, Then::Pass, "/api/3.0/mlflow/server-info"));
}
