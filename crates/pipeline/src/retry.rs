//! When a phase that met a passing trouble (a host unreachable, a server overloaded) is tried again.

use std::time::Duration;

/// How many times a phase is started, the first time included, before its pipeline fails.
pub const MAX_ATTEMPTS: u32 = 6;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);

/// How long to wait after the `attempt`-th try (from 1) has failed: 1 s, doubled each time, at most 60 s.
pub fn backoff(attempt: u32) -> Duration {
    let factor = 2_u32.checked_pow(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST.saturating_mul(factor).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_never_overflow() {
        let seconds: Vec<u64> = (0..=8).map(|attempt| backoff(attempt).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff(u32::MAX), LONGEST);
    }
}
