//! Schedules while time goes by as it likes: three workers look, clocks jump, sleep, and are set back, through both changes of
//! daylight saving time. The clock is the test's.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use contract::Misfire;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use pipeline::schedule::{Cron, GRACE, due};
use proptest::prelude::*;

/// Zones of both hemispheres, and one that moves by half an hour; each with the days around its changes.
const ZONES: [(&str, &str, &str); 3] = [
    ("Europe/Berlin", "2026-03-28", "2026-10-24"),
    ("America/New_York", "2026-03-07", "2026-10-31"),
    ("Australia/Lord_Howe", "2026-10-03", "2026-04-04"),
];
const PATTERNS: [&str; 4] = ["30 2 * * *", "*/10 * * * *", "0 1,2,3 * * *", "15 * * * *"];

/// What is kept of a schedule, as the store keeps it.
struct Kept {
    cron: Cron,
    misfire: Misfire,
    next: Timestamp,
    fired: BTreeMap<Timestamp, bool>,
}

impl Kept {
    fn new(pattern: &str, zone: &str, misfire: Misfire, from: Timestamp) -> Self {
        let cron = Cron::parse(pattern, zone).unwrap();
        let next = cron.after(from).next().unwrap();
        Self { cron, misfire, next, fired: BTreeMap::new() }
    }

    /// A worker looks: at what it read before, which may be another one's past by now.
    fn look(&mut self, read: Timestamp, now: Timestamp) {
        if read > now {
            return;
        }
        let due = due(&self.cron, read, now, self.misfire);
        // As the store has it: only who read what is still so notes something.
        if self.next != read {
            return;
        }
        self.next = due.next.unwrap();
        for moment in due.now.iter().chain(&due.made_up) {
            assert_eq!(self.fired.insert(*moment, true), None, "{moment} fires twice");
        }
        for moment in due.left_out {
            assert_eq!(self.fired.insert(moment, false), None, "{moment} is left out, and was not");
        }
    }
}

fn midnight(day: &str, zone: &str) -> Timestamp {
    TimeZone::get(zone).unwrap().to_timestamp(day.parse::<jiff::civil::Date>().unwrap().at(0, 0, 0, 0)).unwrap()
}

#[test]
fn through_both_changes_each_moment_comes_once_while_somebody_is_there() {
    for (zone, forward, back) in ZONES {
        for from in [forward, back] {
            for pattern in PATTERNS {
                let from = midnight(from, zone);
                let mut kept = Kept::new(pattern, zone, Misfire::Skip, from);
                let mut now = from;
                let end = from + SignedDuration::from_hours(72);
                while now < end {
                    // Three workers see to it, one after the other.
                    for late in 0..3 {
                        let read = kept.next;
                        kept.look(read, now + SignedDuration::from_secs(late));
                    }
                    now += SignedDuration::from_secs(17);
                }
                let expected: Vec<_> = kept.cron.after(from).take_while(|moment| *moment < kept.next).collect();
                assert!(expected.len() >= 3);
                assert!(kept.fired.values().all(|fired| *fired), "{pattern} in {zone}: none is late");
                assert_eq!(kept.fired.keys().copied().collect::<Vec<_>>(), expected, "{pattern} in {zone}");
                if pattern == "30 2 * * *" {
                    assert_eq!(expected.len(), 3, "{zone}: once a day");
                }
            }
        }
    }
}

/// What the clock does between two looks, in seconds: it goes on, sleeps for hours, or is set back.
fn steps() -> impl Strategy<Value = Vec<(usize, i64)>> {
    let step = prop_oneof![6 => 1..45_i64, 2 => 60..40_000_i64, 1 => -8_000..0_i64];
    prop::collection::vec((0..3_usize, step), 1..200)
}

proptest! {
    #[test]
    fn whatever_the_clock_does_none_comes_twice_and_each_as_its_policy_says(
        zone in 0..3_usize,
        forward in any::<bool>(),
        pattern in 0..4_usize,
        misfire in prop_oneof![Just(Misfire::Skip), Just(Misfire::Once), Just(Misfire::All)],
        steps in steps(),
    ) {
        let (zone, of_forward, of_back) = ZONES[zone];
        let from = midnight(if forward { of_forward } else { of_back }, zone);
        let mut kept = Kept::new(PATTERNS[pattern], zone, misfire, from);
        let (mut now, mut latest) = (from, from);
        // What each of three workers has read, and may look at only later.
        let mut read = [kept.next; 3];
        for (worker, step) in steps {
            now += SignedDuration::from_secs(step);
            latest = latest.max(now);
            let before = kept.next;
            let (next, known) = (read[worker], kept.fired.len());
            kept.look(next, now);
            read[worker] = kept.next;
            if next != before || before > now {
                prop_assert_eq!(kept.fired.len(), known, "who comes too late, or too early, notes nothing");
                continue;
            }
            let passed: Vec<_> = std::iter::once(before).chain(kept.cron.after(before)).take_while(|moment| *moment <= now).collect();
            let newest = *passed.last().unwrap();
            let in_time = now.duration_since(newest) <= SignedDuration::try_from(GRACE).unwrap();
            for moment in &passed {
                let expected = match misfire {
                    Misfire::All => true,
                    Misfire::Once => *moment == newest,
                    Misfire::Skip => *moment == newest && in_time,
                };
                // Of many that are left out, the newest are told.
                prop_assert!(kept.fired.get(moment).map_or(!expected, |fired| *fired == expected), "{} {:?}", moment, misfire);
            }
            prop_assert!(kept.next > now);
        }
        prop_assert!(kept.fired.keys().all(|moment| *moment <= latest));
    }
}
