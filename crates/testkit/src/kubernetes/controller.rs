//! The Job controller: a pod for each Job, and the Job's end by its pod's.
//!
//! Source: "Jobs" in Kubernetes's documentation.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{Cluster, check, kubelet, now, selector::Selector, state::Kind, status};

/// Sees to a new Job.
pub(super) fn start(cluster: &Arc<Cluster>, job: &Value) {
    let (cluster, job) = (cluster.clone(), job.clone());
    cluster.clone().spawn(async move {
        let name = job["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if let Some(pod) = make_pod(&cluster, &job).await {
            kubelet::start(&cluster, &pod);
            see_to_the_end(&cluster, &job, &name, pod["metadata"]["name"].as_str().unwrap_or_default()).await;
        }
        if let Some(kept) = job["spec"]["ttlSecondsAfterFinished"].as_u64() {
            tokio::time::sleep(Duration::from_secs(kept)).await;
            if let Some(job) = cluster.state.get(Kind::Jobs, &cluster.namespace, &name) {
                delete(&cluster, &job, Some("Background"));
            }
        }
    });
}

/// The Job's pod; none if pods are refused until the Job is gone.
async fn make_pod(cluster: &Arc<Cluster>, job: &Value) -> Option<Value> {
    let name = job["metadata"]["name"].as_str().unwrap_or_default();
    let mut wishes = cluster.wishes.subscribe();
    let mut told = false;
    loop {
        let why = wishes.borrow_and_update().pod_refusal.clone();
        let Some(why) = why else { break };
        if !std::mem::replace(&mut told, true) {
            let message = format!("Error creating: pods \"{name}-{}\" is forbidden: {why}", check::suffix());
            cluster.event(job, "FailedCreate", &message);
        }
        wishes.changed().await.ok()?;
        cluster.state.get(Kind::Jobs, &cluster.namespace, name)?;
    }
    let mut pod = json!({
        "metadata": job["spec"]["template"]["metadata"],
        "spec": job["spec"]["template"]["spec"],
        "status": {"phase": "Pending", "qosClass": "Guaranteed"},
    });
    pod["metadata"]["generateName"] = json!(format!("{name}-"));
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    }]);
    check::complete(&mut pod, &cluster.namespace, "Pod", "v1");
    let pod = cluster.state.create(Kind::Pods, pod).ok()?;
    update(cluster, name, |status| {
        *status = json!({"active": 1, "ready": 0, "startTime": now(), "uncountedTerminatedPods": {}});
    });
    Some(pod)
}

async fn see_to_the_end(cluster: &Arc<Cluster>, job: &Value, name: &str, pod: &str) {
    let seconds = job["spec"]["activeDeadlineSeconds"].as_u64();
    let deadline = Instant::now() + Duration::from_secs(seconds.unwrap_or(86_400 * 365));
    let mut versions = cluster.state.versions();
    loop {
        let now = cluster.state.get(Kind::Jobs, &cluster.namespace, name);
        if now.is_none_or(|now| now["metadata"]["uid"] != job["metadata"]["uid"]) {
            return;
        }
        let found = cluster.state.get(Kind::Pods, &cluster.namespace, pod);
        match found.as_ref().map(|pod| pod["status"]["phase"].as_str().unwrap_or_default()) {
            Some("Succeeded") => return complete(cluster, name),
            Some("Failed") | None => {
                return fail(cluster, name, "BackoffLimitExceeded", "Job has reached the specified backoff limit");
            }
            Some(_) => {}
        }
        tokio::select! {
            _ = versions.changed() => {}
            () = sleep_until(deadline) => {
                if let Some(pod) = found {
                    cluster.delete_pod(&pod, None);
                }
                return fail(cluster, name, "DeadlineExceeded", "Job was active longer than specified deadline");
            }
        }
    }
}

fn condition(kind: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind, "status": "True", "reason": reason, "message": message,
        "lastProbeTime": now(), "lastTransitionTime": now(),
    })
}

fn complete(cluster: &Cluster, name: &str) {
    let (reason, message) = ("CompletionsReached", "Reached expected number of succeeded pods");
    update(cluster, name, |status| {
        let (start, conditions) = (status["startTime"].take(), ["SuccessCriteriaMet", "Complete"]);
        *status = json!({
            "startTime": start, "completionTime": now(), "succeeded": 1, "ready": 0, "terminating": 0,
            "conditions": conditions.map(|kind| condition(kind, reason, message)),
        });
    });
}

fn fail(cluster: &Cluster, name: &str, reason: &str, message: &str) {
    update(cluster, name, |status| {
        let (start, conditions) = (status["startTime"].take(), ["FailureTarget", "Failed"]);
        *status = json!({
            "startTime": start, "failed": 1, "ready": 0, "terminating": 0,
            "conditions": conditions.map(|kind| condition(kind, reason, message)),
        });
    });
}

fn update(cluster: &Cluster, name: &str, update: impl FnOnce(&mut Value)) {
    cluster.state.update(Kind::Jobs, &cluster.namespace, name, |job| update(&mut job["status"]));
}

/// Deletes a Job and, unless they are to be orphans, its pods.
pub(super) fn delete(cluster: &Arc<Cluster>, job: &Value, policy: Option<&str>) -> Value {
    let name = job["metadata"]["name"].as_str().unwrap_or_default();
    let uid = job["metadata"]["uid"].as_str().unwrap_or_default();
    let own = format!("batch.kubernetes.io/controller-uid={uid}");
    let own = Selector::parse(Kind::Pods, Some(&own), None).expect("a selector");
    let pods = cluster.state.list(Kind::Pods, &cluster.namespace, &own).0;
    if policy != Some("Orphan") {
        for pod in &pods {
            cluster.delete_pod(pod, None);
        }
    }
    if policy != Some("Foreground") || pods.is_empty() {
        cluster.state.remove(Kind::Jobs, &cluster.namespace, name);
        return status::deleted(Kind::Jobs, job);
    }
    let marked = cluster.state.update(Kind::Jobs, &cluster.namespace, name, |job| {
        job["metadata"]["deletionTimestamp"] = json!(now());
        job["metadata"]["finalizers"] = json!(["foregroundDeletion"]);
    });
    let (cluster, name) = (cluster.clone(), name.to_owned());
    cluster.clone().spawn(async move {
        let mut versions = cluster.state.versions();
        while !cluster.state.list(Kind::Pods, &cluster.namespace, &own).0.is_empty() {
            if versions.changed().await.is_err() {
                return;
            }
        }
        cluster.state.remove(Kind::Jobs, &cluster.namespace, &name);
    });
    marked.unwrap_or(Value::Null)
}
