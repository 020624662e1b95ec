//! A pipeline's state machine, and the rule that deploys never go backwards.

use contract::{Phase, PhaseStatus, PipelineId};

/// The phase to run next: the first, in the order of [`Phase::ALL`], that has not succeeded. `None`: all have.
///
/// A phase that `status` does not name counts as pending. A running phase is returned too: whoever asks holds the
/// pipeline's lease, so its former runner is gone.
pub fn next_phase(status: &[(Phase, PhaseStatus)]) -> Option<Phase> {
    Phase::ALL.iter().copied().find(|phase| !status.contains(&(*phase, PhaseStatus::Succeeded)))
}

/// Whether the model of pipeline `candidate` may take the place of the deployed one, which pipeline `current` made.
///
/// Identifiers are ordered by creation, so a slow older push cannot replace a newer push's model. A pipeline may
/// deploy its own model again, as a retried deploy phase does.
pub fn may_replace(current: Option<PipelineId>, candidate: PipelineId) -> bool {
    current.is_none_or(|current| current <= candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use PhaseStatus::{Failed, Pending, Running, Skipped, Succeeded};

    #[test]
    fn the_next_phase_is_the_first_that_has_not_succeeded() {
        let table: &[(&[PhaseStatus], Option<Phase>)] = &[
            (&[], Some(Phase::Download)),
            (&[Pending, Pending, Pending, Pending, Pending], Some(Phase::Download)),
            (&[Succeeded, Running, Pending, Pending, Pending], Some(Phase::Validate)),
            (&[Succeeded, Succeeded, Failed, Skipped, Skipped], Some(Phase::Execute)),
            (&[Succeeded, Succeeded, Succeeded, Succeeded], Some(Phase::Deploy)),
            (&[Succeeded, Succeeded, Succeeded, Succeeded, Succeeded], None),
        ];
        for (statuses, expected) in table {
            let status: Vec<_> = Phase::ALL.iter().copied().zip(statuses.iter().copied()).collect();
            assert_eq!(next_phase(&status), *expected, "{statuses:?}");
        }
    }

    #[test]
    fn the_order_in_which_statuses_are_listed_does_not_matter() {
        let status = [(Phase::Validate, Pending), (Phase::Execute, Pending), (Phase::Download, Succeeded)];
        assert_eq!(next_phase(&status), Some(Phase::Validate));
    }

    #[test]
    fn an_older_pipeline_never_replaces_a_newer_ones_model() {
        let (older, newer) = (PipelineId::generate(), PipelineId::generate());
        assert!(may_replace(None, older));
        assert!(may_replace(Some(older), newer));
        assert!(may_replace(Some(older), older));
        assert!(!may_replace(Some(newer), older));
    }
}
