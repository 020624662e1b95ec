//! Running `uv`, also for requirements that strangers wrote, and what makes it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use sandbox::{Confinement, Egress, Watch, python_folders};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// What `uv` may see of our environment: how to reach the index, nothing secret of ours.
const ENVIRONMENT: [&str; 13] = [
    "PATH",
    "LD_LIBRARY_PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];
/// Of `uv`'s own settings, what finds and installs packages. What builds them sees it too, and nothing else of `UV_*`.
const INSTALLING: [&str; 30] = [
    "UV_CACHE_DIR",
    "UV_CONCURRENT_BUILDS",
    "UV_CONCURRENT_DOWNLOADS",
    "UV_CONCURRENT_INSTALLS",
    "UV_CONFIG_FILE",
    "UV_CONSTRAINT",
    "UV_DEFAULT_INDEX",
    "UV_EXCLUDE_NEWER",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_HTTP_RETRIES",
    "UV_HTTP_TIMEOUT",
    "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER",
    "UV_LINK_MODE",
    "UV_NATIVE_TLS",
    "UV_NO_BINARY",
    "UV_NO_BUILD",
    "UV_NO_BUILD_PACKAGE",
    "UV_NO_CACHE",
    "UV_NO_CONFIG",
    "UV_NO_INDEX",
    "UV_OFFLINE",
    "UV_OVERRIDE",
    "UV_PRERELEASE",
    "UV_PYTHON_INSTALL_DIR",
    "UV_REQUEST_TIMEOUT",
    "UV_RESOLUTION",
    "UV_SYSTEM_CERTS",
    "UV_TORCH_BACKEND",
];
/// Where connections go through.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];
/// How much of what it said is kept to find the reason in: the end.
const KEPT_LINES: usize = 200;

/// What a build is held to.
pub struct Bounds {
    pub confinement: Confinement,
    /// The most memory that it may take, with all that it starts, in bytes.
    pub memory_limit: Option<u64>,
}

/// Why it did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// This machine's files, or processes.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It took more memory than it may.
    #[error("it took {} MiB of memory, over the limit of {} MiB", peak >> 20, limit >> 20)]
    OutOfMemory {
        /// The limit, in bytes.
        limit: u64,
        /// What it had, in bytes.
        peak: u64,
    },
}

/// Whether it may see a variable of ours. For the platform's own environment it builds nothing that others wrote.
fn is_passed(name: &str, confined: bool) -> bool {
    let own = if confined {
        // `UV_INDEX`, and the user and password of a named one.
        INSTALLING.contains(&name) || name.starts_with("UV_INDEX")
    } else {
        name.starts_with("UV_") || name.starts_with("PIP_")
    };
    own || ENVIRONMENT.contains(&name)
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

/// What a variable names, or a folder of the user's.
fn below_home(name: &str, default: &str) -> PathBuf {
    variable(name).unwrap_or_else(|| variable("HOME").unwrap_or_default().join(default))
}

/// Where `uv` keeps what it has fetched. What is built from source can write there, so it is apart from what others' wheels,
/// and the platform's, come from.
pub fn cache(sources: bool) -> PathBuf {
    let cache = variable("UV_CACHE_DIR").unwrap_or_else(|| below_home("XDG_CACHE_HOME", ".cache").join("uv"));
    if sources { cache.with_extension("sources") } else { cache }
}

/// What building an environment of others' packages may reach: a scratch folder, the repository's tree, `uv` with its
/// cache, and how the index is reached.
pub fn confinement(
    uv: &Path,
    platform: &Path,
    (scratch, cache): (&Path, &Path),
    tree: &Path,
) -> std::io::Result<Confinement> {
    let home = variable("HOME").unwrap_or_default();
    std::fs::create_dir_all(cache)?;
    let temporary = scratch.join("tmp");
    std::fs::create_dir_all(&temporary)?;
    let mut read = python_folders(platform);
    read.extend([
        uv.to_owned(),
        below_home("UV_PYTHON_INSTALL_DIR", ".local/share/uv"),
        below_home("XDG_CONFIG_HOME", ".config").join("uv"),
    ]);
    read.extend([".netrc", ".gitconfig", ".config/git"].map(|name| home.join(name)));
    read.extend(["UV_CONFIG_FILE", "UV_FIND_LINKS", "SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(variable));
    let write = vec![temporary, scratch.to_owned(), tree.to_owned(), cache.to_owned()];
    Ok(Confinement { read, write, egress: indexes(), ..Confinement::default() })
}

/// Everybody outside, and whatever index is named to us, be it on this machine.
fn indexes() -> Egress {
    let named = std::env::vars().filter(|(name, _)| name.starts_with("UV_") || PROXIES.contains(&&**name));
    named.fold(Egress::all(), |egress, (_, value)| egress.and_urls(&value))
}

/// Runs it, passing on what it says; `Ok(Err(…))` holds the end of what it said when it failed.
pub async fn run(
    mut command: Command,
    directory: &Path,
    say: &(dyn Fn(String) + Send + Sync),
    bounds: Option<&Bounds>,
) -> Result<Result<(), String>, Stopped> {
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.env_clear().env("UV_PYTHON_DOWNLOADS", "never");
    let confinement = bounds.map(|bounds| &bounds.confinement);
    let confined = confinement.is_some();
    command.envs(std::env::vars().filter(|(name, _)| is_passed(name, confined)));
    // What a build leaves in its folder for temporary files goes with it.
    if let Some(folder) = confinement.and_then(|confinement| confinement.write.first()) {
        command.env("TMPDIR", folder);
    }
    let name = Path::new(command.as_std().get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut child = sandbox::spawn(command, confinement)?;
    let memory = Watch::start(&child, bounds.and_then(|bounds| bounds.memory_limit));
    let mut said = std::collections::VecDeque::new();
    if let (_, _, Some(stderr)) = child.pipes() {
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await? {
            say(format!("{name}: {line}"));
            if said.len() == KEPT_LINES {
                said.pop_front();
            }
            said.push_back(line);
        }
    }
    if child.wait().await?.success() {
        return Ok(Ok(()));
    }
    if let Some(limit) = memory.limit().filter(|_| memory.is_over_limit()) {
        return Err(Stopped::OutOfMemory { limit, peak: memory.peak().unwrap_or(limit) });
    }
    Ok(Err(said.into_iter().collect::<Vec<_>>().join("\n")))
}
