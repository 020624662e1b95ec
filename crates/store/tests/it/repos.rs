use store::{NewDelivery, RepoChange, StoreError};

use crate::{World, pushed};

async fn a_repository_is_registered_once_changed_and_forgotten(world: World) {
    let store = &world.store;
    let name = "octocat/titanic".parse().unwrap();
    let repo = store.intake.add_repo(&name, "main,release-*", "**/*.ipynb").await.unwrap();
    assert!(matches!(store.intake.add_repo(&name, "main", "*").await, Err(StoreError::Conflict)));
    assert_eq!(store.intake.repo_by_name(&name).await.unwrap(), Some(repo.clone()));
    assert_eq!(store.intake.repo(repo.id).await.unwrap(), Some(repo.clone()));

    let changed = store
        .intake
        .update_repo(repo.id, RepoChange { notebook_glob: Some("notebooks/*.ipynb"), ..RepoChange::default() })
        .await
        .unwrap();
    assert_eq!((changed.branch.as_str(), changed.notebook_glob.as_str()), ("main,release-*", "notebooks/*.ipynb"));
    assert_eq!(store.intake.repos().await.unwrap(), [changed]);
    let sized = RepoChange { cpu: Some(Some("2")), memory: Some(Some("4Gi")), ..RepoChange::default() };
    store.intake.update_repo(repo.id, sized).await.unwrap();
    let cleared = RepoChange { cpu: Some(None), ..RepoChange::default() };
    let changed = store.intake.update_repo(repo.id, cleared).await.unwrap();
    assert_eq!((changed.cpu, changed.memory.as_deref()), (None, Some("4Gi")));

    store.intake.delete_repo(repo.id).await.unwrap();
    assert!(matches!(store.intake.delete_repo(repo.id).await, Err(StoreError::NotFound)));
    assert!(matches!(store.intake.update_repo(repo.id, RepoChange::default()).await, Err(StoreError::NotFound)));
    assert_eq!(store.intake.repo_by_name(&name).await.unwrap(), None);
}

async fn a_repositorys_last_delivery_is_known(world: World) {
    let store = &world.store;
    let (titanic, silent) = ("octocat/titanic".parse().unwrap(), "octocat/silent".parse().unwrap());
    store.intake.add_repo(&titanic, "main", "*").await.unwrap();
    store.intake.add_repo(&silent, "main", "*").await.unwrap();
    assert!(store.intake.last_deliveries().await.unwrap().is_empty());
    for number in 1..=2 {
        let id = format!("delivery-{number}");
        let delivery = NewDelivery { delivery_id: &id, event: "push", repo: Some(&titanic) };
        store.intake.accept_delivery(delivery, vec![pushed(number, "n.ipynb")]).await.unwrap();
    }
    world.tamper("UPDATE deliveries SET received_at = 1772323200000 WHERE delivery_id = 'delivery-1'").await;
    let last = store.intake.last_deliveries().await.unwrap();
    assert!(last.len() == 1 && last[&titanic].as_millisecond() > 1_772_323_200_000, "{last:?}");
}

async fn different_repositories_can_be_registered_at_once(world: World) {
    let added = (0..20).map(|number| {
        let (store, name) = (world.store.clone(), format!("octocat/r{number}").parse().unwrap());
        async move { store.intake.add_repo(&name, "main", "*").await.unwrap().id }
    });
    let mut ids = futures_util::future::join_all(added).await;
    ids.sort_unstable();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
}

on_both![
    different_repositories_can_be_registered_at_once,
    a_repository_is_registered_once_changed_and_forgotten,
    a_repositorys_last_delivery_is_known,
];
