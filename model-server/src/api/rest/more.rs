//! What an answer holds besides predictions and probabilities.

use std::{
    borrow::Cow,
    cmp::Ordering,
    io::{self, Write},
};

use scoring::{Explanations, Numbers, Output, Schema};

use super::answer::{list, number};
use crate::serve::Version;

/// Of each row, its `count` most probable classes: `[[{"class": …, "probability": …}, …], …]`.
///
/// # Errors
/// As those of [`most_probable`].
pub(super) fn top_k(json: &mut Vec<u8>, version: &Version, output: &Output, count: usize) -> io::Result<()> {
    list(json, most_probable(version, output, count)?, |json, row| {
        list(json, row, |json, (place, probability)| {
            write!(json, "{{\"class\":{},\"probability\":", version.classes[place])?;
            number(json, probability)?;
            json.push(b'}');
            Ok(())
        })
    })
}

/// Of each row, the places of its `count` most probable classes, the first of equal ones first, and how probable each is.
///
/// # Errors
/// When there are no probabilities, or not one for each class.
pub(super) fn most_probable(version: &Version, output: &Output, count: usize) -> io::Result<Vec<Vec<(usize, f64)>>> {
    let absent = || io::Error::other("the model gave no probabilities");
    let classes = &version.classes;
    let values = match output {
        Output::Classes { probabilities: Some(Numbers { values, .. }), .. } => Cow::Borrowed(values),
        Output::Json { probabilities: Some(probabilities), .. } => {
            let rows: Vec<Vec<Option<f64>>> = serde_json::from_str(probabilities.get())?;
            if rows.iter().any(|row| row.len() != classes.len()) {
                return Err(absent());
            }
            Cow::Owned(rows.into_iter().flatten().map(|value| value.unwrap_or(f64::NAN)).collect())
        }
        _ => return Err(absent()),
    };
    if classes.is_empty() || values.len() % classes.len() != 0 {
        return Err(absent());
    }
    let most = |row: &[f64]| {
        let mut places: Vec<_> = row.iter().copied().enumerate().collect();
        places.sort_by(|(_, one), (_, other)| descending(*one, *other));
        places.truncate(count);
        places
    };
    Ok(values.chunks_exact(classes.len()).map(most).collect())
}

/// What is no number comes last.
fn descending(one: f64, other: f64) -> Ordering {
    other.partial_cmp(&one).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

/// `{"of": …, "base_value": …, "columns": […], "values": […]}`: of each row and column a number, or a list where there are several
/// outputs, as is the base.
pub(super) fn explanations(json: &mut Vec<u8>, version: &Version, explanations: &Explanations) -> io::Result<()> {
    explained(json, version, explanations)?;
    let Explanations { base, columns, values, .. } = explanations;
    json.extend_from_slice(b",\"values\":");
    let (width, each) = (base.len().max(1), (columns * base.len()).max(1));
    list(json, values.chunks(each), |json, row| list(json, row.chunks(width), outputs))?;
    json.push(b'}');
    Ok(())
}

/// A number, or a list where there are several.
fn outputs(json: &mut Vec<u8>, values: &[f64]) -> io::Result<()> {
    match values {
        [only] => number(json, *only),
        several => list(json, several.iter().copied(), number),
    }
}

/// What is the same for all rows of explanations: an object without its end.
pub(super) fn explained(json: &mut Vec<u8>, version: &Version, explanations: &Explanations) -> io::Result<()> {
    let Explanations { of, base, columns, .. } = explanations;
    write!(json, "{{\"of\":\"{of}\",\"base_value\":")?;
    outputs(json, base)?;
    json.extend_from_slice(b",\"columns\":");
    match version.schema() {
        Schema::Table(table) => list(json, &table.columns, |json, column| Ok(serde_json::to_writer(json, &column.name)?)),
        Schema::Array(_) => list(json, 0..*columns, |json, place| write!(json, "{place}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_probable_comes_first_and_what_is_no_number_last() {
        let row = [0.1, f64::NAN, 0.7, 0.1, f64::INFINITY];
        let mut places: Vec<_> = (0..row.len()).collect();
        places.sort_by(|one, other| descending(row[*one], row[*other]));
        assert_eq!(places, [4, 2, 0, 3, 1]);
    }
}
