//! A step fails: all is as it was before, and the same change succeeds once the cause is gone.

use rollout::RolloutError;
use store::StoreError;

use crate::{
    servers::Mood,
    world::{Kind, World},
};

/// The change fails so, leaves all as it was, and can be made later.
async fn comes_to_nothing(world: &World, expected: impl Fn(&RolloutError) -> bool) {
    let error = world.change().await.unwrap_err();
    assert!(expected(&error), "{:?}: {error:?}", world.kind);
    world.settles(Some(1)).await;
    world.servers.feel(Mood::Well, 0);
    world.change().await.unwrap();
    world.settles(Some(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_made_everywhere() {
    for kind in Kind::ALL {
        let world = World::new(kind).await;
        let made = world.change().await.unwrap();
        assert_eq!((made.change.deployment.version, made.change.previous.unwrap().version), (2, 1));
        world.settles(Some(2)).await;
        assert!(!world.another_finishes().await, "nothing is left to be done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_gone_or_changed_change_nothing() {
    for kind in [Kind::Promotion, Kind::Rollback] {
        for damage in ["gone", "changed"] {
            let world = World::new(kind).await;
            for folder in world.folders() {
                let file = folder.join("model.pkl");
                let mut rights = std::fs::metadata(&file).unwrap().permissions();
                #[expect(clippy::permissions_set_readonly_false, reason = "a file of the test's own")]
                rights.set_readonly(false);
                std::fs::set_permissions(&file, rights).unwrap();
                if damage == "gone" { std::fs::remove_file(&file).unwrap() } else { std::fs::write(&file, "x").unwrap() }
            }
            let error = world.change().await.unwrap_err();
            assert!(matches!(error, RolloutError::Artifact(_)), "{kind:?}, {damage}: {error:?}");
            world.settles(Some(1)).await;
            assert!(!world.another_finishes().await, "nothing is left to be done");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_whose_lease_is_lost_changes_nothing() {
    let world = World::new(Kind::Push).await;
    let id = world.push.pipeline_id;
    let next =
        world.store.pipelines.take_from(id, "worker", "next", std::time::Duration::from_mins(1)).await.unwrap().unwrap();
    let error = world.change().await.unwrap_err();
    assert!(matches!(error, RolloutError::Store(StoreError::Fenced)), "{error:?}");
    world.settles(Some(1)).await;
    world.change_for(&next).await.unwrap();
    world.settles(Some(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_the_servers_refuse_is_undone() {
    for kind in Kind::ALL {
        let world = World::new(kind).await;
        world.servers.feel(Mood::Refuses, 2);
        comes_to_nothing(&world, |error| error.to_string() == "the self-test failed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_overloaded_undo_a_change() {
    for kind in Kind::ALL {
        let world = World::new(kind).await;
        world.servers.feel(Mood::Busy, 2);
        comes_to_nothing(&world, |error| matches!(error, RolloutError::Load(_))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_refuses_the_alias_undoes_a_change() {
    for kind in Kind::ALL {
        let world = World::new(kind).await;
        let client = mlflow::Client::new(format!("http://127.0.0.1:{}", world.network.port()), None).unwrap();
        client.delete_version(world.model.as_str(), 2).await.unwrap();
        let error = world.change().await.unwrap_err();
        assert!(matches!(error, RolloutError::Mlflow(_)), "{kind:?}: {error:?}");
        world.settles(Some(1)).await;
        assert!(!world.another_finishes().await, "nothing is left to be done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_registry_undoes_a_change_and_gets_its_alias_right_when_it_is_back() {
    for kind in Kind::ALL {
        let world = World::new(kind).await;
        world.network.reset();
        let error = world.change().await.unwrap_err();
        assert!(matches!(error, RolloutError::Mlflow(_)), "{kind:?}: {error:?}");
        world.row_says(1).await;
        world.servers_say(1).await;
        assert!(world.another_finishes().await, "the alias is not certain");
        world.network.heal();
        assert!(world.another_finishes().await, "still not");
        world.settles(Some(1)).await;
        assert!(!world.another_finishes().await, "nothing is left to be done");
        world.change().await.unwrap();
        world.settles(Some(2)).await;
    }
}
