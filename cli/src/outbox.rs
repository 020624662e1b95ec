//! Deliveries of the local remote on their way to the API.
//!
//! Each is written down before it is sent, so that a push while mlsys is down is sent when it is back.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use forge::Outgoing;
use serde_json::Value;
use service::Secret;

use crate::home::Home;

/// How long the API may take to accept a delivery.
const ACCEPT_LIMIT: Duration = Duration::from_secs(15);

/// Deliveries that were not accepted yet, a file each.
pub(crate) struct Outbox(PathBuf);

impl Outbox {
    /// The outbox of a home.
    pub fn of(home: &Home) -> Self {
        Self(home.outbox())
    }

    /// Writes a delivery down.
    pub fn keep(&self, delivery: &Outgoing) -> anyhow::Result<()> {
        let write = || {
            std::fs::create_dir_all(&self.0)?;
            let new = self.0.join(format!("{}.new", delivery.delivery_id));
            std::fs::write(&new, &delivery.body)?;
            std::fs::File::open(&new)?.sync_all()?;
            std::fs::rename(&new, self.0.join(format!("{}.json", delivery.delivery_id)))
        };
        write().with_context(|| format!("the delivery can't be kept in {}", self.0.display()))
    }

    /// Sends what was just kept, for which it answers what the API said, then what older pushes left. Another hook may have
    /// sent the same already, and the API answers the same again.
    pub async fn send_these(&self, deliveries: Vec<Outgoing>, api: &str, secret: &Secret) -> anyhow::Result<Vec<Value>> {
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
            Some(why) => eprintln!("mlsys: a push is still kept, and sent later: {why}"),
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
        let http = reqwest::Client::builder().no_proxy().timeout(ACCEPT_LIMIT).build()?;
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
