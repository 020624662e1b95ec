//! GitHub's REST API, as far as it is needed here.

mod hooks;

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use contract::{CommitSha, FileChanges, RepoName};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    ForgeError, GitRef, Push,
    tree::{Packing, Tree},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest silence; GitHub may pack an archive for a while before its first byte.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// A comparison lists at most this many files and does not say whether there are more.
const MAX_COMPARED_FILES: usize = 300;
/// How many items a page of a list has: the most there may be.
pub(crate) const PER_PAGE: usize = 100;
/// The wait after a refusal that names none.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);

/// GitHub, or a GitHub Enterprise Server.
#[derive(Debug, Clone)]
pub struct GitHub {
    api_url: Url,
    http: Client,
}

impl GitHub {
    /// A client of the API at `api_url`, e.g. `https://api.github.com`. Without a token it sees public repositories only.
    ///
    /// The process must have installed a `rustls` crypto provider.
    pub fn new(api_url: &str, token: Option<&str>) -> Result<Self, ForgeError> {
        let unusable = |what: &str| ForgeError::Git(format!("{what}: {api_url:?} must be an http or https URL"));
        let url = Url::parse(api_url).map_err(|error| unusable(&format!("GITHUB_API_URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unusable("GITHUB_API_URL"));
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
        headers.insert(HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));
        if let Some(token) = token {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| ForgeError::Git("GITHUB_TOKEN has characters that no header can carry".to_owned()))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        // A redirect to another host, as archives have it, is followed without the token: reqwest drops it.
        let http = Client::builder()
            .user_agent(concat!("mlsys/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(|error| ForgeError::Git(format!("no HTTP client: {error}")))?;
        Ok(Self { api_url: url, http })
    }

    /// The page of a commit. `api.github.com` belongs to `github.com`, and an Enterprise Server's API lies below its pages.
    pub(crate) fn commit_page(&self, repo: &RepoName, commit: &CommitSha) -> String {
        let host = self.api_url.host_str().unwrap_or_default();
        let port = self.api_url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = host.strip_prefix("api.").unwrap_or(host);
        format!("{}://{host}{port}/{repo}/commit/{commit}", self.api_url.scheme())
    }

    /// See [`crate::Host::changed_files`].
    pub(crate) async fn changed_files(&self, push: &Push) -> Result<FileChanges, ForgeError> {
        let (repo, after) = (&push.repo, &push.after);
        if !push.created && !push.before.is_null() {
            let answer = if push.forced {
                self.tree_changes(repo, &push.before, after).await
            } else {
                self.changes_since(repo, push.before.as_str(), after).await
            };
            // `before` may be gone after a forced push; if it is the repository that is gone, the next answer says so.
            if !matches!(answer, Err(ForgeError::NotFound(_))) {
                return answer;
            }
        }
        let RepositoryAnswer { default_branch } = self.get(self.url(repo, &[])).await?;
        if push.git_ref != GitRef::Branch(default_branch.clone()) {
            let answer = self.changes_since(repo, &default_branch, after).await;
            if !matches!(answer, Err(ForgeError::NotFound(_))) {
                return answer; // otherwise there is no common history
            }
        }
        Ok(FileChanges { added_or_modified: self.tree(repo, after).await?.into_keys().collect(), ..FileChanges::default() })
    }

    /// See [`crate::Host::is_on_branch`].
    pub(crate) async fn is_on_branch(&self, repo: &RepoName, sha: &CommitSha, branch: &str) -> Result<bool, ForgeError> {
        let head = self.branch(repo, branch).await?;
        if head.commit.sha == *sha {
            return Ok(true);
        }
        let range = format!("{sha}...{}", head.commit.sha);
        match self.get::<Standing>(self.url(repo, &["compare", &range])).await {
            Ok(standing) => Ok(matches!(&*standing.status, "ahead" | "identical")),
            // The two have nothing in common.
            Err(ForgeError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A branch. It is asked for by its name alone: a comparison would also take `somebody:branch`, another repository's, or a commit.
    pub(crate) async fn branch(&self, repo: &RepoName, branch: &str) -> Result<BranchAnswer, ForgeError> {
        let head: BranchAnswer = self.get(self.url(repo, &["branches", branch])).await?;
        if head.name == branch { Ok(head) } else { Err(ForgeError::NotFound(format!("{repo} has no branch {branch}"))) }
    }

    /// The tree of a commit, unpacked beside `target`.
    pub(crate) async fn download(&self, repo: &RepoName, commit: &CommitSha, target: &Path) -> Result<Tree, ForgeError> {
        let archive = self.send(self.url(repo, &["tarball", commit.as_str()])).await?;
        Tree::unpack(archive.bytes_stream(), Packing::TarGz, target).await
    }

    /// What changed from the merge base of `base` and `head` to `head`.
    async fn changes_since(&self, repo: &RepoName, base: &str, head: &CommitSha) -> Result<FileChanges, ForgeError> {
        let range = format!("{base}...{head}");
        let comparison: Comparison = self.get(self.url(repo, &["compare", &range])).await?;
        if comparison.files.len() >= MAX_COMPARED_FILES {
            return self.tree_changes(repo, &comparison.merge_base_commit.sha, head).await;
        }
        let mut changes = FileChanges::default();
        for file in comparison.files {
            match &*file.status {
                "removed" => {
                    changes.removed.insert(file.filename);
                }
                "unchanged" => {}
                status => {
                    if status == "renamed" {
                        changes.removed.extend(file.previous_filename);
                    }
                    changes.added_or_modified.insert(file.filename);
                }
            }
        }
        Ok(changes)
    }

    async fn tree_changes(&self, repo: &RepoName, from: &CommitSha, to: &CommitSha) -> Result<FileChanges, ForgeError> {
        let mut before = self.tree(repo, from).await?;
        let mut changes = FileChanges::default();
        for (path, blob) in self.tree(repo, to).await? {
            if before.remove(&path).as_ref() != Some(&blob) {
                changes.added_or_modified.insert(path);
            }
        }
        changes.removed.extend(before.into_keys());
        Ok(changes)
    }

    pub(crate) async fn tree(&self, repo: &RepoName, commit: &CommitSha) -> Result<HashMap<String, Blob>, ForgeError> {
        let mut url = self.url(repo, &["git", "trees", commit.as_str()]);
        url.set_query(Some("recursive=1"));
        let answer: TreeAnswer = self.get(url).await?;
        if answer.truncated {
            return Err(ForgeError::TooLarge(format!("{repo} at {} has more files than GitHub lists", commit.short())));
        }
        let files = answer.tree.into_iter().filter(|entry| entry.kind == "blob");
        Ok(files.map(|entry| (entry.path, entry.blob)).collect())
    }

    pub(crate) fn url(&self, repo: &RepoName, rest: &[&str]) -> Url {
        let mut url = self.api_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["repos", repo.owner(), repo.name()]).extend(rest);
        }
        url
    }

    /// A page of a list, counted from 1.
    pub(crate) async fn page<T: DeserializeOwned>(&self, mut list: Url, number: u32) -> Result<Vec<T>, ForgeError> {
        list.set_query(Some(&format!("per_page={PER_PAGE}&page={number}")));
        self.get(list).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, ForgeError> {
        let path = url.path().to_owned();
        let body = self.send(url).await?.bytes().await.map_err(unreachable)?;
        serde_json::from_slice(&body)
            .map_err(|error| ForgeError::Git(format!("GitHub's answer to {path} cannot be read: {error}")))
    }

    async fn send(&self, url: Url) -> Result<Response, ForgeError> {
        sent(self.http.get(url)).await
    }
}

async fn sent(request: RequestBuilder) -> Result<Response, ForgeError> {
    let response = request.send().await.map_err(unreachable)?;
    if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
}

#[derive(Deserialize)]
struct RepositoryAnswer {
    default_branch: String,
}

#[derive(Deserialize)]
pub(crate) struct BranchAnswer {
    name: String,
    pub(crate) commit: CommitAnswer,
}

/// How the head of a comparison stands to its base.
#[derive(Deserialize)]
struct Standing {
    status: String,
}

#[derive(Deserialize)]
struct Comparison {
    merge_base_commit: CommitAnswer,
    #[serde(default)]
    files: Vec<ComparedFile>,
}

#[derive(Deserialize)]
pub(crate) struct CommitAnswer {
    pub(crate) sha: CommitSha,
}

#[derive(Deserialize)]
struct ComparedFile {
    filename: String,
    status: String,
    previous_filename: Option<String>,
}

#[derive(Deserialize)]
struct TreeAnswer {
    tree: Vec<TreeEntry>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
struct TreeEntry {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    blob: Blob,
}

/// What makes a file the same file.
#[derive(Deserialize, PartialEq, Eq)]
pub(crate) struct Blob {
    sha: String,
    mode: String,
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreachable(error: reqwest::Error) -> ForgeError {
    let cause = std::iter::successors(std::error::Error::source(&error), |cause| cause.source()).last();
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    ForgeError::Unavailable(format!("GitHub cannot be reached: {error}{cause}"))
}

/// An answer other than 2xx as an error.
async fn refusal(response: Response) -> ForgeError {
    #[derive(Deserialize)]
    struct Body {
        message: String,
    }
    let (status, path) = (response.status(), response.url().path().to_owned());
    let wait = wait_asked_for(response.headers());
    let message = response.json().await.map(|Body { message }| message).unwrap_or_default();
    let limited = status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::FORBIDDEN && (wait.is_some() || message.to_lowercase().contains("rate limit")));
    match status {
        _ if limited => ForgeError::RateLimited { retry_after: wait.unwrap_or(DEFAULT_WAIT) },
        StatusCode::UNAUTHORIZED => {
            ForgeError::Forbidden("GitHub does not know GITHUB_TOKEN: check that it has not expired".to_owned())
        }
        StatusCode::FORBIDDEN => ForgeError::Forbidden(format!(
            "GitHub forbids {path}: check that GITHUB_TOKEN may read the repository's contents{}{message}",
            if message.is_empty() { "" } else { ". It says: " },
        )),
        StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => {
            ForgeError::NotFound(format!(
                "GitHub answered {status} to {path}: check that the repository and the commit exist and that GITHUB_TOKEN may read the repository's contents"
            ))
        }
        _ if status.is_server_error() => ForgeError::Unavailable(format!("GitHub answered {status} to {path}")),
        _ => ForgeError::Git(format!("GitHub answered {status} to {path}: {message}")),
    }
}

/// How long the headers of a refusal ask to wait.
fn wait_asked_for(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<u64>().ok();
    let until_reset = || {
        let reset = UNIX_EPOCH + Duration::from_secs(number("x-ratelimit-reset")?);
        (number("x-ratelimit-remaining")? == 0).then(|| reset.duration_since(SystemTime::now()).unwrap_or_default())
    };
    number(RETRY_AFTER.as_str()).map(Duration::from_secs).or_else(until_reset)
}
