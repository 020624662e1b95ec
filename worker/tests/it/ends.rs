//! Every way a pod can end, named.

use std::time::Duration;

use serde_json::json;
use testkit::kubernetes::Node;
use worker::runner::{PodEnd, Resources};

use crate::stage::{IMAGE, Stage, UNTIL_OPEN, failure, loss, pipeline};

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_ends_well_is_finished_and_says_where_it_ran() {
    let script = format!(r#"echo "$@"; env; echo done > "$MLSYS_ARTIFACTS/packages/$2/model"; {UNTIL_OPEN}"#);
    let stage = Stage::with(&script);
    let job = pipeline();
    let run = stage.start(job.clone()).await;
    run.said("runs on node node-1").await;
    stage.open();
    assert_eq!(run.ended().await.0, PodEnd::Finished);
    let pod = &stage.api.pods()[0];
    let output = stage.api.output(pod);
    for line in [
        format!("run-pipeline {} --lease 1", job.pipeline),
        format!("POD_NAME={}", pod["metadata"]["name"].as_str().expect("a name")),
        "RUNNER_BACKEND=local".to_owned(),
        "DATABASE_URL=the value of DATABASE_URL".to_owned(),
        "REDIS_URL=the value of REDIS_URL".to_owned(),
        "KERNEL_MEMORY_LIMIT_MB=1792".to_owned(),
    ] {
        assert!(output.lines().any(|said| said == line), "{line} in {output}");
    }
    let kept = output.lines().filter(|line| line.contains("the value of")).count();
    assert_eq!(kept, 2, "no secret of the other processes is in the pod: {output}");
    let made = stage.gate().with_file_name("artifacts/packages").join(job.pipeline.to_string()).join("model");
    assert_eq!(std::fs::read_to_string(made).expect("it lies in the claim's volume"), "done\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_crashes_in_its_pod_shows_its_last_lines() {
    let stage = Stage::with("seq 1 200; echo 'thread main panicked' >&2; exit 101");
    let (end, log) = stage.run().await;
    assert!(failure(end).contains("exit code 101"));
    let shown: Vec<_> = log.iter().filter(|line| line.starts_with("mlsys-") && line.contains(": ")).collect();
    assert_eq!(shown.len(), 50, "{log:?}");
    assert!(shown[49].ends_with(": thread main panicked"), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_could_not_work_may_be_tried_again() {
    let stage = Stage::with("exit 75");
    assert!(loss(stage.run().await.0).contains("75"));
    assert_eq!(stage.api.jobs().len(), 0, "so that the same lease can make a new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_is_named() {
    let mut stage = Stage::with("exit 0");
    stage.config.image = "registry.example/nowhere:2".to_owned();
    let (end, log) = stage.run().await;
    let reason = failure(end);
    assert!(reason.contains("the image registry.example/nowhere:2 can't be pulled"), "{reason}");
    assert!(reason.contains("ImagePullBackOff") && reason.contains("not found"), "{reason}");
    assert!(log.iter().any(|line| line.contains("can't start yet") && line.contains("ErrImagePull")), "{log:?}");
    assert_eq!(stage.api.jobs().len(), 0, "it must not start later");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_there_after_all_is_run() {
    let mut stage = Stage::with("exit 0");
    stage.config.pending = Duration::from_secs(20);
    stage.config.image = "registry.example/late:1".to_owned();
    let run = stage.start(pipeline()).await;
    run.said("ImagePullBackOff").await;
    stage.api.image("registry.example/late:1", "/bin/true");
    assert_eq!(run.ended().await.0, PodEnd::Finished);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_no_image_can_have_fails_at_once() {
    let mut stage = Stage::with("exit 0");
    (stage.config.image, stage.config.pending) = ("Not An Image".to_owned(), Duration::from_hours(1));
    assert!(failure(stage.run().await.0).contains("(InvalidImageName): "));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_missing_are_named() {
    let mut stage = Stage::with("exit 0");
    stage.config.secret = Some("forgotten".to_owned());
    let reason = failure(stage.run().await.0);
    assert!(
        reason.contains("settings are incomplete (CreateContainerConfigError): secret \"forgotten\" not found"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_a_database_is_named() {
    let stage = Stage::with("exit 0");
    stage.api.secret("mlsys", [("REDIS_URL".to_owned(), "redis://redis:6379".to_owned())]);
    let reason = failure(stage.run().await.0);
    assert!(reason.contains("couldn't find key DATABASE_URL in Secret pipelines/mlsys"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_cannot_be_mounted_is_named_by_its_event() {
    let stage = Stage::with("exit 0");
    stage.api.hold_starts(Some("MountVolume.SetUp failed for volume \"artifacts\": no such server"));
    let reason = failure(stage.run().await.0);
    assert!(
        reason.contains("did not start the pod") && reason.contains("FailedMount: MountVolume.SetUp failed"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_too_big_for_every_node_is_unschedulable() {
    let stage = Stage::with("exit 0");
    stage.api.node(Node { cpu: "4".to_owned(), memory: "1Gi".to_owned() });
    let (end, log) = stage.run().await;
    let reason = failure(end);
    assert!(reason.contains("no node could take the pod within 1 s (Unschedulable): 0/1 nodes"), "{reason}");
    let told = log.iter().filter(|line| line.contains("unschedulable: 0/1 nodes are available: 1 Insufficient memory"));
    assert_eq!(told.count(), 1, "{log:?}");
    assert_eq!(stage.api.jobs().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_waited_for_a_node_runs_when_there_is_one() {
    let mut stage = Stage::with("exit 0");
    stage.config.pending = Duration::from_secs(20);
    stage.api.node(Node { cpu: "4".to_owned(), memory: "1Gi".to_owned() });
    let run = stage.start(pipeline()).await;
    run.said("unschedulable").await;
    stage.api.node(Node::default());
    assert_eq!(run.ended().await.0, PodEnd::Finished);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repositorys_own_resources_count() {
    let stage = Stage::with("exit 0");
    let mut job = pipeline();
    job.resources = Some(Resources::new("500m", "8Gi").expect("amounts"));
    let (end, _) = stage.start(job).await.ended().await;
    assert_eq!(end, PodEnd::Finished);
    let resources = &stage.api.pods()[0]["spec"]["containers"][0]["resources"];
    assert_eq!(resources["requests"], json!({"cpu": "500m", "memory": "8Gi", "ephemeral-storage": "1Gi"}));
    assert_eq!(resources["limits"], json!({"cpu": "500m", "memory": "8Gi", "ephemeral-storage": "20Gi"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_the_cluster_refuses_fails_in_its_words() {
    let mut stage = Stage::with("exit 0");
    stage.api.refuse_jobs(Some("exceeded quota: mlsys, requested: count/jobs.batch=1, used: 5, limited: 5"));
    assert!(failure(stage.run().await.0).contains("exceeded quota: mlsys"));
    stage.api.refuse_jobs(None);
    stage.config.image = String::new();
    let reason = failure(stage.run().await.0);
    assert!(reason.contains("containers[0].image: Required value") && reason.contains("(Invalid)"), "{reason}");
    stage.config.namespace = Some("elsewhere".to_owned());
    assert!(failure(stage.run().await.0).contains("namespaces \"elsewhere\" not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_gets_no_pod_fails_with_the_controllers_words() {
    let stage = Stage::with("exit 0");
    stage.api.refuse_pods(Some("exceeded quota: pods"));
    let reason = failure(stage.run().await.0);
    assert!(reason.contains("made no pod within 1 s: FailedCreate: Error creating"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_used_up_is_named_with_its_limit() {
    let stage = Stage::with("echo training; exec sleep 60");
    let run = stage.start(pipeline()).await;
    stage.api.oom_kill(&stage.api.running_pod().await);
    let reason = failure(run.ended().await.0);
    assert!(reason.contains("ran out of memory: it was killed at 2Gi (OOMKilled, exit code 137)"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_takes_too_long_is_ended_by_its_deadline() {
    let mut stage = Stage::with("exec sleep 60");
    stage.config.beside_run = Duration::ZERO;
    let mut job = pipeline();
    job.run_timeout = Duration::ZERO;
    let reason = failure(stage.start(job).await.ended().await.0);
    assert!(reason.contains("took longer than the 2 s that it may take in all (DeadlineExceeded)"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_are_taken_away_are_lost_and_say_to_what() {
    let stage = Stage::with("exec sleep 60");
    for (how, expected) in [
        ("evicted", "evicted by its node: The node was low on resource: memory."),
        ("preempted", "preempted by a pod of higher priority: preempted by a-pod"),
        ("killed", "its process was killed (exit code 137)"),
        ("deleted", "deleted"),
        ("its Job deleted", "deleted"),
        ("node lost", "its node was lost: Taint manager"),
    ] {
        let run = stage.start(pipeline()).await;
        run.said("runs on node").await;
        let pod = stage.api.running_pod().await;
        match how {
            "evicted" => stage.api.evict(&pod, "The node was low on resource: memory."),
            "preempted" => stage.api.disrupt(&pod, "PreemptionByScheduler", "preempted by a-pod"),
            "killed" => stage.api.kill(&pod),
            "deleted" => stage.api.delete_pod(&pod),
            "its Job deleted" => stage.api.delete_job(&pod),
            _ => stage.api.lose_node(&pod),
        }
        let (end, log) = run.ended().await;
        let reason = loss(end);
        assert!(reason.contains(expected), "{how}: {reason}");
        assert!(log.iter().any(|line| line.contains(&reason)), "{how}: {log:?}");
        assert_eq!(stage.api.jobs().len(), 0, "{how}");
        stage.api.emptied().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_pods_lease_can_be_run_again() {
    let stage = Stage::with(&format!("{UNTIL_OPEN}; exit 0"));
    let job = pipeline();
    let run = stage.start(job.clone()).await;
    stage.api.kill(&stage.api.running_pod().await);
    loss(run.ended().await.0);
    stage.open();
    assert_eq!(stage.start(job).await.ended().await.0, PodEnd::Finished);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_is_what_the_published_schema_asks_for() {
    let mut stage = Stage::with("exit 0");
    stage.config.runtime_class = Some("gvisor".to_owned());
    assert_eq!(stage.run().await.0, PodEnd::Finished);
    let mut job = stage.api.jobs().remove(0);
    assert_eq!(job["metadata"]["labels"]["mlsys/owner"], "test");
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], IMAGE);
    assert_eq!(pod["runtimeClassName"], "gvisor");
    let pipeline = job["metadata"]["labels"]["mlsys/pipeline-id"].as_str().expect("an id");
    let (own, root) = (format!("packages/{pipeline}"), &stage.config.artifacts.as_ref().expect("a volume").1);
    let mounts: Vec<_> = pod["containers"][0]["volumeMounts"].as_array().expect("mounts").iter().collect();
    let expected = json!({"name": "artifacts", "mountPath": format!("{root}/{own}"), "subPath": own});
    assert_eq!(
        mounts,
        [&json!({"name": "home", "mountPath": "/var/lib/mlsys"}), &json!({"name": "tmp", "mountPath": "/tmp"}), &expected]
    );
    job["status"].take();
    job.as_object_mut().expect("an object").remove("status");
    let file = stage.gate().with_file_name("job.json");
    std::fs::write(&file, job.to_string()).expect("written");
    let validate = testkit::workspace_root().join("infra/k8s/validate");
    let answer = std::process::Command::new(validate).arg(file).output().expect("it runs");
    let said = [answer.stdout, answer.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(answer.status.success(), "{said}");
}
