use std::collections::BTreeMap;

use contract::{Environment, Flavour, Phase, PhaseStatus, PipelineStatus};
use serde_json::{Value, json};
use store::{Lease, NewDeployment, NewVersion, Pushed, Readdressed};

use crate::{TTL, World};

const OLD: &str = r#"file:///an "odd" 'path'\models"#;
const NEW: &str = "s3://bucket/models";

/// What the execute and register phases of a pipeline leave.
async fn leave_checkpoints(world: &World, lease: &Lease, version: u64) -> [(Phase, Value); 2] {
    let package = json!({ "uri": format!("{OLD}/packages/{version}"), "sha256": "cd".repeat(32) });
    // A number that is not the same once it was read and written as a float.
    let execute = json!({ "metrics": { "x": 0.1, OLD: "NaN" }, "package": package, "run": { "artifact_uri": OLD } });
    let register = json!({ "uri": format!("{OLD}/v{version}"), "sha256": "ab".repeat(32), "version": version });
    let left = [(Phase::Execute, execute), (Phase::Register, register)];
    for (phase, checkpoint) in &left {
        world.store.pipelines.start_phase(lease, *phase).await.unwrap();
        world.store.pipelines.finish_phase(lease, *phase, PhaseStatus::Succeeded, None, Some(checkpoint)).await.unwrap();
    }
    left
}

/// A pipeline that made this version of a model, deployed it to dev, and ended.
async fn version(world: &World, version: u64, ended: PipelineStatus) -> Lease {
    let lease = world.leased().await;
    leave_checkpoints(world, &lease, version).await;
    let (model, serving) = ("titanic".parse().unwrap(), &world.store.serving);
    let (uri, sha256) = (format!("{OLD}/v{version}"), "ab".repeat(32));
    let new = NewVersion { model, version, flavour: Flavour::Onnx, uri: uri.clone(), sha256: sha256.clone() };
    serving.record_version(&lease, new.clone()).await.unwrap();
    let deployed = NewDeployment { version, uri, sha256, metrics: BTreeMap::new() };
    let pushed = crate::push(&world.store, &lease, (&new.model, &Environment::dev()), deployed).await;
    assert!(matches!(pushed, Pushed::Current(_)));
    world.store.pipelines.finish_pipeline(&lease, ended, true, None).await.unwrap();
    lease
}

fn moved(uri: &str) -> String {
    uri.replace(OLD, NEW)
}

/// Every address that rows name, with its new one.
async fn plan(world: &World) -> BTreeMap<String, String> {
    let found = world.store.serving.addresses().await.unwrap();
    let all = found.versions.into_keys().chain(found.packages.into_keys()).chain(found.registered);
    all.map(|uri| (uri.clone(), moved(&uri))).collect()
}

async fn every_row_that_names_an_address_names_the_new_one_and_nothing_else_changes(world: World) {
    let serving = &world.store.serving;
    let good = version(&world, 1, PipelineStatus::Succeeded).await;
    let failed = version(&world, 2, PipelineStatus::Failed).await;
    let found = serving.addresses().await.unwrap();
    let sha256 = |byte: &str| byte.repeat(32);
    let versions = [1, 2].map(|version| (format!("{OLD}/v{version}"), sha256("ab")));
    assert_eq!(found.versions, BTreeMap::from(versions));
    assert_eq!(found.packages, BTreeMap::from([(format!("{OLD}/packages/2"), sha256("cd"))]), "it may be registered yet");
    assert_eq!(found.registered, [format!("{OLD}/packages/1")].into());

    assert_eq!(serving.readdress(&plan(&world).await).await.unwrap(), Readdressed::Rows(8));
    let model = "titanic".parse().unwrap();
    assert_eq!(serving.deployment(&model, &Environment::dev()).await.unwrap().unwrap().uri, format!("{NEW}/v2"));
    assert_eq!(serving.rollback_target(&model, &Environment::dev()).await.unwrap().unwrap().uri, format!("{NEW}/v1"));
    let (listed, _) = serving.model_versions(&model, None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.uri.as_str()).collect::<Vec<_>>(), [2, 1].map(|n| format!("{NEW}/v{n}")));
    for (lease, number) in [(good, 1), (failed, 2)] {
        let execute = world.store.pipelines.checkpoint(lease.pipeline_id, Phase::Execute).await.unwrap().unwrap();
        assert_eq!(execute["package"]["uri"], format!("{NEW}/packages/{number}"));
        assert_eq!((&execute["metrics"][OLD], &execute["run"]["artifact_uri"]), (&json!("NaN"), &json!(OLD)));
        let register = world.store.pipelines.checkpoint(lease.pipeline_id, Phase::Register).await.unwrap().unwrap();
        assert_eq!(register["uri"], format!("{NEW}/v{number}"));
    }
    assert_eq!(serving.readdress(&plan(&world).await).await.unwrap(), Readdressed::Rows(0), "once more changes nothing");
}

async fn a_version_that_came_meanwhile_keeps_every_row_as_it_was(world: World) {
    let serving = &world.store.serving;
    version(&world, 1, PipelineStatus::Succeeded).await;
    let early = plan(&world).await;
    version(&world, 2, PipelineStatus::Succeeded).await;
    assert_eq!(serving.readdress(&early).await.unwrap(), Readdressed::More);
    let found = serving.addresses().await.unwrap();
    assert!(found.versions.keys().all(|uri| uri.starts_with(OLD)), "{found:?}");
    assert_eq!(serving.readdress(&plan(&world).await).await.unwrap(), Readdressed::Rows(8));
}

async fn nothing_changes_while_somebody_holds_a_pipeline_or_a_deployment(world: World) {
    let serving = &world.store.serving;
    version(&world, 1, PipelineStatus::Succeeded).await;
    assert!(!serving.is_changing().await.unwrap());
    let lease = world.leased().await;
    assert!(serving.is_changing().await.unwrap());
    assert_eq!(serving.readdress(&plan(&world).await).await.unwrap(), Readdressed::Busy);
    world.store.pipelines.finish_pipeline(&lease, PipelineStatus::Failed, false, None).await.unwrap();
    serving.lock(&"titanic".parse().unwrap(), &Environment::dev(), TTL).await.unwrap();
    assert_eq!(serving.readdress(&plan(&world).await).await.unwrap(), Readdressed::Busy);
    serving.expire_locks().await.unwrap();
    let id = world.pipeline().await;
    world.store.pipelines.take_lease(id, "worker-a", TTL).await.unwrap().unwrap();
    world.tamper("UPDATE pipelines SET lease_expires_at = 1").await;
    assert_eq!(serving.readdress(&plan(&world).await).await.unwrap(), Readdressed::Rows(4), "whose leases are over is gone");
}

async fn as_many_rows_as_there_are_change_at_once(world: World) {
    let serving = &world.store.serving;
    let first = version(&world, 1, PipelineStatus::Succeeded).await.pipeline_id;
    let many = "INSERT INTO pipelines (id, repo, branch, commit_sha, notebook_path, parameters, manual, created_at, status)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        SELECT 'p' || (1000000 + i), 'o/r', 'main', 'c' || i, 'n', '{}', 0, 1, 'succeeded' FROM n;
        INSERT INTO versions SELECT 'm', CAST(substr(id, 2) AS BIGINT), id, 'onnx', 'file:///old/v' || id, 's', 1 FROM pipelines
            WHERE id LIKE 'p%';
        INSERT INTO phases SELECT id, 'register', 'succeeded', 1, 2, 1, NULL,
            '{\"uri\":\"file:///old/v' || id || '\",\"sha256\":\"s\"}' FROM pipelines WHERE id LIKE 'p%'";
    world.tamper(many).await;
    let plan: BTreeMap<_, _> =
        plan(&world).await.into_keys().map(|uri| (uri.clone(), uri.replace("file:///old", NEW))).collect();
    assert_eq!(plan.len(), 3002);
    assert_eq!(serving.readdress(&plan).await.unwrap(), Readdressed::Rows(6000));
    let left = "SELECT (SELECT COUNT(*) FROM versions WHERE uri LIKE 'file:///old%')
        + (SELECT COUNT(*) FROM phases WHERE checkpoint LIKE '%file:///old%')";
    assert_eq!(world.count(left).await, 0);
    assert!(serving.addresses().await.unwrap().versions.contains_key(&format!("{OLD}/v1")), "{first} kept its own");
}

on_both![
    every_row_that_names_an_address_names_the_new_one_and_nothing_else_changes,
    a_version_that_came_meanwhile_keeps_every_row_as_it_was,
    nothing_changes_while_somebody_holds_a_pipeline_or_a_deployment,
    as_many_rows_as_there_are_change_at_once,
];
