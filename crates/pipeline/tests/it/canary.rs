//! What becomes of a candidate, by what was counted.

use std::time::Duration;

use contract::{
    CanaryOutcome::{self, Kept, Promoted, Waiting, Withdrawn},
    CanaryRules, OnPass,
};
use pipeline::canary::{Counts, Trial, Watch, decide};

const RULES: CanaryRules = CanaryRules {
    min_requests: 100,
    max_error_rate: 0.01,
    max_latency_ratio: 1.5,
    min_agreement: Some(0.99),
    within_minutes: 60,
    on_pass: OnPass::Promote,
};
const TRIAL: Trial = Trial { weight: 10, shadow: 0, age: Duration::from_mins(1), is_kept: false };

/// So many requests, of which so many failed, of so many milliseconds each.
fn asked(requests: u64, failures: u64, millis: u32) -> Counts {
    let seconds = f64::from(u32::try_from(requests).expect("few") * millis) / 1000.0;
    Counts { requests, failures, seconds, ..Counts::default() }
}

/// So many rows compared as a shadow, of which so many agree.
fn shadowed(rows: u64, agreeing: u64) -> Counts {
    Counts { rows, agreeing, ..Counts::default() }
}

fn watch(current: Counts, candidate: Counts) -> Watch {
    let mut watch = Watch::default();
    watch.read("a", Counts::default(), Counts::default());
    watch.read("a", current, candidate);
    watch
}

#[track_caller]
fn comes_to(rules: &CanaryRules, (current, candidate): (Counts, Counts), trial: Trial, wanted: (CanaryOutcome, &str)) {
    let (outcome, reason) = decide(rules, &watch(current, candidate), trial);
    assert_eq!(outcome, wanted.0, "{reason}");
    assert!(reason.contains(wanted.1), "{reason:?} does not say {:?}", wanted.1);
}

#[test]
fn a_candidate_is_taken_back_as_soon_as_enough_requests_show_a_fault() {
    let current = asked(900, 9, 10);
    for (candidate, wanted) in [
        (asked(99, 99, 10), (Waiting, "99 of 100 requests")),
        (asked(100, 3, 10), (Withdrawn, "failed 3 of 100 requests, 3.00 %; the current version 1.00 %")),
        // As many more as are allowed.
        (asked(100, 2, 10), (Promoted, "100 requests, 2 of them failed")),
        (asked(100, 0, 15), (Promoted, "")),
        (asked(100, 0, 16), (Withdrawn, "takes it 16.00 ms, the current version 10.00 ms")),
    ] {
        comes_to(&RULES, (current, candidate), TRIAL, wanted);
    }
}

#[test]
fn without_requests_of_the_current_version_only_errors_count() {
    comes_to(&RULES, (asked(0, 0, 0), asked(100, 0, 500)), TRIAL, (Promoted, ""));
    comes_to(&RULES, (asked(99, 0, 1), asked(100, 0, 500)), TRIAL, (Promoted, ""));
    comes_to(&RULES, (asked(0, 0, 0), asked(100, 2, 500)), TRIAL, (Withdrawn, "0.00 %"));
}

#[test]
fn a_shadow_is_judged_by_the_rows_that_agree_and_by_what_it_fails() {
    let shadow = Trial { weight: 0, shadow: 50, ..TRIAL };
    let failed = |errors| Counts { shadow_errors: errors, ..shadowed(0, 0) };
    for (candidate, wanted) in [
        (shadowed(99, 0), (Waiting, "99 of 100 rows")),
        (shadowed(100, 98), (Withdrawn, "98 of 100 rows agree with the current version's answers, 98.00 %")),
        (shadowed(100, 99), (Promoted, "99 of 100 compared rows agree")),
        (failed(100), (Withdrawn, "0 of 100 rows")),
    ] {
        comes_to(&RULES, (asked(900, 0, 10), candidate), shadow, wanted);
    }
    // Nothing has to agree.
    let rules = CanaryRules { min_agreement: None, ..RULES };
    comes_to(&rules, (asked(900, 0, 10), shadowed(100, 0)), shadow, (Promoted, ""));
}

#[test]
fn a_candidate_that_answers_and_shadows_needs_enough_of_both() {
    let both = Trial { shadow: 50, ..TRIAL };
    let counted = |requests, rows| Counts { rows, agreeing: rows, ..asked(requests, 0, 10) };
    comes_to(&RULES, (asked(900, 0, 10), counted(100, 99)), both, (Waiting, "99 of 100 rows"));
    comes_to(&RULES, (asked(900, 0, 10), counted(99, 100)), both, (Waiting, "99 of 100 requests"));
    comes_to(&RULES, (asked(900, 0, 10), counted(100, 100)), both, (Promoted, ""));
}

#[test]
fn what_is_not_decided_in_time_or_not_to_be_promoted_stays_and_can_still_be_taken_back() {
    let late = Trial { age: Duration::from_hours(1), ..TRIAL };
    let kept = Trial { is_kept: true, ..TRIAL };
    let current = asked(900, 0, 10);
    comes_to(&RULES, (current, asked(9, 0, 10)), late, (Kept, "not decided within 60 minutes: 9 of 100 requests"));
    comes_to(&RULES, (current, asked(9, 9, 10)), kept, (Kept, "9 of 100 requests"));
    // Enough came after the time: somebody decides.
    comes_to(&RULES, (current, asked(100, 0, 10)), kept, (Kept, "it keeps to its rules"));
    comes_to(&RULES, (current, asked(100, 50, 10)), kept, (Withdrawn, "failed 50"));
    comes_to(&RULES, (current, asked(100, 50, 10)), late, (Withdrawn, "failed 50"));
    let keep = CanaryRules { on_pass: OnPass::Keep, ..RULES };
    comes_to(&keep, (current, asked(100, 0, 10)), TRIAL, (Kept, "it keeps to its rules"));
    let nothing = Trial { weight: 0, ..TRIAL };
    comes_to(&RULES, (current, asked(0, 0, 0)), nothing, (Waiting, "it gets no requests"));
}

#[test]
fn servers_are_added_up_from_their_first_reading_on_and_one_that_restarts_begins_at_nothing() {
    let mut watch = Watch::default();
    let mut read = |server: &str, requests| watch.read(server, asked(0, 0, 0), asked(requests, 0, 10));
    read("a", 1000);
    read("b", 10);
    read("a", 1020);
    // Began anew, and was asked 5 times since.
    read("a", 5);
    read("b", 10);
    // Came later: what it had counted before is not known to be of this time.
    read("c", 300);
    read("c", 301);
    assert_eq!(watch.candidate.requests, 20 + 5 + 1);
    // It is kept between two looks.
    let kept: Watch = serde_json::from_value(serde_json::to_value(&watch).expect("JSON")).expect("the same");
    assert_eq!(kept, watch);
}
