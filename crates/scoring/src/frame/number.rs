//! Decimals.

use std::fmt::Display;

/// The number nearest to a decimal: what it has without its point, and how many digits are behind that.
pub fn decimal(unscaled: impl Display, scale: i64) -> f64 {
    // Rust reads the text to the nearest number.
    format!("{unscaled}e{}", scale.saturating_neg()).parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_the_nearest_numbers() {
        for (unscaled, scale, number) in
            [(725_i128, 2, 7.25), (-1, 3, -0.001), (5, -2, 500.0), (1 << 100, 0, 2f64.powi(100))]
        {
            assert_eq!(decimal(unscaled, scale).to_bits(), f64::to_bits(number), "{unscaled} {scale}");
        }
    }
}
