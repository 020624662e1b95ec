use std::{collections::BTreeMap, collections::BTreeSet};

use contract::{PhaseStatus, PipelineStatus};
use futures_util::{StreamExt, future::join_all, stream};
use serde_json::json;
use store::{Accepted, Filter, NewDelivery, NewPipeline, PipelineRef, Store, StoreError};

use crate::{TTL, World, pushed};

async fn accept(store: &Store, delivery_id: &str, pipelines: Vec<NewPipeline>) -> Accepted {
    let repo = "octocat/titanic".parse().unwrap();
    let delivery = NewDelivery { delivery_id, event: "push", repo: Some(&repo) };
    store.intake.accept_delivery(delivery, pipelines).await.unwrap()
}

async fn accept_new(store: &Store, delivery_id: &str, pipelines: Vec<NewPipeline>) -> Vec<PipelineRef> {
    match accept(store, delivery_id, pipelines).await {
        Accepted::New(pipelines) => pipelines,
        Accepted::Repeated(_) => panic!("{delivery_id} is new"),
    }
}

async fn a_delivery_makes_queued_pipelines_with_five_pending_phases_that_wait_to_be_sent(world: World) {
    let store = &world.store;
    let parameters = BTreeMap::from([("depth".to_owned(), json!(3))]);
    let new = NewPipeline { parameters: parameters.clone(), ..pushed(1, "a.ipynb") };
    let made = accept_new(store, "d1", vec![new, pushed(1, "b.ipynb")]).await;
    assert_eq!(made.iter().map(|made| made.notebook_path.as_str()).collect::<Vec<_>>(), ["a.ipynb", "b.ipynb"]);

    let pipeline = store.pipelines.pipeline(made[0].id).await.unwrap();
    assert_eq!(pipeline.status, PipelineStatus::Queued);
    assert_eq!(pipeline.parameters, parameters);
    let phases: Vec<_> = pipeline.phases.iter().map(|phase| (phase.name.as_str(), phase.status, phase.attempt)).collect();
    let expected = ["download", "validate", "execute", "register", "deploy"].map(|name| (name, PhaseStatus::Pending, 0));
    assert_eq!(phases, expected);
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), [made[0].id, made[1].id]);
}

async fn the_same_delivery_twice_answers_its_pipelines_and_makes_none(world: World) {
    let store = &world.store;
    let made = accept_new(store, "d1", vec![pushed(1, "a.ipynb")]).await;
    assert_eq!(accept(store, "d1", vec![pushed(2, "other.ipynb")]).await, Accepted::Repeated(made));
}

async fn the_same_commit_in_two_deliveries_is_one_pipeline_of_both(world: World) {
    let store = &world.store;
    let first = accept_new(store, "d1", vec![pushed(1, "a.ipynb")]).await;
    let both = accept_new(store, "d2", vec![pushed(1, "a.ipynb"), pushed(1, "b.ipynb")]).await;
    assert_eq!(both[0], first[0]);
    assert_eq!(accept(store, "d2", vec![]).await, Accepted::Repeated(both));
}

async fn a_push_may_change_thousands_of_notebooks_and_supersede_as_many(world: World) {
    let notebooks = |commit| (0..2_600).map(|number| pushed(commit, &format!("{number:04}.ipynb"))).collect();
    let older = accept_new(&world.store, "d1", notebooks(1)).await;
    let newer = accept_new(&world.store, "d2", notebooks(2)).await;
    assert_eq!((older.len(), newer.len()), (2_600, 2_600));

    let unsent = world.store.pipelines.unsent_jobs(10_000).await.unwrap();
    assert_eq!(unsent, newer.iter().map(|made| made.id).collect::<Vec<_>>());
    for made in [older.first(), older.last()] {
        assert_eq!(world.store.pipelines.pipeline(made.unwrap().id).await.unwrap().status, PipelineStatus::Cancelled);
    }
}

async fn a_newer_push_cancels_only_older_queued_pushes_of_the_notebook_on_the_branch(world: World) {
    let store = &world.store;
    let other_branch = NewPipeline { branch: "dev".to_owned(), ..pushed(1, "other-branch.ipynb") };
    let first = accept_new(store, "d1", vec![pushed(1, "a.ipynb"), pushed(1, "b.ipynb"), other_branch]).await;
    let running = first.iter().find(|made| made.notebook_path == "b.ipynb").unwrap().id;
    store.pipelines.take_lease(running, "w", TTL).await.unwrap().unwrap();
    let by_hand = store.intake.create_pipeline(NewPipeline { manual: true, ..pushed(1, "a.ipynb") }).await.unwrap();

    let newer = vec![pushed(2, "a.ipynb"), pushed(2, "b.ipynb"), pushed(2, "other-branch.ipynb")];
    accept_new(store, "d2", newer).await;

    let superseded = store.pipelines.pipeline(first[0].id).await.unwrap();
    assert_eq!(superseded.status, PipelineStatus::Cancelled);
    assert_eq!(superseded.reason.as_deref(), Some("superseded by the newer push of 0000000"));
    assert!(superseded.finished_at.is_some());
    assert!(superseded.phases.iter().all(|phase| phase.status == PhaseStatus::Skipped));
    let status = async |id| store.pipelines.pipeline(id).await.unwrap().status;
    assert_eq!(status(running).await, PipelineStatus::Running);
    assert_eq!(status(first[2].id).await, PipelineStatus::Queued);
    assert_eq!(status(by_hand).await, PipelineStatus::Queued);
}

async fn runs_by_hand_of_one_commit_are_pipelines_of_their_own(world: World) {
    let store = &world.store;
    let by_hand = NewPipeline { manual: true, ..pushed(1, "a.ipynb") };
    let first = store.intake.create_pipeline(by_hand.clone()).await.unwrap();
    let second = store.intake.create_pipeline(by_hand).await.unwrap();
    assert!(first < second);
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), [first, second]);
}

async fn two_hundred_deliveries_of_fifty_commits_with_repeats_and_sixty_four_at_once_make_one_pipeline_each(world: World) {
    let store = &world.store;
    // Every delivery arrives twice; four deliveries speak of the same commit.
    let answers: Vec<Accepted> = stream::iter(0..400u64)
        .map(|number| {
            let store = store.clone();
            let delivery = (number * 7) % 200;
            let notebook = format!("{}.ipynb", delivery / 4);
            async move {
                tokio::spawn(
                    async move { accept(&store, &format!("d{delivery}"), vec![pushed(delivery / 4, &notebook)]).await },
                )
                .await
                .unwrap()
            }
        })
        .buffer_unordered(64)
        .collect()
        .await;

    let new = answers.iter().filter(|answer| matches!(answer, Accepted::New(_))).count();
    assert_eq!(new, 200);
    let mentioned: BTreeSet<_> = answers
        .iter()
        .flat_map(|answer| match answer {
            Accepted::New(pipelines) | Accepted::Repeated(pipelines) => pipelines,
        })
        .map(|pipeline| pipeline.id)
        .collect();
    let (pipelines, next) = store.pipelines.pipelines(&Filter { limit: 1000, ..Filter::default() }).await.unwrap();
    assert_eq!((pipelines.len(), next), (50, None));
    assert_eq!(pipelines.iter().map(|pipeline| pipeline.id).collect::<BTreeSet<_>>(), mentioned);
    assert!(pipelines.iter().all(|pipeline| pipeline.phases.len() == 5));
}

async fn of_pushes_accepted_at_once_only_the_newest_stays_queued(world: World) {
    let store = &world.store;
    let before = accept_new(store, "d0", vec![pushed(1, "a.ipynb")]).await[0].id;
    let accepted = (0..100u64).map(|number| async move {
        accept_new(store, &format!("e{number}"), vec![pushed(100 + number, "a.ipynb"), pushed(100 + number, "b.ipynb")])
            .await
    });
    let mut made: Vec<_> = join_all(accepted).await.into_iter().flatten().collect();
    made.push(PipelineRef { id: before, notebook_path: "a.ipynb".to_owned() });
    made.sort();
    let queued = store
        .pipelines
        .pipelines(&Filter { status: Some(PipelineStatus::Queued), limit: 1000, ..Filter::default() })
        .await
        .unwrap()
        .0;
    let left = |notebook: &str| queued.iter().filter(|pipeline| pipeline.notebook_path == notebook).count();
    for notebook in ["a.ipynb", "b.ipynb"] {
        let newest = made.iter().rfind(|made| made.notebook_path == notebook).unwrap().id;
        // Two batches that do not see each other may leave more; whoever takes the newest clears them away.
        assert!(left(notebook) >= 1, "{notebook}");
        assert!(queued.iter().any(|pipeline| pipeline.id == newest), "{notebook}");
        let lease = store.pipelines.take_lease(newest, "w", TTL).await.unwrap();
        assert!(lease.is_some());
    }
    let (queued, _) = store
        .pipelines
        .pipelines(&Filter { status: Some(PipelineStatus::Queued), limit: 1000, ..Filter::default() })
        .await
        .unwrap();
    assert_eq!(queued, []);
    let cancelled = Filter { status: Some(PipelineStatus::Cancelled), limit: 1000, ..Filter::default() };
    let (cancelled, _) = store.pipelines.pipelines(&cancelled).await.unwrap();
    assert_eq!(cancelled.len(), 199);
    assert!(
        cancelled.iter().all(|pipeline| pipeline
            .reason
            .as_deref()
            .unwrap()
            .starts_with("superseded by the newer push of 00"))
    );
    assert_eq!(store.pipelines.unsent_jobs(1000).await.unwrap(), []);
}

async fn a_delivery_that_the_database_cannot_take_does_not_spoil_it_for_the_others(world: World) {
    let store = &world.store;
    let answers = join_all((0..60u64).map(|number| async move {
        let delivery_id = if number % 20 == 7 { format!("d{number}\0") } else { format!("d{number}") };
        let delivery = NewDelivery { delivery_id: &delivery_id, event: "push", repo: None };
        store.intake.accept_delivery(delivery, vec![pushed(number, &format!("{number}.ipynb"))]).await
    }))
    .await;
    for (number, answer) in answers.iter().enumerate() {
        // SQLite can take it.
        if number % 20 == 7 && world.is_postgresql() {
            assert!(matches!(answer, Err(StoreError::Corrupt(_))), "{number}: {answer:?}");
        } else {
            assert!(matches!(answer, Ok(Accepted::New(_))), "{number}: {answer:?}");
        }
    }
}

async fn two_backends_that_accept_the_same_deliveries_at_the_same_time_make_one_pipeline_each(world: World) {
    let other = Store::open(&world.url).await.unwrap();
    let answers = join_all((0..400u64).map(|number| {
        let store = if number % 2 == 0 { world.store.clone() } else { other.clone() };
        async move {
            let commit = number / 4;
            let notebooks = vec![pushed(commit, &format!("{commit}.ipynb")), pushed(commit, &format!("{commit}-b.ipynb"))];
            tokio::spawn(async move { accept(&store, &format!("d{}", number / 2), notebooks).await }).await.unwrap()
        }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Accepted::New(_))).count(), 200);
    for pair in answers.chunks(2) {
        let [Accepted::New(first) | Accepted::Repeated(first), Accepted::New(second) | Accepted::Repeated(second)] = pair
        else {
            unreachable!()
        };
        assert_eq!((first, first.len()), (second, 2));
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM pipelines").await, 200);
    assert_eq!(world.count("SELECT COUNT(*) FROM jobs_to_send").await, 200);
    other.close().await;
}

on_both![
    of_pushes_accepted_at_once_only_the_newest_stays_queued,
    a_delivery_that_the_database_cannot_take_does_not_spoil_it_for_the_others,
    two_backends_that_accept_the_same_deliveries_at_the_same_time_make_one_pipeline_each,
    a_delivery_makes_queued_pipelines_with_five_pending_phases_that_wait_to_be_sent,
    the_same_delivery_twice_answers_its_pipelines_and_makes_none,
    the_same_commit_in_two_deliveries_is_one_pipeline_of_both,
    a_push_may_change_thousands_of_notebooks_and_supersede_as_many,
    a_newer_push_cancels_only_older_queued_pushes_of_the_notebook_on_the_branch,
    runs_by_hand_of_one_commit_are_pipelines_of_their_own,
    two_hundred_deliveries_of_fifty_commits_with_repeats_and_sixty_four_at_once_make_one_pipeline_each,
];
