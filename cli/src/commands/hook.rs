//! `mlsys hook`: what the local remote's post-receive hook calls. A push becomes signed, GitHub-shaped deliveries.
//!
//! Each delivery is written down before it is sent, so that a push while mlsys is down is taken up when it is back.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use forge::{LocalGit, Outgoing};
use serde_json::Value;
use service::Secret;

use crate::home::Home;

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
    let deliveries = remote.payloads(project, &updates, &pusher).await?;
    for delivery in &deliveries {
        outbox.keep(delivery)?;
    }
    // git hands the pusher's environment on: it names the API and the secret where the processes run separately.
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let api = set("MLSYS_URL").or_else(|| home.addresses().map(|addresses| addresses.api));
    let secret = match set("GITHUB_WEBHOOK_SECRET") {
        Some(secret) => Secret::new(secret),
        None => home.webhook_secret(None)?,
    };
    match api.map(|api| api.trim_end_matches('/').to_owned()) {
        Some(api) => match outbox.send_these(deliveries, &api, &secret).await {
            Ok(answers) => answers.iter().for_each(|answer| say(answer, &api)),
            Err(error) => eprintln!("mlsys: the push is kept, and runs when mlsys is back ({error:#})"),
        },
        None => eprintln!("mlsys: the push is kept, and runs when `mlsys up` is started"),
    }
    Ok(ExitCode::SUCCESS)
}

fn say(answer: &Value, api: &str) {
    if let Some(reason) = answer["reason"].as_str() {
        eprintln!("mlsys: nothing to run: {reason}");
    }
    for pipeline in answer["pipelines"].as_array().into_iter().flatten() {
        let text = |key: &str| pipeline[key].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        eprintln!("mlsys: {} runs as pipeline {id}", text("notebook_path"));
        eprintln!("mlsys:   mlsys logs -f {id}    or    {api}/api/pipelines/{id}");
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

    /// Sends what was just kept, then what older pushes left. Answers what the API said to the former: another hook may
    /// have sent it already, and the API answers the same again.
    async fn send_these(&self, deliveries: Vec<Outgoing>, api: &str, secret: &Secret) -> anyhow::Result<Vec<Value>> {
        let post = Post::new(api, secret)?;
        let mut answers = Vec::new();
        for delivery in deliveries {
            let file = self.0.join(format!("{}.json", delivery.delivery_id));
            match post.send(&delivery.delivery_id, delivery.body).await? {
                Said::Accepted(answer) => {
                    // Another hook may have removed it.
                    let _ = std::fs::remove_file(&file);
                    answers.push(answer);
                }
                Said::Refused(why) => set_aside(&file, &why)?,
                Said::NotNow(why) => anyhow::bail!(why),
            }
        }
        self.send(api, secret).await?;
        Ok(answers)
    }

    /// Sends what is kept, oldest first; what is accepted is forgotten. Answers how many were. What the API can't take now
    /// stays, and does not hold up what comes after it.
    pub async fn send(&self, api: &str, secret: &Secret) -> anyhow::Result<usize> {
        let mut files: Vec<_> = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
            Err(_) => return Ok(0),
        };
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.sort_by_key(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok());
        let post = Post::new(api, secret)?;
        let (mut accepted, mut held) = (0, None);
        for file in files {
            let body = match std::fs::read(&file) {
                Ok(body) => body,
                // Another hook, or `up`, has just sent it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error).with_context(|| file.display().to_string()),
            };
            let id = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            match post.send(id, body).await? {
                Said::Accepted(_) => {
                    accepted += 1;
                    let _ = std::fs::remove_file(&file);
                }
                Said::Refused(why) => set_aside(&file, &why)?,
                Said::NotNow(why) => held = Some(why),
            }
        }
        match held {
            Some(why) if accepted == 0 => anyhow::bail!(why),
            Some(why) => eprintln!("mlsys: a kept push must wait longer: {why}"),
            None => {}
        }
        Ok(accepted)
    }
}

/// Keeps a delivery that would be refused again, out of the way.
fn set_aside(file: &Path, why: &str) -> anyhow::Result<()> {
    let refused = file.with_extension("refused");
    eprintln!("mlsys: {why}; it is kept as {}", refused.display());
    match std::fs::rename(file, &refused) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// What the API said to a delivery.
enum Said {
    Accepted(Value),
    /// Sent again it would be refused again.
    Refused(String),
    NotNow(String),
}

/// The way to the API.
struct Post<'a> {
    http: reqwest::Client,
    url: String,
    secret: &'a Secret,
}

impl<'a> Post<'a> {
    fn new(api: &str, secret: &'a Secret) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { http, url: format!("{api}/webhook/github"), secret })
    }

    async fn send(&self, id: &str, body: Vec<u8>) -> anyhow::Result<Said> {
        let signature = forge::sign(self.secret.expose().as_bytes(), &body);
        let call = self.http.post(&self.url).header("x-github-event", "push").header("x-github-delivery", id);
        let call = call.header("x-hub-signature-256", signature).header("content-type", "application/json").body(body);
        let answer = call.send().await.context("the API can't be reached")?;
        let status = answer.status();
        let text = answer.text().await?;
        if matches!(status.as_u16(), 400 | 413 | 422) {
            return Ok(Said::Refused(format!("the API refused a push ({status}): {text}")));
        }
        if !status.is_success() {
            return Ok(Said::NotNow(format!("the API answered {status}: {text}")));
        }
        Ok(Said::Accepted(serde_json::from_str(&text)?))
    }
}
