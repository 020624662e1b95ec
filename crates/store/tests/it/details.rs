use contract::{Champion, GateReport, GateResult, PipelineId};
use store::{Details, NewPipeline, StoreError};

use crate::{World, logs::line, pushed};

async fn what_the_gates_decided_is_kept_until_they_decide_again(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    let nothing = Details { manual: true, delivery_id: None, log_lines: 0, gate_report: None };
    assert_eq!(store.pipelines.details(lease.pipeline_id).await.unwrap(), nothing);

    let gate =
        GateResult { gate: "f1 > 0.5".to_owned(), passed: false, explanation: "f1 is \0 \u{1F6A2}".to_owned(), file: None };
    let champion = Champion { version: 7, metrics: [("f1".to_owned(), Some(0.75)), ("nan".to_owned(), None)].into() };
    let first = GateReport { gates: vec![gate], champion: Some(champion) };
    for gate_report in [first, GateReport::default()] {
        store.pipelines.record_gate_report(&lease, &gate_report).await.unwrap();
        assert_eq!(store.pipelines.details(lease.pipeline_id).await.unwrap().gate_report, Some(gate_report));
    }
    store.pipelines.release_lease(&lease).await.unwrap();
    assert!(matches!(store.pipelines.record_gate_report(&lease, &GateReport::default()).await, Err(StoreError::Fenced)));
}

async fn a_pipelines_details_are_its_own(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    let other = NewPipeline { delivery_id: Some("d1".to_owned()), ..pushed(2, "other.ipynb") };
    let other = store.intake.create_pipeline(other).await.unwrap();
    store.pipelines.append_logs(&lease, 1, &[line(1), line(2)]).await.unwrap();
    store.pipelines.append_logs(&lease, 3, &[line(3)]).await.unwrap();
    assert_eq!(store.pipelines.details(lease.pipeline_id).await.unwrap().log_lines, 3);
    let expected = Details { manual: false, delivery_id: Some("d1".to_owned()), log_lines: 0, gate_report: None };
    assert_eq!(store.pipelines.details(other).await.unwrap(), expected);
    assert!(matches!(store.pipelines.details(PipelineId::generate()).await, Err(StoreError::NotFound)));
}

on_both!(what_the_gates_decided_is_kept_until_they_decide_again, a_pipelines_details_are_its_own);
