//! The most probable classes of each row.

use std::{borrow::Cow, cmp::Ordering, io};

use scoring::{Numbers, Output};

use crate::serve::Version;

/// Of each row, the places and probabilities of its `count` most probable classes, the first of equal ones first.
///
/// # Errors
/// When there are no probabilities, or not one for each class.
pub(super) fn best(version: &Version, output: &Output, count: usize) -> io::Result<Vec<Vec<(usize, f64)>>> {
    let absent = || io::Error::other("the model gave no probabilities");
    let classes = version.classes.len();
    let values = match output {
        Output::Classes { probabilities: Some(Numbers { values, .. }), .. } => Cow::Borrowed(values),
        Output::Json { probabilities: Some(probabilities), .. } => {
            let rows: Vec<Vec<Option<f64>>> = serde_json::from_str(probabilities.get())?;
            if rows.iter().any(|row| row.len() != classes) {
                return Err(absent());
            }
            Cow::Owned(rows.into_iter().flatten().map(|value| value.unwrap_or(f64::NAN)).collect())
        }
        _ => return Err(absent()),
    };
    if classes == 0 || values.len() % classes != 0 {
        return Err(absent());
    }
    Ok(values.chunks_exact(classes).map(|row| first(row, count)).collect())
}

fn first(row: &[f64], count: usize) -> Vec<(usize, f64)> {
    let mut places: Vec<_> = row.iter().copied().enumerate().collect();
    places.sort_by(|(_, one), (_, other)| descending(*one, *other));
    places.truncate(count);
    places
}

/// What is no number comes last.
fn descending(one: f64, other: f64) -> Ordering {
    other.partial_cmp(&one).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_probable_comes_first_and_what_is_no_number_last() {
        let row = [0.1, f64::NAN, 0.7, 0.1, f64::INFINITY];
        let places: Vec<_> = first(&row, 4).into_iter().map(|(place, _)| place).collect();
        assert_eq!(places, [4, 2, 0, 3]);
    }
}
