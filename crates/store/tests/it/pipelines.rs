use std::collections::BTreeMap;

use contract::{
    Phase,
    PhaseStatus::{Failed, Pending, Skipped, Succeeded},
    PipelineId, PipelineStatus,
};
use serde_json::json;
use store::{Description, Filter, NewPipeline, StoreError};

use crate::{World, pushed};

async fn phases_keep_times_attempts_errors_and_checkpoints(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    assert_eq!(store.pipelines.start_phase(&lease, Phase::Download).await.unwrap(), 1);
    assert_eq!(store.pipelines.start_phase(&lease, Phase::Download).await.unwrap(), 2);
    let checkpoint = json!({"tree": "abc"});
    store.pipelines.finish_phase(&lease, Phase::Download, Succeeded, None, Some(&checkpoint)).await.unwrap();
    store.pipelines.start_phase(&lease, Phase::Validate).await.unwrap();
    store.pipelines.finish_phase(&lease, Phase::Validate, Failed, Some("no config cell"), None).await.unwrap();
    store.pipelines.finish_pipeline(&lease, PipelineStatus::Failed, false, Some("validate failed")).await.unwrap();

    let pipeline = store.pipelines.pipeline(lease.pipeline_id).await.unwrap();
    assert_eq!((pipeline.status, pipeline.reason.as_deref()), (PipelineStatus::Failed, Some("validate failed")));
    let statuses: Vec<_> = pipeline.phases.iter().map(|phase| phase.status).collect();
    assert_eq!(statuses, [Succeeded, Failed, Skipped, Skipped, Skipped]);
    assert_eq!(pipeline.phases[0].attempt, 2);
    assert_eq!(pipeline.phases[1].error.as_deref(), Some("no config cell"));
    assert!(pipeline.started_at <= pipeline.finished_at && pipeline.started_at.is_some());
    assert_eq!(store.pipelines.checkpoint(lease.pipeline_id, Phase::Download).await.unwrap(), Some(checkpoint));
    assert_eq!(store.pipelines.checkpoint(lease.pipeline_id, Phase::Validate).await.unwrap(), None);
}

async fn a_notebook_is_kept_as_it_was_saved_last(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    assert_eq!(store.pipelines.notebook(lease.pipeline_id).await.unwrap(), None);
    for content in [r#"{"cells":[]}"#, r#"{"cells":["é"]}"#] {
        store.pipelines.save_notebook(&lease, content.as_bytes()).await.unwrap();
        assert_eq!(store.pipelines.notebook(lease.pipeline_id).await.unwrap().as_deref(), Some(content));
    }
}

async fn a_phase_still_running_when_the_pipeline_ends_has_failed(world: World) {
    let lease = world.leased().await;
    world.store.pipelines.start_phase(&lease, Phase::Download).await.unwrap();
    world.store.pipelines.finish_pipeline(&lease, PipelineStatus::Cancelled, false, None).await.unwrap();
    let phase = &world.store.pipelines.pipeline(lease.pipeline_id).await.unwrap().phases[0];
    assert_eq!(phase.status, Failed);
    assert!(phase.finished_at.is_some());
}

async fn a_retry_goes_on_from_the_phase_that_failed(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    store.pipelines.start_phase(&lease, Phase::Download).await.unwrap();
    store.pipelines.finish_phase(&lease, Phase::Download, Succeeded, None, Some(&json!(1))).await.unwrap();
    store.pipelines.start_phase(&lease, Phase::Validate).await.unwrap();
    store.pipelines.finish_phase(&lease, Phase::Validate, Failed, Some("bad"), Some(&json!(2))).await.unwrap();
    assert!(matches!(store.pipelines.retry(lease.pipeline_id).await, Err(StoreError::Conflict)));
    store.pipelines.finish_pipeline(&lease, PipelineStatus::Failed, false, Some("bad")).await.unwrap();

    store.pipelines.retry(lease.pipeline_id).await.unwrap();
    let pipeline = store.pipelines.pipeline(lease.pipeline_id).await.unwrap();
    assert_eq!((pipeline.status, pipeline.reason, pipeline.finished_at), (PipelineStatus::Queued, None, None));
    let phases: Vec<_> = pipeline.phases.iter().map(|phase| (phase.status, phase.attempt)).collect();
    assert_eq!(phases, [(Succeeded, 1), (Pending, 1), (Pending, 0), (Pending, 0), (Pending, 0)]);
    assert_eq!(store.pipelines.checkpoint(lease.pipeline_id, Phase::Download).await.unwrap(), Some(json!(1)));
    assert_eq!(store.pipelines.checkpoint(lease.pipeline_id, Phase::Validate).await.unwrap(), None);
    assert_eq!(store.pipelines.unsent_jobs(10).await.unwrap(), [lease.pipeline_id]);
    assert!(matches!(store.pipelines.retry(PipelineId::generate()).await, Err(StoreError::NotFound)));
}

async fn a_queued_pipeline_is_cancelled_at_once_and_an_ended_one_cannot_be(world: World) {
    let id = world.pipeline().await;
    assert_eq!(world.store.pipelines.request_cancel(id).await.unwrap(), PipelineStatus::Cancelled);
    let pipeline = world.store.pipelines.pipeline(id).await.unwrap();
    assert!(pipeline.finished_at.is_some());
    assert!(pipeline.phases.iter().all(|phase| phase.status == Skipped));
    assert!(matches!(world.store.pipelines.request_cancel(id).await, Err(StoreError::Conflict)));
    assert!(matches!(world.store.pipelines.request_cancel(PipelineId::generate()).await, Err(StoreError::NotFound)));
    assert_eq!(world.store.pipelines.unsent_jobs(10).await.unwrap(), []);
}

async fn what_becomes_known_adds_to_what_is_known_and_numbers_that_json_lacks_are_none(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    let model = "titanic".parse().unwrap();
    let known = Description { model_name: Some(model), declared_version: Some("1.0".to_owned()), ..Description::default() };
    store.pipelines.describe(&lease, known).await.unwrap();
    let metrics = [("accuracy", 0.1 + 0.2), ("nan", f64::NAN), ("up", f64::INFINITY), ("down", f64::NEG_INFINITY)];
    let metrics = metrics.map(|(name, value)| (name.to_owned(), value)).into();
    let known = Description { registry_version: Some(7), metrics: Some(metrics), ..Description::default() };
    store.pipelines.describe(&lease, known).await.unwrap();

    let pipeline = store.pipelines.pipeline(lease.pipeline_id).await.unwrap();
    assert_eq!(pipeline.model_name.unwrap().as_str(), "titanic");
    assert_eq!((pipeline.declared_version.as_deref(), pipeline.registry_version), (Some("1.0"), Some(7)));
    let expected = [("accuracy", Some(0.1 + 0.2)), ("nan", None), ("up", None), ("down", None)];
    assert_eq!(pipeline.metrics, BTreeMap::from(expected.map(|(name, value)| (name.to_owned(), value))));
}

async fn pipelines_are_listed_newest_first_page_by_page_and_filtered(world: World) {
    let mut ids = Vec::new();
    for commit in 0..7 {
        let branch = if commit % 2 == 0 { "main" } else { "dev" }.to_owned();
        let new = NewPipeline { branch, manual: true, ..pushed(commit, "a.ipynb") };
        ids.push(world.store.intake.create_pipeline(new).await.unwrap());
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let (page, next) = world.store.pipelines.pipelines(&Filter { limit: 3, after, ..Filter::default() }).await.unwrap();
        seen.extend(page.iter().map(|pipeline| pipeline.id));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);

    world.store.pipelines.request_cancel(ids[0]).await.unwrap();
    let list = async |filter: Filter| {
        let (page, _) = world.store.pipelines.pipelines(&Filter { limit: 100, ..filter }).await.unwrap();
        page.len()
    };
    assert_eq!(list(Filter { branch: Some("dev".to_owned()), ..Filter::default() }).await, 3);
    assert_eq!(list(Filter { status: Some(PipelineStatus::Cancelled), ..Filter::default() }).await, 1);
    assert_eq!(list(Filter { repo: Some("octocat/titanic".parse().unwrap()), ..Filter::default() }).await, 7);
    assert_eq!(list(Filter { repo: Some("octocat/other".parse().unwrap()), ..Filter::default() }).await, 0);
    assert_eq!(list(Filter { model: Some("titanic".parse().unwrap()), ..Filter::default() }).await, 0);
}

async fn a_value_that_is_not_what_it_should_be_is_reported_as_corrupt(world: World) {
    let id = world.pipeline().await;
    world.tamper("UPDATE pipelines SET status = 'dancing'").await;
    let error = world.store.pipelines.pipeline(id).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(why) if why.contains("status") && why.contains("dancing")), "{error}");
}

async fn a_pipeline_keeps_the_trace_of_the_delivery_that_asked_for_it(world: World) {
    let store = &world.store;
    let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let id = store
        .intake
        .create_pipeline(NewPipeline { traceparent: traceparent.clone(), ..pushed(1, "a.ipynb") })
        .await
        .unwrap();
    assert_eq!(store.pipelines.pipeline_traceparent(id).await.unwrap(), traceparent);
    assert_eq!(store.pipelines.pipeline_traceparent(world.pipeline().await).await.unwrap(), None);
    assert!(matches!(store.pipelines.pipeline_traceparent(PipelineId::generate()).await, Err(StoreError::NotFound)));
}

async fn what_a_notebook_says_may_hold_any_character(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    store.pipelines.start_phase(&lease, Phase::Execute).await.unwrap();
    store
        .pipelines
        .finish_phase(&lease, Phase::Execute, Failed, Some("bad \0 byte \u{1F6A2}"), Some(&json!({"\0": "\0"})))
        .await
        .unwrap();
    store.pipelines.finish_pipeline(&lease, PipelineStatus::Failed, false, Some("bad \0 byte")).await.unwrap();
    let pipeline = store.pipelines.pipeline(lease.pipeline_id).await.unwrap();
    assert_eq!(pipeline.reason.as_deref(), Some("bad \u{FFFD} byte"));
    assert_eq!(pipeline.phases[2].error.as_deref(), Some("bad \u{FFFD} byte \u{1F6A2}"));
    assert_eq!(store.pipelines.checkpoint(lease.pipeline_id, Phase::Execute).await.unwrap(), Some(json!({"\0": "\0"})));
}

on_both![
    a_pipeline_keeps_the_trace_of_the_delivery_that_asked_for_it,
    what_a_notebook_says_may_hold_any_character,
    phases_keep_times_attempts_errors_and_checkpoints,
    a_notebook_is_kept_as_it_was_saved_last,
    a_phase_still_running_when_the_pipeline_ends_has_failed,
    a_retry_goes_on_from_the_phase_that_failed,
    a_queued_pipeline_is_cancelled_at_once_and_an_ended_one_cannot_be,
    what_becomes_known_adds_to_what_is_known_and_numbers_that_json_lacks_are_none,
    pipelines_are_listed_newest_first_page_by_page_and_filtered,
    a_value_that_is_not_what_it_should_be_is_reported_as_corrupt,
];
