//! `mlsys hook`: what the local remote's post-receive hook calls. A push becomes signed, GitHub-shaped deliveries.
//!
//! Each delivery is written down before it is sent, so that a push while mlsys is down is taken up when it is back.

use std::{io::Read, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use forge::{LocalGit, Outgoing};
use serde_json::Value;

use crate::home::{Addresses, Home};

/// How long the API may take to accept a delivery.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The `MLSYS_HOME` that the repository belongs to
    #[arg(long)]
    home: PathBuf,
    /// The bare repository
    repository: PathBuf,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let home = Home::open(&args.home)?;
    let mut updates = String::new();
    std::io::stdin().read_to_string(&mut updates).context("git's list of updates can't be read")?;
    let project = args.repository.file_stem().and_then(|name| name.to_str()).context("the repository has no name")?;
    let remote = LocalGit { root: home.git() };
    let pusher = std::env::var("USER").unwrap_or_else(|_| "local".to_owned());
    let outbox = Outbox::of(&home);
    for delivery in remote.payloads(project, &updates, &pusher).await? {
        outbox.keep(&delivery)?;
    }
    match home.addresses() {
        Some(addresses) => match outbox.send(&addresses, &home.webhook_secret(None)?).await {
            Ok(answers) => answers.iter().for_each(|answer| say(answer, &addresses)),
            Err(error) => eprintln!("mlsys: the push is kept, and runs when `mlsys up` is back ({error:#})"),
        },
        None => eprintln!("mlsys: the push is kept, and runs when `mlsys up` is started"),
    }
    Ok(ExitCode::SUCCESS)
}

fn say(answer: &Value, addresses: &Addresses) {
    if let Some(reason) = answer["reason"].as_str() {
        eprintln!("mlsys: nothing to run: {reason}");
    }
    for pipeline in answer["pipelines"].as_array().into_iter().flatten() {
        let text = |key: &str| pipeline[key].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        eprintln!("mlsys: {} runs as pipeline {id}", text("notebook_path"));
        eprintln!("mlsys:   mlsys logs -f {id}    or    {}/api/pipelines/{id}", addresses.api);
    }
}

/// Deliveries that were not accepted yet, a file each.
pub(crate) struct Outbox(PathBuf);

impl Outbox {
    /// The outbox of a home.
    pub fn of(home: &Home) -> Self {
        Self(home.outbox())
    }

    fn keep(&self, delivery: &Outgoing) -> anyhow::Result<()> {
        let write = || {
            std::fs::create_dir_all(&self.0)?;
            let new = self.0.join(format!("{}.new", delivery.delivery_id));
            std::fs::write(&new, &delivery.body)?;
            std::fs::File::open(&new)?.sync_all()?;
            std::fs::rename(&new, self.0.join(format!("{}.json", delivery.delivery_id)))
        };
        write().with_context(|| format!("the delivery can't be kept in {}", self.0.display()))
    }

    /// Sends what is kept, oldest first; what is accepted is forgotten. Answers what the API said to each. What it
    /// can't take now stays, and does not hold up what comes after it.
    pub async fn send(&self, addresses: &Addresses, secret: &service::Secret) -> anyhow::Result<Vec<Value>> {
        let mut files: Vec<_> = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
            Err(_) => return Ok(Vec::new()),
        };
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.sort_by_key(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok());
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let mut answers = Vec::new();
        let mut held = None;
        for file in files {
            let body = match std::fs::read(&file) {
                Ok(body) => body,
                // Another hook, or `up`, has just sent it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error).with_context(|| file.display().to_string()),
            };
            let id = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            let call = http
                .post(format!("{}/webhook/github", addresses.api))
                .header("x-github-event", "push")
                .header("x-github-delivery", id)
                .header("x-hub-signature-256", forge::sign(secret.expose().as_bytes(), &body))
                .header("content-type", "application/json")
                .body(body);
            let answer = call.send().await.context("the API can't be reached")?;
            let status = answer.status();
            let text = answer.text().await?;
            if matches!(status.as_u16(), 400 | 413 | 422) {
                // Sent again it would be refused again.
                let refused = file.with_extension("refused");
                eprintln!("mlsys: the API refused a push ({status}): {text}; it is kept as {}", refused.display());
                std::fs::rename(&file, refused)?;
                continue;
            }
            if !status.is_success() {
                held = Some(anyhow::anyhow!("the API answered {status}: {text}"));
                continue;
            }
            answers.push(serde_json::from_str(&text)?);
            let _ = std::fs::remove_file(&file);
        }
        match held {
            Some(error) if answers.is_empty() => Err(error),
            Some(error) => {
                eprintln!("mlsys: a kept push must wait longer: {error}");
                Ok(answers)
            }
            None => Ok(answers),
        }
    }
}
