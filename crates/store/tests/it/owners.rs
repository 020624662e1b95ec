use contract::{Flavour, ModelName, RepoName};
use store::{Lease, NewPipeline, NewVersion, Recorded, StoreError};

use crate::{TTL, World, pushed};

async fn leased(world: &World, repo: &str, notebook: &str) -> Lease {
    let new = NewPipeline { manual: true, repo: repo.parse().unwrap(), ..pushed(1, notebook) };
    let id = world.store.intake.create_pipeline(new).await.unwrap();
    world.store.pipelines.take_lease(id, "worker-a", TTL).await.unwrap().unwrap()
}

fn version(version: u64) -> NewVersion {
    let (uri, sha256) = ("file:///v".to_owned(), "0".repeat(64));
    NewVersion { model: "titanic".parse().unwrap(), version, flavour: Flavour::Onnx, uri, sha256 }
}

async fn a_models_name_belongs_to_who_registered_it_first_until_it_is_handed_over(world: World) {
    let serving = &world.store.serving;
    let model: ModelName = "titanic".parse().unwrap();
    let (own, other): (RepoName, RepoName) = ("octocat/titanic".parse().unwrap(), "octocat/other".parse().unwrap());
    assert_eq!(serving.owner(&model).await.unwrap(), None);
    assert!(matches!(serving.hand_over(&model, &other).await, Err(StoreError::NotFound)));
    let (first, foreign) = (leased(&world, own.as_str(), "a.ipynb").await, leased(&world, other.as_str(), "b.ipynb").await);
    assert_eq!(serving.record_version(&first, version(1)).await.unwrap(), Recorded::Yes);
    assert_eq!(serving.record_version(&first, version(1)).await.unwrap(), Recorded::Yes, "again, after a crash");
    assert_eq!(serving.record_version(&foreign, version(2)).await.unwrap(), Recorded::OwnedBy(own.clone()));
    let (summary, _) = serving.model(&model).await.unwrap().unwrap();
    assert_eq!((summary.owner, summary.versions), (Some(own.clone()), 1));
    serving.hand_over(&model, &other).await.unwrap();
    assert_eq!(serving.record_version(&foreign, version(2)).await.unwrap(), Recorded::Yes);
    assert_eq!(serving.record_version(&first, version(3)).await.unwrap(), Recorded::OwnedBy(other));
}

async fn of_two_who_register_a_name_at_once_one_has_it(world: World) {
    let one = leased(&world, "octocat/one", "a.ipynb").await;
    let two = leased(&world, "octocat/two", "b.ipynb").await;
    let serving = &world.store.serving;
    let (one, two) = tokio::join!(serving.record_version(&one, version(1)), serving.record_version(&two, version(2)));
    let won = [one.unwrap(), two.unwrap()].into_iter().filter(|recorded| *recorded == Recorded::Yes).count();
    assert_eq!(won, 1);
}

/// As the tables were before names had owners.
async fn the_models_of_before_belong_to_who_registered_their_first_version(world: World) {
    let serving = &world.store.serving;
    let first = leased(&world, "octocat/one", "a.ipynb").await;
    let later = leased(&world, "octocat/two", "b.ipynb").await;
    let _ = serving.record_version(&first, version(3)).await.unwrap();
    serving.hand_over(&"titanic".parse().unwrap(), &"octocat/two".parse().unwrap()).await.unwrap();
    let _ = serving.record_version(&later, version(4)).await.unwrap();
    world.tamper(concat!("DROP TABLE model_owners;", include_str!("../../migrations/0021_model_owners.sql"))).await;
    assert_eq!(serving.owner(&"titanic".parse().unwrap()).await.unwrap().unwrap().as_str(), "octocat/one");
}

on_both![
    the_models_of_before_belong_to_who_registered_their_first_version,
    a_models_name_belongs_to_who_registered_it_first_until_it_is_handed_over,
    of_two_who_register_a_name_at_once_one_has_it,
];
