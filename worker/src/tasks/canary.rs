//! Looks whether a version that is tried beside the deployed one keeps to its rules, and does what comes of it.

use std::{collections::BTreeMap, time::Duration};

use contract::{CanaryOutcome, CanaryVerdict, CanaryWatch};
use fleet::VersionTraffic;
use jiff::Timestamp;
use pipeline::canary::{Counts, Trial, Watch, decide};
use rollout::RolloutError;
use serde_json::json;
use store::{Candidate, NewAuditEntry, Place};

use super::{Next, TaskError};
use crate::Worker;

/// How long after one look the next one comes.
const PERIOD: Duration = Duration::from_secs(2);

pub(super) async fn run(worker: &Worker, watch: &CanaryWatch) -> Result<Next, TaskError> {
    let found = worker.store.serving.watched(watch).await?;
    let Some((Place { current, candidate: Some(candidate) }, counted)) = found else { return Ok(Next::Done(json!({}))) };
    let Some(rules) = candidate.rules else { return Ok(Next::Done(json!({}))) };
    let mut counted: Watch = counted.and_then(|counted| serde_json::from_value(counted).ok()).unwrap_or_default();
    let servers = worker.store.serving.model_servers(fleet::SEEN_WITHIN).await?;
    let addresses = servers.into_iter().map(|(report, _)| report.address).collect();
    for (server, versions) in worker.fleet.traffic_of_each(addresses, &watch.model_name).await {
        let of = |version| counts(&versions, version);
        counted.read(&server, of(current.version), of(candidate.deployment.version));
    }
    let before = candidate.verdict.as_ref().map(|verdict| verdict.outcome);
    let age = Timestamp::now().duration_since(candidate.deployment.deployed_at);
    let trial = Trial {
        weight: candidate.weight,
        shadow: candidate.shadow,
        age: age.try_into().unwrap_or_default(),
        is_kept: before == Some(CanaryOutcome::Kept),
    };
    let (outcome, reason) = decide(&rules, &counted, trial);
    let mut verdict = CanaryVerdict { at: Timestamp::now(), outcome, reason };
    if outcome.is_over() {
        match carry_out(worker, watch, &candidate, &verdict).await {
            Ok(()) => {
                note(worker, watch, &candidate, &verdict).await?;
                return Ok(Next::Done(json!(verdict)));
            }
            // Somebody decided at the same moment.
            Err(RolloutError::NoCandidate(_)) => return Ok(Next::Done(json!({}))),
            Err(error) => {
                tracing::warn!(model.name = %watch.model_name, %error, ?outcome, "what a candidate's rules came to is not done yet");
                verdict.outcome = CanaryOutcome::Waiting;
                verdict.reason = format!("{}; not done yet: {error}", verdict.reason);
            }
        }
    } else if outcome == CanaryOutcome::Kept && before != Some(CanaryOutcome::Kept) {
        note(worker, watch, &candidate, &verdict).await?;
    }
    worker.store.serving.note_watch(watch, &json!(counted), &verdict).await?;
    Ok(Next::Again(PERIOD))
}

async fn carry_out(
    worker: &Worker,
    CanaryWatch { model_name, environment, .. }: &CanaryWatch,
    candidate: &Candidate,
    verdict: &CanaryVerdict,
) -> Result<(), RolloutError> {
    let (place, generation) = ((model_name, environment), candidate.deployment.generation);
    if verdict.outcome == CanaryOutcome::Promoted {
        return worker.rollout.promote_candidate(place, generation, verdict).await.map(drop);
    }
    worker.rollout.withdraw(place, generation, Some(verdict)).await
}

/// Writes down in the audit log what was decided.
async fn note(
    worker: &Worker,
    CanaryWatch { model_name, environment, .. }: &CanaryWatch,
    candidate: &Candidate,
    verdict: &CanaryVerdict,
) -> Result<(), TaskError> {
    let version = candidate.deployment.version;
    let what = match verdict.outcome {
        CanaryOutcome::Promoted => "is promoted",
        CanaryOutcome::Withdrawn => "is withdrawn",
        CanaryOutcome::Waiting | CanaryOutcome::Kept => "stays a candidate",
    };
    let entry = NewAuditEntry {
        actor_kind: "rules",
        actor: format!("rules of {}", candidate.by),
        address: "worker".to_owned(),
        action: "traffic".to_owned(),
        object: model_name.to_string(),
        before: Some(format!("version {version} in {environment} with {} % of the requests", candidate.weight)),
        after: Some(format!("version {version} in {environment} {what}: {}", verdict.reason)),
        result: "done".to_owned(),
        repo: worker.store.serving.owner(model_name).await?,
        model: Some(model_name.clone()),
    };
    tracing::info!(model.name = %model_name, model.version = version, %environment, reason = verdict.reason, "a candidate {what}");
    Ok(worker.store.access.record(entry).await?)
}

fn counts(versions: &BTreeMap<u64, VersionTraffic>, version: u64) -> Counts {
    let Some(found) = versions.get(&version) else { return Counts::default() };
    let shadow = found.shadow.unwrap_or_default();
    Counts {
        requests: found.requests,
        failures: found.failures,
        seconds: found.seconds_sum,
        rows: shadow.rows,
        agreeing: shadow.agreeing,
        shadow_errors: shadow.errors,
    }
}
