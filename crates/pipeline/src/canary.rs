//! Whether a version that is tried beside the current one keeps to its rules. Pure: whoever asks reads the servers' counters
//! and the clock, and does what is decided.

use std::{collections::BTreeMap, time::Duration};

use contract::{CanaryOutcome, CanaryRules, OnPass};
use serde::{Deserialize, Serialize};

/// What is counted of a version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that it was to answer.
    pub requests: u64,
    /// Those of them that it failed, through no fault of the client.
    pub failures: u64,
    /// How long all of them together took, in seconds.
    pub seconds: f64,
    /// Rows that it computed as a shadow.
    pub rows: u64,
    /// Those of them that agree with the answer that was given.
    pub agreeing: u64,
    /// Requests that it failed as a shadow.
    pub shadow_errors: u64,
}

impl Counts {
    /// What was counted since an earlier reading. A server that was started anew meanwhile began at nothing.
    fn since(self, before: Self) -> Self {
        let restarted =
            self.requests < before.requests || self.rows < before.rows || self.shadow_errors < before.shadow_errors;
        if restarted {
            return self;
        }
        Self {
            requests: self.requests - before.requests,
            failures: self.failures.saturating_sub(before.failures),
            seconds: (self.seconds - before.seconds).max(0.0),
            rows: self.rows - before.rows,
            agreeing: self.agreeing.saturating_sub(before.agreeing),
            shadow_errors: self.shadow_errors - before.shadow_errors,
        }
    }

    fn add(&mut self, more: Self) {
        self.requests += more.requests;
        self.failures += more.failures;
        self.seconds += more.seconds;
        self.rows += more.rows;
        self.agreeing += more.agreeing;
        self.shadow_errors += more.shadow_errors;
    }

    #[expect(clippy::cast_precision_loss, reason = "a share, for a comparison")]
    fn error_rate(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failures as f64 / self.requests as f64 }
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean, for a comparison")]
    fn mean_seconds(self) -> f64 {
        self.seconds / self.requests as f64
    }

    /// Rows that it was to compute as a shadow: what it failed is taken for one row each, which is the least it can be.
    fn compared(self) -> u64 {
        self.rows + self.shadow_errors
    }

    #[expect(clippy::cast_precision_loss, reason = "a share, for a comparison")]
    fn agreement(self) -> f64 {
        self.agreeing as f64 / self.compared() as f64
    }
}

/// What was counted of the current version and of the candidate since the candidate was first looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Of the current version.
    pub current: Counts,
    /// Of the candidate.
    pub candidate: Counts,
    /// What each server said last, of both in this order.
    servers: BTreeMap<String, (Counts, Counts)>,
}

impl Watch {
    /// Takes in what a server's counters say now. What they said the first time was before.
    pub fn read(&mut self, server: &str, current: Counts, candidate: Counts) {
        if let Some(before) = self.servers.insert(server.to_owned(), (current, candidate)) {
            self.current.add(current.since(before.0));
            self.candidate.add(candidate.since(before.1));
        }
    }
}

/// How a candidate is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// Its share of the requests, in percent.
    pub weight: u32,
    /// The share that it computes as a shadow, in percent.
    pub shadow: u32,
    /// How long it has been tried.
    pub age: Duration,
    /// Whether it was decided that it stays until somebody decides.
    pub is_kept: bool,
}

/// What becomes of a candidate, and why. `Promoted` and `Withdrawn` are for the caller to do.
pub fn decide(rules: &CanaryRules, watch: &Watch, trial: Trial) -> (CanaryOutcome, String) {
    if let Some(reason) = fault(rules, watch) {
        return (CanaryOutcome::Withdrawn, reason);
    }
    let Counts { requests, .. } = watch.candidate;
    let (compared, least) = (watch.candidate.compared(), rules.min_requests);
    let must_agree = rules.min_agreement.is_some() && trial.shadow > 0;
    let missing = if trial.weight == 0 && trial.shadow == 0 {
        Some("it gets no requests: give it a weight, or let it shadow".to_owned())
    } else if trial.weight > 0 && requests < least {
        Some(format!("{requests} of {least} requests so far"))
    } else if (must_agree || trial.weight == 0) && compared < least {
        Some(format!("{compared} of {least} rows compared so far"))
    } else {
        None
    };
    let minutes = rules.within_minutes;
    match missing {
        None if trial.is_kept || rules.on_pass == OnPass::Keep => (CanaryOutcome::Kept, passed(watch)),
        None => (CanaryOutcome::Promoted, passed(watch)),
        Some(missing) if trial.is_kept || trial.age >= Duration::from_mins(u64::from(minutes)) => {
            (CanaryOutcome::Kept, format!("not decided within {minutes} minutes: {missing}"))
        }
        Some(missing) => (CanaryOutcome::Waiting, missing),
    }
}

/// The rule that a candidate does not keep to.
fn fault(rules: &CanaryRules, Watch { current, candidate, .. }: &Watch) -> Option<String> {
    let least = rules.min_requests;
    if candidate.requests >= least {
        let (rate, other) = (candidate.error_rate(), current.error_rate());
        if rate - other > rules.max_error_rate {
            let most = percent(rules.max_error_rate);
            return Some(format!(
                "it failed {} of {} requests, {}; the current version {}: more than {most} more",
                candidate.failures,
                candidate.requests,
                percent(rate),
                percent(other)
            ));
        }
        // A mean of a few requests says little of the current version.
        if current.requests >= least && candidate.mean_seconds() > current.mean_seconds() * rules.max_latency_ratio {
            let (slow, quick) = (candidate.mean_seconds() * 1000.0, current.mean_seconds() * 1000.0);
            return Some(format!(
                "a request takes it {slow:.2} ms, the current version {quick:.2} ms: more than {} times as long",
                rules.max_latency_ratio
            ));
        }
    }
    let agrees = |least: &f64| candidate.agreement() >= *least;
    let wanted = rules.min_agreement.filter(|wanted| candidate.compared() >= least && !agrees(wanted))?;
    Some(format!(
        "{} of {} rows agree with the current version's answers, {}: less than {}",
        candidate.agreeing,
        candidate.compared(),
        percent(candidate.agreement()),
        percent(wanted)
    ))
}

fn passed(Watch { candidate, .. }: &Watch) -> String {
    let mut kept = Vec::new();
    if candidate.requests > 0 {
        kept.push(format!("{} requests, {} of them failed", candidate.requests, candidate.failures));
    }
    if candidate.compared() > 0 {
        kept.push(format!("{} of {} compared rows agree", candidate.agreeing, candidate.compared()));
    }
    format!("it keeps to its rules: {}", kept.join(", "))
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}
