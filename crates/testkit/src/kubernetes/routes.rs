//! The double's HTTP API.
//!
//! Source: Kubernetes's API concepts ("Resource URIs", "Efficient detection of changes", "Retrieving large results sets
//! in chunks") and the API reference of the resources.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Json, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{
    Cluster, check, controller,
    selector::Selector,
    state::Kind,
    status::{self, Refusal},
    watch,
};

type Parameters = Query<HashMap<String, String>>;

pub(super) fn router(cluster: Arc<Cluster>) -> Router {
    let all = get(list).post(create);
    let one = get(read).delete(delete);
    Router::new()
        .route("/version", get(async || Json(json!({"major": "1", "minor": "37", "gitVersion": "v1.37.0"}))))
        .route("/apis/batch/v1/namespaces/{namespace}/{kind}", all.clone())
        .route("/apis/batch/v1/namespaces/{namespace}/{kind}/{name}", one.clone())
        .route("/api/v1/namespaces/{namespace}/{kind}", all)
        .route("/api/v1/namespaces/{namespace}/{kind}/{name}", one)
        .route("/api/v1/namespaces/{namespace}/pods/{name}/log", get(log))
        .fallback(async || Refusal::no_such_path())
        .with_state(cluster)
}

fn kind(plural: &str) -> Result<Kind, Refusal> {
    Kind::parse(plural).ok_or_else(Refusal::no_such_path)
}

async fn create(
    State(cluster): State<Arc<Cluster>>,
    Path((namespace, plural)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Refusal> {
    if kind(&plural)? != Kind::Jobs {
        return Err(Refusal::no_such_path());
    }
    let mut job: Value = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad_request(format!("the object provided is unrecognized: {error}")))?;
    if !job["metadata"].is_object() || !job["spec"].is_object() {
        return Err(Refusal::bad_request("the object provided is no Job".to_owned()));
    }
    if namespace != cluster.namespace {
        return Err(Refusal::no_namespace(&namespace));
    }
    check::complete(&mut job, &namespace, "Job", "batch/v1");
    check::job(&job)?;
    if let Some(why) = cluster.wishes.borrow().refusal.clone() {
        return Err(Refusal::forbidden(Kind::Jobs, job["metadata"]["name"].as_str().unwrap_or_default(), &why));
    }
    check::default_job(&mut job);
    let job = cluster.state.create(Kind::Jobs, job)?;
    controller::start(&cluster, &job);
    Ok((StatusCode::CREATED, Json(job)).into_response())
}

async fn read(
    State(cluster): State<Arc<Cluster>>,
    Path((namespace, plural, name)): Path<(String, String, String)>,
) -> Result<Json<Value>, Refusal> {
    let kind = kind(&plural)?;
    cluster.state.get(kind, &namespace, &name).map(Json).ok_or_else(|| Refusal::not_found(kind, &name))
}

async fn list(
    State(cluster): State<Arc<Cluster>>,
    Path((namespace, plural)): Path<(String, String)>,
    Query(asked): Parameters,
) -> Result<Response, Refusal> {
    let kind = kind(&plural)?;
    let text = |name: &str| asked.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let selector = Selector::parse(kind, text("labelSelector"), text("fieldSelector"))?;
    if text("watch").is_some_and(|watch| watch != "false" && watch != "0") {
        let from = text("resourceVersion").map(str::parse).transpose();
        let from = from.map_err(|_| Refusal::bad_request("Invalid resource version".to_owned()))?;
        if let Some(version) = from.filter(|version| *version > 0 && cluster.state.is_forgotten(*version))
            && cluster.wishes.borrow().gone_as_status
        {
            return Err(Refusal::gone(version));
        }
        let seconds = text("timeoutSeconds").and_then(|seconds| seconds.parse().ok()).unwrap_or(1800);
        return Ok(watch::answer(
            cluster.state.clone(),
            watch::Asked {
                kind,
                namespace,
                selector,
                from,
                bookmarks: text("allowWatchBookmarks") == Some("true"),
                lasting: Duration::from_secs(seconds),
            },
        ));
    }
    page(&cluster, kind, &namespace, &selector, text("limit"), text("continue"))
}

/// A page of a list. Unlike the real server's, later pages show what is there when they are asked for.
fn page(
    cluster: &Cluster,
    kind: Kind,
    namespace: &str,
    selector: &Selector,
    limit: Option<&str>,
    next: Option<&str>,
) -> Result<Response, Refusal> {
    let (mut objects, version) = cluster.state.list(kind, namespace, selector);
    let name_of = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let mut of_version = version;
    if let Some((began, last)) = next.and_then(|token| token.split_once(':')) {
        of_version = began.parse().map_err(|_| Refusal::bad_request("continue key is not valid".to_owned()))?;
        if cluster.state.is_forgotten(of_version) {
            return Err(Refusal::gone(of_version));
        }
        objects.retain(|object| *name_of(object) > *last);
    }
    let limit = limit.and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let more = (objects.len() > limit).then(|| format!("{of_version}:{}", name_of(&objects[limit - 1])));
    objects.truncate(limit);
    for object in objects.iter_mut().filter_map(Value::as_object_mut) {
        // Items of a list don't repeat what the list says.
        object.retain(|field, _| field != "kind" && field != "apiVersion");
    }
    let mut metadata = json!({"resourceVersion": of_version.to_string()});
    if let Some(more) = more {
        metadata["continue"] = json!(more);
    }
    let list = json!({"kind": format!("{}List", kind.name()), "apiVersion": kind.api_version(), "metadata": metadata, "items": objects});
    Ok(Json(list).into_response())
}

async fn delete(
    State(cluster): State<Arc<Cluster>>,
    Path((namespace, plural, name)): Path<(String, String, String)>,
    Query(asked): Parameters,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let kind = kind(&plural)?;
    let options: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap_or(Value::Null) };
    let option = |field: &str| options[field].as_str().map(str::to_owned).or_else(|| asked.get(field).cloned());
    let object = cluster.state.get(kind, &namespace, &name).ok_or_else(|| Refusal::not_found(kind, &name))?;
    match kind {
        Kind::Jobs => Ok(Json(controller::delete(&cluster, &object, option("propagationPolicy").as_deref()))),
        Kind::Pods => {
            let grace = options["gracePeriodSeconds"].as_u64();
            let grace = grace.or_else(|| asked.get("gracePeriodSeconds").and_then(|text| text.parse().ok()));
            Ok(Json(cluster.delete_pod(&object, grace)))
        }
        Kind::Events => {
            cluster.state.remove(kind, &namespace, &name);
            Ok(Json(status::deleted(kind, &object)))
        }
    }
}

async fn log(
    State(cluster): State<Arc<Cluster>>,
    Path((namespace, name)): Path<(String, String)>,
    Query(asked): Parameters,
) -> Result<String, Refusal> {
    let pod = cluster.state.get(Kind::Pods, &namespace, &name).ok_or_else(|| Refusal::not_found(Kind::Pods, &name))?;
    let container = pod["spec"]["containers"][0]["name"].as_str().unwrap_or_default();
    if let Some(other) = asked.get("container").filter(|asked| *asked != container) {
        return Err(Refusal::bad_request(format!("container {other} is not valid for pod {name}")));
    }
    let Some(text) = cluster.output_of(&pod) else {
        let waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].as_str().unwrap_or("Pending");
        let message = format!("container \"{container}\" in pod \"{name}\" is waiting to start: {waiting}");
        return Err(Refusal::bad_request(message));
    };
    let number = |name: &str| asked.get(name).and_then(|text| text.parse::<usize>().ok());
    let skipped = number("tailLines").map_or(0, |tail| text.lines().count().saturating_sub(tail));
    let mut tail: String = text.split_inclusive('\n').skip(skipped).collect();
    if let Some(limit) = number("limitBytes") {
        tail.truncate(tail.floor_char_boundary(limit));
    }
    Ok(tail)
}
