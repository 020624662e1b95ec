//! Which tables and files the notebooks of a repository may reach.

use contract::{DataAccess, DataGrant, RepoName};
use store::StoreError;

use crate::World;

fn grant(place: &str, access: DataAccess) -> DataGrant {
    DataGrant { place: place.parse().unwrap(), access }
}

async fn what_a_repository_may_reach_is_its_own_and_goes_with_it(world: World) {
    let intake = &world.store.intake;
    let [repo, other]: [RepoName; 2] = ["octocat/titanic", "octocat/other"].map(|name| name.parse().unwrap());
    let id = intake.add_repo(&repo, "main", "*").await.unwrap().id;
    intake.add_repo(&other, "main", "*").await.unwrap();
    intake.allow_data(&repo, &grant("local.titanic", DataAccess::Write), "ann").await.unwrap();
    intake.allow_data(&repo, &grant("local.titanic", DataAccess::Read), "ben").await.unwrap();
    intake.allow_data(&repo, &grant("gs://shop", DataAccess::Write), "ann").await.unwrap();
    let told: Vec<_> = intake.data_of(&repo).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| (one.place.to_string(), one.access, one.set_by.as_str())).collect();
    let expected =
        [("gs://shop".to_owned(), DataAccess::Write, "ann"), ("local.titanic".to_owned(), DataAccess::Read, "ben")];
    assert_eq!(told, expected);
    assert_eq!(intake.data_of(&other).await.unwrap(), []);
    let shop = "gs://shop".parse().unwrap();
    intake.forbid_data(&repo, &shop).await.unwrap();
    assert!(matches!(intake.forbid_data(&repo, &shop).await, Err(StoreError::NotFound)));
    assert!(matches!(intake.forbid_data(&other, &"local.titanic".parse().unwrap()).await, Err(StoreError::NotFound)));
    intake.delete_repo(id).await.unwrap();
    assert_eq!(intake.data_of(&repo).await.unwrap(), []);
    let gone = intake.allow_data(&repo, &grant("gs://shop", DataAccess::Read), "ann").await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
}

on_both!(what_a_repository_may_reach_is_its_own_and_goes_with_it);
