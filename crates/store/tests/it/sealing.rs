//! Secrets in the database: what opens them, what was written before there were keys, and what is left of them.

use std::time::Duration;

use contract::{RepoName, SecretName};
use store::{SealingKeys, Store, StoreError, WebhookSecret};

use crate::World;

const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NEW: &str = "//////////////////////////////////////////8=";
const VALUE: &str = "hunter2 of the warehouse";

fn names() -> (RepoName, SecretName) {
    ("octocat/titanic".parse().unwrap(), "WAREHOUSE".parse().unwrap())
}

fn with(store: &Store, keys: &str) -> Store {
    store.clone().with_keys(Some(keys.parse::<SealingKeys>().unwrap()))
}

async fn a_secret_opens_for_its_repository_alone_and_is_gone_with_it(world: World) {
    let (store, (repo, name)) = (with(&world.store, OLD), names());
    let other: RepoName = "octocat/other".parse().unwrap();
    let id = store.intake.add_repo(&repo, "main", "*").await.unwrap().id;
    store.intake.add_repo(&other, "main", "*").await.unwrap();
    let set = async |value: &str| store.intake.set_run_secret(&repo, &name, value, "ann").await;
    let opened = async |store: &Store, repo: &RepoName| {
        Ok::<_, StoreError>(store.intake.open_run_secrets(repo, std::slice::from_ref(&name)).await?.0.remove(&name))
    };
    set("the first value").await.unwrap();
    set(VALUE).await.unwrap();
    assert_eq!(opened(&store, &repo).await.unwrap().as_deref(), Some(VALUE));
    assert_eq!(opened(&store, &other).await.unwrap(), None);
    let listed = store.intake.run_secrets(&repo).await.unwrap();
    assert_eq!(
        listed.iter().map(|one| (one.name.as_str(), one.set_by.as_str())).collect::<Vec<_>>(),
        [("WAREHOUSE", "ann")]
    );
    assert!(matches!(opened(&world.store, &repo).await, Err(StoreError::Sealed(_))), "without a key");
    assert!(matches!(opened(&with(&world.store, NEW), &repo).await, Err(StoreError::Sealed(_))), "with another key");
    let plain = world.store.intake.set_run_secret(&repo, &name, VALUE, "ann").await;
    assert!(matches!(plain, Err(StoreError::Sealed(_))), "nothing is kept without a key");
    world.tamper("UPDATE run_secrets SET repo = 'octocat/other'").await;
    assert!(matches!(opened(&store, &other).await, Err(StoreError::Sealed(_))), "moved to another repository");
    world.tamper("UPDATE run_secrets SET repo = 'octocat/titanic'").await;
    assert_eq!(opened(&store, &repo).await.unwrap().as_deref(), Some(VALUE));
    store.intake.delete_repo(id).await.unwrap();
    assert_eq!(world.count("SELECT COUNT(*) FROM run_secrets").await, 0);
    assert!(matches!(set(VALUE).await, Err(StoreError::NotFound)));
}

async fn a_repository_has_so_many_secrets_and_no_more(world: World) {
    let (store, (repo, first)) = (with(&world.store, OLD), names());
    store.intake.add_repo(&repo, "main", "*").await.unwrap();
    for number in 1..contract::SECRETS_PER_REPO {
        let name = format!("N{number}").parse().unwrap();
        store.intake.set_run_secret(&repo, &name, VALUE, "ann").await.unwrap();
    }
    // Two at once, for one place.
    let second: SecretName = "SECOND".parse().unwrap();
    let set = |name| store.intake.set_run_secret(&repo, name, VALUE, "ann");
    let (one, two) = tokio::join!(set(&first), set(&second));
    assert!(
        matches!((&one, &two), (Ok(()), Err(StoreError::Conflict)) | (Err(StoreError::Conflict), Ok(()))),
        "{one:?} {two:?}"
    );
    let (there, missing) = if one.is_ok() { (&first, &second) } else { (&second, &first) };
    set(there).await.unwrap();
    store.intake.remove_run_secret(&repo, there).await.unwrap();
    assert!(matches!(store.intake.remove_run_secret(&repo, there).await, Err(StoreError::NotFound)));
    set(missing).await.unwrap();
}

async fn what_was_written_before_there_were_keys_is_sealed_and_a_new_key_takes_over(world: World) {
    let (repo, name) = names();
    world.store.intake.add_repo(&repo, "main", "*").await.unwrap();
    let hour = Duration::from_hours(1);
    world.store.intake.add_webhook_secret(&repo, "of before", hour).await.unwrap();
    let plain = || world.count("SELECT COUNT(*) FROM webhook_secrets WHERE secret LIKE '%before%'");
    let webhooks = async |store: &Store| store.intake.webhook_secrets(&repo).await;
    let both = [WebhookSecret::Own("of before".to_owned()), WebhookSecret::Shared];
    assert_eq!((plain().await, webhooks(&world.store).await.unwrap()), (1, both.to_vec()));
    assert!(matches!(world.store.intake.seal_all().await, Err(StoreError::Sealed(_))));

    let old = with(&world.store, OLD);
    assert_eq!(webhooks(&old).await.unwrap(), both);
    assert_eq!(old.intake.seal_all().await.unwrap(), 1);
    assert_eq!((plain().await, webhooks(&old).await.unwrap()), (0, both.to_vec()));
    assert_eq!(old.intake.seal_all().await.unwrap(), 0);
    old.intake.set_run_secret(&repo, &name, VALUE, "ann").await.unwrap();

    // A key that opens none of it says so, and leaves all as it is.
    let wrong = with(&world.store, NEW);
    for error in [wrong.intake.seal_all().await.map(drop), webhooks(&wrong).await.map(drop)] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("add that key") && error.contains("SECRETS_KEY_FILE"), "{error}");
    }
    assert_eq!(webhooks(&old).await.unwrap(), both);

    let turning = with(&world.store, &format!("{NEW}\n{OLD}"));
    assert_eq!(turning.intake.seal_all().await.unwrap(), 2);
    assert_eq!(webhooks(&wrong).await.unwrap(), both, "the new key alone opens all of it now");
    assert_eq!(wrong.intake.open_run_secrets(&repo, std::slice::from_ref(&name)).await.unwrap().0[&name], VALUE);
    assert!(webhooks(&old).await.is_err());
}

on_both!(
    a_secret_opens_for_its_repository_alone_and_is_gone_with_it,
    a_repository_has_so_many_secrets_and_no_more,
    what_was_written_before_there_were_keys_is_sealed_and_a_new_key_takes_over,
);
