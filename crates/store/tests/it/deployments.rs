use std::collections::{BTreeMap, BTreeSet};

use contract::{DataRead, Environment, Flavour, ModelName, TableRead};
use store::{Deployment, Description, Lease, Locked, ModelFilter, NewDeployment, NewVersion, Pushed, Serves, Store};

use crate::{TTL, World};

fn model() -> ModelName {
    "titanic".parse().unwrap()
}

fn deployment(version: u64) -> NewDeployment {
    NewDeployment {
        version,
        uri: format!("file:///models/titanic/v{version}"),
        sha256: "ab".repeat(32),
        metrics: BTreeMap::from([("accuracy".to_owned(), Some(0.8)), ("loss".to_owned(), None)]),
    }
}

async fn begin(store: &Store, lease: &Lease, version: u64) -> (u64, Option<u64>) {
    match crate::push(store, lease, (&model(), &Environment::dev()), deployment(version)).await {
        Pushed::Current(change) => (change.deployment.generation, change.previous.map(|previous| previous.version)),
        refused => panic!("{refused:?}"),
    }
}

/// All of a place's requests.
fn whole(deployment: Deployment) -> Serves {
    Serves { deployment, weight: 100, shadow: 0 }
}

/// The version and the generation that are deployed.
async fn current(store: &Store) -> Option<(u64, u64)> {
    let current = store.serving.deployment(&model(), &Environment::dev()).await.unwrap();
    current.map(|current| (current.version, current.generation))
}

async fn a_slow_older_pipeline_does_not_replace_a_newer_ones_model(world: World) {
    let store = &world.store;
    let (older, newer) = (world.leased().await, world.leased().await);
    assert_eq!((current(store).await, store.serving.desired().await.unwrap()), (None, (0, vec![])));
    assert_eq!(begin(store, &newer, 2).await, (1, None));
    let refused = crate::push(store, &older, (&model(), &Environment::dev()), deployment(3)).await;
    assert_eq!(refused, Pushed::Newer { version: 2 });
    assert_eq!(current(store).await, Some((2, 1)));

    let newest = world.leased().await;
    assert_eq!(begin(store, &newest, 4).await, (2, Some(2)));
    let deployed = store.serving.deployment(&model(), &Environment::dev()).await.unwrap().unwrap();
    assert_eq!((deployed.pipeline_id, deployed.version), (newest.pipeline_id, 4));
    assert_eq!((deployed.uri.clone(), deployed.metrics.clone()), (deployment(4).uri, deployment(4).metrics));
    assert_eq!(store.serving.desired().await.unwrap(), (2, vec![whole(deployed)]));
}

async fn a_pipeline_that_begins_again_after_a_crash_finds_its_deployment_and_what_it_replaced(world: World) {
    let store = &world.store;
    let (first, second) = (world.leased().await, world.leased().await);
    begin(store, &first, 1).await;
    assert_eq!(begin(store, &second, 2).await, (2, Some(1)));
    let again = store.pipelines.take_from(second.pipeline_id, "worker-a", "next", TTL).await.unwrap().unwrap();
    assert_eq!(begin(store, &again, 2).await, (2, Some(1)));
    assert_eq!(begin(store, &again, 3).await, (3, Some(2)), "another version is another deployment");
    assert_eq!(store.serving.desired().await.unwrap().0, 3);
}

/// Undoes the current deployment.
async fn undo(store: &Store) {
    let current = store.serving.deployment(&model(), &Environment::dev()).await.unwrap().unwrap();
    let Locked::Free(lock) = store.serving.lock(&model(), &Environment::dev(), TTL).await.unwrap() else { panic!() };
    assert!(store.serving.undo(&lock, &current).await.unwrap());
    assert!(!store.serving.undo(&lock, &current).await.unwrap(), "it is over");
    store.serving.unlock(&lock).await.unwrap();
}

async fn an_undone_push_leaves_the_previous_version_under_a_new_generation(world: World) {
    let store = &world.store;
    let (first, second) = (world.leased().await, world.leased().await);
    begin(store, &first, 1).await;
    begin(store, &second, 2).await;
    undo(store).await;
    let back = store.serving.deployment(&model(), &Environment::dev()).await.unwrap().unwrap();
    assert_eq!((back.version, back.generation, back.pipeline_id), (1, 3, first.pipeline_id));
    assert_eq!(store.serving.desired().await.unwrap(), (3, vec![whole(back)]));
    assert_eq!(begin(store, &second, 2).await, (4, Some(1)), "a second try is a deployment of its own");
    assert_eq!(world.count("SELECT COUNT(*) FROM deployment_history").await, 4);
    assert_eq!(world.count("SELECT COUNT(*) FROM deployment_history WHERE ended_by = 'reverted'").await, 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM deployment_history WHERE ended_by = 'replaced'").await, 2);
}

async fn an_undone_first_deployment_leaves_none_and_is_a_change_too(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    assert_eq!(begin(store, &lease, 1).await, (1, None));
    undo(store).await;
    assert_eq!((current(store).await, store.serving.desired().await.unwrap()), (None, (2, vec![])));
    assert_eq!(begin(store, &lease, 1).await, (3, None));
}

async fn deployments_of_many_workers_at_once_have_generations_of_their_own(world: World) {
    let world = &world;
    let mut leases = Vec::new();
    for _ in 0..12 {
        leases.push(world.leased().await);
    }
    let pushed = leases.iter().enumerate().map(|(number, lease)| async move {
        let (model, version) = (format!("model-{}", number % 3).parse().unwrap(), number as u64 + 1);
        let place = (&model, &Environment::dev());
        // Another worker has the lock for a moment.
        let lock = loop {
            match world.store.serving.lock_for_push(lease, place.0, place.1, TTL).await.unwrap() {
                Locked::Free(lock) => break lock,
                Locked::Held => tokio::task::yield_now().await,
                Locked::Unfinished(..) => panic!("each is brought to its end"),
            }
        };
        let pushed = world.store.serving.push(&lock, lease, deployment(version)).await.unwrap();
        world.store.serving.unlock(&lock).await.unwrap();
        pushed
    });
    let generations: BTreeSet<u64> = futures_util::future::join_all(pushed)
        .await
        .into_iter()
        .filter_map(|pushed| match pushed {
            Pushed::Current(change) => Some(change.deployment.generation),
            Pushed::Newer { .. } | Pushed::RolledBack => None,
        })
        .collect();
    let (latest, deployed) = world.store.serving.desired().await.unwrap();
    assert_eq!(generations, (1..=latest).collect());
    assert_eq!(
        deployed.iter().map(|serves| serves.deployment.version).collect::<Vec<_>>(),
        [10, 11, 12],
        "the newest of each"
    );
}

async fn versions_are_recorded_once_and_listed_with_their_lineage_and_environments(world: World) {
    let (first, second) = (world.leased().await, world.leased().await);
    for (lease, number) in [(&first, 9), (&second, 10), (&first, 9)] {
        let version = NewVersion {
            model: model(),
            version: number,
            flavour: Flavour::Onnx,
            uri: format!("file:///models/titanic/v{number}"),
            sha256: "cd".repeat(32),
        };
        world.store.serving.record_version(lease, version).await.unwrap();
    }
    let table = TableRead { table: "local.titanic.train".to_owned(), version: "4".to_owned() };
    let (query, at) = ("SELECT *".to_owned(), "2026-01-01T00:00:00Z".to_owned());
    let reads = vec![DataRead { query, tables: vec![table], rows: 891, at }];
    let known =
        Description { mlflow_run_id: Some("run-1".to_owned()), reads: Some(reads.clone()), ..Description::default() };
    world.store.pipelines.describe(&first, known).await.unwrap();
    for environment in ["dev", "staging"] {
        let environment = environment.parse().unwrap();
        crate::push(&world.store, &first, (&model(), &environment), deployment(9)).await;
    }

    let (versions, next) = world.store.serving.model_versions(&model(), None, 50).await.unwrap();
    assert_eq!(next, None);
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [10, 9]);
    assert_eq!(versions[0].environments, []);
    assert_eq!(versions[1].environments, ["dev".parse().unwrap(), "staging".parse().unwrap()]);
    assert_eq!((versions[1].pipeline_id, versions[1].mlflow_run_id.as_deref()), (first.pipeline_id, Some("run-1")));
    assert_eq!((&versions[0].reads, &versions[1].reads), (&Vec::new(), &reads));
    assert_eq!((versions[1].repo.as_str(), versions[1].flavour), ("octocat/titanic", Flavour::Onnx));

    let (models, _) = world.store.serving.models(&ModelFilter { limit: 50, ..ModelFilter::default() }).await.unwrap();
    assert_eq!(models.len(), 1);
    assert_eq!((models[0].name.clone(), models[0].latest_version, models[0].versions), (model(), 10, 2));
    assert_eq!(models[0].environments, BTreeMap::from([("dev".parse().unwrap(), 9), ("staging".parse().unwrap(), 9)]));
}

on_both![
    a_slow_older_pipeline_does_not_replace_a_newer_ones_model,
    a_pipeline_that_begins_again_after_a_crash_finds_its_deployment_and_what_it_replaced,
    an_undone_push_leaves_the_previous_version_under_a_new_generation,
    an_undone_first_deployment_leaves_none_and_is_a_change_too,
    deployments_of_many_workers_at_once_have_generations_of_their_own,
    versions_are_recorded_once_and_listed_with_their_lineage_and_environments,
];
