//! A git project of a test, whose pushes go to a running mlsys.

use std::{path::Path, process::Command};

use contract::PipelineId;
use tempfile::TempDir;

use crate::Mlsys;

/// A git repository with the remote `mlsys`.
pub struct Project {
    folder: TempDir,
    name: String,
}

impl Project {
    /// A new repository, registered with mlsys's local remote under `name`.
    pub fn new(mlsys: &Mlsys, name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let project = Self { folder, name: name.to_owned() };
        project.git(&["init", "--quiet", "--initial-branch=main"]);
        project.git(&["config", "user.name", "Test"]);
        project.git(&["config", "user.email", "test@localhost"]);
        project.git(&["config", "commit.gpgsign", "false"]);
        let added =
            mlsys.cli(&["remote", "--project", name, &project.path().to_string_lossy()]).output().expect("mlsys runs");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        project
    }

    /// The repository's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The repository's name at mlsys.
    pub fn full_name(&self) -> String {
        format!("local/{}", self.name)
    }

    /// Writes a file.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let file = self.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, content).expect("written");
        self
    }

    /// Commits everything, pushes `main` for real, and answers the pipelines that the hook reported.
    pub fn push(&self) -> Vec<PipelineId> {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "Change"]);
        let said = self.git(&["push", "mlsys", "main"]);
        let ids = said.lines().filter_map(|line| line.split(" runs as pipeline ").nth(1));
        ids.filter_map(|id| id.trim().parse().ok()).collect()
    }

    /// Writes one notebook, pushes it, and answers its pipeline.
    pub fn push_notebook(&self, path: &str, content: impl AsRef<[u8]>) -> PipelineId {
        let ids = self.write(path, content).push();
        assert_eq!(ids.len(), 1, "one notebook makes one pipeline");
        ids[0]
    }

    /// Runs git in the repository; answers what it said on standard output and standard error.
    pub fn git(&self, arguments: &[&str]) -> String {
        let answer = Command::new("git").arg("-C").arg(self.path()).args(arguments).output().expect("git runs");
        let said = format!("{}{}", String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
        assert!(answer.status.success(), "git {arguments:?}: {said}");
        said
    }
}
