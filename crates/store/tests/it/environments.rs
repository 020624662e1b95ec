use contract::{Flavour, Phase, PhaseStatus};
use serde_json::json;
use store::NewVersion;

use crate::World;

async fn only_environments_that_versions_are_served_in_by_python_are_needed(world: World) {
    let cases = [
        (Flavour::Python, Some("needed"), true),
        (Flavour::Python, None, true),
        (Flavour::Onnx, Some("converted"), true),
        (Flavour::Python, Some("never registered"), false),
    ];
    for ((flavour, environment, is_registered), version) in cases.into_iter().zip(1..) {
        let lease = world.leased().await;
        let checkpoint = json!({ "manifest": { "environment": environment } });
        world.store.pipelines.start_phase(&lease, Phase::Execute).await.unwrap();
        let ended = (PhaseStatus::Succeeded, None, Some(&checkpoint));
        world.store.pipelines.finish_phase(&lease, Phase::Execute, ended.0, ended.1, ended.2).await.unwrap();
        if is_registered {
            let (model, uri, sha256) = ("titanic".parse().unwrap(), "file:///v".to_owned(), "ab".repeat(32));
            let new = NewVersion { model, version, flavour, uri, sha256 };
            world.store.serving.record_version(&lease, new).await.unwrap();
        }
    }
    assert_eq!(world.store.serving.python_environments().await.unwrap(), ["needed".to_owned()].into());
}

on_both![only_environments_that_versions_are_served_in_by_python_are_needed];
