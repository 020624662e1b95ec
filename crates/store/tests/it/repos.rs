use store::StoreError;

use crate::World;

#[tokio::test]
async fn a_repository_is_registered_once_changed_and_forgotten() {
    let World { store, directory: _directory } = World::new().await;
    let name = "octocat/titanic".parse().unwrap();
    let repo = store.add_repo(&name, "main,release-*", "**/*.ipynb").await.unwrap();
    assert!(matches!(store.add_repo(&name, "main", "*").await, Err(StoreError::Conflict)));
    assert_eq!(store.repo_by_name(&name).await.unwrap(), Some(repo.clone()));
    assert_eq!(store.repo(repo.id).await.unwrap(), Some(repo.clone()));

    let changed = store.update_repo(repo.id, None, Some("notebooks/*.ipynb")).await.unwrap();
    assert_eq!((changed.branch.as_str(), changed.notebook_glob.as_str()), ("main,release-*", "notebooks/*.ipynb"));
    assert_eq!(store.repos().await.unwrap(), [changed]);

    store.delete_repo(repo.id).await.unwrap();
    assert!(matches!(store.delete_repo(repo.id).await, Err(StoreError::NotFound)));
    assert!(matches!(store.update_repo(repo.id, None, None).await, Err(StoreError::NotFound)));
    assert_eq!(store.repo_by_name(&name).await.unwrap(), None);
}
