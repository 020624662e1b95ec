//! The layout of `MLSYS_HOME`.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::OpenOptionsExt,
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
        fs::create_dir_all(path).with_context(|| format!("MLSYS_HOME {} can't be made", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("MLSYS_HOME {}", path.display()))?;
        Ok(Self(path))
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

    /// What deliveries are signed with: the one that was set, or a generated one. It is kept where the local remote's
    /// hook finds it, which sees nothing of the settings that mlsys was started with.
    pub fn webhook_secret(&self, set: Option<&Secret>) -> anyhow::Result<Secret> {
        let Some(set) = set else { return self.kept_secret("webhook.secret") };
        self.write_private("webhook.secret", set.expose().as_bytes())?;
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

    /// A secret that is generated once and kept, readable by its owner only.
    pub fn kept_secret(&self, name: &str) -> anyhow::Result<Secret> {
        let path = self.join(name);
        match fs::read_to_string(&path) {
            Ok(secret) if !secret.trim().is_empty() => return Ok(Secret::new(secret.trim())),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
        let secret = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        self.write_private(name, secret.as_bytes())?;
        Ok(Secret::new(secret))
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
