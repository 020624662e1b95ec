//! The whole tree at the pushed commit, so that relative imports and data files work.

use serde_json::json;

use crate::{drive::Next, error::PhaseError, run::Run};

/// Fetches the tree and makes sure that the notebook is in it.
pub async fn run(run: &Run) -> Result<Next, PhaseError> {
    fetch(run).await?;
    if !tokio::fs::try_exists(run.notebook()).await? {
        return Err(PhaseError::Fail(format!(
            "{} is not in {} at {}: check the path and the branch",
            run.record.notebook_path, run.record.repo, run.record.commit_sha
        )));
    }
    Ok(Next::Continue(json!({})))
}

/// Makes sure that the tree is here: a worker that takes a pipeline over has not downloaded it.
pub async fn ensure(run: &Run) -> Result<(), PhaseError> {
    if tokio::fs::try_exists(run.tree()).await? { Ok(()) } else { fetch(run).await }
}

/// Fetches the tree, also in place of one that is there.
pub async fn fetch(run: &Run) -> Result<(), PhaseError> {
    let record = &run.record;
    run.log.say(format!("downloading {} at {} ({})", record.repo, record.commit_sha.short(), record.branch));
    let tree = run.tree();
    if tokio::fs::try_exists(&tree).await? {
        tokio::fs::remove_dir_all(&tree).await?;
    }
    tokio::fs::create_dir_all(run.directory()).await?;
    let host = run.worker.hosts.of(&record.repo);
    host.download_tree(&record.repo, &record.commit_sha, &tree, &run.cancel).await?;
    Ok(())
}
