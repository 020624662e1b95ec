//! Deliveries, pipelines and logs.

use std::collections::{BTreeMap, BTreeSet};

use contract::{PipelineId, PipelineRecord, PipelineStatus};

use super::{Entry, Errors, Outcome, belongs};
use crate::Cluster;

/// Every acknowledged push has exactly its pipelines, and no pipeline is without a push; all have ended, as they should.
pub(super) fn deliveries(entries: &[Entry], all: &BTreeMap<PipelineId, PipelineRecord>, errors: &mut Errors) {
    let mut accounted = BTreeSet::new();
    for entry in entries {
        let id = &entry.push.delivery_id;
        for notebook in &entry.push.notebooks {
            let made: Vec<_> = all.values().filter(|one| belongs(entry, one) && one.notebook_path == *notebook).collect();
            accounted.extend(made.iter().map(|one| one.id));
            match (&entry.answer, made.as_slice()) {
                (Some(answer), [one]) if answer.pipelines.contains(&one.id) => ended_well(entry, one, errors),
                // It may have been accepted while its answer was lost.
                (None, [] | [_]) => {}
                (answer, made) => {
                    let ids: Vec<_> = made.iter().map(|one| one.id.to_string()).collect();
                    errors.push(format!("{id}, {notebook}: answered {answer:?}, has the pipelines {ids:?}"));
                }
            }
        }
        if entry.answer.as_ref().is_some_and(|answer| answer.pipelines.len() != entry.push.notebooks.len()) {
            errors.push(format!("{id}: {} notebooks, answered {:?}", entry.push.notebooks.len(), entry.answer));
        }
    }
    for pipeline in all.values().filter(|one| !accounted.contains(&one.id)) {
        errors.push(format!("pipeline {} of {} belongs to no push", pipeline.id, pipeline.commit_sha));
    }
}

fn ended_well(entry: &Entry, pipeline: &PipelineRecord, errors: &mut Errors) {
    let (id, status) = (pipeline.id, pipeline.status);
    let reason = pipeline.reason.as_deref().unwrap_or_default();
    if !status.is_final() {
        errors.push(format!("pipeline {id} has not ended: {status}"));
    }
    let possible = match entry.outcome {
        Outcome::Deploys | Outcome::HeldBack => true,
        Outcome::Fails => status != PipelineStatus::Succeeded,
    };
    if !possible || status == PipelineStatus::Skipped {
        errors.push(format!("pipeline {id} should have ended as {:?} and is {status}: {reason}", entry.outcome));
    }
    if status == PipelineStatus::Cancelled && !reason.contains("superseded") {
        errors.push(format!("pipeline {id} was cancelled by nobody: {reason}"));
    }
}

/// The stored log of each has the numbers 1 to n.
pub(super) async fn logs(cluster: &Cluster, all: &BTreeMap<PipelineId, PipelineRecord>, errors: &mut Errors) {
    let api = cluster.api();
    for id in all.keys() {
        let numbers: Vec<u64> = api.stored_log(*id).await.into_iter().map(|line| line.seq).collect();
        if !numbers.iter().copied().eq(1..=numbers.len() as u64) {
            errors.push(format!("the log of {id} has a hole or a repetition: {numbers:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Answer, GitHub};

    /// A pushed notebook, its pipeline's answer, and the pipeline.
    fn pushed(status: &str, reason: &str) -> (Entry, PipelineRecord) {
        let push = GitHub::start().repository("team/books").push("main", &[("n.ipynb", "{}")]);
        let id: PipelineId = "01a1fe0b-e9fe-7094-9682-05b0cc881b0e".parse().expect("an id");
        let pipeline = json!({
            "id": id, "repo": push.repo, "branch": "main", "commit_sha": push.commit, "notebook_path": "n.ipynb",
            "status": status, "deployed": false, "reason": reason, "phases": [], "metrics": {}, "parameters": {},
            "created_at": "2026-01-01T00:00:00Z"
        });
        let answer = Some(Answer { status: 202, pipelines: vec![id] });
        let entry = Entry { push, model: "books".to_owned(), outcome: Outcome::Deploys, answer };
        (entry, serde_json::from_value(pipeline).expect("a pipeline"))
    }

    fn errors(entry: &Entry, pipelines: &[PipelineRecord]) -> Errors {
        let mut errors = Errors::new();
        let all = pipelines.iter().map(|one| (one.id, one.clone())).collect();
        deliveries(std::slice::from_ref(entry), &all, &mut errors);
        errors
    }

    #[test]
    fn a_missing_pipeline_a_second_one_and_a_stranger_are_errors() {
        let (entry, pipeline) = pushed("succeeded", "");
        assert_eq!(errors(&entry, std::slice::from_ref(&pipeline)), [""; 0]);
        assert_eq!(errors(&entry, &[]).len(), 1);
        let other: PipelineId = "01a1fe0c-3e03-763c-88d8-4b9824c13e9e".parse().expect("an id");
        let second = PipelineRecord { id: other, ..pipeline.clone() };
        assert_eq!(errors(&entry, &[pipeline.clone(), second]).len(), 1);
        let stranger = PipelineRecord { id: other, commit_sha: contract::CommitSha::null(), ..pipeline.clone() };
        assert_eq!(errors(&entry, &[pipeline.clone(), stranger]).len(), 1);
        let lost = Entry { answer: None, ..entry };
        assert_eq!(errors(&lost, &[]), [""; 0], "what was never acknowledged need not be there");
        assert_eq!(errors(&lost, &[pipeline]), [""; 0], "and may be");
    }

    #[test]
    fn a_pipeline_that_goes_on_or_was_cancelled_by_nobody_is_an_error() {
        for (status, reason, count) in [
            ("running", "", 1),
            ("skipped", "", 1),
            ("cancelled", "cancelled", 1),
            ("cancelled", "superseded by the newer push of 1234567", 0),
            ("failed", "given up", 0),
        ] {
            let (entry, pipeline) = pushed(status, reason);
            assert_eq!(errors(&entry, &[pipeline]).len(), count, "{status} {reason}");
        }
        let (entry, pipeline) = pushed("succeeded", "");
        assert_eq!(errors(&Entry { outcome: Outcome::Fails, ..entry }, &[pipeline]).len(), 1);
    }
}
