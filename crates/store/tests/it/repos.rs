use store::{RepoChange, StoreError};

use crate::World;

async fn a_repository_is_registered_once_changed_and_forgotten(world: World) {
    let store = &world.store;
    let name = "octocat/titanic".parse().unwrap();
    let repo = store.add_repo(&name, "main,release-*", "**/*.ipynb").await.unwrap();
    assert!(matches!(store.add_repo(&name, "main", "*").await, Err(StoreError::Conflict)));
    assert_eq!(store.repo_by_name(&name).await.unwrap(), Some(repo.clone()));
    assert_eq!(store.repo(repo.id).await.unwrap(), Some(repo.clone()));

    let changed = store
        .update_repo(repo.id, RepoChange { notebook_glob: Some("notebooks/*.ipynb"), ..RepoChange::default() })
        .await
        .unwrap();
    assert_eq!((changed.branch.as_str(), changed.notebook_glob.as_str()), ("main,release-*", "notebooks/*.ipynb"));
    assert_eq!(store.repos().await.unwrap(), [changed]);

    store.delete_repo(repo.id).await.unwrap();
    assert!(matches!(store.delete_repo(repo.id).await, Err(StoreError::NotFound)));
    assert!(matches!(store.update_repo(repo.id, RepoChange::default()).await, Err(StoreError::NotFound)));
    assert_eq!(store.repo_by_name(&name).await.unwrap(), None);
}

async fn different_repositories_can_be_registered_at_once(world: World) {
    let added = (0..20).map(|number| {
        let (store, name) = (world.store.clone(), format!("octocat/r{number}").parse().unwrap());
        async move { store.add_repo(&name, "main", "*").await.unwrap().id }
    });
    let mut ids = futures_util::future::join_all(added).await;
    ids.sort_unstable();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
}

on_both![different_repositories_can_be_registered_at_once, a_repository_is_registered_once_changed_and_forgotten,];
