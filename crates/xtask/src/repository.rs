//! The repository as the chores see it: its packages, its files, its commands.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The repository's folder.
pub struct Repository {
    root: PathBuf,
}

/// What `cargo metadata` says of the workspace.
#[derive(Deserialize)]
pub struct Metadata {
    /// The workspace's packages.
    pub packages: Vec<Package>,
    /// Where cargo builds.
    pub target_directory: PathBuf,
}

/// A package of the workspace.
#[derive(Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// What it depends on, outside packages too.
    pub dependencies: Vec<Dependency>,
}

/// One dependency.
#[derive(Deserialize)]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// `dev`, `build`, or nothing.
    pub kind: Option<String>,
    /// Where it is; nothing for a package from outside.
    pub path: Option<PathBuf>,
}

/// A text file, by its path from the root.
pub struct TextFile {
    /// Its path, with `/`.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl Repository {
    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The repository that this program was built in.
    pub fn here() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Ok(Self { root: root.canonicalize().context("the repository has moved since xtask was built")? })
    }

    /// The workspace's packages.
    pub fn metadata(&self) -> Result<Metadata> {
        let json = self.cargo(&["metadata", "--no-deps", "--format-version", "1"])?;
        serde_json::from_str(&json).context("cargo metadata printed something else")
    }

    /// The text files that git tracks, or would once they are added.
    pub fn text_files(&self) -> Result<Vec<TextFile>> {
        let names = self.output("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        let mut files = Vec::new();
        for path in names.split_terminator('\0') {
            // A file may be deleted and not yet staged, or be no text.
            if let Ok(text) = fs::read_to_string(self.root.join(path)) {
                files.push(TextFile { path: path.to_owned(), text });
            }
        }
        Ok(files)
    }

    /// A file's text.
    pub fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.root.join(path)).with_context(|| path.to_owned())
    }

    /// Replaces a file's text.
    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        fs::write(self.root.join(path), text).with_context(|| path.to_owned())
    }

    /// What a cargo command prints.
    pub fn cargo(&self, arguments: &[&str]) -> Result<String> {
        self.output(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), arguments)
    }

    /// What a command prints, run at the root; its failure is an error with its own words.
    pub fn output(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let shown = format!("{program} {}", arguments.join(" "));
        let mut command = Command::new(program);
        // What cargo told this chore about its own package: build scripts read it (ring's), and would build all again.
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_package(name)) {
            command.env_remove(name);
        }
        let output = command.args(arguments).current_dir(&self.root).output().with_context(|| shown.clone())?;
        ensure!(
            output.status.success(),
            "{shown}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
        String::from_utf8(output.stdout).with_context(|| shown)
    }
}

fn is_of_package(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
}
