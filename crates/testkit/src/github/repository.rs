//! A repository at GitHub, pushes to it, and their announcement.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use contract::{CommitSha, RepoName};
use serde_json::{Value, json};

/// A bare repository. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Repository {
    name: RepoName,
    bare: PathBuf,
}

/// A push that happened, and how GitHub announces it.
#[derive(Debug, Clone)]
pub struct Push {
    /// The repository.
    pub repo: RepoName,
    /// The branch.
    pub branch: String,
    /// The commit pushed.
    pub commit: CommitSha,
    /// The notebooks that it added or changed.
    pub notebooks: Vec<String>,
    /// For `X-GitHub-Delivery`: the same each time this push is announced.
    pub delivery_id: String,
    /// The payload.
    pub body: Vec<u8>,
}

impl Repository {
    /// A new, empty one in a folder: a [`GitHub`](crate::GitHub)'s, or that of the local remote.
    pub fn init(full_name: &str, bare: PathBuf) -> Self {
        std::fs::create_dir_all(&bare).expect("a folder");
        let repository = Self { name: full_name.parse().expect("owner/name"), bare };
        repository.git(&["init", "--quiet", "--bare", "--initial-branch=main"], "");
        repository
    }

    /// Its name, `owner/name`.
    pub fn name(&self) -> &RepoName {
        &self.name
    }

    /// Commits files (path and content) on top of a branch, which is made when it is not there.
    pub fn push(&self, branch: &str, files: &[(&str, &str)]) -> Push {
        let git_ref = format!("refs/heads/{branch}");
        let before = self.git(&["for-each-ref", "--format=%(objectname)", &git_ref], "").trim().to_owned();
        let mut stream = format!("commit {git_ref}\ncommitter Test <test@localhost> 1767225600 +0000\ndata 6\nChange\n");
        if !before.is_empty() {
            let _ = writeln!(stream, "from {git_ref}^0");
        }
        for (path, content) in files {
            let _ = writeln!(stream, "M 100644 inline {path}\ndata {}\n{content}", content.len());
        }
        self.git(&["fast-import", "--quiet", "--force"], &stream);
        let commit: CommitSha = self.git(&["rev-parse", &git_ref], "").trim().parse().expect("a commit");
        let before = if before.is_empty() { CommitSha::null() } else { before.parse().expect("a commit") };
        let body = self.payload(&git_ref, &before, &commit, files).to_string().into_bytes();
        let notebooks = files.iter().filter(|(path, _)| Path::new(path).extension().is_some_and(|end| end == "ipynb"));
        let notebooks = notebooks.map(|(path, _)| (*path).to_owned()).collect();
        let delivery_id = format!("{}-{commit}", self.name.name());
        Push { repo: self.name.clone(), branch: branch.to_owned(), commit, notebooks, delivery_id, body }
    }

    /// Makes a branch at a commit, or moves it there.
    pub fn branch(&self, branch: &str, commit: &CommitSha) {
        self.git(&["update-ref", &format!("refs/heads/{branch}"), commit.as_str()], "");
    }

    /// A commit on top of a branch that only a fork has: GitHub knows it in the repository as well, on no branch of it.
    pub fn push_of_fork(&self, branch: &str, files: &[(&str, &str)]) -> CommitSha {
        let head: CommitSha =
            self.git(&["rev-parse", &format!("refs/heads/{branch}")], "").trim().parse().expect("a commit");
        self.branch("fork", &head);
        let commit = self.push("fork", files).commit;
        self.git(&["update-ref", "refs/pull/1/head", commit.as_str()], "");
        self.git(&["update-ref", "-d", "refs/heads/fork"], "");
        commit
    }

    /// The fields that a reader may ask for. A push that made its branch lists no files, so that its reader has to ask.
    fn payload(&self, git_ref: &str, before: &CommitSha, after: &CommitSha, files: &[(&str, &str)]) -> Value {
        let changed: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        let commit = json!({
            "id": after, "tree_id": "1".repeat(40), "distinct": true, "message": "Change", "timestamp": "2026-01-01T00:00:00Z",
            "url": "https://github.example/commit", "author": {"name": "Test"}, "committer": {"name": "Test"},
            "added": [], "removed": [], "modified": changed
        });
        let (owner, name) = (self.name.owner(), self.name.name());
        json!({
            "ref": git_ref, "before": before, "after": after, "created": before.is_null(), "deleted": false, "forced": false,
            "base_ref": null, "compare": "https://github.example/compare", "commits": [commit], "head_commit": commit,
            "repository": {"id": 1, "name": name, "full_name": self.name, "owner": {"login": owner}, "default_branch": "main"},
            "pusher": {"name": "test", "email": null}, "sender": {"login": "test"}
        })
    }

    fn git(&self, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.bare)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("git runs");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
        let answer = child.wait_with_output().expect("an answer");
        assert!(answer.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8(answer.stdout).expect("UTF-8")
    }
}
