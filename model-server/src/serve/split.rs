//! How a place's requests are shared out: each falls on a point of a line, and versions own adjoining parts of it by weight.

use contract::ModelName;
use sha2::{Digest, Sha256};

/// What requests bear that are to be answered by the same version: SHA-256 of it, begun.
#[derive(Debug, Clone)]
pub(crate) struct Key(Sha256);

impl Key {
    pub(crate) fn new(text: &[u8]) -> Self {
        Self(Sha256::new_with_prefix(text))
    }

    /// Its point for a model, the same on every server: the first eight bytes, the highest first, of SHA-256 of the key, a zero
    /// byte and the model's name. So who is among the first to ask one model's new version is not among the first everywhere.
    pub(super) fn point(&self, model: &ModelName) -> u64 {
        let digest = self.0.clone().chain_update([0]).chain_update(model.as_str()).finalize();
        digest.iter().take(8).fold(0, |point, byte| point << 8 | u64::from(*byte))
    }
}

/// The point of a request without a key, by its number. Multiples of the golden ratio spread evenly: each version has its part
/// of any few requests in a row, not only of many.
pub(super) fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The share, of so many, that a point is in.
pub(super) fn share(point: u64, shares: u64) -> u64 {
    u64::try_from((u128::from(point) * u128::from(shares)) >> 64).unwrap_or_default()
}

/// Which of the weights, `total` together, owns a point; none where there is no weight. Of two versions, a change of the weights
/// moves only the points that it must: those of the part by which one grows.
pub(super) fn owner(point: u64, total: u64, weights: impl IntoIterator<Item = u64>) -> Option<usize> {
    let mut at = share(point, total);
    weights.into_iter().position(|weight| {
        let mine = at < weight;
        at = at.saturating_sub(weight);
        mine
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: u64 = 100_000;

    fn key(number: u64) -> u64 {
        Key::new(format!("customer-{number}").as_bytes()).point(&"titanic".parse().expect("a name"))
    }

    fn counted(points: impl Iterator<Item = u64>, weights: [u64; 3]) -> [u64; 3] {
        let mut counted = [0; 3];
        for point in points {
            counted[owner(point, weights.iter().sum(), weights).expect("somebody")] += 1;
        }
        counted
    }

    #[test]
    fn a_hundred_thousand_requests_are_shared_out_within_a_percent_with_keys_and_without() {
        for weights in [[100, 0, 0], [0, 1, 99], [5, 0, 95], [30, 30, 40], [1, 1, 1], [0, 7, 0]] {
            for counted in [counted((0..REQUESTS).map(spread), weights), counted((0..REQUESTS).map(key), weights)] {
                for (given, weight) in counted.into_iter().zip(weights) {
                    let wanted = REQUESTS * weight / weights.iter().sum::<u64>();
                    assert!(given.abs_diff(wanted) <= REQUESTS / 100, "{counted:?} by {weights:?}");
                    assert!(weight > 0 || given == 0, "{counted:?} by {weights:?}");
                }
            }
        }
    }

    #[test]
    fn any_few_requests_in_a_row_are_shared_out_by_weight() {
        for (begin, requests) in [(0, 100), (7, 100), (12_345, 1000), (u64::MAX - 50, 100)] {
            let first = (0..requests).filter(|at| share(spread(begin.wrapping_add(*at)), 100) < 30).count();
            let wanted = usize::try_from(requests).expect("few") * 30 / 100;
            assert!(first.abs_diff(wanted) <= 3, "{first} of {requests} from {begin}");
        }
    }

    #[test]
    fn no_point_falls_beyond_the_shares() {
        for shares in [0, 1, 3, 100, u64::from(u32::MAX) * 3] {
            for number in [0, 1, 2, 1 << 20, u64::MAX] {
                assert!(share(spread(number), shares) < shares.max(1) && share(number, shares) < shares.max(1));
            }
        }
        assert_eq!(owner(7, 0, [0, 0]), None);
    }

    #[test]
    fn a_canary_that_grows_takes_only_the_keys_by_which_it_grows() {
        for (canary, current) in [(1, 0), (0, 1)] {
            let weights = |part: u64| if canary > current { [100 - part, part] } else { [part, 100 - part] };
            for (before, after) in [(0, 5), (5, 10), (10, 5), (10, 50), (50, 100), (100, 0)] {
                let owners = |part| (0..20_000).map(move |number| owner(key(number), 100, weights(part)));
                let moved: Vec<_> = owners(before).zip(owners(after)).filter(|(before, after)| before != after).collect();
                let wanted = 20_000 * before.abs_diff(after) / 100;
                assert!(
                    moved.len().abs_diff(usize::try_from(wanted).expect("few")) <= 400,
                    "{before} {after}: {}",
                    moved.len()
                );
                let to = Some(if after > before { canary } else { current });
                assert!(moved.iter().all(|(_, owner)| *owner == to), "{before} {after}: they move one way");
            }
        }
    }

    #[test]
    fn a_keys_point_is_the_documented_one() {
        let name = "titanic".parse().expect("a name");
        let digest = Sha256::digest(b"customer-7\0titanic");
        let first: [u8; 8] = digest[..8].try_into().expect("eight bytes");
        assert_eq!(Key::new(b"customer-7").point(&name), u64::from_be_bytes(first));
        assert_ne!(Key::new(b"customer-7").point(&name), Key::new(b"customer-7").point(&"prices".parse().expect("a name")));
    }
}
