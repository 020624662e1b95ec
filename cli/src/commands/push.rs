//! `mlsys push` and `mlsys remote`: this repository and the local git remote.

use std::{
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use anyhow::{Context, bail, ensure};
use forge::LocalGit;
use tokio::process::Command;

use crate::{home::Home, settings::Settings};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    remote: RemoteArgs,
    /// The branch to push; without it, the current one
    #[arg(long)]
    branch: Option<String>,
    /// Replace what the remote has, though it isn't behind
    #[arg(short, long)]
    force: bool,
}

#[derive(clap::Args)]
pub(crate) struct RemoteArgs {
    /// The repository, or a folder in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The project's name on the remote; without it, the repository's folder name
    #[arg(long)]
    project: Option<String>,
}

pub(crate) async fn remote(args: RemoteArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let (_, url) = set_remote(&args, settings).await?;
    println!("The remote `mlsys` is {}. `git push mlsys main` runs the notebooks it changes.", url.display());
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let (top, _) = set_remote(&args.remote, settings).await?;
    let branch = match args.branch {
        Some(branch) => branch,
        None => git(&top, &["symbolic-ref", "--quiet", "--short", "HEAD"])
            .await
            .context("no branch is checked out: name one with --branch")?,
    };
    ensure!(
        git(&top, &["rev-parse", "--verify", "--quiet", &format!("{branch}^{{commit}}")]).await.is_ok(),
        "the branch {branch} has no commit yet: commit a notebook first"
    );
    push(&top, &branch, args.force).await
}

/// Pushes a branch to the remote; what git and the hook say is passed through.
pub(crate) async fn push(top: &Path, branch: &str, force: bool) -> anyhow::Result<ExitCode> {
    let mut push = Command::new("git");
    push.arg("-C").arg(top).args(["push", "mlsys", branch]).stdin(Stdio::null());
    if force {
        push.arg("--force");
    }
    let status = push.status().await.context("git can't be run")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the project on the local remote and points the repository's remote `mlsys` at it.
async fn set_remote(args: &RemoteArgs, settings: &Settings) -> anyhow::Result<(PathBuf, PathBuf)> {
    let top = git(&args.path, &["rev-parse", "--show-toplevel"])
        .await
        .with_context(|| format!("{} is in no git repository: `git init` makes one", args.path.display()))?;
    let top = PathBuf::from(top);
    let project = match &args.project {
        Some(project) => project.clone(),
        None => project_name(&top)?,
    };
    let home = Home::open(&settings.home)?;
    let url = ensure_project(&home, &project).await?;
    let shown = url.to_str().context("MLSYS_HOME must have a name in UTF-8")?;
    match git(&top, &["remote", "get-url", "mlsys"]).await {
        Ok(current) if current == shown => {}
        Ok(_) => drop(git(&top, &["remote", "set-url", "mlsys", shown]).await?),
        Err(_) => drop(git(&top, &["remote", "add", "mlsys", shown]).await?),
    }
    Ok((top, url))
}

/// The project's bare repository, whose hook calls this very program.
pub(crate) async fn ensure_project(home: &Home, project: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("this program's own path is not known")?;
    let program = program.to_str().context("mlsys must lie in a folder with a name in UTF-8")?;
    let folder = home.path().to_str().context("MLSYS_HOME must have a name in UTF-8")?;
    let remote = LocalGit { root: home.git() };
    Ok(remote.ensure_project(project, &[program, "hook", "--home", folder]).await?)
}

pub(crate) fn project_name(top: &Path) -> anyhow::Result<String> {
    let name =
        top.file_name().and_then(|name| name.to_str()).context("the repository's folder has no name: use --project")?;
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    Ok(name.chars().map(legal).collect())
}

/// Runs git in a folder and answers its first line.
pub(crate) async fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null());
    let answer = command.output().await.context("git can't be run: is it installed?")?;
    if !answer.status.success() {
        bail!("git {}: {}", arguments.first().unwrap_or(&""), String::from_utf8_lossy(&answer.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&answer.stdout).trim_end_matches('\n').to_owned())
}
