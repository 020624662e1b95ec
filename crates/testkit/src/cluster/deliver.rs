//! Deliveries to a cluster, as GitHub sends them.

use std::time::{Duration, Instant};

use contract::PipelineId;
use serde_json::Value;

use super::Cluster;
use crate::{Api, Push, Repository, signature};

/// GitHub gives up on a delivery after so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a person would go on pressing "Redeliver".
const REDELIVERIES: Duration = Duration::from_mins(2);
/// The pause before a delivery is sent again.
const PAUSE: Duration = Duration::from_millis(300);

/// What a delivery was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The pipelines it names.
    pub pipelines: Vec<PipelineId>,
}

impl Cluster {
    /// Announces a push to one address once. None if there was no 2xx in time.
    pub async fn announce(&self, push: &Push, to: &Api) -> Option<Answer> {
        let call = to.http().post(to.api("/webhook/github")).timeout(PATIENCE);
        let call = call.header("x-github-event", "push").header("x-github-delivery", &push.delivery_id);
        let call = call.header("content-type", "application/json");
        let call = call.header("x-hub-signature-256", signature(&self.webhook_secret(&push.repo), &push.body));
        let answer = call.body(push.body.clone()).send().await.ok()?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.ok()?;
        let named = body["pipelines"].as_array().map_or(&[][..], Vec::as_slice);
        let pipelines = named.iter().filter_map(|one| one["id"].as_str()?.parse().ok()).collect();
        (200..300).contains(&status).then_some(Answer { status, pipelines })
    }

    /// Announces a push again and again, to one backend after the other, until it is acknowledged.
    pub async fn deliver(&self, push: &Push) -> Answer {
        let started = Instant::now();
        for backend in (0..self.backends.len()).cycle() {
            if let Some(answer) = self.announce(push, &self.backend(backend)).await {
                return answer;
            }
            assert!(started.elapsed() < REDELIVERIES, "{} was never acknowledged", push.delivery_id);
            tokio::time::sleep(PAUSE).await;
        }
        unreachable!("a cluster has a backend")
    }

    /// Pushes one notebook to `main`, and answers its pipeline.
    pub async fn push_notebook(&self, repository: &Repository, path: &str, content: &str) -> PipelineId {
        let answer = self.deliver(&repository.push("main", &[(path, content)])).await;
        assert_eq!(answer.pipelines.len(), 1, "one notebook makes one pipeline: {answer:?}");
        answer.pipelines[0]
    }
}
