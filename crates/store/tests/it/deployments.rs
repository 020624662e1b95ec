use std::collections::BTreeMap;

use contract::{Environment, Flavour, ModelName};
use jiff::Timestamp;
use store::{Deployment, Description, Lease, NewVersion};

use crate::World;

fn model() -> ModelName {
    "titanic".parse().unwrap()
}

fn deployment(lease: &Lease, version: u64) -> Deployment {
    Deployment {
        model: model(),
        environment: Environment::dev(),
        version,
        pipeline_id: lease.pipeline_id,
        uri: format!("file:///models/titanic/v{version}"),
        sha256: "ab".repeat(32),
        metrics: BTreeMap::from([("accuracy".to_owned(), Some(0.8)), ("loss".to_owned(), None)]),
        deployed_at: Timestamp::from_second(1_800_000_000).unwrap(),
    }
}

#[tokio::test]
async fn a_slow_older_pipeline_does_not_replace_a_newer_ones_model() {
    let world = World::new().await;
    let (older, newer) = (world.leased().await, world.leased().await);
    let current = async || world.store.deployment(&model(), &Environment::dev()).await.unwrap();
    assert_eq!(current().await, None);
    assert!(world.store.record_deployment(&newer, deployment(&newer, 2)).await.unwrap());
    assert!(!world.store.record_deployment(&older, deployment(&older, 3)).await.unwrap());
    assert_eq!(current().await, Some(deployment(&newer, 2)));
    assert!(world.store.record_deployment(&newer, deployment(&newer, 2)).await.unwrap(), "the same again is no step back");

    let newest = world.leased().await;
    assert!(world.store.record_deployment(&newest, deployment(&newest, 4)).await.unwrap());
    assert_eq!(current().await, Some(deployment(&newest, 4)));
}

#[tokio::test]
async fn versions_are_recorded_once_and_listed_with_their_lineage_and_environments() {
    let world = World::new().await;
    let (first, second) = (world.leased().await, world.leased().await);
    for (lease, number) in [(&first, 9), (&second, 10), (&first, 9)] {
        let version = NewVersion {
            model: model(),
            version: number,
            flavour: Flavour::Onnx,
            uri: format!("file:///models/titanic/v{number}"),
            sha256: "cd".repeat(32),
        };
        world.store.record_version(lease, version).await.unwrap();
    }
    let known = Description { mlflow_run_id: Some("run-1".to_owned()), ..Description::default() };
    world.store.describe(&first, known).await.unwrap();
    for environment in ["dev", "staging"] {
        let environment = environment.parse().unwrap();
        world.store.record_deployment(&first, Deployment { environment, ..deployment(&first, 9) }).await.unwrap();
    }

    let versions = world.store.model_versions(&model()).await.unwrap();
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [10, 9]);
    assert_eq!(versions[0].environments, []);
    assert_eq!(versions[1].environments, ["dev".parse().unwrap(), "staging".parse().unwrap()]);
    assert_eq!((versions[1].pipeline_id, versions[1].mlflow_run_id.as_deref()), (first.pipeline_id, Some("run-1")));
    assert_eq!((versions[1].repo.as_str(), versions[1].flavour), ("octocat/titanic", Flavour::Onnx));

    let models = world.store.models().await.unwrap();
    assert_eq!(models.len(), 1);
    assert_eq!((models[0].name.clone(), models[0].latest_version, models[0].versions), (model(), 10, 2));
    assert_eq!(models[0].environments, BTreeMap::from([("dev".parse().unwrap(), 9), ("staging".parse().unwrap(), 9)]));
}
