//! What a Job and its pod say of themselves. Pure: no clock, no calls.
//!
//! Source: the API reference of `batch/v1` Job, `v1` Pod, and "Pod Lifecycle" in Kubernetes's documentation.

use std::time::Duration;

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodCondition},
};

use super::{KubernetesConfig, PodEnd, TRY_AGAIN, news::Watched, spec};

/// What is known of a Job and its pod.
#[derive(Debug)]
pub(super) struct View {
    pub job: Watched<Job>,
    pub pod: Watched<Pod>,
}

/// How a pod stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PodState {
    /// The Job has no pod yet.
    Unmade,
    /// No node takes the pod; the scheduler's words.
    Unschedulable(String),
    /// A node makes its container.
    Starting { node: String },
    /// Its container can't be made as things are; the node's words.
    Stuck(String),
    /// It runs.
    Running { node: String },
    /// It is being removed, or has been, not by us; why.
    Leaving(String),
    /// Its Job says that it failed; the pod that could say why has not been seen, and may not be there any more.
    Unseen(String),
    /// It has ended.
    Ended { end: PodEnd, ran: bool },
}

impl PodState {
    /// How long it may stand so before that is an end of its own.
    pub fn patience(&self, config: &KubernetesConfig) -> Option<Duration> {
        let pending = config.pending;
        match self {
            Self::Unmade | Self::Unschedulable(_) | Self::Starting { .. } => Some(pending),
            // Long enough for three tries to pull an image.
            Self::Stuck(_) => Some(pending.min(Duration::from_mins(1))),
            Self::Leaving(_) | Self::Unseen(_) => Some(config.termination * 3 / 2),
            Self::Running { .. } | Self::Ended { .. } => None,
        }
    }
}

impl View {
    /// What the Job and its pod amount to.
    pub fn state(&self) -> PodState {
        let of_pod = self.pod.last.as_ref().map(pod);
        let of_job = self.job.last.as_ref().map_or(Told::Nothing, job);
        match (of_pod, of_job) {
            (Some(ended @ PodState::Ended { .. }), _) | (_, Told::Ended(ended)) => ended,
            (Some(PodState::Leaving(reason)), Told::Failed(_)) if self.pod.gone => lost(reason),
            (Some(_), Told::Failed(_)) if self.pod.gone => lost("it was deleted"),
            _ if self.job.gone => lost("its Job was deleted"),
            (Some(PodState::Leaving(reason)), _) => PodState::Leaving(reason),
            // The Job says soon whether its time was up.
            (Some(_), _) if self.pod.gone => PodState::Leaving("it was deleted".to_owned()),
            (Some(state), _) => state,
            (None, Told::Failed(reason)) => PodState::Unseen(reason),
            (None, _) => PodState::Unmade,
        }
    }
}

fn failed(reason: impl Into<String>) -> PodState {
    PodState::Ended { end: PodEnd::Failed { reason: reason.into() }, ran: false }
}

fn lost(reason: impl Into<String>) -> PodState {
    PodState::Ended { end: PodEnd::Lost { reason: reason.into() }, ran: false }
}

/// What a Job tells of its end.
enum Told {
    Nothing,
    /// The end itself.
    Ended(PodState),
    /// That its pod failed, which the pod explains.
    Failed(String),
}

fn job(job: &Job) -> Told {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let holds = |kind: &str| conditions.iter().find(|condition| condition.type_ == kind && condition.status == "True");
    if holds("Complete").is_some() {
        return Told::Ended(PodState::Ended { end: PodEnd::Finished, ran: true });
    }
    let Some(failure) = holds("Failed").or_else(|| holds("FailureTarget")) else { return Told::Nothing };
    match failure.reason.as_deref().unwrap_or("no reason given") {
        "DeadlineExceeded" => {
            let limit = job.spec.as_ref().and_then(|spec| spec.active_deadline_seconds).unwrap_or_default();
            Told::Ended(failed(format!("the pod took longer than the {limit} s that it may take in all (DeadlineExceeded)")))
        }
        reason => Told::Failed(reason.to_owned()),
    }
}

fn pod(pod: &Pod) -> PodState {
    let status = pod.status.clone().unwrap_or_default();
    let container = status.container_statuses.unwrap_or_default().into_iter().find(|one| one.name == spec::CONTAINER);
    let conditions = status.conditions.unwrap_or_default();
    let disruption = conditions.iter().find(|one| one.type_ == "DisruptionTarget" && one.status == "True");
    let leaving = pod.metadata.deletion_timestamp.is_some();
    let phase = status.phase.as_deref().unwrap_or("Pending");
    let terminated = container.as_ref().and_then(|one| one.state.as_ref()?.terminated.as_ref());

    if phase == "Succeeded" || terminated.is_some_and(|end| end.exit_code == 0) {
        return PodState::Ended { end: PodEnd::Finished, ran: true };
    }
    if let Some(end) = terminated.filter(|end| end.reason.as_deref() == Some("OOMKilled")) {
        return out_of_memory(pod, end);
    }
    if let Some(message) = status.message.as_deref().filter(|message| is_over_disk(message)) {
        let reason = format!("the pod used up its disk: {}", message.trim());
        return PodState::Ended { end: PodEnd::Failed { reason }, ran: true };
    }
    if let Some(disruption) = disruption {
        let reason = disrupted(disruption, status.message.as_deref());
        return if phase == "Failed" || terminated.is_some() { lost(reason) } else { PodState::Leaving(reason) };
    }
    // Told by the node itself: evicted under pressure, or shut down with the node.
    if let Some(reason) = status.reason.as_deref().filter(|reason| *reason != "DeadlineExceeded") {
        let said = format!("{}: {}", reason, status.message.as_deref().unwrap_or("the node said no more"));
        return if phase == "Failed" { lost(said) } else { PodState::Leaving(said) };
    }
    if let Some(end) = terminated {
        // Its Job may have ended it, and says why: the two are heard of in any order.
        return if leaving { PodState::Leaving("it was deleted while it ran".to_owned()) } else { exited(end) };
    }
    if leaving {
        return PodState::Leaving("it was deleted".to_owned());
    }
    match phase {
        "Failed" => lost("its node did not say why it ended"),
        "Running" => PodState::Running { node: node(pod) },
        _ => pending(pod, container.as_ref(), &conditions),
    }
}

fn pending(pod: &Pod, container: Option<&ContainerStatus>, conditions: &[PodCondition]) -> PodState {
    let waiting = container.and_then(|one| one.state.as_ref()?.waiting.as_ref());
    if let Some(waiting) = waiting {
        let reason = waiting.reason.as_deref().unwrap_or("ContainerCreating");
        let message = waiting.message.as_deref().unwrap_or_default();
        return match reason {
            "ContainerCreating" | "PodInitializing" => PodState::Starting { node: node(pod) },
            "InvalidImageName" | "ErrImageNeverPull" => failed(in_words(pod, reason, message)),
            _ => PodState::Stuck(in_words(pod, reason, message)),
        };
    }
    let scheduled = conditions.iter().find(|one| one.type_ == "PodScheduled");
    match scheduled {
        Some(condition) if condition.status == "False" => {
            let message = condition.message.clone().or_else(|| condition.reason.clone());
            PodState::Unschedulable(message.unwrap_or_else(|| "the scheduler gave no reason".to_owned()))
        }
        Some(_) => PodState::Starting { node: node(pod) },
        None => PodState::Unmade,
    }
}

/// What keeps a container from starting, as one who pushed a notebook would say it, then as the node says it.
fn in_words(pod: &Pod, reason: &str, message: &str) -> String {
    let spec = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    let image = spec.and_then(|container| container.image.as_deref()).unwrap_or("of the pod");
    let what = match reason {
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" => format!("the image {image} can't be pulled"),
        "InvalidImageName" => format!("{image} is no image's name"),
        "ErrImageNeverPull" => format!("the image {image} is not on the node, which may not pull it"),
        "CreateContainerConfigError" => "the pod's settings are incomplete".to_owned(),
        _ => "the pod's container can't be made".to_owned(),
    };
    if message.is_empty() { format!("{what} ({reason})") } else { format!("{what} ({reason}): {message}") }
}

fn out_of_memory(pod: &Pod, end: &ContainerStateTerminated) -> PodState {
    let limits = pod.spec.as_ref().and_then(|spec| spec.containers.first()?.resources.as_ref()?.limits.as_ref());
    let limit = limits.and_then(|limits| limits.get("memory")).map_or("what it may use", |memory| memory.0.as_str());
    let reason = format!("the pod ran out of memory: it was killed at {limit} (OOMKilled, exit code {})", end.exit_code);
    PodState::Ended { end: PodEnd::Failed { reason }, ran: true }
}

/// Whether a node evicted a pod for more than its own limits, as any other node would.
/// Source: the messages of `pkg/kubelet/eviction` in Kubernetes.
fn is_over_disk(message: &str) -> bool {
    let limits = [
        "Usage of EmptyDir volume ",
        "Pod ephemeral local storage usage exceeds the total limit of containers",
        "exceeded its local ephemeral storage limit",
    ];
    limits.iter().any(|limit| message.contains(limit))
}

fn disrupted(disruption: &PodCondition, said_by_node: Option<&str>) -> String {
    let what = match disruption.reason.as_deref().unwrap_or_default() {
        "PreemptionByScheduler" => "it was preempted by a pod of higher priority",
        "DeletionByTaintManager" => "its node was lost",
        "EvictionByEvictionAPI" => "it was evicted",
        "DeletionByPodGC" => "its node is gone",
        "TerminationByKubelet" => "it was evicted by its node",
        other => other,
    };
    let message = said_by_node.or(disruption.message.as_deref()).unwrap_or_default();
    if message.is_empty() { what.to_owned() } else { format!("{what}: {message}") }
}

fn exited(end: &ContainerStateTerminated) -> PodState {
    let message = end.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
    let end = match end.exit_code {
        // Killed, and not for its memory; or told to end before it could give its pipeline back.
        137 | 143 => PodEnd::Lost { reason: format!("its process was killed (exit code {}){message}", end.exit_code) },
        TRY_AGAIN => PodEnd::Lost { reason: format!("it could not begin (exit code {TRY_AGAIN}){message}") },
        code => {
            let reason = end.reason.as_deref().unwrap_or("Error");
            PodEnd::Failed { reason: format!("the worker in the pod ended with exit code {code} ({reason}){message}") }
        }
    };
    PodState::Ended { end, ran: true }
}

fn node(pod: &Pod) -> String {
    pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_else(|| "its node".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn view(status: &Value) -> View {
        let pod = json!({
            "metadata": {"name": "p"},
            "spec": {"nodeName": "n", "containers": [
                {"name": "pipeline", "image": "i:1", "resources": {"limits": {"memory": "4Gi"}}},
            ]},
            "status": status,
        });
        let pod = serde_json::from_value(pod).expect("a pod");
        View { job: Watched::new(None), pod: Watched::new(Some(pod)) }
    }

    fn terminated(code: i32, reason: &str) -> Value {
        json!([{
            "name": "pipeline", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "reason": reason}},
        }])
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({"phase": "Pending", "containerStatuses": [{
            "name": "pipeline", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}},
        }]})
    }

    fn disrupted(reason: &str) -> Value {
        json!([{"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "so it was"}])
    }

    #[test]
    fn an_ended_pod_is_named_for_what_ended_it() {
        for (status, failed, words) in [
            (json!({"phase": "Failed", "containerStatuses": terminated(137, "OOMKilled")}), true, "at 4Gi (OOMKilled"),
            (json!({"phase": "Failed", "containerStatuses": terminated(101, "Error")}), true, "exit code 101 (Error)"),
            (json!({"phase": "Failed", "containerStatuses": terminated(128, "StartError")}), true, "128 (StartError)"),
            (json!({"phase": "Failed", "containerStatuses": terminated(137, "Error")}), false, "killed (exit code 137)"),
            (json!({"phase": "Failed", "containerStatuses": terminated(143, "Error")}), false, "killed (exit code 143)"),
            (json!({"phase": "Failed", "containerStatuses": terminated(TRY_AGAIN, "Error")}), false, "could not begin"),
            (json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}), false, "Evicted: low on memory"),
            (
                json!({"phase": "Failed", "reason": "Evicted", "message": "Usage of EmptyDir volume \"tmp\" exceeds the limit \"20Gi\". "}),
                true,
                "used up its disk: Usage of EmptyDir volume \"tmp\" exceeds the limit \"20Gi\".",
            ),
            (json!({"phase": "Failed", "reason": "OutOfcpu", "message": "no cpu left"}), false, "OutOfcpu: no cpu left"),
            (json!({"phase": "Failed", "conditions": disrupted("DeletionByPodGC")}), false, "node is gone: so it was"),
            (json!({"phase": "Failed"}), false, "did not say why"),
            (waiting("InvalidImageName", "no"), true, "i:1 is no image's name (InvalidImageName): no"),
        ] {
            let (is_failed, reason) = match view(&status).state() {
                PodState::Ended { end: PodEnd::Failed { reason }, .. } => (true, reason),
                PodState::Ended { end: PodEnd::Lost { reason }, .. } => (false, reason),
                other => panic!("{status}: {other:?}"),
            };
            assert!(is_failed == failed && reason.contains(words), "{status}: {reason}");
        }
    }

    #[test]
    fn work_that_was_done_is_done_whatever_becomes_of_the_pod() {
        for status in [
            json!({"phase": "Succeeded"}),
            json!({"phase": "Running", "containerStatuses": terminated(0, "Completed")}),
            json!({"phase": "Failed", "conditions": disrupted("x"), "containerStatuses": terminated(0, "Completed")}),
        ] {
            assert_eq!(view(&status).state(), PodState::Ended { end: PodEnd::Finished, ran: true }, "{status}");
        }
    }

    #[test]
    fn a_pod_that_may_yet_run_is_waited_for() {
        let unscheduled = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}]);
        for (status, expected) in [
            (json!({}), PodState::Unmade),
            (json!({"phase": "Pending", "conditions": unscheduled}), PodState::Unschedulable("0/3".to_owned())),
            (waiting("ContainerCreating", ""), PodState::Starting { node: "n".to_owned() }),
            (
                waiting("CreateContainerConfigError", "secret \"s\" not found"),
                PodState::Stuck(
                    "the pod's settings are incomplete (CreateContainerConfigError): secret \"s\" not found".to_owned(),
                ),
            ),
            (json!({"phase": "Running"}), PodState::Running { node: "n".to_owned() }),
            (
                json!({"phase": "Running", "conditions": disrupted("PreemptionByScheduler")}),
                PodState::Leaving("it was preempted by a pod of higher priority: so it was".to_owned()),
            ),
        ] {
            assert_eq!(view(&status).state(), expected, "{status}");
        }
    }
}
