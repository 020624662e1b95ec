//! One Job and its pod, followed to their end.

use std::{mem::discriminant, time::Duration};

use futures_util::StreamExt;
use k8s_openapi::api::batch::v1::Job;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    KubernetesRunner, Log, PipelineJob, PodEnd,
    news::{self, News, Watched},
    spec,
    state::{PodState, View},
};

/// How long past the Job's own deadline its end may stay unheard of.
const UNHEARD: Duration = Duration::from_mins(5);

/// More changes than this are not told of: a pod that flaps must not fill the log.
const MOST_LINES: usize = 30;

/// A Job that was made, and what is known of it.
pub(super) struct Follow<'a> {
    runner: &'a KubernetesRunner,
    log: Log<'a>,
    name: String,
    view: View,
    /// How it stands, and since when.
    state: PodState,
    since: Instant,
    /// When the Job must have ended.
    limit: Instant,
    /// Lines that were said.
    said: Vec<String>,
    deaf: bool,
}

impl<'a> Follow<'a> {
    pub fn new(runner: &'a KubernetesRunner, job: &PipelineJob, made: Job, log: Log<'a>) -> Self {
        Self {
            runner,
            log,
            name: spec::name(job.pipeline, job.lease),
            view: View { job: Watched::new(Some(made)), pod: Watched::new(None) },
            state: PodState::Unmade,
            since: Instant::now(),
            limit: Instant::now() + spec::deadline(&runner.config, job) + UNHEARD,
            said: Vec::new(),
            deaf: false,
        }
    }

    /// Follows it, cancels it when told to, and cleans up after it.
    pub async fn watch_over(mut self, cancel: &CancellationToken) -> PodEnd {
        let uid = self.view.job.last.as_ref().and_then(|job| job.metadata.uid.clone()).unwrap_or_default();
        let mut news = news::of(&self.runner.cluster, &self.name, &uid);
        let ended = tokio::select! {
            ended = self.follow(&mut news) => Some(ended),
            () = cancel.cancelled() => None,
        };
        let Some((end, ran)) = ended else { return self.cancelled(&mut news).await };
        if matches!(&end, PodEnd::Failed { .. }) && ran {
            self.show_last_lines().await;
        }
        // A Job whose pod ended by itself is kept for a while, for those who look.
        if matches!(&end, PodEnd::Lost { .. }) || !ran {
            self.runner.delete(&self.name).await;
        }
        if let PodEnd::Lost { reason } = &end {
            (self.log)(format!("the pod was lost: {reason}"));
        }
        end
    }

    /// Hears news until the pod's end, or until it has stood too long in one place. With the end: whether the pod ran.
    async fn follow(&mut self, news: &mut (impl StreamExt<Item = News> + Unpin)) -> (PodEnd, bool) {
        loop {
            if let PodState::Ended { end, ran } = &self.state {
                return (end.clone(), *ran);
            }
            let patience = self.state.patience(&self.runner.config);
            let until = patience.map_or(self.limit, |patience| self.limit.min(self.since + patience));
            tokio::select! {
                next = news.next() => match next {
                    Some(next) => self.hear(next),
                    None => return (PodEnd::Lost { reason: "its watch ended".to_owned() }, false),
                },
                () = tokio::time::sleep_until(until) => return (self.out_of_patience().await, false),
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Deaf(reason) => {
                tracing::warn!(job = self.name, reason, "the Kubernetes API can't be followed");
                if !std::mem::replace(&mut self.deaf, true) {
                    (self.log)(format!(
                        "the Kubernetes API can't be followed: {reason}; trying again, and the pod goes on meanwhile"
                    ));
                }
                return;
            }
            News::Job(event) => {
                self.deaf &= is_announcement(&event);
                self.view.job.hear(*event);
            }
            News::Pod(event) => {
                self.deaf &= is_announcement(&event);
                self.view.pod.hear(*event);
            }
        }
        let state = self.view.state();
        if discriminant(&state) != discriminant(&self.state) {
            self.since = Instant::now();
        }
        self.tell(&state);
        self.state = state;
    }

    /// Says how the pod stands, if that has not been said.
    fn tell(&mut self, state: &PodState) {
        let pod = self.view.pod.last.as_ref().and_then(|pod| pod.metadata.name.as_deref()).unwrap_or("the pod");
        let line = match state {
            PodState::Unschedulable(message) => format!("{pod} waits for a node: unschedulable: {message}"),
            PodState::Starting { node } => {
                format!("{pod} starts on node {node}, with image {}", self.runner.config.image)
            }
            PodState::Stuck(message) => format!("{pod} can't start yet: {message}"),
            PodState::Running { node } => format!("{pod} runs on node {node}"),
            PodState::Leaving(reason) => format!("{pod} is being taken away: {reason}"),
            PodState::Unmade | PodState::Unseen(_) | PodState::Ended { .. } => return,
        };
        if self.said.len() < MOST_LINES && !self.said.contains(&line) {
            (self.log)(line.clone());
            self.said.push(line);
        }
    }

    /// What it means that the pod has stood where it stands for too long.
    async fn out_of_patience(&mut self) -> PodEnd {
        if Instant::now() >= self.limit {
            return PodEnd::Lost { reason: "its end was not heard of long after it was due".to_owned() };
        }
        let waited = self.since.elapsed().as_secs();
        let pod = self.view.pod.last.as_ref().and_then(|pod| pod.metadata.name.clone());
        let warning = self.runner.cluster.warning(pod.as_deref().unwrap_or(&self.name)).await;
        let warning = warning.map(|warning| format!(": {warning}")).unwrap_or_default();
        let reason = match &self.state {
            PodState::Unmade => format!("the cluster made no pod within {waited} s{warning}"),
            PodState::Unschedulable(message) => {
                format!("no node could take the pod within {waited} s (Unschedulable): {message}")
            }
            PodState::Starting { node } => format!("node {node} did not start the pod within {waited} s{warning}"),
            PodState::Stuck(message) => message.clone(),
            PodState::Leaving(reason) => return PodEnd::Lost { reason: reason.clone() },
            PodState::Unseen(reason) => {
                return PodEnd::Lost { reason: format!("its Job failed ({reason}) and its pod is gone") };
            }
            PodState::Running { .. } | PodState::Ended { .. } => {
                return PodEnd::Lost { reason: "its end was missed".to_owned() };
            }
        };
        PodEnd::Failed { reason }
    }

    /// Gives a running pod time to end by itself, then deletes the Job and waits until the pod is gone.
    async fn cancelled(&mut self, news: &mut (impl StreamExt<Item = News> + Unpin)) -> PodEnd {
        if matches!(self.state, PodState::Running { .. }) {
            let grace = self.runner.config.cancel_grace;
            if let Ok((PodEnd::Finished, _)) = tokio::time::timeout(grace, self.follow(news)).await {
                return PodEnd::Finished;
            }
        }
        self.runner.delete(&self.name).await;
        let limit = self.runner.config.termination * 3 / 2;
        let gone = async {
            while !self.pod_is_gone() {
                match news.next().await {
                    Some(next) => self.hear(next),
                    None => return,
                }
            }
        };
        if tokio::time::timeout(limit, gone).await.is_err() {
            tracing::warn!(job = self.name, "the pod of a cancelled pipeline has not gone in time");
        }
        PodEnd::Cancelled
    }

    fn pod_is_gone(&self) -> bool {
        let pod = &self.view.pod;
        let phase = pod.last.as_ref().and_then(|pod| pod.status.as_ref()?.phase.as_deref());
        let over = matches!(phase, Some("Succeeded" | "Failed"));
        pod.gone || over || (pod.listed && pod.last.is_none() && self.view.job.gone)
    }

    /// Nobody else sees why a worker in a pod crashed.
    async fn show_last_lines(&self) {
        let Some(pod) = self.view.pod.last.as_ref().and_then(|pod| pod.metadata.name.as_deref()) else { return };
        match self.runner.cluster.last_lines(pod, spec::CONTAINER).await {
            Ok(text) => text.lines().for_each(|line| (self.log)(format!("{pod}: {line}"))),
            Err(error) => (self.log)(format!("the last lines of {pod} can't be read: {error}")),
        }
    }
}

/// Whether an event only says that a list is about to be asked for.
fn is_announcement<K>(event: &kube::runtime::watcher::Event<K>) -> bool {
    matches!(event, kube::runtime::watcher::Event::Init)
}
