//! Numbers of 16 bits.

/// The number in 16 bits, of IEEE 754.
pub(super) fn from_half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from((bits >> 10) & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    }
}

/// The nearest number that 16 bits have.
pub(super) fn to_half(value: f64) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    // From one number to the next; below the least exponent, they are as far apart as there.
    let step = 2f64.powi((exponent(value) - 10).max(-24));
    let rounded = (value / step).round_ties_even() * step;
    if rounded.abs() > 65504.0 { f64::INFINITY.copysign(value) } else { rounded }
}

/// The exponent of a number's highest bit.
fn exponent(value: f64) -> i32 {
    i32::try_from((value.to_bits() >> 52) & 0x7ff).unwrap_or_default() - 1023
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_those_of_ieee_754() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 2f64.powi(-14)),
            (0x0001, 2f64.powi(-24)),
            (0x03ff, 1023.0 * 2f64.powi(-24)),
            (0x3555, 0.333_251_953_125),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(from_half(bits).to_bits(), value.to_bits(), "{bits:x}");
            assert_eq!(to_half(value).to_bits(), value.to_bits(), "{value}");
        }
        assert!(from_half(0x7e00).is_nan() && to_half(f64::NAN).is_nan());
        for (given, rounded) in
            [(1.0 / 3.0, 0.333_251_953_125), (2049.0, 2048.0), (2051.0, 2052.0), (1e-9, 0.0), (65520.0, f64::INFINITY)]
        {
            assert_eq!(to_half(given).to_bits(), rounded.to_bits(), "{given}");
        }
    }
}
