//! The code host behind one face.

use std::{path::Path, time::Duration};

use contract::{CommitSha, FileChanges, RepoName};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{ForgeError, GitHub, LocalGit, Push};

/// No download should take longer: what it fetches is bounded.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_mins(15);

/// Where repositories live.
#[derive(Debug, Clone)]
pub enum Host {
    /// The git remote that mlsys serves itself.
    Local(LocalGit),
    /// GitHub, or a GitHub Enterprise Server.
    GitHub(GitHub),
}

/// Both code hosts: the local remote has what is named `local/…`, GitHub all others.
#[derive(Debug, Clone)]
pub struct Hosts {
    local: Host,
    github: Host,
}

impl Hosts {
    /// Both code hosts.
    pub fn new(local: LocalGit, github: GitHub) -> Self {
        Self { local: Host::Local(local), github: Host::GitHub(github) }
    }

    /// The host of a repository.
    pub fn of(&self, repo: &RepoName) -> &Host {
        if repo.is_local() { &self.local } else { &self.github }
    }
}

impl Host {
    /// The page of a commit, for people; none where there are no pages.
    pub fn commit_page(&self, repo: &RepoName, commit: &CommitSha) -> Option<String> {
        match self {
            Self::Local(_) => None,
            Self::GitHub(github) => Some(github.commit_page(repo, commit)),
        }
    }

    /// Which files a push changed, asked of the host: complete, where the payload's own lists may not be.
    ///
    /// A moved ref is compared with where it was. One that was created, or of which that is not known, is compared with where it left the default branch;
    /// if it is the default branch, or shares no history with it, every file counts as added. A deleted one changed nothing.
    pub async fn changed_files(&self, push: &Push, time_limit: Duration) -> Result<FileChanges, ForgeError> {
        if push.deleted {
            return Ok(FileChanges::default());
        }
        let answer = async {
            match self {
                Self::Local(local) => local.changed_files(push).await,
                Self::GitHub(github) => github.changed_files(push).await,
            }
        };
        timeout(time_limit, answer).await.unwrap_or_else(|_| {
            Err(ForgeError::Unavailable(format!("the code host did not list the changed files within {time_limit:?}")))
        })
    }

    /// Whether a commit is the head of a branch, or among what it grew from. A host also knows the commits of forks and of
    /// pull requests that nobody accepted, so that it has a commit says nothing.
    ///
    /// [`ForgeError::NotFound`] when there is no such branch, or nothing known of the commit.
    pub async fn is_on_branch(
        &self,
        repo: &RepoName,
        commit: &CommitSha,
        branch: &str,
        time_limit: Duration,
    ) -> Result<bool, ForgeError> {
        let answer = async {
            match self {
                Self::Local(local) => local.is_on_branch(repo, commit, branch).await,
                Self::GitHub(github) => github.is_on_branch(repo, commit, branch).await,
            }
        };
        timeout(time_limit, answer).await.unwrap_or_else(|_| {
            Err(ForgeError::Unavailable(format!("the code host did not find the branch {branch} within {time_limit:?}")))
        })
    }

    /// Puts the whole tree of a commit into the folder `into`, at once: the folder appears complete, or not at all.
    /// A folder that was there is replaced.
    pub async fn download_tree(
        &self,
        repo: &RepoName,
        commit: &CommitSha,
        into: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), ForgeError> {
        let download = async {
            let tree = match self {
                Self::Local(local) => local.download(repo, commit, into).await?,
                Self::GitHub(github) => github.download(repo, commit, into).await?,
            };
            tree.put_at(into).await
        };
        tokio::select! {
            finished = timeout(DOWNLOAD_TIMEOUT, download) => finished.unwrap_or_else(|_| {
                Err(ForgeError::Unavailable(format!("the download took over {} s", DOWNLOAD_TIMEOUT.as_secs())))
            }),
            () = cancel.cancelled() => Err(ForgeError::Cancelled),
        }
    }
}
