//! The Job of a pipeline.

use std::{collections::BTreeMap, time::Duration};

use contract::PipelineId;
use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{
            Capabilities, ConfigMapEnvSource, Container, EmptyDirVolumeSource, EnvFromSource, EnvVar, EnvVarSource,
            ObjectFieldSelector, PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec,
            ResourceRequirements, SeccompProfile, SecretKeySelector, SecurityContext, Volume, VolumeMount,
        },
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::ObjectMeta},
};

use super::{KubernetesConfig, PipelineJob, Resources};

/// The pod's only container.
pub(super) const CONTAINER: &str = "pipeline";
/// A label: the installation whose Job it is.
pub(super) const OWNER: &str = "mlsys/owner";
const PIPELINE: &str = "mlsys/pipeline-id";
const LEASE: &str = "mlsys/lease";

/// How long a finished Job is kept for those who look.
const KEPT: i32 = 600;

/// The user and group of the images.
const GROUP: i64 = 10001;

/// Where a pod has its files.
const HOME: &str = "/var/lib/mlsys";

/// The Job's name: one for each lease of a pipeline, so that making it twice makes one.
pub(super) fn name(pipeline: PipelineId, lease: i64) -> String {
    format!("mlsys-{pipeline}-{lease}")
}

/// The pipeline and the lease that a Job was made for; nothing if it is none of ours.
pub(super) fn made_for(job: &Job) -> Option<(PipelineId, i64)> {
    let labels = job.metadata.labels.as_ref()?;
    Some((labels.get(PIPELINE)?.parse().ok()?, labels.get(LEASE)?.parse().ok()?))
}

/// How long the Job may live, its wait for a node included.
pub(super) fn deadline(config: &KubernetesConfig, job: &PipelineJob) -> Duration {
    job.run_timeout + config.pending * 2 + config.beside_run
}

/// The Job.
pub(super) fn job(config: &KubernetesConfig, job: &PipelineJob) -> Job {
    let labels = labels(config, job);
    let metadata = |name| ObjectMeta { name, labels: Some(labels.clone()), ..ObjectMeta::default() };
    let seconds = i64::try_from(deadline(config, job).as_secs()).unwrap_or(i64::MAX);
    Job {
        metadata: metadata(Some(name(job.pipeline, job.lease))),
        spec: Some(JobSpec {
            // Whoever holds the pipeline's lease decides whether it runs again.
            backoff_limit: Some(0),
            active_deadline_seconds: Some(seconds),
            ttl_seconds_after_finished: Some(KEPT),
            template: PodTemplateSpec { metadata: Some(metadata(None)), spec: Some(pod(config, job)) },
            ..JobSpec::default()
        }),
        status: None,
    }
}

fn labels(config: &KubernetesConfig, job: &PipelineJob) -> BTreeMap<String, String> {
    let labels = [
        ("app.kubernetes.io/name", "mlsys".to_owned()),
        ("app.kubernetes.io/component", "pipeline".to_owned()),
        (PIPELINE, job.pipeline.to_string()),
        (LEASE, job.lease.to_string()),
        (OWNER, config.owner.clone()),
    ];
    labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn pod(config: &KubernetesConfig, job: &PipelineJob) -> PodSpec {
    let empty = |name: &str| Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(config.disk.clone())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    };
    let mut volumes = vec![empty("home"), empty("tmp")];
    volumes.extend(config.artifacts.iter().map(|(claim, _)| Volume {
        name: "artifacts".to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim.clone(),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    }));
    PodSpec {
        containers: vec![container(config, job)],
        volumes: Some(volumes),
        restart_policy: Some("Never".to_owned()),
        service_account_name: Some(config.service_account.clone()),
        // Notebooks run here: they must not speak to the cluster.
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: i64::try_from(config.termination.as_secs()).ok(),
        runtime_class_name: config.runtime_class.clone(),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(GROUP),
            run_as_group: Some(GROUP),
            fs_group: Some(GROUP),
            // Else a node changes the owner of every model's file before it starts a pod.
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
            ..PodSecurityContext::default()
        }),
        ..PodSpec::default()
    }
}

fn container(config: &KubernetesConfig, job: &PipelineJob) -> Container {
    let resources = job.resources.as_ref().unwrap_or(&config.resources);
    let mount = |name: &str, path: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    };
    let mut mounts = vec![mount("home", HOME), mount("tmp", "/tmp")];
    // Of the models' volume it sees what its own pipeline left, and nothing else.
    mounts.extend(config.artifacts.iter().map(|(_, path)| {
        let own = artifacts::Store::packages(job.pipeline);
        let at = format!("{}/{own}", path.trim_end_matches('/'));
        VolumeMount { sub_path: Some(own), ..mount("artifacts", &at) }
    }));
    Container {
        name: CONTAINER.to_owned(),
        image: Some(config.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(vec!["worker".to_owned()]),
        args: Some(vec!["run-pipeline".to_owned(), job.pipeline.to_string(), "--lease".to_owned(), job.lease.to_string()]),
        env: Some(environment(config, resources)),
        env_from: Some(sources(config)),
        resources: Some(requirements(resources, &config.disk)),
        volume_mounts: Some(mounts),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
            read_only_root_filesystem: Some(true),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

/// What holds in the pod whatever its `ConfigMap` says.
fn environment(config: &KubernetesConfig, resources: &Resources) -> Vec<EnvVar> {
    let set = |name: &str, value: String| EnvVar { name: name.to_owned(), value: Some(value), ..EnvVar::default() };
    let pod_name = EnvVarSource {
        field_ref: Some(ObjectFieldSelector { field_path: "metadata.name".to_owned(), ..ObjectFieldSelector::default() }),
        ..EnvVarSource::default()
    };
    let mut environment = vec![
        EnvVar { name: "POD_NAME".to_owned(), value_from: Some(pod_name), ..EnvVar::default() },
        // The pod drives its pipeline itself.
        set("RUNNER_BACKEND", "local".to_owned()),
        set("MLSYS_HOME", HOME.to_owned()),
        // Libraries of a notebook keep their caches there.
        set("HOME", HOME.to_owned()),
        set("KERNEL_MEMORY_LIMIT_MB", resources.kernel_megabytes().to_string()),
    ];
    environment.extend(config.artifacts.iter().map(|(_, path)| set("MLSYS_ARTIFACTS", path.clone())));
    environment.extend(config.secret.iter().flat_map(|secret| secrets(secret)));
    environment
}

/// What of the secrets a pod works with. It calls no other process of ours, and takes no deliveries: it is not told what
/// opens those.
fn secrets(secret: &str) -> Vec<EnvVar> {
    let of_buckets = service::ARTIFACT_SETTINGS.iter().filter(|setting| setting.secret).map(|setting| setting.name);
    let needed = ["DATABASE_URL", "REDIS_URL"].map(|name| (name, false));
    let others = ["GITHUB_TOKEN", "SECRETS_KEY"].into_iter().chain(of_buckets).map(|name| (name, true));
    let given = |(name, optional): (&str, bool)| {
        let key = SecretKeySelector { name: secret.to_owned(), key: name.to_owned(), optional: optional.then_some(true) };
        let source = EnvVarSource { secret_key_ref: Some(key), ..EnvVarSource::default() };
        EnvVar { name: name.to_owned(), value_from: Some(source), ..EnvVar::default() }
    };
    needed.into_iter().chain(others).map(given).collect()
}

fn sources(config: &KubernetesConfig) -> Vec<EnvFromSource> {
    let map = |name: &String| EnvFromSource {
        config_map_ref: Some(ConfigMapEnvSource { name: name.clone(), optional: None }),
        ..EnvFromSource::default()
    };
    config.config_map.iter().map(map).collect()
}

/// What a pod asks of its node's disk beforehand: most notebooks write little.
pub(super) const LEAST_DISK: &str = "1Gi";

/// Processors and memory are asked for and allowed alike: such a pod is the last that a node under pressure evicts.
fn requirements(resources: &Resources, disk: &str) -> ResourceRequirements {
    let amounts = |disk: &str| {
        let amounts = [("cpu", resources.cpu()), ("memory", resources.memory()), ("ephemeral-storage", disk)];
        amounts.into_iter().map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).collect::<BTreeMap<_, _>>()
    };
    ResourceRequirements {
        limits: Some(amounts(disk)),
        requests: Some(amounts(LEAST_DISK)),
        ..ResourceRequirements::default()
    }
}
