//! What is looked at before a schedule is made or changed.

use axum::http::StatusCode;
use declared::{Invalid, Work};
use jiff::Timestamp;
use pipeline::schedule::CronError;
use service::ApiError;
use store::Schedule;

use crate::{
    Backend,
    error::{bad_request, from_store, from_tables, from_warehouse, not_found},
    routes::{
        batches::sources,
        pipelines::{ASK_HOST, check_branch_name},
    },
};

/// Looks whether it could be done now: then it can be said to whoever asks.
pub(super) async fn check_work(backend: &Backend, work: &Work) -> Result<(), ApiError> {
    work.check().map_err(from_invalid)?;
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

pub(super) fn from_invalid(error: Invalid) -> ApiError {
    let code = match error {
        Invalid::Table(error) => return from_warehouse(error),
        Invalid::Name => "bad_name",
        Invalid::Cron(CronError::Pattern { .. }) => "bad_cron",
        Invalid::Cron(CronError::Zone(_)) => "bad_time_zone",
        Invalid::Policies => "bad_policies",
        Invalid::NotebookPath => "bad_notebook_path",
    };
    bad_request(code, error.to_string())
}

pub(super) fn from_cron(error: CronError) -> ApiError {
    from_invalid(error.into())
}

/// Refuses to change by hand what a file declares: the next push would undo it.
pub(super) fn check_by_hand(found: &Schedule) -> Result<(), ApiError> {
    let Some(source) = &found.source else { return Ok(()) };
    let detail = format!(
        "{} of {} declares this schedule: change it there and push; by hand it can be paused, resumed and run",
        source.path, source.repo
    );
    Err(ApiError::new(StatusCode::CONFLICT, "declared_by_file", detail))
}
