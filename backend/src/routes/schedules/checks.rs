//! What is looked at before a schedule is made or changed.

use axum::http::StatusCode;
use contract::{Misfire, Overlap};
use jiff::Timestamp;
use pipeline::schedule::CronError;
use service::ApiError;

use super::bodies::Work;
use crate::{
    Backend,
    error::{bad_request, from_store, from_tables, not_found},
    routes::{
        batches::sources,
        pipelines::{ASK_HOST, check_branch_name},
    },
};

pub(super) fn check_policies(overlap: Overlap, misfire: Misfire) -> Result<(), ApiError> {
    if overlap == Overlap::Replace && misfire == Misfire::All {
        let detail = "overlap replace and misfire all contradict each other: each made up for would end the one before it";
        return Err(bad_request("bad_policies", detail));
    }
    Ok(())
}

/// Looks whether it could be done now: then it can be said to whoever asks.
pub(super) async fn check_work(backend: &Backend, work: &Work) -> Result<(), ApiError> {
    match work {
        Work::BatchPrediction(request) => match request.plan(sources(backend), Some(Timestamp::now())).await {
            // Rows may come until then.
            Ok(_) | Err(tables::Error::Empty { .. }) => Ok(()),
            Err(error) => Err(from_tables(error)),
        },
        Work::Retraining(retraining) => {
            let repo = &retraining.repo;
            if backend.store.intake.repo_by_name(repo).await.map_err(from_store)?.is_none() {
                return Err(not_found(format!("{repo} is not registered: POST /api/repos registers it")));
            }
            if !pipeline::is_notebook(&retraining.notebook_path) {
                let detail = "notebook_path must be the path of an .ipynb file in the repository";
                return Err(bad_request("bad_notebook_path", detail));
            }
            check_branch_name(&retraining.branch)?;
            match backend.host(repo).head(repo, &retraining.branch, ASK_HOST).await {
                Ok(_) => Ok(()),
                Err(error @ forge::ForgeError::NotFound(_)) => {
                    Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_branch", error.to_string()))
                }
                // A host that can't be asked now may be asked then.
                Err(error) => {
                    tracing::warn!(%repo, %error, "the code host can't say whether a branch is there");
                    Ok(())
                }
            }
        }
        Work::Retention {} | Work::RegistryScan(_) => Ok(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn from_cron(error: CronError) -> ApiError {
    let code = match &error {
        CronError::Pattern { .. } => "bad_cron",
        CronError::Zone(_) => "bad_time_zone",
    };
    bad_request(code, error.to_string())
}
