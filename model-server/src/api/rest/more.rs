//! What an answer holds besides predictions and probabilities.

use std::{
    borrow::Cow,
    cmp::Ordering,
    io::{self, Write},
};

use scoring::{Explanations, Numbers, Output, Schema};

use super::answer::{list, number};
use crate::serve::Version;

/// Of each row, its `count` most probable classes, the first of equal ones first: `[[{"class": …, "probability": …}, …], …]`.
///
/// # Errors
/// When there are no probabilities, or not one for each class.
pub(super) fn top_k(json: &mut Vec<u8>, version: &Version, output: &Output, count: usize) -> io::Result<()> {
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
    list(json, values.chunks_exact(classes.len()), |json, row| {
        let mut places: Vec<_> = (0..row.len()).collect();
        places.sort_by(|one, other| descending(row[*one], row[*other]));
        list(json, places.into_iter().take(count), |json, place| {
            write!(json, "{{\"class\":{},\"probability\":", classes[place])?;
            number(json, row[place])?;
            json.push(b'}');
            Ok(())
        })
    })
}

/// What is no number comes last.
fn descending(one: f64, other: f64) -> Ordering {
    other.partial_cmp(&one).unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}

/// `{"of": …, "base_value": …, "columns": […], "values": […]}`: of each row and column a number, or a list where there are several
/// outputs, as is the base.
pub(super) fn explanations(json: &mut Vec<u8>, version: &Version, explanations: &Explanations) -> io::Result<()> {
    let Explanations { of, base, columns, values } = explanations;
    let outputs = |json: &mut Vec<u8>, values: &[f64]| match values {
        [only] => number(json, *only),
        several => list(json, several.iter().copied(), number),
    };
    write!(json, "{{\"of\":\"{of}\",\"base_value\":")?;
    outputs(json, base)?;
    json.extend_from_slice(b",\"columns\":");
    match version.schema() {
        Schema::Table(table) => {
            list(json, &table.columns, |json, column| Ok(serde_json::to_writer(json, &column.name)?))?;
        }
        Schema::Array(_) => list(json, 0..*columns, |json, place| write!(json, "{place}"))?,
    }
    json.extend_from_slice(b",\"values\":");
    let (width, each) = (base.len().max(1), (columns * base.len()).max(1));
    list(json, values.chunks(each), |json, row| list(json, row.chunks(width), outputs))?;
    json.push(b'}');
    Ok(())
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
