//! One change at a time of a model in an environment; others don't wait.

use std::{sync::Arc, time::Duration};

use rollout::RolloutError;

use crate::{
    servers::Mood,
    world::{Kind, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_change_holds_up_its_model_in_its_environment_only() {
    let world = Arc::new(World::new(Kind::Promotion).await);
    world.servers.feel(Mood::Hangs, 2);
    let slow = world.clone();
    let slow = tokio::spawn(async move { slow.change().await });
    world.row_says(2).await;
    let again = world.rollout.roll_back(&world.model, &world.place).await.unwrap_err();
    assert!(matches!(again, RolloutError::InProgress { .. }), "{again:?}");

    let prod = "prod".parse().unwrap();
    let not_deployed = world.rollout.promote(&world.model, 7, &world.place, &prod).await.unwrap_err();
    assert!(matches!(not_deployed, RolloutError::NotDeployed { version: 7, .. }), "prod is free: {not_deployed:?}");
    let other = "another-model".parse().unwrap();
    let nothing = world.rollout.roll_back(&other, &world.place).await.unwrap_err();
    assert!(matches!(nothing, RolloutError::NothingToRollBackTo(_)), "another model is free: {nothing:?}");

    world.servers.feel(Mood::Well, 0);
    slow.await.unwrap().unwrap();
    world.settles(Some(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_waits_for_another_of_its_model_and_never_goes_backwards() {
    let world = Arc::new(World::new(Kind::Push).await);
    let newer = crate::world::lease(&world.store).await;
    world.servers.feel(Mood::Hangs, 2);
    let first = world.clone();
    let first = tokio::spawn(async move { first.push_version(&newer, 2).await });
    world.row_says(2).await;
    let older = world.clone();
    let older = tokio::spawn(async move { older.push_version(&older.push, 1).await });
    tokio::time::timeout(Duration::from_secs(1), async {
        while !older.is_finished() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect_err("it waits");
    world.servers.feel(Mood::Well, 0);
    first.await.unwrap().unwrap();
    let refused = older.await.unwrap().unwrap_err();
    assert!(matches!(refused, RolloutError::Newer { version: 2 }), "{refused:?}");
    world.settles(Some(2)).await;
}
