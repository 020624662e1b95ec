//! Running `uv`, also for requirements that strangers wrote, and what makes it.

use std::{path::Path, process::Stdio};

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
/// How much of what it said is kept to find the reason in: the end.
const KEPT_LINES: usize = 200;

/// Runs it, passing on what it says; `Ok(Err(…))` holds the end of what it said when it failed.
pub async fn run(
    mut command: Command,
    directory: &Path,
    say: &(dyn Fn(String) + Send + Sync),
) -> std::io::Result<Result<(), String>> {
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env_clear().env("UV_PYTHON_DOWNLOADS", "never");
    let passed = |name: &str| ENVIRONMENT.contains(&name) || name.starts_with("UV_") || name.starts_with("PIP_");
    command.envs(std::env::vars().filter(|(name, _)| passed(name)));
    let name = Path::new(command.as_std().get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut child = command.spawn()?;
    let mut said = std::collections::VecDeque::new();
    if let Some(stderr) = child.stderr.take() {
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
    Ok(Err(said.into_iter().collect::<Vec<_>>().join("\n")))
}
