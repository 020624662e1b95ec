//! Calls to the API server. Each has a time-out; those that must succeed outlive an outage.

use std::time::Duration;

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, LogParams, PostParams},
    error::Status,
};

use super::Log;

/// The longest that an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Waits between tries begin here, and double up to the other.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How much of a failed pod's log is shown.
const TAIL_LINES: i64 = 50;
const TAIL_BYTES: i64 = 32 * 1024;

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The server refused it, and would again.
    #[error("{} ({}, HTTP {})", .0.message, .0.reason, .0.code)]
    Refused(Box<Status>),
    /// There was no answer, or one that another try may better.
    #[error("{0}")]
    Away(String),
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        match error {
            // Time helps with the others: 401 while a token is renewed, 429, 5xx. 409 is settled where a Job is made.
            kube::Error::Api(status) if matches!(status.code, 400 | 403 | 404 | 405 | 413 | 415 | 422) => {
                Self::Refused(status)
            }
            other => Self::Away(other.to_string()),
        }
    }
}

/// Waits that grow from try to try.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST_WAIT)
    }
}

impl Backoff {
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LONGEST_WAIT);
    }
}

/// The resources that pipelines need.
#[derive(Clone)]
pub(super) struct Cluster {
    pub jobs: Api<Job>,
    pub pods: Api<Pod>,
    pub events: Api<Event>,
}

impl Cluster {
    pub fn new(client: &Client, namespace: &str) -> Self {
        Self {
            jobs: Api::namespaced(client.clone(), namespace),
            pods: Api::namespaced(client.clone(), namespace),
            events: Api::namespaced(client.clone(), namespace),
        }
    }

    /// Makes a Job, or finds the one of the same name, however long the server is unreachable. `Err`: in what words the server
    /// refuses it.
    pub async fn make(&self, job: &Job, log: Log<'_>) -> Result<Job, Box<Status>> {
        let mut backoff = Backoff::default();
        let mut said = false;
        loop {
            let away = match self.try_make(job).await {
                Ok(made) => return Ok(made),
                Err(CallError::Refused(status)) => return Err(status),
                Err(CallError::Away(reason)) => reason,
            };
            if !std::mem::replace(&mut said, true) {
                log(format!("the Job can't be made yet: {away}; trying again"));
            }
            backoff.wait().await;
        }
    }

    async fn try_make(&self, job: &Job) -> Result<Job, CallError> {
        let made = answer(self.jobs.create(&PostParams::default(), job)).await?;
        let name = match made {
            Ok(made) => return Ok(made),
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
                job.metadata.name.as_deref().unwrap_or_default()
            }
            Err(error) => return Err(error.into()),
        };
        // An answer that got lost, or an earlier attempt's that is on its way out.
        match answer(self.jobs.get_opt(name)).await?? {
            Some(found) if found.metadata.deletion_timestamp.is_none() => Ok(found),
            _ => Err(CallError::Away("an earlier Job of the same name is still being deleted".to_owned())),
        }
    }

    /// Deletes a Job; its pods go after it, within their own grace period. One that is gone is well deleted.
    pub async fn delete(&self, name: &str) -> Result<(), CallError> {
        match answer(self.jobs.delete(name, &DeleteParams::background())).await? {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A page of an installation's Jobs, and where the next begins.
    pub async fn page(&self, selector: &str, next: Option<&str>) -> Result<(Vec<Job>, Option<String>), CallError> {
        let mut page = ListParams::default().labels(selector).limit(500);
        page.continue_token = next.map(str::to_owned);
        let list = answer(self.jobs.list(&page)).await??;
        Ok((list.items, list.metadata.continue_.filter(|token| !token.is_empty())))
    }

    /// The last lines that a pod wrote.
    pub async fn last_lines(&self, pod: &str, container: &str) -> Result<String, CallError> {
        let tail = LogParams {
            container: Some(container.to_owned()),
            tail_lines: Some(TAIL_LINES),
            limit_bytes: Some(TAIL_BYTES),
            ..LogParams::default()
        };
        Ok(answer(self.pods.logs(pod, &tail)).await??)
    }

    /// The newest warning about an object, if there is one and the server answers.
    pub async fn warning(&self, object: &str) -> Option<String> {
        let about = ListParams::default().fields(&format!("involvedObject.name={object},type=Warning")).limit(100);
        let events = answer(self.events.list(&about)).await.ok()?.ok()?.items;
        let newest = events.into_iter().max_by_key(|event| event.last_timestamp.clone())?;
        Some(format!("{}: {}", newest.reason.unwrap_or_default(), newest.message.unwrap_or_default()))
    }
}

async fn answer<T>(call: impl Future<Output = T>) -> Result<T, CallError> {
    let late = |_| CallError::Away(format!("the Kubernetes API did not answer within {} s", ANSWER.as_secs()));
    tokio::time::timeout(ANSWER, call).await.map_err(late)
}
