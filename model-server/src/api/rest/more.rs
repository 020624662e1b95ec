//! What an answer holds besides predictions and probabilities.

use std::io::{self, Write};

use scoring::{Explanations, Output, Schema};

use super::{
    super::best::best,
    answer::{list, number},
};
use crate::serve::Version;

/// Of each row, its `count` most probable classes: `[[{"class": …, "probability": …}, …], …]`.
///
/// # Errors
/// When there are no probabilities, or not one for each class.
pub(super) fn top_k(json: &mut Vec<u8>, version: &Version, output: &Output, count: usize) -> io::Result<()> {
    list(json, best(version, output, count)?, |json, row| {
        list(json, row, |json, (place, probability)| {
            write!(json, "{{\"class\":{},\"probability\":", version.classes[place])?;
            number(json, probability)?;
            json.push(b'}');
            Ok(())
        })
    })
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
