//! The keys that secrets in the database are sealed with, from where the settings say they are.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use service::{Secret, Settings, telemetry::blot_out};
use store::SealingKeys;
use tokio::{process::Command, time::timeout};

/// How long the command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the keys are. Shown without them.
#[derive(Debug, Clone)]
pub enum SecretsKey {
    /// The setting itself has them.
    Given(Secret),
    /// A file has them.
    File(PathBuf),
    /// A shell command prints them.
    Command(String),
}

impl SecretsKey {
    pub(crate) fn read(settings: &Settings) -> Option<Self> {
        let given = settings.secret("SECRETS_KEY").map(Self::Given);
        let file = || settings.get("SECRETS_KEY_FILE").map(|path| Self::File(path.into()));
        let command = || settings.get("SECRETS_KEY_COMMAND").map(|command| Self::Command(command.to_owned()));
        given.or_else(file).or_else(command)
    }

    /// The keys themselves.
    ///
    /// # Errors
    /// When the file can't be read, the command fails or takes too long, or what they have is no key.
    pub async fn load(&self) -> Result<SealingKeys> {
        let (name, text) = match self {
            Self::Given(given) => ("SECRETS_KEY", given.expose().to_owned()),
            Self::File(path) => {
                let read = tokio::fs::read_to_string(path).await;
                ("SECRETS_KEY_FILE", read.with_context(|| format!("SECRETS_KEY_FILE: {}", path.display()))?)
            }
            Self::Command(command) => ("SECRETS_KEY_COMMAND", printed(command).await.context("SECRETS_KEY_COMMAND")?),
        };
        text.split_whitespace().for_each(|key| blot_out(&Secret::new(key)));
        text.parse().context(name)
    }
}

/// What a command prints. What it says to standard error is not shown: the key may be in it.
async fn printed(command: &str) -> Result<String> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let answer = timeout(PATIENCE, shell.output()).await;
    let answer = answer.with_context(|| format!("it took longer than {} s", PATIENCE.as_secs()))??;
    ensure!(answer.status.success(), "it failed: {}; run it by hand to see why", answer.status);
    String::from_utf8(answer.stdout).ok().context("what it prints is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

    fn of(pairs: &[(&str, &str)]) -> Option<SecretsKey> {
        SecretsKey::read(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[tokio::test]
    async fn keys_come_from_a_setting_a_file_or_a_command_and_are_never_shown() {
        let file = std::env::temp_dir().join(format!("secrets-key-{}", std::process::id()));
        std::fs::write(&file, format!("{KEY}\n")).expect("written");
        let path = file.display().to_string();
        let ids = async |pairs: &[(&str, &str)]| {
            let from = of(pairs).expect("set");
            assert!(!format!("{from:?}").contains(KEY));
            format!("{:?}", from.load().await.expect("a key"))
        };
        let given = ids(&[("SECRETS_KEY", KEY), ("SECRETS_KEY_FILE", "/nowhere")]).await;
        assert!(!given.contains(KEY));
        assert_eq!(ids(&[("SECRETS_KEY_FILE", &path), ("SECRETS_KEY_COMMAND", "false")]).await, given);
        assert_eq!(ids(&[("SECRETS_KEY_COMMAND", &format!("cat {path}"))]).await, given);
        std::fs::remove_file(file).expect("removed");
        assert!(of(&[]).is_none());
    }

    #[tokio::test]
    async fn what_gives_no_key_is_named_without_what_it_gave() {
        for (name, value, says) in [
            ("SECRETS_KEY_FILE", "/nowhere/key", "/nowhere/key"),
            ("SECRETS_KEY_COMMAND", "echo hunter2 hunter2 >&2; echo hunter2; exit 3", "exit status: 3"),
            ("SECRETS_KEY_COMMAND", "echo hunter2", "openssl rand"),
        ] {
            let error = of(&[(name, value)]).expect("set").load().await.expect_err("no key");
            let said = format!("{error:#}");
            assert!(said.contains(name) && said.contains(says) && !said.contains("hunter2"), "{said}");
        }
    }
}
