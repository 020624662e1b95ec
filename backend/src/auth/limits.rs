//! How often something may fail: signing in, and keys that there are not.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use service::ApiError;

/// Of how many it is remembered that they failed.
const MOST: usize = 4096;

/// Counts failures, by a text.
#[derive(Debug)]
pub(crate) struct Limiter {
    most: u32,
    per: Duration,
    failed: Mutex<HashMap<String, (Instant, u32)>>,
}

impl Limiter {
    /// So many failures in a time, and none that succeeds until it is over.
    pub(super) fn new(most: u32, per: Duration) -> Self {
        Self { most, per, failed: Mutex::default() }
    }

    /// 429 for who has failed too often.
    pub(crate) fn check(&self, who: &str) -> Result<(), ApiError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match failed.get(who) {
            Some((since, count)) if *count >= self.most && since.elapsed() < self.per => {
                let rest = self.per.saturating_sub(since.elapsed()).as_secs() + 1;
                Err(too_often(rest))
            }
            _ => Ok(()),
        }
    }

    /// An attempt that was counted as failed before it was looked at, as many come at once, has not failed.
    pub(crate) fn forgive(&self, who: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = failed.get_mut(who) {
            *count = count.saturating_sub(1);
        }
    }

    /// Somebody has failed.
    pub(crate) fn failed(&self, who: &str) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= MOST && !failed.contains_key(who) {
            let per = self.per;
            failed.retain(|_, (since, _)| since.elapsed() < per);
            if failed.len() >= MOST {
                let oldest = failed.iter().min_by_key(|(_, (since, _))| *since).map(|(who, _)| who.clone());
                oldest.and_then(|who| failed.remove(&who));
            }
        }
        let entry = failed.entry(who.to_owned()).or_insert((Instant::now(), 0));
        if entry.0.elapsed() >= self.per {
            *entry = (Instant::now(), 0);
        }
        entry.1 += 1;
    }
}

/// 429.
pub(super) fn too_often(seconds: u64) -> ApiError {
    let detail = format!("too many attempts; try again in {seconds} s");
    let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail);
    error.with_header(RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_too_often_waits_and_nobody_else() {
        let limiter = Limiter::new(3, Duration::from_mins(1));
        for _ in 0..3 {
            assert!(limiter.check("one").is_ok());
            limiter.failed("one");
        }
        assert!(limiter.check("one").is_err() && limiter.check("other").is_ok());
        limiter.forgive("one");
        assert!(limiter.check("one").is_ok());
        let passed = Limiter::new(1, Duration::ZERO);
        passed.failed("one");
        assert!(passed.check("one").is_ok(), "the time is over");
    }

    #[test]
    fn never_more_than_so_many_are_remembered() {
        let limiter = Limiter::new(1, Duration::from_mins(1));
        for number in 0..MOST + 10 {
            limiter.failed(&number.to_string());
        }
        assert_eq!(limiter.failed.lock().expect("unpoisoned").len(), MOST);
        assert!(limiter.check(&(MOST + 9).to_string()).is_err() && limiter.check("0").is_ok());
    }
}
