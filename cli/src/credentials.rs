//! What commands show an API: the key that was set, the home's own token, or the key that `mlsys login` kept for it.
//!
//! A token or key is shown to the one address that it is for.

use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context;
use service::Secret;

use crate::{home::Home, settings::Settings};

/// Keys by the address that each is for.
type Kept = BTreeMap<String, String>;

/// What to show the API at an address.
pub(crate) fn of(settings: &Settings, base: &str) -> anyhow::Result<Option<Secret>> {
    if let Some(key) = settings.secret("MLSYS_API_KEY") {
        return Ok(Some(key));
    }
    let base = trimmed(base);
    let home = Home::open(&settings.home).ok();
    let is_own = |home: &Home| home.addresses().is_some_and(|addresses| trimmed(&addresses.api) == base);
    if let Some(token) = home.filter(is_own).and_then(|home| home.token()) {
        return Ok(Some(token));
    }
    let Some(file) = file() else { return Ok(None) };
    Ok(read(&file)?.remove(base).map(Secret::new))
}

/// Keeps a key for an address; answers where.
pub(crate) fn keep(base: &str, key: &Secret) -> anyhow::Result<PathBuf> {
    let file = file().context("neither XDG_CONFIG_HOME nor HOME is set: use MLSYS_API_KEY")?;
    let mut kept = read(&file)?;
    kept.insert(trimmed(base).to_owned(), key.expose().to_owned());
    let new = file.with_extension("new");
    let write = || {
        if let Some(folder) = file.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        out.write_all(&serde_json::to_vec_pretty(&kept)?)?;
        out.sync_all()?;
        fs::rename(&new, &file)
    };
    write().with_context(|| format!("{} can't be written", file.display()))?;
    Ok(file)
}

fn trimmed(base: &str) -> &str {
    base.trim_end_matches('/')
}

fn file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("mlsys/credentials.json"))
}

fn read(file: &Path) -> anyhow::Result<Kept> {
    match fs::read(file) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{} can't be read", file.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Kept::new()),
        Err(error) => Err(error).with_context(|| format!("{} can't be read", file.display())),
    }
}
