use std::{collections::BTreeMap, collections::BTreeSet};

use contract::{PhaseStatus, PipelineStatus};
use futures_util::{StreamExt, stream};
use serde_json::json;
use store::{Accepted, Filter, NewDelivery, NewPipeline, PipelineRef, Store};

use crate::{TTL, World, pushed};

async fn accept(store: &Store, delivery_id: &str, pipelines: Vec<NewPipeline>) -> Accepted {
    let repo = "octocat/titanic".parse().unwrap();
    let delivery = NewDelivery { delivery_id, event: "push", repo: Some(&repo), body_sha256: "00" };
    store.accept_delivery(delivery, pipelines).await.unwrap()
}

async fn accept_new(store: &Store, delivery_id: &str, pipelines: Vec<NewPipeline>) -> Vec<PipelineRef> {
    match accept(store, delivery_id, pipelines).await {
        Accepted::New(pipelines) => pipelines,
        Accepted::Repeated(_) => panic!("{delivery_id} is new"),
    }
}

#[tokio::test]
async fn a_delivery_makes_queued_pipelines_with_five_pending_phases_that_wait_to_be_sent() {
    let World { store, directory: _directory } = World::new().await;
    let parameters = BTreeMap::from([("depth".to_owned(), json!(3))]);
    let new = NewPipeline { parameters: parameters.clone(), ..pushed(1, "a.ipynb") };
    let made = accept_new(&store, "d1", vec![new, pushed(1, "b.ipynb")]).await;
    assert_eq!(made.iter().map(|made| made.notebook_path.as_str()).collect::<Vec<_>>(), ["a.ipynb", "b.ipynb"]);

    let pipeline = store.pipeline(made[0].id).await.unwrap();
    assert_eq!(pipeline.status, PipelineStatus::Queued);
    assert_eq!(pipeline.parameters, parameters);
    let phases: Vec<_> = pipeline.phases.iter().map(|phase| (phase.name.as_str(), phase.status, phase.attempt)).collect();
    let expected = ["download", "validate", "execute", "register", "deploy"].map(|name| (name, PhaseStatus::Pending, 0));
    assert_eq!(phases, expected);
    assert_eq!(store.unsent_jobs(10).await.unwrap(), [made[0].id, made[1].id]);
}

#[tokio::test]
async fn the_same_delivery_twice_answers_its_pipelines_and_makes_none() {
    let World { store, directory: _directory } = World::new().await;
    let made = accept_new(&store, "d1", vec![pushed(1, "a.ipynb")]).await;
    assert_eq!(accept(&store, "d1", vec![pushed(2, "other.ipynb")]).await, Accepted::Repeated(made));
}

#[tokio::test]
async fn the_same_commit_in_two_deliveries_is_one_pipeline_of_both() {
    let World { store, directory: _directory } = World::new().await;
    let first = accept_new(&store, "d1", vec![pushed(1, "a.ipynb")]).await;
    let both = accept_new(&store, "d2", vec![pushed(1, "a.ipynb"), pushed(1, "b.ipynb")]).await;
    assert_eq!(both[0], first[0]);
    assert_eq!(accept(&store, "d2", vec![]).await, Accepted::Repeated(both));
}

#[tokio::test]
async fn a_newer_push_cancels_only_older_queued_pushes_of_the_notebook_on_the_branch() {
    let World { store, directory: _directory } = World::new().await;
    let other_branch = NewPipeline { branch: "dev".to_owned(), ..pushed(1, "other-branch.ipynb") };
    let first = accept_new(&store, "d1", vec![pushed(1, "a.ipynb"), pushed(1, "b.ipynb"), other_branch]).await;
    let running = first.iter().find(|made| made.notebook_path == "b.ipynb").unwrap().id;
    store.take_lease(running, "w", TTL).await.unwrap().unwrap();
    let by_hand = store.create_pipeline(NewPipeline { manual: true, ..pushed(1, "a.ipynb") }).await.unwrap();

    let newer = vec![pushed(2, "a.ipynb"), pushed(2, "b.ipynb"), pushed(2, "other-branch.ipynb")];
    accept_new(&store, "d2", newer).await;

    let superseded = store.pipeline(first[0].id).await.unwrap();
    assert_eq!(superseded.status, PipelineStatus::Cancelled);
    assert_eq!(superseded.reason.as_deref(), Some("superseded by the newer push of 0000000"));
    assert!(superseded.finished_at.is_some());
    assert!(superseded.phases.iter().all(|phase| phase.status == PhaseStatus::Skipped));
    let status = async |id| store.pipeline(id).await.unwrap().status;
    assert_eq!(status(running).await, PipelineStatus::Running);
    assert_eq!(status(first[2].id).await, PipelineStatus::Queued);
    assert_eq!(status(by_hand).await, PipelineStatus::Queued);
}

#[tokio::test]
async fn runs_by_hand_of_one_commit_are_pipelines_of_their_own() {
    let World { store, directory: _directory } = World::new().await;
    let by_hand = NewPipeline { manual: true, ..pushed(1, "a.ipynb") };
    let first = store.create_pipeline(by_hand.clone()).await.unwrap();
    let second = store.create_pipeline(by_hand).await.unwrap();
    assert!(first < second);
    assert_eq!(store.unsent_jobs(10).await.unwrap(), [first, second]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_deliveries_of_fifty_commits_with_repeats_and_sixty_four_at_once_make_one_pipeline_each() {
    let World { store, directory: _directory } = World::new().await;
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
    let (pipelines, next) = store.pipelines(Filter { limit: 1000, ..Filter::default() }).await.unwrap();
    assert_eq!((pipelines.len(), next), (50, None));
    assert_eq!(pipelines.iter().map(|pipeline| pipeline.id).collect::<BTreeSet<_>>(), mentioned);
    assert!(pipelines.iter().all(|pipeline| pipeline.phases.len() == 5));
}
