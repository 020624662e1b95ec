//! Which firings of a schedule are due.

use std::{collections::VecDeque, time::Duration};

use contract::Misfire;
use jiff::{SignedDuration, Timestamp};

use super::Cron;

/// How late a firing may be that is still in time.
pub const GRACE: Duration = Duration::from_mins(1);
/// How many firings that nobody was there for are made up for, or told of; the newest.
const MADE_UP: usize = 1_000;
const TOLD: usize = 20;
/// How long ago those may be that are spoken of: they are gone through one by one.
const SPOKEN_OF: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What becomes of the firings that are due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// It comes in time.
    pub now: Option<Timestamp>,
    /// They come late, and are made up for; in their order.
    pub made_up: Vec<Timestamp>,
    /// They are left out; the newest of them, in their order.
    pub left_out: Vec<Timestamp>,
    /// How many more than those are left out.
    pub untold: u64,
    /// The next one.
    pub next: Option<Timestamp>,
}

/// What becomes of the firings from `next`, the one that was to come, to `now`.
pub fn due(cron: &Cron, next: Timestamp, now: Timestamp, misfire: Misfire) -> Due {
    let mut due = Due { next: Some(next), ..Due::default() };
    if next > now {
        return due;
    }
    let (mut passed, mut dropped) = (VecDeque::new(), 0);
    let long_ago = now.saturating_sub(SPOKEN_OF).unwrap_or(Timestamp::MIN);
    // The first of them is not after itself.
    let first = (next >= long_ago).then_some(next);
    due.next = None;
    for moment in first.into_iter().chain(cron.after(next.max(long_ago))) {
        if moment > now {
            due.next = Some(moment);
            break;
        }
        if passed.len() == MADE_UP {
            passed.pop_front();
            dropped += 1;
        }
        passed.push_back(moment);
    }
    let is_late = |moment: Timestamp| now.duration_since(moment).unsigned_abs() > GRACE;
    // Of two in time, which only an impatient pattern has, the newer one counts.
    due.now = passed.pop_back_if(|newest| !is_late(*newest));
    let mut late: Vec<_> = passed.into();
    due.made_up = match misfire {
        Misfire::All => std::mem::take(&mut late),
        Misfire::Once if due.now.is_none() => late.pop().into_iter().collect(),
        Misfire::Once | Misfire::Skip => Vec::new(),
    };
    let untold = late.len().saturating_sub(TOLD);
    due.left_out = late.split_off(untold);
    due.untold = dropped + untold as u64;
    due
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-12-{text}Z").parse().unwrap()
    }

    fn of(pattern: &str, next: &str, now: &str, misfire: Misfire) -> Due {
        due(&Cron::parse(pattern, "UTC").unwrap(), at(next), at(now), misfire)
    }

    #[test]
    fn one_that_is_in_time_comes_whatever_the_policy() {
        for misfire in [Misfire::Skip, Misfire::Once, Misfire::All] {
            let due = of("0 * * * *", "01T10:00:00", "01T10:00:07", misfire);
            let expected = Due { now: Some(at("01T10:00:00")), next: Some(at("01T11:00:00")), ..Due::default() };
            assert_eq!(due, expected);
        }
    }

    #[test]
    fn before_its_time_nothing_comes_even_if_the_clock_was_put_back() {
        for now in ["01T09:59:59", "01T03:00:00"] {
            let due = of("0 * * * *", "01T10:00:00", now, Misfire::All);
            assert_eq!(due, Due { next: Some(at("01T10:00:00")), ..Due::default() });
        }
    }

    #[test]
    fn those_that_nobody_was_there_for_are_left_out_stand_for_one_or_each_come() {
        let hours = |hours: &[u32]| hours.iter().map(|hour| at(&format!("01T{hour:02}:00:00"))).collect::<Vec<_>>();
        let (from, until) = ("01T10:00:00", "01T13:30:00");
        let skip = of("0 * * * *", from, until, Misfire::Skip);
        assert_eq!((skip.now, skip.made_up, skip.left_out), (None, vec![], hours(&[10, 11, 12, 13])));
        let once = of("0 * * * *", from, until, Misfire::Once);
        assert_eq!((once.now, once.made_up, once.left_out), (None, hours(&[13]), hours(&[10, 11, 12])));
        let all = of("0 * * * *", from, until, Misfire::All);
        assert_eq!((all.now, all.made_up, all.left_out), (None, hours(&[10, 11, 12, 13]), vec![]));
        assert_eq!([skip.next, once.next, all.next], [Some(at("01T14:00:00")); 3]);
    }

    #[test]
    fn one_in_time_stands_for_those_before_it_unless_each_is_wanted() {
        let once = of("0 * * * *", "01T10:00:00", "01T12:00:30", Misfire::Once);
        assert_eq!((once.now, once.made_up.len(), once.left_out.len()), (Some(at("01T12:00:00")), 0, 2));
        let all = of("0 * * * *", "01T10:00:00", "01T12:00:30", Misfire::All);
        assert_eq!((all.now, all.made_up.len(), all.left_out.len()), (Some(at("01T12:00:00")), 2, 0));
    }

    #[test]
    fn after_years_of_every_minute_the_newest_are_made_up_for_and_the_rest_is_counted() {
        let cron = Cron::parse("* * * * *", "UTC").unwrap();
        let (next, now) = ("2026-01-01T00:00:00Z".parse().unwrap(), at("01T00:00:30"));
        let all = due(&cron, next, now, Misfire::All);
        // 334 days, and the minute that has just begun.
        assert_eq!((all.now, all.made_up.len(), all.untold), (Some(at("01T00:00:00")), 999, 334 * 1440 + 1 - 1_000));
        let skip = due(&cron, next, now, Misfire::Skip);
        assert_eq!((skip.left_out.len(), skip.untold), (20, 334 * 1440 - 20));
        assert_eq!(skip.next, Some(at("01T00:01:00")));
        let long_ago = due(&cron, "2001-01-01T00:00:00Z".parse().unwrap(), now, Misfire::All);
        assert_eq!(long_ago.made_up.len(), 999);
        assert_eq!((long_ago.made_up.last(), long_ago.next), (Some(&"2026-11-30T23:59:00Z".parse().unwrap()), all.next));
    }
}
