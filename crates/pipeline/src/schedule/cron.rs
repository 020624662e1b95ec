//! Cron patterns in time zones.

use croner::parser::{CronParser, Seconds, Year};
use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

/// How long a pattern may be, in bytes.
const LONGEST: usize = 200;

/// A cron pattern that is none, or a time zone that there isn't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The pattern can't be read, or no moment is ever of it.
    #[error(
        "{pattern:?} is no cron pattern: {reason}; it has five fields, minute hour day month weekday, as in 30 2 * * 1-5"
    )]
    Pattern {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The zone is unknown.
    #[error("{0:?} is no time zone; name one as the IANA database does, as in Europe/Berlin, or UTC")]
    Zone(String),
}

/// A cron pattern in a time zone: five fields, or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`; with `L`, `#` and
/// `W` for last, nth and nearest days.
///
/// What has its hours happens at them once each day: where clocks are put forward over a time, right after that; where they are put back
/// and a time comes twice, the first time. What comes in every hour (`*`) goes by the time that passes. So `cron(8)` has it, of Vixie.
#[derive(Debug, Clone)]
pub struct Cron {
    pattern: croner::Cron,
    zone: TimeZone,
    in_every_hour: bool,
}

impl Cron {
    /// Reads a pattern and the name of a time zone.
    pub fn parse(pattern: &str, zone: &str) -> Result<Self, CronError> {
        let wrong = |reason: String| CronError::Pattern { pattern: pattern.chars().take(LONGEST).collect(), reason };
        if pattern.len() > LONGEST {
            return Err(wrong(format!("it is longer than {LONGEST} characters")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let read = parser.parse(pattern).map_err(|error| wrong(error.to_string().trim_end_matches('.').to_owned()))?;
        let zone = TimeZone::get(zone).map_err(|_| CronError::Zone(zone.to_owned()))?;
        let hours = pattern.split_whitespace().nth(1).unwrap_or(pattern);
        let in_every_hour = hours.contains('*') || hours.eq_ignore_ascii_case("@hourly");
        let cron = Self { pattern: read, zone, in_every_hour };
        // Such as of the 30th of February.
        if cron.after(Timestamp::UNIX_EPOCH).next().is_none() {
            return Err(wrong("no day is ever of it".to_owned()));
        }
        Ok(cron)
    }

    /// The moments of the pattern that come after one, in their order.
    pub fn after(&self, moment: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        let mut last = moment;
        let mut clock = self.zone.to_datetime(moment);
        std::iter::from_fn(move || {
            loop {
                let found = if self.in_every_hour {
                    self.pattern.find_next_occurrence(&last.to_zoned(self.zone.clone()), false).ok()?.timestamp()
                } else {
                    clock = self.pattern.find_next_occurrence(&clock, false).ok()?;
                    self.instant(clock)?
                };
                // Two times that the clocks were put forward over come at one moment; and one that comes twice was.
                if found > last {
                    last = found;
                    return Some(found);
                }
                if self.in_every_hour {
                    return None;
                }
            }
        })
    }

    /// When the clocks show a time; where they never do, when they were put forward over it.
    fn instant(&self, clock: DateTime) -> Option<Timestamp> {
        match self.zone.to_ambiguous_timestamp(clock).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(clock).ok()
            }
            AmbiguousOffset::Gap { after, .. } => {
                let before = after.to_timestamp(clock).ok()?;
                self.zone.following(before).next().map(|change| change.timestamp())
            }
        }
    }

    /// The pattern in English.
    pub fn describe(&self) -> String {
        self.pattern.describe()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// The moments of a pattern after one, in the zone's own time.
    fn moments(pattern: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(pattern, zone).unwrap();
        let shown = |moment: Timestamp| {
            let there = moment.to_zoned(TimeZone::get(zone).unwrap());
            format!("{}{}", there.datetime(), there.offset())
        };
        cron.after(after.parse().unwrap()).take(count).map(shown).collect()
    }

    #[test]
    fn a_fixed_time_that_the_clocks_are_put_forward_over_comes_right_after() {
        let berlin = moments("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
        assert_eq!(berlin, ["2026-03-28T02:30:00+01", "2026-03-29T03:00:00+02", "2026-03-30T02:30:00+02"]);
        let new_york = moments("30 2 * * *", "America/New_York", "2026-03-07T00:00:00Z", 3);
        assert_eq!(new_york, ["2026-03-07T02:30:00-05", "2026-03-08T03:00:00-04", "2026-03-09T02:30:00-04"]);
        // Half an hour, and in October.
        let lord_howe = moments("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T10:00:00Z", 2);
        assert_eq!(lord_howe, ["2026-10-03T02:15:00+10:30", "2026-10-04T02:30:00+11"]);
    }

    #[test]
    fn a_fixed_time_that_comes_twice_counts_the_first_time() {
        let berlin = moments("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 3);
        assert_eq!(berlin, ["2026-10-24T02:30:00+02", "2026-10-25T02:30:00+02", "2026-10-26T02:30:00+01"]);
        let new_york = moments("30 1 * * *", "America/New_York", "2026-10-31T00:00:00Z", 3);
        assert_eq!(new_york, ["2026-10-31T01:30:00-04", "2026-11-01T01:30:00-04", "2026-11-02T01:30:00-05"]);
        let lord_howe = moments("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T20:00:00Z", 2);
        assert_eq!(lord_howe, ["2026-04-05T01:45:00+11", "2026-04-06T01:45:00+10:30"]);
    }

    #[test]
    fn several_times_a_day_are_fixed_ones_too() {
        let twice = moments("30 2,14 * * *", "Europe/Berlin", "2026-03-28T14:00:00Z", 3);
        assert_eq!(twice, ["2026-03-29T03:00:00+02", "2026-03-29T14:30:00+02", "2026-03-30T02:30:00+02"]);
        let twice = moments("30 2,14 * * 0-6", "Europe/Berlin", "2026-10-24T14:00:00Z", 3);
        assert_eq!(twice, ["2026-10-25T02:30:00+02", "2026-10-25T14:30:00+01", "2026-10-26T02:30:00+01"]);
        // All that falls into one gap comes at one moment, and with what comes then anyway.
        let often = moments("*/20 2-3 * * *", "Europe/Berlin", "2026-03-28T14:00:00Z", 4);
        assert_eq!(
            often,
            ["2026-03-29T03:00:00+02", "2026-03-29T03:20:00+02", "2026-03-29T03:40:00+02", "2026-03-30T02:00:00+02"]
        );
        // From within the hour that comes twice, both times.
        for from in ["2026-10-25T00:45:00Z", "2026-10-25T01:45:00Z"] {
            assert_eq!(moments("30 2 * * *", "Europe/Berlin", from, 1), ["2026-10-26T02:30:00+01"]);
        }
        // The clocks went over the whole of that day.
        let samoa = moments("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", 2);
        assert_eq!(samoa, ["2011-12-31T00:00:00+14", "2012-12-30T12:00:00+14"]);
    }

    #[test]
    fn what_comes_every_so_often_goes_by_the_time_that_passes() {
        for (zone, from) in [
            ("Europe/Berlin", "2026-03-28T12:00:00Z"),
            ("Europe/Berlin", "2026-10-24T12:00:00Z"),
            ("America/New_York", "2026-03-07T12:00:00Z"),
            ("America/New_York", "2026-10-31T12:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
            ("Asia/Kathmandu", "2026-10-24T12:00:00Z"),
        ] {
            let cron = Cron::parse("*/15 * * * *", zone).unwrap();
            let mut last: Timestamp = from.parse().unwrap();
            for moment in cron.after(last).take(4 * 36) {
                assert_eq!(moment.duration_since(last).as_secs(), 900, "{zone} at {moment}");
                last = moment;
            }
        }
    }

    #[test]
    fn days_are_counted_as_cron_does() {
        let leap = moments("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2);
        assert_eq!(leap, ["2028-02-29T00:00:00+00", "2032-02-29T00:00:00+00"]);
        let month_ends = moments("0 6 L * *", "UTC", "2026-01-15T00:00:00Z", 2);
        assert_eq!(month_ends, ["2026-01-31T06:00:00+00", "2026-02-28T06:00:00+00"]);
        // A day of the month, or of the week.
        let either = moments("0 0 13 * 5", "UTC", "2026-01-01T00:00:00Z", 4);
        assert_eq!(
            either,
            ["2026-01-02T00:00:00+00", "2026-01-09T00:00:00+00", "2026-01-13T00:00:00+00", "2026-01-16T00:00:00+00"]
        );
        assert_eq!(moments("@daily", "Asia/Kathmandu", "2026-01-01T00:00:00Z", 1), ["2026-01-02T00:00:00+05:45"]);
    }

    #[test]
    fn what_is_none_is_refused_with_what_it_should_be() {
        for wrong in
            ["", "* * * *", "* * * * * *", "61 * * * *", "a b c d e", "0 0 30 2 *", "*/0 * * * *", "0 0 * * * 2030 1"]
        {
            let error = Cron::parse(wrong, "UTC").unwrap_err();
            assert!(error.to_string().contains("five fields"), "{wrong:?}: {error}");
        }
        assert!(Cron::parse(&"1,".repeat(200), "UTC").is_err());
        for wrong in ["", "Berlin", "Europe/berlin2", "+02:00", "../../etc/passwd"] {
            assert!(matches!(Cron::parse("0 0 * * *", wrong), Err(CronError::Zone(_))), "{wrong}");
        }
        assert!(Cron::parse("0 2 * * *", "Europe/Berlin").unwrap().describe().contains("02:00"));
    }
}
