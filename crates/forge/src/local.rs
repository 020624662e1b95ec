//! The git remote that mlsys serves itself: bare repositories in a folder, whose hook announces every push.

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use contract::{CommitSha, FileChanges, RepoName};
use reqwest::Url;
use tempfile::NamedTempFile;
use tokio_util::io::ReaderStream;

use crate::{
    ForgeError, GitRef, Push,
    git::{self, Git},
    payload,
    tree::{Packing, Tree},
};

/// The settings of every repository. Pushes come over a path, so git's HTTP face stays shut, and hooks are the
/// repository's own whatever the machine's configuration says.
const SETTINGS: [(&str, &str); 5] = [
    ("receive.denyNonFastForwards", "false"),
    ("receive.denyDeletes", "false"),
    ("http.receivepack", "false"),
    ("http.uploadpack", "false"),
    ("core.hooksPath", "hooks"),
];

/// The local git remote: the repository of project `p` is the bare repository `{root}/p.git`, named `local/p`.
#[derive(Debug, Clone)]
pub struct LocalGit {
    /// The folder of the repositories.
    pub root: PathBuf,
}

/// A webhook delivery to be sent: event `push`, content type `application/json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// For `X-GitHub-Delivery`. The same ref update has the same id, so sending it again is a repeated delivery.
    pub delivery_id: String,
    /// The payload.
    pub body: Vec<u8>,
}

impl LocalGit {
    /// Makes the project's repository, or brings an existing one up to date, and returns its path.
    ///
    /// After a push git runs `hook_command`, a program and its arguments, with the repository's path as one more
    /// argument and the lines `old new ref` on standard input: see [`LocalGit::payloads`].
    pub async fn ensure_project(&self, project: &str, hook_command: &[&str]) -> Result<PathBuf, ForgeError> {
        let dir = self.path(&repo_name(project)?)?;
        tokio::fs::create_dir_all(&dir).await.map_err(ForgeError::disk("making the repository's folder"))?;
        let git = Git::at(&dir);
        git.run(&["init", "--quiet", "--bare", "--template=", "--initial-branch=main"]).await?;
        for (name, value) in SETTINGS {
            git.run(&["config", name, value]).await?;
        }
        write_hook(&dir.join("hooks"), hook_command).map_err(ForgeError::disk("writing the repository's hook"))?;
        Ok(dir)
    }

    /// The deliveries that announce a push, one for each of the lines `old new ref` that git gives a post-receive hook.
    pub async fn payloads(&self, project: &str, ref_updates: &str, pusher: &str) -> Result<Vec<Outgoing>, ForgeError> {
        let repo = repo_name(project)?;
        let git = self.open(&repo)?;
        let path = self.path(&repo)?;
        let url = Url::from_file_path(&path)
            .map_err(|()| ForgeError::Git(format!("{} cannot be written as a URL", path.display())))?;
        let source = payload::Source { repo: &repo, url: url.as_str(), git: &git, pusher };
        let mut outgoing = Vec::new();
        for line in ref_updates.lines().filter(|line| !line.trim().is_empty()) {
            outgoing.push(source.delivery(&payload::RefUpdate::parse(line)?).await?);
        }
        Ok(outgoing)
    }

    /// See [`crate::Host::changed_files`].
    pub(crate) async fn changed_files(&self, push: &Push) -> Result<FileChanges, ForgeError> {
        let git = self.open(&push.repo)?;
        let after = existing(&git, &push.repo, &push.after).await?;
        let base = match commit(&git, push.before.as_str()).await? {
            Some(before) if !push.created => Some(before),
            _ => where_it_left_default(&git, &push.git_ref, &after).await?,
        };
        let Some(base) = base else {
            let listing = git.run(&["ls-tree", "-r", "-z", "--name-only", &after]).await?;
            return Ok(FileChanges { added_or_modified: git::fields(&listing).collect(), ..FileChanges::default() });
        };
        let listing = git.run(&["diff-tree", "-r", "-z", "--no-renames", "--name-status", &base, &after]).await?;
        let mut changes = FileChanges::default();
        let mut fields = git::fields(&listing);
        while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
            let side = if status == "D" { &mut changes.removed } else { &mut changes.added_or_modified };
            side.insert(path);
        }
        Ok(changes)
    }

    /// See [`crate::Host::is_on_branch`].
    pub(crate) async fn is_on_branch(&self, repo: &RepoName, sha: &CommitSha, branch: &str) -> Result<bool, ForgeError> {
        let git = self.open(repo)?;
        let branch_ref = format!("refs/heads/{branch}");
        // Exactly that ref: as a revision, a branch's name could mean much else.
        if git.ask(&["show-ref", "--verify", "--quiet", &branch_ref]).await?.is_none() {
            return Err(ForgeError::NotFound(format!("{repo} has no branch {branch}")));
        }
        let commit = existing(&git, repo, sha).await?;
        Ok(git.ask(&["merge-base", "--is-ancestor", &commit, &branch_ref]).await?.is_some())
    }

    /// The tree of a commit, unpacked beside `target`.
    pub(crate) async fn download(&self, repo: &RepoName, commit: &CommitSha, target: &Path) -> Result<Tree, ForgeError> {
        let git = self.open(repo)?;
        let commit = existing(&git, repo, commit).await?;
        let arguments = ["archive", "--format=tar", "--prefix=tree/", &commit];
        let mut archive = git.command(&arguments).spawn().map_err(ForgeError::disk("starting git"))?;
        let stdout = archive.stdout.take().ok_or_else(|| ForgeError::Git("git archive has no output".to_owned()))?;
        let unpack = Tree::unpack(ReaderStream::new(stdout), Packing::Tar, target);
        let (tree, ended) = tokio::join!(unpack, archive.wait_with_output());
        let (tree, ended) = (tree?, ended.map_err(ForgeError::disk("waiting for git"))?);
        if ended.status.success() { Ok(tree) } else { Err(git::failure(&arguments, &ended)) }
    }

    fn path(&self, repo: &RepoName) -> Result<PathBuf, ForgeError> {
        let root = std::path::absolute(&self.root).map_err(ForgeError::disk("finding the folder of the repositories"))?;
        Ok(root.join(format!("{}.git", repo.name())))
    }

    pub(crate) fn open(&self, repo: &RepoName) -> Result<Git, ForgeError> {
        let dir = self.path(repo)?;
        if repo.is_local() && dir.join("HEAD").is_file() {
            return Ok(Git::at(&dir));
        }
        Err(ForgeError::NotFound(format!("the local git remote has no project {repo}")))
    }
}

fn repo_name(project: &str) -> Result<RepoName, ForgeError> {
    format!("local/{project}").parse().map_err(|error| ForgeError::Git(format!("not a project name: {error}")))
}

async fn existing(git: &Git, repo: &RepoName, sha: &CommitSha) -> Result<String, ForgeError> {
    let found = commit(git, sha.as_str()).await?;
    found.ok_or_else(|| ForgeError::NotFound(format!("{repo} has no commit {}", sha.short())))
}

/// The commit that a revision is or points to.
pub(crate) async fn commit(git: &Git, revision: &str) -> Result<Option<String>, ForgeError> {
    git.ask(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")]).await
}

/// The default branch's ref, e.g. `refs/heads/main`; it need not exist.
pub(crate) async fn default_ref(git: &Git) -> Result<String, ForgeError> {
    git.ask(&["symbolic-ref", "HEAD"])
        .await?
        .ok_or_else(|| ForgeError::Git("the repository has no default branch".to_owned()))
}

/// The newest commit that a ref shares with the default branch; none for that branch itself.
async fn where_it_left_default(git: &Git, git_ref: &GitRef, after: &str) -> Result<Option<String>, ForgeError> {
    let default = default_ref(git).await?;
    if *git_ref == GitRef::from(&*default) || commit(git, &default).await?.is_none() {
        return Ok(None);
    }
    git.ask(&["merge-base", &default, after]).await
}

/// Writes `post-receive`, whole or not at all: a push may run it meanwhile.
fn write_hook(hooks: &Path, command: &[&str]) -> io::Result<()> {
    let words: Vec<_> = command.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
    let script = format!("#!/bin/sh\n# Written by mlsys: announces what was pushed.\nexec {} \"$PWD\"\n", words.join(" "));
    let path = hooks.join("post-receive");
    if fs::read_to_string(&path).is_ok_and(|current| current == script) {
        return Ok(());
    }
    fs::create_dir_all(hooks)?;
    let mut file = NamedTempFile::new_in(hooks)?;
    file.write_all(script.as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(0o755))?;
    file.persist(path)?;
    Ok(())
}
