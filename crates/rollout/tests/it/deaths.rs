//! Whoever carries a change out dies: another makes it or undoes it as a whole, once the lock ran out.

use std::{sync::Arc, time::Duration};

use contract::Environment;
use store::Locked;

use crate::{
    servers::Mood,
    world::{Kind, World},
};

/// Begins the change, and dies at the moment that `moment` waits for.
async fn dies(world: &Arc<World>, moment: impl Future<Output = ()>) {
    let dying = world.clone();
    let change = tokio::spawn(async move { dying.change().await });
    tokio::time::timeout(Duration::from_secs(20), moment).await.expect("the moment comes");
    assert!(!change.is_finished(), "{:?}: it is over already", world.kind);
    change.abort();
    assert!(change.await.unwrap_err().is_cancelled());
}

/// Another process, or for a push its pipeline's next worker, goes on.
async fn another_goes_on(world: &World) {
    if world.kind == Kind::Push {
        let id = world.push.pipeline_id;
        let next = world.store.pipelines.take_from(id, "worker", "next", Duration::from_mins(1)).await.unwrap().unwrap();
        world.change_for(&next).await.unwrap();
    } else {
        assert!(world.another_finishes().await, "{:?}", world.kind);
    }
    world.settles(Some(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_row_nothing_is_left_to_be_done() {
    for kind in Kind::ALL {
        let world = World::new(kind).await;
        let (serving, ttl) = (&world.store.serving, Duration::from_mins(1));
        let locked = serving.lock(&world.model, &world.place, ttl).await.unwrap();
        assert!(matches!(locked, Locked::Free(_)), "{locked:?}");
        assert!(!world.another_finishes().await);
        world.settles(Some(1)).await;
        world.change().await.unwrap();
        world.settles(Some(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_the_row_and_the_servers_the_change_is_made_by_another() {
    for kind in Kind::ALL {
        let world = Arc::new(World::new(kind).await);
        world.servers.feel(Mood::Hangs, 2);
        dies(&world, world.row_says(2)).await;
        assert_eq!(world.state().await.2, Some(1), "it had not come to the alias");
        world.servers.feel(Mood::Well, 0);
        another_goes_on(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_the_row_and_servers_that_refuse_the_change_is_undone_by_another() {
    for kind in Kind::ALL {
        let world = Arc::new(World::new(kind).await);
        world.servers.feel(Mood::Hangs, 2);
        dies(&world, world.row_says(2)).await;
        world.servers.feel(Mood::Refuses, 2);
        assert!(world.another_finishes().await, "{kind:?}");
        world.settles(Some(1)).await;
        assert!(!world.another_finishes().await, "nothing is left to be done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_the_servers_and_the_alias_the_change_is_made_by_another() {
    for kind in Kind::ALL {
        let world = Arc::new(World::new(kind).await);
        world.network.blackhole();
        dies(&world, world.servers_say(2)).await;
        assert_eq!(world.state().await.2, Some(1));
        world.network.heal();
        another_goes_on(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_undoing_and_the_alias_another_sets_the_alias() {
    for kind in Kind::ALL {
        let world = Arc::new(World::new(kind).await);
        let generation = world.store.serving.desired().await.unwrap().0;
        world.servers.feel(Mood::Refuses, 2);
        world.network.blackhole();
        let undone = async {
            // There and back again: two changes.
            while world.store.serving.desired().await.unwrap().0 < generation + 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        dies(&world, undone).await;
        world.network.heal();
        // As if the alias had been set before.
        let client = mlflow::Client::new(format!("http://127.0.0.1:{}", world.network.port()), None).unwrap();
        client.set_alias(world.model.as_str(), world.place.as_str(), 2).await.unwrap();
        assert!(world.another_finishes().await, "{kind:?}");
        world.settles(Some(1)).await;
        assert!(!world.another_finishes().await, "nothing is left to be done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_a_change_of_their_own_first_ends_what_was_cut_off() {
    let world = Arc::new(World::new(Kind::Promotion).await);
    world.servers.feel(Mood::Hangs, 2);
    dies(&world, world.row_says(2)).await;
    world.servers.feel(Mood::Well, 0);
    world.store.serving.expire_locks().await.unwrap();
    let back = world.rollout.roll_back(&world.model, &world.place).await.unwrap();
    assert_eq!((back.change.deployment.version, back.change.previous.unwrap().version), (1, 2), "2 served before");
    world.settles(Some(1)).await;
    let dev = world.store.serving.deployment(&world.model, &Environment::dev()).await.unwrap();
    assert_eq!(dev.unwrap().version, 2, "other environments stay as they are");
}
