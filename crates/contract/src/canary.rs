//! A version that is tried beside the one that serves: by which rules it is taken on or back, and what they came to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a candidate has to keep to. It is compared with the current version, over what both were asked since it began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CanaryRules {
    /// How many requests it must have answered, or rows it must have computed as a shadow, before anything is said of it.
    pub min_requests: u64,
    /// How much greater its share of failed requests may be than the current version's, from 0 to 1. Requests that the
    /// client got wrong count for neither.
    pub max_error_rate: f64,
    /// How many times as long as the current version it may take for a request.
    pub max_latency_ratio: f64,
    /// How many of its answers as a shadow must be the current version's, from 0 to 1; null: they need not agree.
    #[schema(required)]
    pub min_agreement: Option<f64>,
    /// How long it is waited for enough requests, in minutes. After that it stays as it is, until somebody decides.
    pub within_minutes: u32,
    /// What becomes of one that keeps to all of it.
    pub on_pass: OnPass,
}

/// What becomes of a candidate that keeps to its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnPass {
    /// It becomes the current version.
    Promote,
    /// It stays a candidate, until somebody decides.
    Keep,
}

impl Default for CanaryRules {
    fn default() -> Self {
        Self {
            min_requests: 200,
            max_error_rate: 0.01,
            max_latency_ratio: 1.5,
            min_agreement: None,
            within_minutes: 60,
            on_pass: OnPass::Keep,
        }
    }
}

impl CanaryRules {
    /// Why nothing can keep to these, or everything does.
    pub fn check(&self) -> Result<(), &'static str> {
        let share = |share: f64| (0.0..=1.0).contains(&share);
        if self.min_requests == 0 {
            return Err("min_requests must be at least 1");
        }
        if !share(self.max_error_rate) {
            return Err("max_error_rate must be from 0 to 1: 0.01 allows one failed request in a hundred more");
        }
        if !self.max_latency_ratio.is_finite() || self.max_latency_ratio <= 0.0 {
            return Err("max_latency_ratio must be greater than 0: 1.5 allows half as long again");
        }
        if self.min_agreement.is_some_and(|least| !share(least)) {
            return Err("min_agreement must be from 0 to 1, or null");
        }
        if !(1..=60 * 24 * 30).contains(&self.within_minutes) {
            return Err("within_minutes must be from 1 to 43200, which is 30 days");
        }
        Ok(())
    }
}

/// What a candidate's rules came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CanaryVerdict)]
pub struct CanaryVerdict {
    /// When they were looked at.
    pub at: Timestamp,
    /// What it is.
    pub outcome: CanaryOutcome,
    /// Why, in words.
    pub reason: String,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CanaryOutcome {
    /// Too little is known of it yet.
    Waiting,
    /// It became the current version. What is the candidate now is what that took the place of: loaded, for the way back.
    Promoted,
    /// It did not keep to its rules: it is not served any more.
    Withdrawn,
    /// It stays a candidate, until somebody decides.
    Kept,
}

impl CanaryOutcome {
    /// Whether the candidate is tried no more: another one can take its place.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Promoted | Self::Withdrawn)
    }
}
