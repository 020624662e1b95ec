//! What a repository is, before anything of it is run.

use std::time::Duration;

use contract::{CommitSha, RepoName};
use serde::Deserialize;
use tokio::time::timeout;

use crate::{ForgeError, GitHub, Host, LocalGit, git, github::PER_PAGE, local};

/// As many branches as are looked at, in pages of 100.
const MAX_BRANCHES_PAGES: u32 = 10;

/// What a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// Whether only some may see it; not known of the local remote's.
    pub private: Option<bool>,
    /// The branch that others start from; it need not exist.
    pub default_branch: String,
    /// Every branch, with its newest commit; of a host with more than 1,000, so many.
    pub branches: Vec<Branch>,
}

/// A branch and its newest commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Without `refs/heads/`.
    pub name: String,
    /// The commit.
    pub commit: CommitSha,
}

impl Host {
    /// What a repository is.
    pub async fn overview(&self, repo: &RepoName, time_limit: Duration) -> Result<Overview, ForgeError> {
        let answer = async {
            match self {
                Self::Local(local) => local.overview(repo).await,
                Self::GitHub(github) => github.overview(repo).await,
            }
        };
        timeout(time_limit, answer).await.unwrap_or_else(|_| Err(late(time_limit)))
    }

    /// The newest commit of a branch. [`ForgeError::NotFound`] if there is no such branch.
    pub async fn head(&self, repo: &RepoName, branch: &str, time_limit: Duration) -> Result<CommitSha, ForgeError> {
        let answer = async {
            match self {
                Self::Local(local) => local.head(repo, branch).await,
                Self::GitHub(github) => github.head(repo, branch).await,
            }
        };
        timeout(time_limit, answer).await.unwrap_or_else(|_| Err(late(time_limit)))
    }

    /// The paths of all files of a commit, in no order.
    pub async fn files(&self, repo: &RepoName, commit: &CommitSha, time_limit: Duration) -> Result<Vec<String>, ForgeError> {
        let answer = async {
            match self {
                Self::Local(local) => local.files(repo, commit).await,
                Self::GitHub(github) => github.files(repo, commit).await,
            }
        };
        timeout(time_limit, answer).await.unwrap_or_else(|_| Err(late(time_limit)))
    }
}

fn late(time_limit: Duration) -> ForgeError {
    ForgeError::Unavailable(format!("the code host did not answer within {time_limit:?}"))
}

impl LocalGit {
    async fn head(&self, repo: &RepoName, branch: &str) -> Result<CommitSha, ForgeError> {
        // Exactly that ref: as a revision, a branch's name could mean much else.
        let head = local::commit(&self.open(repo)?, &format!("refs/heads/{branch}")).await?;
        let head = head.ok_or_else(|| ForgeError::NotFound(format!("{repo} has no branch {branch}")))?;
        head.parse().map_err(|_| ForgeError::Git(format!("{head} is no commit")))
    }

    async fn overview(&self, repo: &RepoName) -> Result<Overview, ForgeError> {
        let git = self.open(repo)?;
        let default = local::default_ref(&git).await?;
        let format = "--format=%(refname:lstrip=2)%00%(objectname)%00";
        let listing = git.run(&["for-each-ref", format, "refs/heads"]).await?;
        let mut fields = git::fields(&listing);
        let mut branches = Vec::new();
        while let (Some(name), Some(commit)) = (fields.next(), fields.next()) {
            let commit = commit.parse().map_err(|_| ForgeError::Git(format!("{commit} is no commit")))?;
            branches.push(Branch { name: name.trim_start().to_owned(), commit });
        }
        let default_branch = default.strip_prefix("refs/heads/").unwrap_or(&default).to_owned();
        Ok(Overview { private: None, default_branch, branches })
    }

    async fn files(&self, repo: &RepoName, commit: &CommitSha) -> Result<Vec<String>, ForgeError> {
        let listing = self.open(repo)?.run(&["ls-tree", "-r", "-z", "--name-only", commit.as_str()]).await?;
        Ok(git::fields(&listing).collect())
    }
}

impl GitHub {
    async fn head(&self, repo: &RepoName, branch: &str) -> Result<CommitSha, ForgeError> {
        Ok(self.branch(repo, branch).await?.commit.sha)
    }

    async fn overview(&self, repo: &RepoName) -> Result<Overview, ForgeError> {
        #[derive(Deserialize)]
        struct Repository {
            private: bool,
            default_branch: String,
        }
        #[derive(Deserialize)]
        struct Listed {
            name: String,
            commit: Head,
        }
        #[derive(Deserialize)]
        struct Head {
            sha: CommitSha,
        }
        let Repository { private, default_branch } = self.get(self.url(repo, &[])).await?;
        let mut branches = Vec::new();
        for page in 1..=MAX_BRANCHES_PAGES {
            let listed: Vec<Listed> = self.page(self.url(repo, &["branches"]), page).await?;
            let last = listed.len() < PER_PAGE;
            branches.extend(listed.into_iter().map(|Listed { name, commit }| Branch { name, commit: commit.sha }));
            if last {
                break;
            }
        }
        Ok(Overview { private: Some(private), default_branch, branches })
    }

    async fn files(&self, repo: &RepoName, commit: &CommitSha) -> Result<Vec<String>, ForgeError> {
        Ok(self.tree(repo, commit).await?.into_keys().collect())
    }
}
