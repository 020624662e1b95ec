use std::collections::BTreeMap;

use contract::{
    CanaryOutcome, CanaryRules, CanaryVerdict, CanaryWatch, Environment, Flavour, ModelName, PipelineStatus, TaskPayload,
};
use jiff::Timestamp;
use serde_json::json;
use store::{
    Candidate, Deployment, DeploymentLock, Lease, Locked, NewDeployment, NewVersion, OldVersion, Place, Pushed, Readdressed,
    StoreError, Trial,
};

use crate::{TTL, World};

fn model() -> ModelName {
    "titanic".parse().unwrap()
}

fn dev() -> Environment {
    Environment::dev()
}

fn trial(weight: u32, shadow: u32) -> Trial {
    Trial { weight, shadow, rules: None }
}

fn verdict(outcome: CanaryOutcome) -> CanaryVerdict {
    CanaryVerdict { at: Timestamp::UNIX_EPOCH, outcome, reason: "why".to_owned() }
}

/// Records a version and, if asked for, pushes it to dev.
async fn version(world: &World, number: u64, deploy: bool) -> Lease {
    let lease = world.leased().await;
    let (uri, sha256) = (format!("file:///v{number}"), format!("{number:064}"));
    let new =
        NewVersion { model: model(), version: number, flavour: Flavour::Onnx, uri: uri.clone(), sha256: sha256.clone() };
    world.store.serving.record_version(&lease, new).await.unwrap();
    if deploy {
        let new = NewDeployment { version: number, uri, sha256, metrics: BTreeMap::new() };
        let pushed = crate::push(&world.store, &lease, (&model(), &dev()), new).await;
        assert!(matches!(pushed, Pushed::Current(_)));
    }
    lease
}

async fn lock(world: &World) -> DeploymentLock {
    match world.store.serving.lock(&model(), &dev(), TTL).await.unwrap() {
        Locked::Free(lock) => lock,
        other => panic!("{other:?}"),
    }
}

async fn try_out(world: &World, lease: &Lease, number: u64, trial: &Trial) -> Candidate {
    let lock = lock(world).await;
    let new = Deployment {
        model: model(),
        environment: dev(),
        version: number,
        pipeline_id: lease.pipeline_id,
        uri: format!("file:///v{number}"),
        sha256: format!("{number:064}"),
        metrics: BTreeMap::from([("accuracy".to_owned(), Some(0.5))]),
        deployed_at: Timestamp::UNIX_EPOCH,
        generation: 0,
    };
    let candidate = world.store.serving.try_out(&lock, new, trial, "ada").await.unwrap();
    world.store.serving.unlock(&lock).await.unwrap();
    candidate
}

async fn place(world: &World) -> Place {
    world.store.serving.place(&model(), &dev()).await.unwrap().unwrap()
}

/// The number of the newest change; each version with its generation, its weight and what it shadows.
async fn listed(world: &World) -> (u64, Vec<(u64, u64, u32, u32)>) {
    let (change, serves) = world.store.serving.desired().await.unwrap();
    let one =
        |serves: &store::Serves| (serves.deployment.version, serves.deployment.generation, serves.weight, serves.shadow);
    (change, serves.iter().map(one).collect())
}

async fn a_candidate_shares_the_requests_and_each_change_of_its_share_is_a_change(world: World) {
    version(&world, 1, true).await;
    let second = version(&world, 2, false).await;
    assert_eq!(listed(&world).await, (1, vec![(1, 1, 100, 0)]));

    let tried = try_out(&world, &second, 2, &trial(20, 50)).await;
    assert_eq!((tried.weight, tried.shadow, tried.by.as_str(), tried.is_over()), (20, 50, "ada", false));
    assert_eq!(listed(&world).await, (2, vec![(1, 1, 80, 0), (2, 2, 20, 50)]));
    assert_eq!(place(&world).await.candidate, Some(tried.clone()));
    assert!(tried.deployment.deployed_at > Timestamp::UNIX_EPOCH);

    let lock = lock(&world).await;
    let shared = world.store.serving.share(&lock, &trial(100, 0)).await.unwrap();
    assert_eq!((shared.changed, shared.deployment.generation), (3, 2), "servers have nothing to load");
    assert_eq!(listed(&world).await, (3, vec![(1, 1, 0, 0), (2, 2, 100, 0)]));
    assert_eq!(world.store.access.model_places(&model()).await.unwrap(), [(dev(), 1), (dev(), 2)]);

    assert_eq!(world.store.serving.end_candidate(&lock, 1).await.unwrap(), None, "that one is none");
    assert_eq!(world.store.serving.end_candidate(&lock, 2).await.unwrap(), Some(4));
    assert_eq!((listed(&world).await, place(&world).await.candidate), ((4, vec![(1, 1, 100, 0)]), None));
    let gone = world.store.serving.share(&lock, &trial(1, 0)).await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    world.store.serving.unlock(&lock).await.unwrap();
    let late = world.store.serving.share(&lock, &trial(1, 0)).await;
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
}

async fn a_promoted_candidate_is_the_deployment_and_the_one_before_stays_beside_it(world: World) {
    version(&world, 1, true).await;
    let second = version(&world, 2, false).await;
    let tried = try_out(&world, &second, 2, &trial(20, 0)).await;
    let lock = lock(&world).await;
    let promoted = verdict(CanaryOutcome::Promoted);
    let other = world.store.serving.promote_candidate(&lock, 1, promoted.clone()).await.unwrap();
    assert_eq!(other, None, "that one is none");
    let generation = tried.deployment.generation;
    let change = world.store.serving.promote_candidate(&lock, generation, promoted.clone()).await.unwrap().unwrap();
    assert_eq!((change.deployment.version, change.deployment.generation), (2, 3));
    assert_eq!(change.deployment.metrics["accuracy"], Some(0.5));
    assert_eq!(change.previous.map(|previous| previous.version), Some(1));
    // The one before is known to servers by the generation that it had.
    assert_eq!(listed(&world).await, (3, vec![(1, 1, 0, 0), (2, 3, 100, 0)]));
    let standby = place(&world).await.candidate.unwrap();
    assert_eq!((standby.deployment.version, standby.is_over(), &standby.verdict), (1, true, &Some(promoted.clone())));
    let again = world.store.serving.promote_candidate(&lock, 1, promoted).await.unwrap();
    assert_eq!(again, None, "it is over");

    // A rollback leads to it, and ends it.
    let target = world.store.serving.rollback_target(&model(), &dev()).await.unwrap().unwrap();
    assert_eq!(target.version, 1);
    world.store.serving.roll_back(&lock, &target).await.unwrap().unwrap();
    assert_eq!((listed(&world).await, place(&world).await.candidate), ((4, vec![(1, 4, 100, 0)]), None));
    let (events, _) = world.store.serving.deployment_events(&model(), None, 9).await.unwrap();
    assert_eq!(events.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 2, 1]);
}

async fn what_is_pushed_or_undone_ends_a_candidate(world: World) {
    version(&world, 1, true).await;
    let second = version(&world, 2, false).await;
    try_out(&world, &second, 2, &trial(20, 0)).await;
    version(&world, 3, true).await;
    assert_eq!((listed(&world).await, place(&world).await.candidate), ((3, vec![(3, 3, 100, 0)]), None));
    assert_eq!(world.store.access.model_places(&model()).await.unwrap(), [(dev(), 3)]);

    // A promotion that can't be made to serve leaves the version before, alone.
    let tried = try_out(&world, &second, 2, &trial(20, 0)).await;
    let lock = lock(&world).await;
    let (serving, promoted) = (&world.store.serving, verdict(CanaryOutcome::Promoted));
    let change = serving.promote_candidate(&lock, tried.deployment.generation, promoted).await.unwrap().unwrap();
    assert!(serving.undo(&lock, &change.deployment).await.unwrap());
    assert_eq!(listed(&world).await, (6, vec![(3, 6, 100, 0)]));
}

async fn a_candidate_with_rules_has_a_task_until_it_has_others_and_is_taken_back_with_a_reason(world: World) {
    version(&world, 1, true).await;
    let second = version(&world, 2, false).await;
    let tried = try_out(&world, &second, 2, &Trial { rules: Some(CanaryRules::default()), ..trial(20, 0) }).await;
    let watch = |ruled| CanaryWatch { model_name: model(), environment: dev(), ruled };
    let serving = &world.store.serving;
    let watched = async |ruled| serving.watched(&watch(ruled)).await.unwrap();
    assert_eq!(watched(tried.ruled).await.unwrap(), (place(&world).await, None));
    let counted = json!({ "requests": 7 });
    serving.note_watch(&watch(tried.ruled), &counted, &verdict(CanaryOutcome::Waiting)).await.unwrap();
    let (noted, known) = watched(tried.ruled).await.unwrap();
    assert_eq!((noted.candidate.unwrap().verdict, known), (Some(verdict(CanaryOutcome::Waiting)), Some(counted.clone())));

    // Another share leaves the rules, others begin anew.
    let lock = lock(&world).await;
    let shared = serving.share(&lock, &Trial { rules: tried.rules, ..trial(30, 0) }).await.unwrap();
    assert_eq!((shared.ruled, watched(tried.ruled).await.unwrap().1), (tried.ruled, Some(counted)));
    let stricter = CanaryRules { max_error_rate: 0.0, ..CanaryRules::default() };
    let ruled = serving.share(&lock, &Trial { rules: Some(stricter), ..trial(30, 0) }).await.unwrap();
    assert_eq!((ruled.verdict, ruled.rules), (None, Some(stricter)));
    assert_eq!(watched(tried.ruled).await, None, "they are looked at no more");
    assert_eq!(watched(ruled.ruled).await.unwrap().1, None);
    let tasks = world.store.tasks.unsent_jobs(9).await.unwrap();
    let mut found = Vec::new();
    for task in tasks {
        found.push(world.store.tasks.lease(task.id, "worker", TTL).await.unwrap().unwrap().payload);
    }
    assert_eq!(found, [TaskPayload::Canary(watch(tried.ruled)), TaskPayload::Canary(watch(ruled.ruled))]);

    let withdrawn = verdict(CanaryOutcome::Withdrawn);
    assert!(serving.take_back(&lock, tried.deployment.generation, &withdrawn).await.unwrap().is_some());
    assert_eq!(serving.take_back(&lock, tried.deployment.generation, &withdrawn).await.unwrap(), None, "it is already");
    assert_eq!(listed(&world).await.1, [(1, 1, 100, 0)], "nobody serves it");
    assert_eq!(world.store.access.model_places(&model()).await.unwrap(), [(dev(), 1)]);
    let left = place(&world).await.candidate.unwrap();
    assert_eq!((left.deployment.version, left.weight, left.is_over(), left.is_served()), (2, 0, true, false));
    assert_eq!((left.verdict, watched(ruled.ruled).await), (Some(withdrawn), None));
    // Another one takes its place.
    serving.unlock(&lock).await.unwrap();
    try_out(&world, &second, 2, &trial(5, 0)).await;
    assert_eq!(listed(&world).await.1.len(), 2);
}

async fn nothing_is_tried_where_nothing_is_deployed(world: World) {
    let lease = version(&world, 1, false).await;
    let lock = lock(&world).await;
    let new = Deployment {
        model: model(),
        environment: dev(),
        version: 1,
        pipeline_id: lease.pipeline_id,
        uri: "file:///v1".to_owned(),
        sha256: "ab".repeat(32),
        metrics: BTreeMap::new(),
        deployed_at: Timestamp::UNIX_EPOCH,
        generation: 0,
    };
    let refused = world.store.serving.try_out(&lock, new, &trial(1, 0), "ada").await;
    assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    assert_eq!(world.store.serving.places(&model()).await.unwrap(), []);
}

async fn what_is_tried_is_kept_and_moves_with_its_files(world: World) {
    let first = version(&world, 1, false).await;
    let second = version(&world, 2, true).await;
    for lease in [&first, &second] {
        world.store.pipelines.finish_pipeline(lease, PipelineStatus::Succeeded, false, None).await.unwrap();
    }
    let old = vec![OldVersion { model: model(), version: 1 }];
    // A later result of the same notebook, so that only the candidate keeps the first.
    world.tamper("UPDATE pipelines SET notebook_path = 'n.ipynb'").await;
    let tried = try_out(&world, &first, 1, &trial(0, 10)).await;
    assert_eq!(world.store.retention.remove_versions(&old, 1, false).await.unwrap(), 0, "it is tried");

    let moved = BTreeMap::from([1, 2].map(|number| (format!("file:///v{number}"), format!("s3://b/v{number}"))));
    // Versions, the deployment, the candidate.
    assert_eq!(world.store.serving.readdress(&moved).await.unwrap(), Readdressed::Rows(4));
    let now = place(&world).await.candidate.unwrap().deployment.uri;
    assert_eq!(now, "s3://b/v1");

    let lock = lock(&world).await;
    world.store.serving.end_candidate(&lock, tried.deployment.generation).await.unwrap().unwrap();
    assert_eq!(world.store.retention.remove_versions(&old, 1, false).await.unwrap(), 1);
}

on_both![
    a_candidate_shares_the_requests_and_each_change_of_its_share_is_a_change,
    a_promoted_candidate_is_the_deployment_and_the_one_before_stays_beside_it,
    what_is_pushed_or_undone_ends_a_candidate,
    a_candidate_with_rules_has_a_task_until_it_has_others_and_is_taken_back_with_a_reason,
    nothing_is_tried_where_nothing_is_deployed,
    what_is_tried_is_kept_and_moves_with_its_files,
];
