//! Times as counts of a unit since 1970, and as the texts that JSON has for them.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::Offset};

/// How many of a unit are a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// One.
    Seconds,
    /// A thousand.
    Millis,
    /// A million.
    Micros,
    /// A thousand million.
    Nanos,
}

impl Unit {
    fn timestamp(self, count: i64) -> Option<Timestamp> {
        match self {
            Self::Seconds => Timestamp::from_second(count),
            Self::Millis => Timestamp::from_millisecond(count),
            Self::Micros => Timestamp::from_microsecond(count),
            Self::Nanos => Timestamp::from_nanosecond(count.into()),
        }
        .ok()
    }
}

/// A time, in UTC or of no zone; none if it is of no year that has four digits.
pub fn time(count: i64, unit: Unit, utc: bool) -> Option<String> {
    let timestamp = unit.timestamp(count)?;
    Some(if utc { timestamp.to_string() } else { Offset::UTC.to_datetime(timestamp).to_string() })
}

/// A date, by its days.
pub fn date(days: i64) -> Option<String> {
    let since = SignedDuration::from_hours(i64::from(i32::try_from(days).ok()?) * 24);
    Date::constant(1970, 1, 1).checked_add(since).ok().map(|date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_the_times_that_they_stand_for() {
        for (given, expected) in [
            (time(0, Unit::Seconds, true), Some("1970-01-01T00:00:00Z")),
            (time(-1, Unit::Millis, false), Some("1969-12-31T23:59:59.999")),
            (time(1_600_000_000_000_001, Unit::Micros, false), Some("2020-09-13T12:26:40.000001")),
            (time(1_600_000_000_000_000_001, Unit::Nanos, true), Some("2020-09-13T12:26:40.000000001Z")),
            (time(i64::MAX, Unit::Seconds, true), None),
            (date(18_518), Some("2020-09-13")),
            (date(-1), Some("1969-12-31")),
            (date(i64::MAX), None),
            (date(i64::from(i32::MIN)), None),
        ] {
            assert_eq!(given.as_deref(), expected);
        }
    }
}
