//! A project on the local git remote, with a clone to push from and a hook that records what was pushed.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use forge::{Delivery, LocalGit, Outgoing, Push};

pub struct Project {
    pub local: LocalGit,
    pub bare: PathBuf,
    pub clone: PathBuf,
    pub folder: tempfile::TempDir,
    record: PathBuf,
}

impl Project {
    pub const NAME: &str = "titanic";

    pub async fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("a b'c é").tempdir().unwrap();
        let local = LocalGit { root: folder.path().join("git") };
        let (record, clone) = (folder.path().join("pushed"), folder.path().join("clone"));
        let hook = write_script(&folder.path().join("the hook's script"), "{ echo \"$1|$2\"; cat; } > \"$3\"");
        let hook = [hook.to_str().unwrap(), "an argument", "it's", record.to_str().unwrap()];
        let bare = local.ensure_project(Self::NAME, &hook).await.unwrap();
        fs::create_dir(&clone).unwrap();
        let project = Self { local, bare, clone, folder, record };
        project.git(&["init", "--quiet", "--initial-branch=main"]);
        project.git(&["remote", "add", "origin", project.bare.to_str().unwrap()]);
        project
    }

    /// Runs git in the clone.
    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.clone, arguments)
    }

    pub fn write(&self, path: &str, content: &str) {
        let path = self.clone.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits everything in the clone.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.head()
    }

    /// Feeds the clone many commits or files at once.
    pub fn fast_import(&self, stream: &str) {
        let mut import = git_command(&self.clone).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
        import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
        assert!(import.wait().unwrap().success());
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// What the hook was given, after a push: its arguments, then its standard input.
    pub fn push_recorded(&self, arguments: &[&str]) -> String {
        let _ = fs::remove_file(&self.record);
        self.git(&[&["push", "--quiet", "origin"], arguments].concat());
        fs::read_to_string(&self.record).unwrap()
    }

    /// The deliveries of a push.
    pub async fn outgoing(&self, arguments: &[&str]) -> Vec<Outgoing> {
        let recorded = self.push_recorded(arguments);
        let (_, updates) = recorded.split_once('\n').unwrap();
        self.local.payloads(Self::NAME, updates, "ada").await.unwrap()
    }

    /// A push of one ref, as a webhook's receiver sees it.
    pub async fn push(&self, arguments: &[&str]) -> Push {
        let outgoing = self.outgoing(arguments).await;
        let [delivery] = &*outgoing else { panic!("one ref was pushed, not {}", outgoing.len()) };
        read(delivery)
    }
}

pub fn read(outgoing: &Outgoing) -> Push {
    match forge::parse("push", Some("application/json"), &outgoing.body).unwrap() {
        Delivery::Push(push) => push,
        other => panic!("not a push: {other:?}"),
    }
}

pub fn git(folder: &Path, arguments: &[&str]) -> String {
    String::from_utf8(git_bytes(folder, arguments)).unwrap().trim_end().to_owned()
}

pub fn git_bytes(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = git_command(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A git command of a person, whatever the environment of the tests.
pub fn git_command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env_remove("GIT_DIR")
        .env_remove("GIT_QUARANTINE_PATH")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=Ada Lovelace", "-c", "user.email=ada@example.com", "-c", "safe.directory=*"]);
    command
}

pub fn write_script(path: &Path, body: &str) -> PathBuf {
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_owned()
}

pub fn paths<'a>(paths: impl IntoIterator<Item = &'a str>) -> std::collections::BTreeSet<String> {
    paths.into_iter().map(str::to_owned).collect()
}
