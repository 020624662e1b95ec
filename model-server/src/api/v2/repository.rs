//! The model repository: what is in it can be listed. What is served follows what is deployed, and is not changed from here.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, Json, body::Bytes, extract::State, http::StatusCode};
use contract::ModelName;
use serde::{Deserialize, Serialize};
use service::ApiError;

use crate::{
    access::{Access, Caller},
    api::guard::Admitted,
    sync::{Loader, Progress},
};

#[derive(Deserialize)]
struct Filter {
    #[serde(default)]
    ready: bool,
}

/// A version, and how far it is.
#[derive(Serialize)]
pub(crate) struct Entry {
    pub(super) name: ModelName,
    pub(super) version: String,
    pub(super) state: &'static str,
    pub(super) reason: String,
}

/// `POST /v2/repository/index`: every version that the caller may know of. Where it is served, it is ready.
pub(crate) async fn index(
    State(loader): State<Arc<Loader>>,
    State(access): State<Arc<Access>>,
    Extension(Admitted { caller, .. }): Extension<Admitted>,
    body: Bytes,
) -> Result<Json<Vec<Entry>>, ApiError> {
    let only_ready = match body.as_ref() {
        b"" => false,
        body => {
            let bad =
                |_| ApiError::new(StatusCode::BAD_REQUEST, "bad_request", "the body must be {\"ready\": true or false}");
            serde_json::from_slice::<Filter>(body).map_err(bad)?.ready
        }
    };
    Ok(Json(entries((&loader, &access), &caller, only_ready)))
}

/// Every version that somebody may know of.
pub(super) fn entries((loader, access): (&Loader, &Access), caller: &Caller, only_ready: bool) -> Vec<Entry> {
    let mut versions = BTreeMap::new();
    for ((name, environment), targets) in loader.targets.all() {
        if !access.shows(caller, Some(&name), &environment) {
            continue;
        }
        for target in targets {
            let entry = versions.entry((name.clone(), target.wanted.load.version)).or_insert_with(Vec::new);
            entry.push(target.progress);
        }
    }
    let mut entries: Vec<_> =
        versions.into_iter().map(|((name, version), progress)| entry(name, version, &progress)).collect();
    entries.retain(|entry| !only_ready || entry.state == "READY");
    entries
}

/// A version in the places that are meant to serve it.
fn entry(name: ModelName, version: u64, progress: &[Progress]) -> Entry {
    let failed = progress.iter().find_map(|progress| match progress {
        Progress::Failed { detail, .. } => Some(detail.clone()),
        Progress::Waiting | Progress::Loading | Progress::Ready => None,
    });
    let (state, reason) = match failed {
        _ if progress.contains(&Progress::Ready) => ("READY", String::new()),
        Some(reason) => ("UNAVAILABLE", reason),
        None => ("LOADING", String::new()),
    };
    Entry { name, version: version.to_string(), state, reason }
}

/// `POST /v2/repository/models/{name}/load` and `…/unload`: nobody.
pub(crate) async fn refuse() -> ApiError {
    let detail = "models are not loaded and unloaded by hand: deploy a version by a push, a promotion or a rollback";
    ApiError::new(StatusCode::FORBIDDEN, "forbidden", detail)
}
