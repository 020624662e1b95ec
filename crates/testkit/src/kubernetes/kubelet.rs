//! The scheduler and the node of the double: takes a pod from Pending to its end, and really runs it.
//!
//! Source: "Pod Lifecycle" and "Disruptions" in Kubernetes's documentation, and the statuses that a 1.3x kubelet writes.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    Cluster, Order, Wishes,
    container::{self, Container},
    now, quantity,
    state::Kind,
};

/// The node's name.
pub(super) const NODE: &str = "node-1";

/// Takes a new pod.
pub(super) fn start(cluster: &Arc<Cluster>, pod: &Value) {
    let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default().to_owned();
    let (sender, orders) = mpsc::channel(8);
    cluster.take_pod(text("uid"), sender);
    let wishes = cluster.wishes.subscribe();
    let kubelet = Kubelet { cluster: cluster.clone(), name: text("name"), uid: text("uid"), orders, wishes };
    cluster.spawn(kubelet.live(pod.clone()));
}

struct Kubelet {
    cluster: Arc<Cluster>,
    name: String,
    uid: String,
    orders: mpsc::Receiver<Order>,
    wishes: watch::Receiver<Wishes>,
}

/// What keeps a pod where it is.
enum Obstacle {
    Scheduling(String),
    /// The waiting reason and message of its container.
    Waiting(&'static str, String),
}

/// What was done to a pod.
#[derive(Default)]
struct Fate {
    out_of_memory: bool,
    evicted: Option<String>,
    deleted: bool,
}

impl Kubelet {
    async fn live(mut self, pod: Value) {
        if let Some((program, environment)) = self.until_it_can_start(&pod).await {
            let container = Container::start(&self.cluster, &pod, &program, environment);
            self.show(|status| running(status, &pod));
            let (code, fate) = self.watch_over(container).await;
            self.show(|status| terminated(status, code, &fate));
            if fate.deleted {
                self.remove();
            }
        }
        self.cluster.release_pod(&self.uid);
    }

    /// Waits until nothing keeps the pod from starting. Nothing: it ended before.
    async fn until_it_can_start(
        &mut self,
        pod: &Value,
    ) -> Option<(std::path::PathBuf, std::collections::BTreeMap<String, String>)> {
        let mut tries = 0;
        loop {
            let wishes = self.wishes.borrow_and_update().clone();
            let obstacle = match self.schedule(&wishes, pod).and_then(|()| prepare(&self.cluster, &wishes, pod, tries)) {
                Ok(ready) => return Some(ready),
                Err(obstacle) => obstacle,
            };
            self.meet(pod, &obstacle);
            let pulls = matches!(&obstacle, Obstacle::Waiting("ErrImagePull", _));
            tries += usize::from(pulls);
            tokio::select! {
                _ = self.wishes.changed() => tries = 0,
                () = tokio::time::sleep(Duration::from_millis(200)), if pulls => {}
                Some(order) = self.orders.recv() => match order {
                    Order::Delete { .. } | Order::Disrupt { .. } => {
                        self.remove();
                        return None;
                    }
                    Order::Evict(message) => {
                        self.show(|status| evicted(status, &message));
                        return None;
                    }
                    Order::OutOfMemory | Order::Kill => {}
                },
            }
        }
    }

    /// Gives the pod its node, if it fits there.
    fn schedule(&self, wishes: &Wishes, pod: &Value) -> Result<(), Obstacle> {
        fits(wishes, pod).map_err(Obstacle::Scheduling)?;
        self.show(|status| scheduled(status, pod));
        self.cluster.state.update(Kind::Pods, &self.cluster.namespace, &self.name, |pod| {
            pod["spec"]["nodeName"] = json!(NODE);
        });
        Ok(())
    }

    fn meet(&self, pod: &Value, obstacle: &Obstacle) {
        match obstacle {
            Obstacle::Scheduling(message) => {
                self.show(|status| condition(status, "PodScheduled", "False", "Unschedulable", message));
                self.cluster.event(pod, "FailedScheduling", message);
            }
            Obstacle::Waiting(reason, message) => {
                self.show(|status| {
                    let waiting = &mut status["containerStatuses"][0]["state"]["waiting"];
                    *waiting = json!({"reason": reason});
                    if *reason != "ContainerCreating" {
                        waiting["message"] = json!(message);
                    }
                });
                let event = if *reason == "ContainerCreating" { "FailedMount" } else { "Failed" };
                self.cluster.event(pod, event, message);
            }
        }
    }

    /// Watches over the container until its end; answers its exit code and what was done to it.
    async fn watch_over(&mut self, mut container: Container) -> (i32, Fate) {
        let mut fate = Fate::default();
        let mut kill_at = None;
        loop {
            tokio::select! {
                code = container.wait() => return (code, fate),
                () = tokio::time::sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                    container.kill();
                    kill_at = None;
                }
                Some(order) = self.orders.recv() => match order {
                    Order::Delete { grace } => {
                        fate.deleted = true;
                        container.terminate();
                        kill_at = Some(Instant::now() + Duration::from_secs(grace));
                    }
                    Order::Disrupt { reason, message } => {
                        fate.deleted = true;
                        self.show(|status| condition(status, "DisruptionTarget", "True", &reason, &message));
                        container.terminate();
                        kill_at = Some(Instant::now() + Duration::from_secs(1));
                    }
                    Order::Evict(message) => {
                        fate.evicted = Some(message);
                        container.kill();
                    }
                    Order::OutOfMemory => {
                        fate.out_of_memory = true;
                        container.kill();
                    }
                    Order::Kill => container.kill(),
                },
            }
        }
    }

    fn show(&self, update: impl FnOnce(&mut Value)) {
        self.cluster.state.update(Kind::Pods, &self.cluster.namespace, &self.name, |pod| update(&mut pod["status"]));
    }

    fn remove(&self) {
        if let Some(pod) = self.cluster.state.remove(Kind::Pods, &self.cluster.namespace, &self.name) {
            let _ = std::fs::remove_dir_all(self.cluster.folder_of(&pod));
        }
    }
}

fn fits(wishes: &Wishes, pod: &Value) -> Result<(), String> {
    let requests = &pod["spec"]["containers"][0]["resources"]["requests"];
    for (resource, capacity) in [("cpu", &wishes.node.cpu), ("memory", &wishes.node.memory)] {
        let wanted = requests[resource].as_str().and_then(quantity::millis).unwrap_or_default();
        if wanted > quantity::millis(capacity).expect("a quantity") {
            return Err(format!(
                "0/1 nodes are available: 1 Insufficient {resource}. preemption: 0/1 nodes are available: \
                 1 Preemption is not helpful for scheduling."
            ));
        }
    }
    Ok(())
}

/// The program and the environment of the pod's container, or what keeps it from being made.
fn prepare(
    cluster: &Cluster,
    wishes: &Wishes,
    pod: &Value,
    tries: usize,
) -> Result<(std::path::PathBuf, std::collections::BTreeMap<String, String>), Obstacle> {
    let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    if let Some(message) = &wishes.held {
        return Err(Obstacle::Waiting("ContainerCreating", message.clone()));
    }
    if image.contains(|c: char| c.is_whitespace() || c.is_ascii_uppercase()) {
        let message = format!(
            "Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": invalid reference format"
        );
        return Err(Obstacle::Waiting("InvalidImageName", message));
    }
    let Some(program) = wishes.images.get(image) else {
        let message = format!(
            "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
        );
        return Err(match tries {
            0 => Obstacle::Waiting("ErrImagePull", message),
            _ => {
                Obstacle::Waiting("ImagePullBackOff", format!("Back-off pulling image \"{image}\": ErrImagePull: {message}"))
            }
        });
    };
    let environment = container::environment(cluster, wishes, pod);
    let environment = environment.map_err(|message| Obstacle::Waiting("CreateContainerConfigError", message))?;
    Ok((program.clone(), environment))
}

/// Sets one of the pod's conditions.
pub(super) fn condition(status: &mut Value, kind: &str, holds: &str, reason: &str, message: &str) {
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let conditions = status["conditions"].as_array_mut().expect("an array");
    if conditions.iter().any(|one| one["type"] == kind && one["status"] == holds && one["message"] == message) {
        return;
    }
    conditions.retain(|one| one["type"] != kind);
    let mut new = json!({"type": kind, "status": holds, "lastProbeTime": null, "lastTransitionTime": now()});
    if !reason.is_empty() {
        (new["reason"], new["message"]) = (json!(reason), json!(message));
    }
    conditions.push(new);
}

fn scheduled(status: &mut Value, pod: &Value) {
    if status["startTime"].is_string() {
        return;
    }
    condition(status, "PodScheduled", "True", "", "");
    condition(status, "Initialized", "True", "", "");
    condition(status, "Ready", "False", "ContainersNotReady", "containers with unready status: [pipeline]");
    let container = &pod["spec"]["containers"][0];
    status["startTime"] = json!(now());
    status["hostIP"] = json!("10.0.0.1");
    status["containerStatuses"] = json!([{
        "name": container["name"], "image": container["image"], "imageID": "", "ready": false, "started": false,
        "restartCount": 0, "lastState": {}, "state": {"waiting": {"reason": "ContainerCreating"}},
    }]);
}

fn running(status: &mut Value, pod: &Value) {
    status["phase"] = json!("Running");
    status["podIP"] = json!("10.1.0.1");
    for kind in ["PodReadyToStartContainers", "Ready", "ContainersReady"] {
        condition(status, kind, "True", "", "");
    }
    let container = &mut status["containerStatuses"][0];
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().replace('-', "");
    container["containerID"] = json!(format!("containerd://{uid}{uid}"));
    (container["ready"], container["started"]) = (json!(true), json!(true));
    container["state"] = json!({"running": {"startedAt": now()}});
}

fn terminated(status: &mut Value, code: i32, fate: &Fate) {
    let container = &mut status["containerStatuses"][0];
    let reason = match code {
        0 => "Completed",
        _ if fate.out_of_memory => "OOMKilled",
        _ => "Error",
    };
    let started = container["state"]["running"]["startedAt"].take();
    (container["ready"], container["started"]) = (json!(false), json!(false));
    container["state"] = json!({"terminated": {
        "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now(), "containerID": container["containerID"],
    }});
    status["phase"] = json!(if code == 0 { "Succeeded" } else { "Failed" });
    for kind in ["Ready", "ContainersReady"] {
        let why = if code == 0 { "PodCompleted" } else { "PodFailed" };
        condition(status, kind, "False", why, "");
    }
    if let Some(message) = &fate.evicted {
        evicted(status, message);
    }
}

fn evicted(status: &mut Value, message: &str) {
    (status["phase"], status["reason"], status["message"]) = (json!("Failed"), json!("Evicted"), json!(message));
    condition(status, "DisruptionTarget", "True", "TerminationByKubelet", message);
}
