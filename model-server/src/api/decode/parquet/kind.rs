//! What a column's values are, and a value as the model takes it.

use arrow_array::{ArrowPrimitiveType, types::Float16Type};
use scoring::{Unit, Value, date, decimal, time};

use super::thrift::{Kind as Of, Thrift};

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Bits,
    /// So many bytes each.
    Fixed(usize, Stored),
    /// Bytes, each with their length.
    Bytes,
}

/// What is stored in values of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    Int,
    Float,
    /// Nanoseconds of a day, and the day: a time as it was written before there were 64 bits for it.
    Time96,
    Bytes,
}

impl Physical {
    pub(super) fn of(code: i64, length: usize) -> Option<Self> {
        Some(match code {
            0 => Self::Bits,
            1 => Self::Fixed(4, Stored::Int),
            2 => Self::Fixed(8, Stored::Int),
            3 => Self::Fixed(12, Stored::Time96),
            4 => Self::Fixed(4, Stored::Float),
            5 => Self::Fixed(8, Stored::Float),
            6 => Self::Bytes,
            7 if length > 0 => Self::Fixed(length, Stored::Bytes),
            _ => return None,
        })
    }
}

/// What a file says that values mean.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Annotation {
    meaning: Option<Meaning>,
    pub(super) scale: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Text,
    Decimal,
    Unsigned,
    Date,
    TimeOfDay,
    Timestamp(Unit, bool),
    Half,
    /// What no column takes.
    Other,
}

impl Annotation {
    /// The older form of it, a number.
    pub(super) fn converted(&mut self, code: i64) {
        // The newer form says more.
        let _ = self.meaning.get_or_insert(match code {
            // Text, an enumeration's word, JSON.
            0 | 4 | 19 => Meaning::Text,
            5 => Meaning::Decimal,
            6 => Meaning::Date,
            7 | 8 => Meaning::TimeOfDay,
            9 => Meaning::Timestamp(Unit::Millis, true),
            10 => Meaning::Timestamp(Unit::Micros, true),
            11..=14 => Meaning::Unsigned,
            // Signed numbers mean themselves.
            15..=18 => return,
            _ => Meaning::Other,
        });
    }

    /// The newer form, a union.
    pub(super) fn logical(&mut self, thrift: &mut Thrift<'_>) -> Option<()> {
        let (mut meaning, mut scale) = (None, None);
        thrift.fields(&mut |id, kind, thrift| {
            if kind != Of::Struct {
                return Some(false);
            }
            let (mut utc, mut unit, mut signed, mut read_scale) = (false, Unit::Millis, true, None);
            thrift.fields(&mut |field, kind, thrift| {
                match (id, field, kind) {
                    (5, 1, Of::Int) => read_scale = Some(thrift.int()?),
                    (8, 1, Of::Bool(said)) => utc = said,
                    (8, 2, Of::Struct) => {
                        thrift.fields(&mut |field, _, _| {
                            unit = match field {
                                2 => Unit::Micros,
                                3 => Unit::Nanos,
                                _ => Unit::Millis,
                            };
                            Some(false)
                        })?;
                    }
                    (10, 2, Of::Bool(said)) => signed = said,
                    _ => return Some(false),
                }
                Some(true)
            })?;
            scale = scale.or(read_scale);
            meaning = match id {
                1 | 4 | 12 => Some(Meaning::Text),
                5 => Some(Meaning::Decimal),
                6 => Some(Meaning::Date),
                7 => Some(Meaning::TimeOfDay),
                8 => Some(Meaning::Timestamp(unit, utc)),
                10 => (!signed).then_some(Meaning::Unsigned),
                15 => Some(Meaning::Half),
                // Of what is always missing.
                11 => None,
                _ => Some(Meaning::Other),
            };
            Some(true)
        })?;
        self.meaning = meaning.or(self.meaning);
        self.scale = scale.unwrap_or(self.scale);
        Some(())
    }
}

/// What a column's values are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) physical: Physical,
    meaning: Option<Meaning>,
    scale: i64,
}

impl Kind {
    pub(super) fn of(physical: Physical, Annotation { meaning, scale }: Annotation) -> Self {
        Self { physical, meaning, scale }
    }

    /// The value that is stored so.
    pub(super) fn value(self, stored: &[u8]) -> Value<'_> {
        use Stored::{Bytes, Float, Int, Time96};
        match (self.physical, self.meaning) {
            (Physical::Bits, _) => Value::Bool(stored != [0]),
            (Physical::Fixed(_, Int), None) => Value::Int(signed(stored)),
            (Physical::Fixed(_, Int), Some(Meaning::Unsigned)) => Value::Unsigned(unsigned(stored)),
            (Physical::Fixed(_, Int), Some(Meaning::Date)) => Value::Time(date(signed(stored))),
            (Physical::Fixed(_, Int), Some(Meaning::Timestamp(unit, utc))) => Value::Time(time(signed(stored), unit, utc)),
            (Physical::Fixed(_, Int), Some(Meaning::TimeOfDay)) => Value::Other("a time of day"),
            (Physical::Fixed(_, Int), Some(Meaning::Decimal)) => Value::Float(decimal(signed(stored), self.scale)),
            (Physical::Fixed(_, Bytes) | Physical::Bytes, Some(Meaning::Decimal)) => match big_endian(stored) {
                Some(unscaled) => Value::Float(decimal(unscaled, self.scale)),
                None => Value::Other("a decimal of more than 38 digits"),
            },
            (Physical::Fixed(_, Float), _) => match *stored {
                [a, b, c, d] => Value::Float(f32::from_le_bytes([a, b, c, d]).into()),
                _ => Value::Float(f64::from_bits(unsigned(stored))),
            },
            (Physical::Fixed(2, Bytes), Some(Meaning::Half)) => Value::Float(half(unsigned(stored))),
            (Physical::Fixed(_, Time96), _) => Value::Time(time96(stored)),
            (Physical::Bytes, Some(Meaning::Text)) => {
                str::from_utf8(stored).map_or(Value::Other("bytes that are not UTF-8"), Value::Text)
            }
            _ => Value::Other("bytes"),
        }
    }
}

fn unsigned(stored: &[u8]) -> u64 {
    stored.iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

fn signed(stored: &[u8]) -> i64 {
    let unused = 64 - 8 * u32::try_from(stored.len()).unwrap_or(8).min(8);
    unsigned(stored).cast_signed() << unused >> unused
}

/// A whole number of any length, the highest byte first, if it is one of sixteen bytes.
fn big_endian(stored: &[u8]) -> Option<i128> {
    let is_negative = stored.first().is_some_and(|first| first & 0x80 != 0);
    let (sign, filling) = if is_negative { (-1, 0xff) } else { (0, 0) };
    let (more, stored) = stored.split_at(stored.len().saturating_sub(16));
    let number = stored.iter().fold(sign, |bits, byte| bits << 8 | i128::from(*byte));
    (more.iter().all(|byte| *byte == filling) && (number < 0) == is_negative).then_some(number)
}

fn half(bits: u64) -> f64 {
    type Half = <Float16Type as ArrowPrimitiveType>::Native;
    Half::from_bits(u16::try_from(bits).unwrap_or_default()).to_f64()
}

/// Of no zone.
fn time96(stored: &[u8]) -> Option<String> {
    let (nanos, day) = stored.split_at_checked(8)?;
    // Days are counted from noon of one in 4713 BC.
    let days = i64::try_from(unsigned(day)).ok()?.checked_sub(2_440_588)?;
    let seconds = days.checked_mul(86_400_000_000_000)?.checked_add(signed(nanos))?;
    time(seconds, Unit::Nanos, false)
}
