//! `GET /api/overview`: how much there is of everything, and what needs a person.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Extension,
    body::Bytes,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use contract::{RepoName, Scope};
use jiff::{SignedDuration, Timestamp};
use pipeline::access::Action;
use serde::Serialize;
use service::ApiError;
use sha2::{Digest, Sha256};
use store::{Approval, ApprovalState, ModelCounts, NeedsPerson, PipelineCounts};
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::{
    Backend,
    auth::Caller,
    error::{from_store, internal},
    hooks::Webhook,
};

/// Older results are history, and nobody's task any more.
pub(crate) const DAYS: u16 = 14;
/// How many things that need a person are told of each kind.
const FIRST: u32 = 10;
/// How long an answer is good enough for whoever asks next. However many dashboards are open, the database counts once in that
/// time.
const KEPT: Duration = Duration::from_secs(1);
/// For how many scopes answers are kept.
const SCOPES: usize = 256;

/// How much there is of everything, and what needs a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct Overview {
    /// How many days `lately` and the list of what needs a person go back.
    days: u16,
    pipelines: PipelineCounts,
    models: ModelCounts,
    /// Registered repositories.
    repos: u64,
    attention: Attention,
}

/// What needs a person: how much of it there is, and the first of each kind.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attention {
    /// Of all kinds together.
    total: u64,
    /// Notebooks, each on one branch, whose newest result is a failure.
    failed: u64,
    /// Models whose newest version is deployed nowhere.
    not_deployed: u64,
    /// Repositories on GitHub no push of which has arrived yet, unless their webhook is known to be there.
    without_webhook: u64,
    /// The first pipelines: those that failed, then those whose version is not deployed, the newest first.
    pipelines: Vec<NeedsPerson>,
    /// The first repositories, by name.
    repos: Vec<AttentionRepo>,
    /// The last promotions that wait for a second person: for everybody but who asked. They are in no count.
    approvals: Vec<Approval>,
}

/// A repository whose webhook needs a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttentionRepo {
    id: i64,
    full_name: RepoName,
    /// What is known of its webhook, in words.
    detail: String,
}

/// The last answer for each scope. Who asks while it is made waits for it.
#[derive(Clone, Default)]
pub(crate) struct Recent(Arc<std::sync::Mutex<HashMap<Scope, Kept>>>);

/// An answer, and when it was made.
type Kept = Arc<Mutex<Option<(Instant, Answer)>>>;

#[derive(Clone)]
struct Answer {
    etag: String,
    body: Bytes,
}

/// How many pipelines, models, versions and repositories there are, where models are deployed, and what needs a person: of what
/// the caller may see. An answer may be a second old.
#[utoipa::path(
    get, path = "/api/overview", operation_id = "getOverview", tag = "overview",
    responses(
        (status = OK, body = Overview, headers(("etag" = String, description = "For `If-None-Match`"))),
        (status = NOT_MODIFIED, description = "Unchanged"),
    ),
)]
pub(crate) async fn overview(
    State(backend): State<Backend>,
    Extension(recent): Extension<Recent>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Answer { etag, body } = recent.answer(&backend, caller.scope(&Action::See)).await?;
    let caching = [(ETAG, etag.as_str()), (CACHE_CONTROL, "no-cache")];
    Ok(if knows(&headers, &etag) {
        (StatusCode::NOT_MODIFIED, caching).into_response()
    } else {
        (caching, [(CONTENT_TYPE, "application/json")], body).into_response()
    })
}

impl Recent {
    async fn answer(&self, backend: &Backend, scope: Scope) -> Result<Answer, ApiError> {
        let kept = self.of(&scope);
        let mut kept = kept.lock().await;
        if let Some((_, answer)) = kept.as_ref().filter(|(made, _)| made.elapsed() < KEPT) {
            return Ok(answer.clone());
        }
        let body = serde_json::to_vec(&count(backend, &scope).await?).map_err(internal)?;
        let answer = Answer { etag: format!("\"{}\"", hex::encode(Sha256::digest(&body))), body: body.into() };
        *kept = Some((Instant::now(), answer.clone()));
        Ok(answer)
    }

    fn of(&self, scope: &Scope) -> Kept {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SCOPES && !all.contains_key(scope) {
            all.clear();
        }
        all.entry(scope.clone()).or_default().clone()
    }
}

async fn count(backend: &Backend, scope: &Scope) -> Result<Overview, ApiError> {
    let (pipelines, intake, since) = (&backend.store.pipelines, &backend.store.intake, since());
    let serving = &backend.store.serving;
    let (counts, attention, models, repos, (approvals, _)) = tokio::try_join!(
        pipelines.counts(scope, since),
        pipelines.attention(scope, since, FIRST),
        serving.counts(scope),
        intake.repos_without_push(scope),
        serving.approvals(scope, None, Some(ApprovalState::Waiting), None, FIRST as usize),
    )
    .map_err(from_store)?;
    let (repos, without_push) = repos;
    let mut waiting = without_push.into_iter().filter_map(|(id, full_name)| {
        let Webhook { state, detail, .. } = backend.repos.hooks.known(&full_name, None, "");
        state.needs_person().then_some(AttentionRepo { id, full_name, detail })
    });
    let first: Vec<_> = waiting.by_ref().take(FIRST as usize).collect();
    let without_webhook = (first.len() + waiting.count()) as u64;
    Ok(Overview {
        days: DAYS,
        pipelines: counts,
        models,
        repos,
        attention: Attention {
            total: attention.failed + attention.not_deployed + without_webhook,
            failed: attention.failed,
            not_deployed: attention.not_deployed,
            without_webhook,
            pipelines: attention.first,
            repos: first,
            approvals,
        },
    })
}

/// From when on results count.
pub(crate) fn since() -> Timestamp {
    Timestamp::now().saturating_sub(SignedDuration::from_hours(24 * i64::from(DAYS))).unwrap_or(Timestamp::MIN)
}

/// Whether the client has what this tag names.
fn knows(headers: &HeaderMap, etag: &str) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().any(|known| known.as_bytes() == etag.as_bytes())
}
