//! The layout of `MLSYS_HOME`.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use service::Secret;

/// What the command line of a home shows its mlsys.
const TOKEN: &str = "home.token";

/// The folder that holds all state of an embedded mlsys.
#[derive(Debug, Clone)]
pub(crate) struct Home(PathBuf);

/// Where a running mlsys can be reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Addresses {
    pub api: String,
    pub model_server: String,
    pub mlflow: String,
    pub pid: u32,
}

/// Held by the one `mlsys up` of a home; given back by the system when the process ends, however it ends.
pub(crate) struct HomeLock(#[expect(dead_code, reason = "held, not read")] File);

impl Home {
    /// The home at a path, which is made if it isn't there.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("MLSYS_HOME {} can't be made", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("MLSYS_HOME {}", path.display()))?;
        let home = Self(path);
        home.tighten();
        Ok(home)
    }

    /// Keeps everybody else out of the home, and from the secrets and databases in it, also of one that an earlier version made.
    pub fn tighten(&self) {
        let mut tightened = Vec::new();
        for folder in [self.0.clone(), self.join("mlflow")] {
            let files = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
            for path in files.filter(|path| is_private(path)).chain([folder.clone()]) {
                match keep_private(&path) {
                    Ok(true) => tightened.push(path),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(path = %path.display(), %error, "others may read this, and it can't be helped");
                    }
                }
            }
        }
        if !tightened.is_empty() {
            let paths: Vec<_> = tightened.iter().map(|path| path.display().to_string()).collect();
            tracing::info!(paths = paths.join(", "), "other users of this machine could read these; now they can't");
        }
    }

    /// The path itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file or folder in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Bare repositories of the local git remote.
    pub fn git(&self) -> PathBuf {
        self.join("git")
    }

    /// Deliveries of the local remote that have not been accepted yet.
    pub fn outbox(&self) -> PathBuf {
        self.join("outbox")
    }

    /// Makes sure that no other process works in this home.
    pub fn lock(&self) -> anyhow::Result<HomeLock> {
        let file = File::create(self.join("lock")).context("MLSYS_HOME can't be written")?;
        match file.try_lock() {
            Ok(()) => Ok(HomeLock(file)),
            Err(TryLockError::WouldBlock) => {
                let running = self.addresses().map_or(String::new(), |at| format!(" at {} (process {})", at.api, at.pid));
                anyhow::bail!(
                    "mlsys is running already in {}{running}; stop it first, or choose another MLSYS_HOME",
                    self.0.display()
                )
            }
            Err(TryLockError::Error(error)) => Err(error).context("MLSYS_HOME can't be locked"),
        }
    }

    /// Says where this mlsys can be reached.
    pub fn write_addresses(&self, addresses: &Addresses) -> anyhow::Result<()> {
        self.write_private("address.json", &serde_json::to_vec_pretty(addresses)?)
    }

    /// Where the mlsys of this home was last reachable.
    pub fn addresses(&self) -> Option<Addresses> {
        serde_json::from_slice(&fs::read(self.join("address.json")).ok()?).ok()
    }

    /// What deliveries of GitHub are signed with: the one that was set, or a generated one. It is kept where a person
    /// finds it.
    pub fn webhook_secret(&self, set: Option<&Secret>) -> anyhow::Result<Secret> {
        self.set_or_kept("webhook.secret", set)
    }

    /// What deliveries of the local remote are signed with. It is kept where the remote's hook finds it, which sees nothing of
    /// the settings that mlsys was started with.
    pub fn local_secret(&self, set: Option<&Secret>) -> anyhow::Result<Secret> {
        self.set_or_kept("local.secret", set)
    }

    fn set_or_kept(&self, name: &str, set: Option<&Secret>) -> anyhow::Result<Secret> {
        let Some(set) = set else { return self.kept_secret(name) };
        self.write_private(name, set.expose().as_bytes())?;
        Ok(set.clone())
    }

    /// What this home's command line shows its mlsys, which makes it at its first start.
    pub fn token(&self) -> Option<Secret> {
        let token = fs::read_to_string(self.join(TOKEN)).ok()?;
        Some(Secret::new(token.trim())).filter(|token| !token.expose().is_empty())
    }

    /// The same, made where it is missing.
    pub fn make_token(&self) -> anyhow::Result<Secret> {
        self.kept_secret(TOKEN)
    }

    /// The file with the key that secrets in the database are sealed with; it is made where it is missing.
    pub fn secrets_key(&self) -> anyhow::Result<PathBuf> {
        const NAME: &str = "secrets.key";
        self.kept_secret(NAME)?;
        Ok(self.join(NAME))
    }

    /// A secret that is generated once and kept, readable by its owner only.
    pub fn kept_secret(&self, name: &str) -> anyhow::Result<Secret> {
        let path = self.join(name);
        match fs::read_to_string(&path) {
            Ok(secret) if !secret.trim().is_empty() => return Ok(Secret::new(secret.trim())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
        let secret = Secret::generate();
        self.write_private(name, secret.expose().as_bytes())?;
        Ok(secret)
    }

    /// Writes a file that only its owner may read, whole or not at all.
    fn write_private(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        let (path, new) = (self.join(name), self.join(&format!("{name}.new")));
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().with_context(|| format!("{} can't be written", path.display()))
    }
}

/// Whether a file is a secret, a key or a database, or says where mlsys is.
fn is_private(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".secret", ".key", ".db", ".json"].iter().any(|end| name.ends_with(end)) || name.contains(".db-")
}

/// Takes a file's or folder's rights from all but its owner; answers whether anybody else had some. A link is left alone:
/// what it leads to is not ours to judge.
fn keep_private(path: &Path) -> io::Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    let mode = found.permissions().mode();
    // The last six bits are those of all others.
    if found.is_symlink() || mode.trailing_zeros() >= 6 {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(mode & 0o700))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn a_home_of_before_is_closed_to_others_and_keeps_what_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("home");
        fs::create_dir_all(path.join("mlflow")).expect("a folder");
        let private = ["webhook.secret", "mlsys.db", "mlsys.db-wal", "address.json", "mlflow/mlflow.db"];
        for name in private.iter().chain(&["up.log"]) {
            fs::write(path.join(name), *name).expect("written");
            fs::set_permissions(path.join(name), Permissions::from_mode(0o644)).expect("changed");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("changed");
        let home = Home::open(&path).expect("it opens");
        assert_eq!((mode(&path), mode(&path.join("mlflow")), mode(&path.join("up.log"))), (0o700, 0o700, 0o644));
        for name in private {
            assert_eq!(mode(&path.join(name)), 0o600, "{name}");
            assert_eq!(fs::read_to_string(path.join(name)).expect("read"), name);
        }
        let secret = home.kept_secret("local.secret").expect("kept");
        assert_eq!(mode(&path.join("local.secret")), 0o600);
        assert_eq!(home.kept_secret("local.secret").expect("kept").expose(), secret.expose());
    }

    #[test]
    fn a_new_home_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/home");
        Home::open(&path).expect("it opens");
        assert_eq!(mode(&path), 0o700);
    }
}
