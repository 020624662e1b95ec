//! `mlsys schedules diff`: what a push would change.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use contract::RepoName;
use declared::{DoneWhat, Problem, Read, Report};
use serde_json::json;

use crate::{
    client::Client,
    commands::{
        push::{git, project_name},
        validate::told,
    },
};

#[derive(clap::Args)]
pub(crate) struct DiffArgs {
    /// The repository, or a folder or file in it: all its `mlsys.toml` count, as they are in the working tree
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Its name, as owner/name; without it, that of its remote `mlsys` or `origin`
    #[arg(long)]
    repo: Option<RepoName>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(client: &Client, args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let folder = if args.path.is_file() { args.path.parent().unwrap_or(Path::new("")) } else { &args.path };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let top = git(folder, &["rev-parse", "--show-toplevel"]).await;
    let top = PathBuf::from(top.with_context(|| format!("{} is in no git repository", args.path.display()))?);
    let repo = match &args.repo {
        Some(repo) => repo.clone(),
        None => name_of(&top).await?,
    };
    let read = declared::all(&top).with_context(|| format!("{} can't be looked through", top.display()))?;
    // Whether the notebooks that they name are there, only this side knows.
    let here: Vec<Problem> = read.iter().filter_map(|read| read.file.as_ref().err()).flatten().cloned().collect();
    let report = if here.is_empty() {
        let files: Vec<_> = read.iter().map(|Read { path, text, .. }| json!({ "path": path, "text": text })).collect();
        client.post("/api/schedules/difference", json!({ "repo": repo, "files": files }).to_string()).await?
    } else {
        Report { changes: Vec::new(), problems: here }
    };
    if args.json {
        println!("{:#}", serde_json::to_value(&report)?);
    } else if !report.problems.is_empty() {
        println!("{}", told(&report.problems));
    } else if report.changes.is_empty() {
        println!("a push to {repo} would change no schedule");
    } else {
        for done in &report.changes {
            let sign = match done.what {
                DoneWhat::Created => '+',
                DoneWhat::Changed => '~',
                DoneWhat::Removed => '-',
            };
            println!("{sign} {} ({}): {}", done.name, done.file, done.detail);
        }
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a repository is called here.
async fn name_of(top: &Path) -> anyhow::Result<RepoName> {
    if let Ok(url) = git(top, &["remote", "get-url", "mlsys"]).await {
        let project = Path::new(&url).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        return format!("local/{project}").parse().with_context(|| format!("the remote mlsys is {url}; name it by --repo"));
    }
    let Ok(url) = git(top, &["remote", "get-url", "origin"]).await else {
        return Ok(format!("local/{}", project_name(top)?).parse()?);
    };
    let bare = url.trim_end_matches('/').trim_end_matches(".git");
    let mut parts = bare.rsplit(['/', ':']);
    let (Some(name), Some(owner)) = (parts.next(), parts.next()) else {
        bail!("the remote origin is {url}; name it by --repo")
    };
    format!("{owner}/{name}").parse().with_context(|| format!("the remote origin is {url}; name it by --repo"))
}
