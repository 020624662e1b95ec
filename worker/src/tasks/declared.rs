//! Makes a repository's schedules as its files declare them at the head of its branch.
//!
//! Not what a push brings counts but what is there now: so it does not matter in which order pushes are told of, nor how often. Whoever lost the
//! task's lease changes nothing any more.

use std::time::Duration;

use ::declared::{Data, File, Problem, Read, Report, Repository, branches, difference};
use contract::{CommitSha, RepoName};
use forge::{ForgeError, Host};
use serde_json::Value;
use store::{ReadFiles, Repo, TaskLease};
use tokio_util::sync::CancellationToken;

use super::TaskError;
use crate::Worker;

/// How long the code host may take to say what there is.
const ASK_HOST: Duration = Duration::from_secs(15);
/// How often it may be that the host does not know yet of what was pushed. After that, somebody took the push back.
const LATE: u32 = 3;

pub(super) async fn run(worker: &Worker, lease: &TaskLease, name: &RepoName) -> Result<Value, TaskError> {
    let store = &worker.store;
    let Some(repo) = store.intake.repo_by_name(name).await? else {
        // It was forgotten, and what it declared goes.
        let data = Data::of(store, name).await?;
        let repository = Repository { name, branch: "", data: &data };
        return apply(worker, lease, repository, None, Vec::new()).await;
    };
    let host = worker.hosts.of(name);
    let Some((branch, head)) = head(host, &repo).await? else {
        let problem = format!("none of the branches {} is there, of those that are no patterns", repo.branch);
        return refused(worker, lease, (name, None), vec![of_all(&problem, "set a branch whose files are to count")]).await;
    };
    let pushed = store.schedules.declaration(name).await?.and_then(|found| found.pushed);
    if let Some((_, commit)) = pushed.filter(|(pushed, _)| *pushed == branch && lease.attempt <= LATE)
        && !is_known(host, name, &branch, &commit).await?
    {
        return Err(TaskError::Retry(anyhow::anyhow!("the code host does not have {} on {branch} yet", commit.short())));
    }
    let read = match files(worker, host, lease, (name, &head)).await? {
        Ok(read) => read,
        Err(problem) => return refused(worker, lease, (name, Some((&branch, &head))), vec![problem]).await,
    };
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for Read { path, file, .. } in read {
        match file {
            Ok(file) => files.push((path, file)),
            Err(wrong) => problems.extend(wrong),
        }
    }
    if !problems.is_empty() {
        return refused(worker, lease, (name, Some((&branch, &head))), problems).await;
    }
    let data = Data::of(store, name).await?;
    apply(worker, lease, Repository { name, branch: &branch, data: &data }, Some(&head), files).await
}

/// The branch whose files count, and its newest commit; none: there is none.
async fn head(host: &Host, repo: &Repo) -> Result<Option<(String, CommitSha)>, TaskError> {
    let branches: Vec<_> = branches(&repo.branch).collect();
    for branch in branches {
        match host.head(&repo.full_name, branch, ASK_HOST).await {
            Ok(head) => return Ok(Some((branch.to_owned(), head))),
            Err(ForgeError::NotFound(_)) => {}
            Err(error) => return Err(TaskError::Retry(error.into())),
        }
    }
    Ok(None)
}

/// Whether the host knows that a commit is on the branch.
async fn is_known(host: &Host, repo: &RepoName, branch: &str, commit: &CommitSha) -> Result<bool, TaskError> {
    match host.is_on_branch(repo, commit, branch, ASK_HOST).await {
        Ok(known) => Ok(known),
        Err(ForgeError::NotFound(_)) => Ok(false),
        Err(error) => Err(TaskError::Retry(error.into())),
    }
}

/// The files of a commit, or why they can't be read.
async fn files(
    worker: &Worker,
    host: &Host,
    lease: &TaskLease,
    (repo, commit): (&RepoName, &CommitSha),
) -> Result<Result<Vec<Read>, Problem>, TaskError> {
    let too_large = |error: &ForgeError| of_all(&error.to_string(), "make the repository smaller");
    match host.files(repo, commit, ASK_HOST).await {
        // Most repositories have none: the whole tree is not needed to see that.
        Ok(paths) if !paths.iter().any(|path| pipeline::declares(path)) => return Ok(Ok(Vec::new())),
        Ok(_) => {}
        Err(error @ ForgeError::TooLarge(_)) => return Ok(Err(too_large(&error))),
        Err(error) => return Err(TaskError::Retry(error.into())),
    }
    let folder = tempfile::Builder::new().prefix(&format!("{}-", lease.id)).tempdir_in(worker.folder());
    let folder = folder.map_err(|error| TaskError::Retry(error.into()))?;
    let tree = folder.path().join("tree");
    // Dropped with this handler, whatever ends it.
    let cancel = CancellationToken::new();
    let _cancel = cancel.clone().drop_guard();
    match host.download_tree(repo, commit, &tree, &cancel).await {
        Ok(()) => {}
        Err(error @ ForgeError::TooLarge(_)) => return Ok(Err(too_large(&error))),
        Err(error) => return Err(TaskError::Retry(error.into())),
    }
    let read = tokio::task::spawn_blocking(move || {
        let read = ::declared::all(&tree);
        drop(folder);
        read
    });
    let read = read.await.map_err(|error| TaskError::Retry(error.into()))?;
    Ok(read.map_err(|error| of_all(&error.to_string(), "remove what can't be read")))
}

/// A problem with all of a repository.
fn of_all(problem: &str, fix: &str) -> Problem {
    let (problem, fix) = (problem.to_owned(), fix.to_owned());
    Problem { file: pipeline::DECLARATIONS.to_owned(), line: None, column: None, problem, fix }
}

async fn apply(
    worker: &Worker,
    lease: &TaskLease,
    repository: Repository<'_>,
    commit: Option<&CommitSha>,
    files: Vec<(String, File)>,
) -> Result<Value, TaskError> {
    let found = difference(&worker.store, repository, &files).await?;
    let branch = commit.map(|_| repository.branch);
    let files = ReadFiles { repo: repository.name, branch, commit };
    let report = found.apply(&worker.store, lease, files).await?;
    Ok(tell(repository.name, &report))
}

/// Writes down why nothing was done.
async fn refused(
    worker: &Worker,
    lease: &TaskLease,
    (repo, read): (&RepoName, Option<(&String, &CommitSha)>),
    problems: Vec<Problem>,
) -> Result<Value, TaskError> {
    let files = ReadFiles { repo, branch: read.map(|(branch, _)| &**branch), commit: read.map(|(_, commit)| commit) };
    let report = Report { changes: Vec::new(), problems };
    let kept = serde_json::to_value(&report).map_err(|error| TaskError::Fail(error.to_string()))?;
    worker.store.schedules.apply(lease, files, &[], &kept, Vec::new()).await?;
    Ok(tell(repo, &report))
}

/// Tells of it in the log, and as the task's outcome.
fn tell(repo: &RepoName, report: &Report) -> Value {
    for done in &report.changes {
        tracing::info!(%repo, schedule = done.name, file = done.file, what = ?done.what, done.detail, "a file declares a schedule");
    }
    for problem in &report.problems {
        tracing::warn!(%repo, %problem, "what a repository's file declares can't be done");
    }
    serde_json::to_value(report).unwrap_or_default()
}
