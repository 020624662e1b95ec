//! Versions that are tried beside the deployed one: they come whole or not at all.

use contract::{CanaryOutcome, CanaryVerdict, Environment};
use fleet::LoadError;
use jiff::Timestamp;
use rollout::RolloutError;
use store::Trial;

use crate::{
    servers::Mood,
    world::{Kind, World, lease},
};

const TENTH: Trial = Trial { weight: 10, shadow: 0, rules: None };

fn promoted() -> CanaryVerdict {
    CanaryVerdict { at: Timestamp::UNIX_EPOCH, outcome: CanaryOutcome::Promoted, reason: "by ada".to_owned() }
}

/// Version 1 serves in staging, and version 2 in dev.
async fn world() -> World {
    World::new(Kind::Promotion).await
}

/// The candidate's version and share.
async fn candidate(world: &World) -> Option<(u64, u32)> {
    let place = world.store.serving.place(&world.model, &world.place).await.unwrap().unwrap();
    place.candidate.map(|candidate| (candidate.deployment.version, candidate.weight))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_tried_where_it_could_be_promoted_and_takes_the_place_when_it_is() {
    let world = world().await;
    let here = (&world.model, &world.place);
    let place = world.rollout.try_out(here, 2, &TENTH, "ada").await.unwrap();
    let tried = place.candidate.unwrap();
    assert!(tried.deployment.uri.contains("staging"), "its files are there: {}", tried.deployment.uri);
    assert_eq!((place.current.version, candidate(&world).await), (1, Some((2, 10))));
    assert_eq!(world.state().await, (Some(1), [Some(1); 2], Some(1)), "most requests are the current version's");
    let more = Trial { weight: 60, ..TENTH };
    let changed = world.rollout.try_out(here, 2, &more, "grace").await.unwrap().candidate.unwrap();
    assert_eq!((changed.by.as_str(), changed.deployment.generation), ("ada", tried.deployment.generation));

    let generation = tried.deployment.generation;
    world.rollout.promote_candidate(here, generation, &promoted()).await.unwrap();
    world.settles(Some(2)).await;
    assert_eq!(candidate(&world).await, Some((1, 0)), "it stays loaded for the way back");
    let again = world.rollout.promote_candidate(here, generation, &promoted()).await;
    assert!(matches!(again, Err(RolloutError::NoCandidate(_))), "{again:?}");
    world.rollout.roll_back(&world.model, &world.place).await.unwrap();
    world.settles(Some(1)).await;
    assert_eq!(candidate(&world).await, None);
    // It was deployed there before.
    world.rollout.try_out(here, 2, &TENTH, "ada").await.unwrap();
    let generation =
        world.store.serving.place(here.0, here.1).await.unwrap().unwrap().candidate.unwrap().deployment.generation;
    world.rollout.withdraw(here, generation, None).await.unwrap();
    assert_eq!(candidate(&world).await, None);
    let gone = world.rollout.withdraw(here, generation, None).await;
    assert!(matches!(gone, Err(RolloutError::NoCandidate(_))), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_servers_refuse_is_not_tried_and_everything_stays() {
    let world = world().await;
    world.servers.feel(Mood::Refuses, 2);
    let refused = world.rollout.try_out((&world.model, &world.place), 2, &TENTH, "ada").await;
    assert!(
        matches!(&refused, Err(RolloutError::Load(LoadError::Refused(why))) if why.contains("self-test")),
        "{refused:?}"
    );
    assert_eq!(candidate(&world).await, None);
    world.settles(Some(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_version_at_a_time_is_tried_of_those_that_may_be() {
    let world = world().await;
    let (serving, here) = (&world.store.serving, (&world.model, &world.place));
    let unknown = world.rollout.try_out(here, 9, &TENTH, "ada").await;
    assert!(matches!(unknown, Err(RolloutError::UnknownVersion(9))), "{unknown:?}");
    let same = world.rollout.try_out(here, 1, &TENTH, "ada").await;
    assert!(matches!(same, Err(RolloutError::AlreadyDeployed { version: 1, .. })), "{same:?}");
    let prod: Environment = "prod".parse().unwrap();
    let nothing = world.rollout.try_out((&world.model, &prod), 1, &TENTH, "ada").await;
    assert!(matches!(nothing, Err(RolloutError::NothingDeployed(_))), "{nothing:?}");
    world.rollout.try_out(here, 2, &TENTH, "ada").await.unwrap();
    // The next version comes to dev, and may come here.
    world.push_version(&lease(&world.store).await, 3).await.unwrap();
    let other = world.rollout.try_out(here, 3, &TENTH, "ada").await;
    assert!(matches!(other, Err(RolloutError::AnotherCandidate { version: 2, .. })), "{other:?}");
    world.rollout.promote(&world.model, 3, &Environment::dev(), &world.place).await.unwrap();
    assert_eq!(candidate(&world).await, None, "a promotion takes the whole place");
    // Never here, and not in dev any more: version 2 was only tried.
    let late = world.rollout.try_out(here, 2, &TENTH, "ada").await;
    assert!(matches!(late, Err(RolloutError::NotEligible { version: 2, .. })), "{late:?}");
    assert_eq!(serving.desired().await.unwrap().1.len(), 2);
}
