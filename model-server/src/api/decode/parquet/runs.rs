//! Small whole numbers as runs: one many times over, or several in as many bits each.
//! Source: "Run Length Encoding / Bit-Packing Hybrid" in `Encodings.md` of `github.com/apache/parquet-format`.

use super::thrift::Thrift;

/// The numbers that were not read yet.
pub(super) struct Runs<'p> {
    rest: Thrift<'p>,
    /// How many bits each takes.
    width: usize,
    run: Run<'p>,
}

enum Run<'p> {
    Same { number: u32, left: usize },
    Packed { bytes: &'p [u8], bit: usize },
}

impl<'p> Runs<'p> {
    /// Numbers of up to 32 bits.
    pub(super) fn new(width: u8, bytes: &'p [u8]) -> Option<Self> {
        (width <= 32).then_some(Self {
            rest: Thrift { rest: bytes },
            width: width.into(),
            run: Run::Same { number: 0, left: 0 },
        })
    }

    pub(super) fn next(&mut self) -> Option<u32> {
        loop {
            match &mut self.run {
                Run::Same { number, left } if *left > 0 => {
                    *left -= 1;
                    return Some(*number);
                }
                Run::Packed { bytes, bit } => {
                    if let Some(number) = packed(bytes, *bit, self.width) {
                        *bit += self.width;
                        return Some(number);
                    }
                    self.begin()?;
                }
                Run::Same { .. } => self.begin()?,
            }
        }
    }

    /// Begins the next run.
    fn begin(&mut self) -> Option<()> {
        let header = self.rest.varint()?;
        let count = usize::try_from(header >> 1).ok()?;
        self.run = if header & 1 == 0 {
            let number = self.rest.take(self.width.div_ceil(8))?;
            let number = number.iter().rev().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
            Run::Same { number, left: count }
        } else if self.width == 0 {
            Run::Same { number: 0, left: count.checked_mul(8)? }
        } else {
            // The last one may be cut short.
            let length = count.checked_mul(self.width)?.min(self.rest.rest.len());
            Run::Packed { bytes: self.rest.take(length)?, bit: 0 }
        };
        Some(())
    }
}

/// The number that begins at a bit.
fn packed(bytes: &[u8], bit: usize, width: usize) -> Option<u32> {
    let bytes = bytes.get(bit / 8..(bit + width).div_ceil(8))?;
    let bits = bytes.iter().rev().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    u32::try_from(bits >> (bit % 8) & ((1 << width) - 1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(width: u8, bytes: &[u8]) -> Vec<u32> {
        let mut runs = Runs::new(width, bytes).expect("narrow enough");
        std::iter::from_fn(|| runs.next()).collect()
    }

    #[test]
    fn runs_are_of_one_number_or_packed() {
        // The example of the format's own text: 0 to 7 in three bits each.
        assert_eq!(all(3, &[0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010]), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(all(9, &[4, 0x2c, 1, 2, 7, 0]), [300, 300, 7]);
        assert_eq!(all(0, &[6]), [0, 0, 0]);
        assert_eq!(all(1, &[3, 0b101, 4, 1]), [1, 0, 1, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(all(32, &[2, 0xff, 0xff, 0xff, 0xff]), [u32::MAX]);
        // Nothing, what has no end, and a packed run of nothing.
        for broken in [&[][..], &[0x80], &[4], &[1], &[0, 1, 1, 1]] {
            assert_eq!(all(8, broken), [] as [u32; 0], "{broken:?}");
        }
        assert!(Runs::new(33, &[]).is_none());
    }
}
