//! Writes push payloads of GitHub's shape from a bare repository.
//!
//! Source: the push schema of `@octokit/webhooks-schemas`. What GitHub has and a bare repository has not (stars,
//! issues, API links) is filled in as the schema demands, so that any reader of GitHub's payloads can read these.

use contract::{CommitSha, RepoName};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    ForgeError, Outgoing,
    git::{self, Git},
    local::{commit, default_ref},
    webhook::MAX_COMMITS,
};

/// GitHub delivers no payload larger than this; neither do we.
const MAX_BODY: usize = 25 << 20;
/// Begins a commit in [`FORMAT`]'s output; neither a status nor a path is ever this.
const COMMIT: &str = "\u{1}";
/// NUL-separated: [`COMMIT`], commit, tree, time, author's name and e-mail, committer's name and e-mail, message.
const FORMAT: &str = "--format=format:%x01%x00%H%x00%T%x00%cI%x00%an%x00%ae%x00%cn%x00%ce%x00%B%x00";

/// One line of what git gives a post-receive hook.
pub(crate) struct RefUpdate {
    old: CommitSha,
    new: CommitSha,
    name: String,
}

impl RefUpdate {
    pub(crate) fn parse(line: &str) -> Result<Self, ForgeError> {
        let update = match *line.split_whitespace().collect::<Vec<_>>() {
            [old, new, name] if name.starts_with("refs/") => {
                old.parse().ok().zip(new.parse().ok()).map(|(old, new)| Self { old, new, name: name.to_owned() })
            }
            _ => None,
        };
        update.ok_or_else(|| ForgeError::Git(format!("not a ref update: {line:?} must be \"old new ref\"")))
    }

    /// A UUID of everything that makes this update itself.
    fn delivery_id(&self, repo: &RepoName) -> String {
        let digest = sha256(&format!("{repo}\n{}\n{}\n{}", self.old, self.new, self.name));
        let (id, _) = digest.split_first_chunk().unwrap_or_else(|| unreachable!("a SHA-256 digest has 32 bytes"));
        uuid::Builder::from_custom_bytes(*id).into_uuid().to_string()
    }
}

/// Where payloads come from.
pub(crate) struct Source<'a> {
    pub(crate) repo: &'a RepoName,
    /// Stands for the repository's page, and is where to clone it from.
    pub(crate) url: &'a str,
    pub(crate) git: &'a Git,
    pub(crate) pusher: &'a str,
}

impl Source<'_> {
    pub(crate) async fn delivery(&self, update: &RefUpdate) -> Result<Outgoing, ForgeError> {
        let (old, new) = (commit(self.git, update.old.as_str()).await?, commit(self.git, update.new.as_str()).await?);
        let forced = match (&old, &new) {
            (Some(old), Some(new)) => self.git.ask(&["merge-base", "--is-ancestor", old, new]).await?.is_none(),
            _ => false,
        };
        let default = default_ref(self.git).await?;
        let commits = match &new {
            Some(new) if update.name.starts_with("refs/heads/") => {
                let known = self.known_before(update, old.clone(), &default).await?;
                self.commits(new, known.as_deref(), MAX_COMMITS).await?
            }
            _ => Vec::new(),
        };
        let head = match new.as_ref().or(old.as_ref()) {
            Some(head) => self.commits(head, None, 1).await?.pop(),
            None => None,
        };
        let time = head.as_ref().map_or(json!("1970-01-01T00:00:00Z"), |head| head["timestamp"].clone());
        let default_branch = default.strip_prefix("refs/heads/").unwrap_or(&default);
        let mut payload = json!({
            "ref": update.name,
            "before": update.old,
            "after": update.new,
            "created": update.old.is_null(),
            "deleted": update.new.is_null(),
            "forced": forced,
            "base_ref": null,
            "compare": format!("{}/compare/{}...{}", self.url, update.old.short(), update.new.short()),
            "commits": commits,
            "head_commit": new.and(head),
            "repository": repository(self.repo, self.url, default_branch, &time),
            "pusher": { "name": self.pusher, "email": null },
            "sender": user(self.pusher, self.url),
        });
        let mut body = payload.to_string();
        if body.len() > MAX_BODY {
            // A push that lists no file sends its reader back to the repository.
            payload["commits"] = json!([]);
            for list in ["added", "removed", "modified"] {
                payload["head_commit"][list] = json!([]);
            }
            body = payload.to_string();
        }
        Ok(Outgoing { delivery_id: update.delivery_id(self.repo), body: body.into_bytes() })
    }

    /// The commit whose history is not news: where the branch was, or the default branch for a new one.
    async fn known_before(
        &self,
        update: &RefUpdate,
        old: Option<String>,
        default: &str,
    ) -> Result<Option<String>, ForgeError> {
        if old.is_some() || update.name == default { Ok(old) } else { commit(self.git, default).await }
    }

    /// The newest `count` commits of `head` that `known` does not have, oldest first.
    async fn commits(&self, head: &str, known: Option<&str>, count: usize) -> Result<Vec<Value>, ForgeError> {
        let (count, known) = (format!("--max-count={count}"), known.map(|known| format!("^{known}")));
        let mut arguments = vec!["log", "-z", "--reverse", "--topo-order", "--encoding=UTF-8", &count, FORMAT];
        arguments.extend(["--name-status", "--no-renames", "--diff-merges=first-parent", head]);
        arguments.extend(known.as_deref());
        arguments.push("--");
        let log = self.git.run(&arguments).await?;
        let mut fields = git::fields(&log);
        let mut commits = Vec::new();
        while let Some(field) = fields.next() {
            match field.trim_start_matches('\n') {
                COMMIT => commits.push(commit_value(self.url, &mut fields)),
                "" => {}
                status => {
                    let list = match status {
                        "A" => "added",
                        "D" => "removed",
                        _ => "modified",
                    };
                    if let (Some(Value::Array(list)), Some(path)) =
                        (commits.last_mut().map(|commit: &mut Value| &mut commit[list]), fields.next())
                    {
                        list.push(path.into());
                    }
                }
            }
        }
        Ok(commits)
    }
}

/// A commit with empty file lists, from the fields of [`FORMAT`].
fn commit_value(url: &str, fields: &mut impl Iterator<Item = String>) -> Value {
    let mut next = || fields.next().unwrap_or_default();
    let (id, tree_id, timestamp) = (next(), next(), next());
    let (author, author_email, committer, committer_email) = (next(), next(), next(), next());
    json!({
        "url": format!("{url}/commit/{id}"),
        "id": id,
        "tree_id": tree_id,
        "distinct": true,
        "message": next().trim_end(),
        "timestamp": timestamp,
        "author": { "name": author, "email": author_email },
        "committer": { "name": committer, "email": committer_email },
        "added": [],
        "removed": [],
        "modified": [],
    })
}

fn repository(repo: &RepoName, url: &str, default_branch: &str, time: &Value) -> Value {
    let id = number(&repo.to_string());
    let mut repository = json!({
        "id": id,
        "node_id": id.to_string(),
        "name": repo.name(),
        "full_name": repo,
        "private": true,
        "visibility": "private",
        "owner": user(repo.owner(), url),
        "default_branch": default_branch,
        "description": null, "homepage": null, "language": null, "license": null, "mirror_url": null,
        "url": url, "html_url": url, "clone_url": url, "git_url": url, "ssh_url": url, "svn_url": url,
        "created_at": time, "updated_at": time, "pushed_at": time,
        "topics": [], "custom_properties": {},
    });
    fill(&mut repository, &REPOSITORY_FLAGS, |_| json!(false));
    fill(&mut repository, &REPOSITORY_COUNTS, |_| json!(0));
    fill(&mut repository, &REPOSITORY_LINKS, |field| link(url, field));
    repository
}

fn user(login: &str, url: &str) -> Value {
    let id = number(login);
    let mut user = json!({
        "login": login,
        "id": id,
        "node_id": id.to_string(),
        "gravatar_id": "",
        "type": "User",
        "site_admin": false,
        "url": url, "html_url": url,
    });
    fill(&mut user, &USER_LINKS, |field| link(url, field));
    user
}

fn fill(object: &mut Value, fields: &[&str], value: impl Fn(&str) -> Value) {
    for field in fields {
        object[*field] = value(field);
    }
}

/// `…_url` as a path below the repository.
fn link(url: &str, field: &str) -> Value {
    json!(format!("{url}/{}", field.trim_end_matches("_url")))
}

/// A number for what GitHub numbers, the same for the same name and exact in a JSON reader's double.
fn number(name: &str) -> u64 {
    sha256(name).iter().take(6).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

const REPOSITORY_FLAGS: [&str; 9] = [
    "fork",
    "archived",
    "is_template",
    "web_commit_signoff_required",
    "has_issues",
    "has_projects",
    "has_downloads",
    "has_wiki",
    "has_pages",
];

const REPOSITORY_COUNTS: [&str; 8] =
    ["size", "stargazers_count", "watchers_count", "forks_count", "open_issues_count", "forks", "open_issues", "watchers"];

const REPOSITORY_LINKS: [&str; 36] = [
    "forks_url",
    "keys_url",
    "collaborators_url",
    "teams_url",
    "hooks_url",
    "issue_events_url",
    "events_url",
    "assignees_url",
    "branches_url",
    "tags_url",
    "blobs_url",
    "git_tags_url",
    "git_refs_url",
    "trees_url",
    "statuses_url",
    "languages_url",
    "stargazers_url",
    "contributors_url",
    "subscribers_url",
    "subscription_url",
    "commits_url",
    "git_commits_url",
    "comments_url",
    "issue_comment_url",
    "contents_url",
    "compare_url",
    "merges_url",
    "archive_url",
    "downloads_url",
    "issues_url",
    "pulls_url",
    "milestones_url",
    "notifications_url",
    "labels_url",
    "releases_url",
    "deployments_url",
];

const USER_LINKS: [&str; 10] = [
    "avatar_url",
    "followers_url",
    "following_url",
    "gists_url",
    "starred_url",
    "subscriptions_url",
    "organizations_url",
    "repos_url",
    "events_url",
    "received_events_url",
];
