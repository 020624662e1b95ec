use std::time::Duration;

use contract::Scope;
use store::{NewDelivery, RepoChange, StoreError, WebhookSecret};

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
    assert_eq!(store.intake.repos(&Scope::Everything).await.unwrap(), [changed]);
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
    assert!(store.intake.last_deliveries(&Scope::Everything).await.unwrap().is_empty());
    for number in 1..=2 {
        let id = format!("delivery-{number}");
        let delivery = NewDelivery { delivery_id: &id, event: "push", repo: Some(&titanic) };
        store.intake.accept_delivery(delivery, vec![pushed(number, "n.ipynb")]).await.unwrap();
    }
    world.tamper("UPDATE deliveries SET received_at = 1772323200000 WHERE delivery_id = 'delivery-1'").await;
    let last = store.intake.last_deliveries(&Scope::Everything).await.unwrap();
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

async fn a_secret_that_was_replaced_holds_for_its_time_and_no_longer(world: World) {
    let intake = &world.store.intake;
    let name = "octocat/titanic".parse().unwrap();
    let own = |secret: &str| WebhookSecret::Own(secret.to_owned());
    let day = Duration::from_hours(24);
    assert_eq!(intake.webhook_secrets(&name).await.unwrap(), [WebhookSecret::Shared]);
    intake.add_webhook_secret(&name, "one", day).await.unwrap();
    assert_eq!(intake.webhook_secrets(&name).await.unwrap(), [own("one"), WebhookSecret::Shared]);
    intake.add_webhook_secret(&name, "two", day).await.unwrap();
    assert_eq!(intake.webhook_secrets(&name).await.unwrap(), [own("two"), own("one")]);
    world.tamper("UPDATE webhook_secrets SET expires_at = 1772323200000 WHERE secret = 'one'").await;
    assert_eq!(intake.webhook_secrets(&name).await.unwrap(), [own("two")]);
    intake.add_webhook_secret(&name, "three", day).await.unwrap();
    intake.remove_old_webhook_secret(&name).await.unwrap();
    assert_eq!(intake.webhook_secrets(&name).await.unwrap(), [own("three")]);
    assert!(!format!("{:?}", own("three")).contains("three"));
    let new = "octocat/new".parse().unwrap();
    let id = intake.add_repo(&new, "main", "*").await.unwrap().id;
    intake.add_webhook_secret(&new, "new", Duration::ZERO).await.unwrap();
    assert_eq!(intake.webhook_secrets(&new).await.unwrap(), [own("new")], "the shared one was never its own");
    intake.delete_repo(id).await.unwrap();
    assert_eq!(intake.webhook_secrets(&new).await.unwrap(), [WebhookSecret::Shared]);
}

on_both![
    a_secret_that_was_replaced_holds_for_its_time_and_no_longer,
    different_repositories_can_be_registered_at_once,
    a_repository_is_registered_once_changed_and_forgotten,
    a_repositorys_last_delivery_is_known,
];
