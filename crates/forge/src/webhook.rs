//! A webhook delivery of GitHub's shape, parsed to what mlsys needs of it.
//!
//! Source: the push and ping schemas of `@octokit/webhooks-schemas`. Only the needed fields are read, borrowed from
//! the body; everything else is skipped. What mlsys can do without may be missing or unreadable.

use std::borrow::Cow;

use contract::{CommitSha, FileChanges, RepoName};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

/// A push lists at most this many commits.
pub(crate) const MAX_COMMITS: usize = 2048;
/// A file list of this many entries may have been cut by the host.
const SUSPICIOUS_LIST: usize = 3000;

/// Why a body is not the payload that its event promises. The text is for the sender.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// A form without the field that carries the JSON.
    #[error("the form has no field named payload")]
    NoPayloadField,
    /// A list, which JSON's reader would take for the fields in order.
    #[error("the payload is a list, not an object")]
    List,
    /// Not JSON, or not of the event's shape.
    #[error("the payload cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// What was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The webhook was set up.
    Ping {
        /// The webhook's number at the host, where the payload has it.
        hook_id: Option<u64>,
        /// Its repository; an organisation's webhook has none.
        repo: Option<RepoName>,
    },
    /// A branch or tag was pushed to.
    Push(Push),
    /// Anything else.
    Other {
        /// The event's name.
        event: String,
        /// The repository it happened in, where the payload names one.
        repo: Option<RepoName>,
    },
}

/// One ref moved from one commit to another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "GitHub's own words, and independent")]
pub struct Push {
    /// The repository pushed to.
    pub repo: RepoName,
    /// What was pushed to.
    pub git_ref: GitRef,
    /// Where the ref was; null when the push created it, or the payload does not say.
    pub before: CommitSha,
    /// Where the ref is; null when the push deleted it. For an annotated tag, the tag object.
    pub after: CommitSha,
    /// Whether the push created the ref.
    pub created: bool,
    /// Whether the push deleted the ref.
    pub deleted: bool,
    /// Whether `before` is not among the ancestors of `after`.
    pub forced: bool,
    /// The commit that `after` is or points to.
    pub head: Option<CommitSha>,
    /// What the listed commits did to files, the last change of a path deciding.
    pub files: FileChanges,
    /// Whether `files` may lack something: then ask [`crate::Host::changed_files`].
    pub files_incomplete: bool,
    /// Who pushed.
    pub pusher: Option<String>,
    /// The head commit's message.
    pub message: Option<String>,
}

/// The name of a ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitRef {
    /// `refs/heads/…`, without that prefix.
    Branch(String),
    /// `refs/tags/…`, without that prefix.
    Tag(String),
    /// Any other ref, whole.
    Other(String),
}

impl From<&str> for GitRef {
    fn from(name: &str) -> Self {
        if let Some(branch) = name.strip_prefix("refs/heads/") {
            Self::Branch(branch.to_owned())
        } else if let Some(tag) = name.strip_prefix("refs/tags/") {
            Self::Tag(tag.to_owned())
        } else {
            Self::Other(name.to_owned())
        }
    }
}

/// Reads a delivery's body: JSON, or a form whose field `payload` is JSON, told apart by the content type.
pub fn parse(event: &str, content_type: Option<&str>, raw_body: &[u8]) -> Result<Delivery, PayloadError> {
    if !content_type.is_some_and(is_form) {
        return parse_json(event, raw_body);
    }
    let mut fields = form_urlencoded::parse(raw_body);
    let (_, payload) = fields.find(|(name, _)| name == "payload").ok_or(PayloadError::NoPayloadField)?;
    parse_json(event, payload.as_bytes())
}

pub(crate) fn is_form(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn parse_json(event: &str, json: &[u8]) -> Result<Delivery, PayloadError> {
    match event {
        "push" => Ok(Delivery::Push(object::<PushBody>(json)?.into())),
        "ping" => {
            let NoticeBody { hook_id, repository } = object(json)?;
            Ok(Delivery::Ping { hook_id, repo: repository.map(|repository| repository.full_name) })
        }
        _ => {
            // Of an event we do nothing with, nothing is required but that it is JSON.
            let repo = match object::<NoticeBody>(json) {
                Ok(body) => body.repository.map(|repository| repository.full_name),
                Err(_) => serde_json::from_slice::<IgnoredAny>(json).map(|_| None)?,
            };
            Ok(Delivery::Other { event: event.to_owned(), repo })
        }
    }
}

fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, PayloadError> {
    if json.trim_ascii_start().starts_with(b"[") {
        return Err(PayloadError::List);
    }
    Ok(serde_json::from_slice(json)?)
}

/// A value of another shape counts as missing.
fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(value: D) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value<T> {
        Readable(T),
        Other(IgnoredAny),
    }
    Ok(match Value::deserialize(value)? {
        Value::Readable(value) => value,
        Value::Other(_) => T::default(),
    })
}

#[derive(Deserialize)]
struct Repository {
    full_name: RepoName,
}

/// What is read of any event but a push.
#[derive(Deserialize)]
struct NoticeBody {
    #[serde(default, deserialize_with = "lenient")]
    hook_id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct PushBody<'a> {
    #[serde(rename = "ref", borrow)]
    git_ref: Cow<'a, str>,
    #[serde(default, deserialize_with = "lenient")]
    before: Option<CommitSha>,
    after: CommitSha,
    #[serde(default, deserialize_with = "lenient")]
    created: bool,
    #[serde(default, deserialize_with = "lenient")]
    deleted: bool,
    #[serde(default, deserialize_with = "lenient")]
    forced: bool,
    repository: Repository,
    #[serde(borrow)]
    commits: Option<Vec<Commit<'a>>>,
    #[serde(borrow)]
    head_commit: Option<Commit<'a>>,
    #[serde(default, deserialize_with = "lenient")]
    pusher: Option<Pusher>,
}

#[derive(Deserialize)]
struct Pusher {
    name: String,
}

#[derive(Deserialize)]
struct Commit<'a> {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<CommitSha>,
    #[serde(default, borrow, deserialize_with = "lenient")]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    added: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    removed: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    modified: Option<Vec<Text<'a>>>,
}

/// serde borrows a `Cow` only where it is named so, which a list's element cannot be.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl From<PushBody<'_>> for Push {
    fn from(body: PushBody<'_>) -> Self {
        let created = body.created || body.before.as_ref().is_some_and(CommitSha::is_null);
        let deleted = body.deleted || body.after.is_null();
        let listed = body.commits.as_deref().unwrap_or_default();
        // A branch created at a commit the host already had lists no commits, only its head.
        let commits = || listed.iter().chain(&body.head_commit);
        let nothing_listed = commits().all(|commit| commit.lists().all(Vec::is_empty));
        let list_cut = listed.is_empty()
            || listed.len() >= MAX_COMMITS
            || commits().any(|commit| commit.lists().any(|list| list.len() >= SUSPICIOUS_LIST));
        let files_incomplete = !deleted && (created || body.forced || nothing_listed || list_cut);
        let files = walk(commits());
        let (head, message) = body.head_commit.map(|head| (head.id, head.message)).unzip();
        Self {
            repo: body.repository.full_name,
            git_ref: GitRef::from(&*body.git_ref),
            before: body.before.unwrap_or_else(CommitSha::null),
            after: body.after,
            created,
            deleted,
            forced: body.forced,
            head: head.flatten(),
            files,
            files_incomplete,
            pusher: body.pusher.map(|pusher| pusher.name),
            message: message.flatten().map(|Text(message)| message.into_owned()),
        }
    }
}

impl<'a> Commit<'a> {
    fn lists(&self) -> impl Iterator<Item = &Vec<Text<'a>>> {
        [&self.added, &self.removed, &self.modified].into_iter().flatten()
    }
}

/// Folds the commits' lists, oldest first, into one change.
fn walk<'b, 'a: 'b>(commits: impl Iterator<Item = &'b Commit<'a>>) -> FileChanges {
    let mut changes = FileChanges::default();
    for commit in commits {
        for Text(path) in [&commit.added, &commit.modified].into_iter().flatten().flatten() {
            changes.removed.remove(&**path);
            changes.added_or_modified.insert(path.to_string());
        }
        for Text(path) in commit.removed.iter().flatten() {
            changes.added_or_modified.remove(&**path);
            changes.removed.insert(path.to_string());
        }
    }
    changes
}
