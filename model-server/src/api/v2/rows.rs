//! Tensors as rows of a model's schema.
//!
//! A table's columns are tensors by their names, `[n]` or `[n, 1]` each, as `MLServer`'s `pd` has them; or one tensor `[n, columns]`.
//! An array is one tensor of its shape, whatever its name; or one `[n]` for each column.

use contract::Column;
use scoring::{ArraySchema, Batch, Schema, TableSchema, interleaved};

use super::{fill::Fill, request::Input};
use crate::api::decode::{MAX_CELLS, filled};

/// The rows in a request's tensors, or what is wrong with them. `whole` is what the request says its tensors are together.
pub(super) fn rows(schema: &Schema, whole: Option<&str>, inputs: &[Input<'_>]) -> Result<Batch, String> {
    filled(match (schema, inputs) {
        (Schema::Table(schema), [matrix]) if is_matrix(schema, whole, matrix) => self::matrix(schema, matrix)?,
        (Schema::Table(schema), inputs) => table(schema, inputs)?,
        (Schema::Array(schema), [whole_array]) if whole != Some("pd") || whole_array.shape.len() == schema.axes.len() => {
            array(schema, whole_array)?
        }
        (Schema::Array(schema), inputs) => stacked(schema, inputs)?,
    })
}

/// Whether a tensor is all columns side by side, and not the one that its name says.
fn is_matrix(schema: &TableSchema, whole: Option<&str>, input: &Input<'_>) -> bool {
    let width = if let [_, width] = input.shape[..] { width } else { 1 };
    let named = schema.find(&input.name, 0).is_some() && whole != Some("np");
    !named && whole != Some("pd") && width == schema.columns.len()
}

fn matrix(schema: &TableSchema, input: &Input<'_>) -> Result<Batch, String> {
    let (mut columns, width) = (schema.empty(), schema.columns.len());
    let rows = input.shape.first().copied().unwrap_or(0);
    let count = bounded(rows, width)?;
    Fill::all(input, (&schema.columns, &mut columns), (count, width))?;
    Ok(Batch::Table { rows, columns })
}

fn table(schema: &TableSchema, inputs: &[Input<'_>]) -> Result<Batch, String> {
    let mut columns = schema.empty();
    let mut given = vec![false; columns.len()];
    let mut rows = None;
    for (guess, input) in inputs.iter().enumerate() {
        let Some(at) = schema.find(&input.name, guess) else { continue };
        let column = &schema.columns[at];
        if std::mem::replace(&mut given[at], true) {
            return Err(format!("column {:?} is named twice", column.name));
        }
        let length = length(column, input)?;
        if *rows.get_or_insert(length) != length {
            return Err(format!("column {:?} has not as many values as the columns before it", column.name));
        }
        bounded(length, schema.columns.len())?;
        Fill::all(input, (std::slice::from_ref(column), &mut columns[at..=at]), (length, 1))?;
    }
    let missing = schema.columns.iter().zip(&given).find(|(column, given)| column.required && !**given);
    if let Some((column, _)) = missing {
        return Err(format!("column {:?} is missing", column.name));
    }
    let rows = rows.unwrap_or(0);
    schema.fill(&mut columns, rows).map_err(|error| error.to_string())?;
    Ok(Batch::Table { rows, columns })
}

/// How long a column is.
fn length(column: &Column, input: &Input<'_>) -> Result<usize, String> {
    match input.shape[..] {
        [length] | [length, 1] => Ok(length),
        _ => Err(format!("the tensor of column {:?} must have the shape [n] or [n, 1]", column.name)),
    }
}

fn array(schema: &ArraySchema, input: &Input<'_>) -> Result<Batch, String> {
    let fits = |(length, wanted): (&usize, &Option<usize>)| wanted.is_none_or(|wanted| wanted == *length);
    if input.shape.len() != schema.axes.len() || !input.shape.iter().zip(&schema.axes).all(fits) {
        let axis = |axis: &Option<usize>| axis.map_or_else(|| "-1".to_owned(), |length| length.to_string());
        let wanted: Vec<_> = schema.axes.iter().map(axis).collect();
        return Err(format!("the tensor must have the shape [{}]", wanted.join(", ")));
    }
    let (rows, row) = (input.shape[0], &input.shape[1..]);
    let per_row = row.iter().try_fold(1, |count: usize, length| count.checked_mul(*length)).unwrap_or(usize::MAX);
    let count = bounded(rows, per_row)?;
    let mut cells = schema.empty();
    Fill::all(input, (std::slice::from_ref(&schema.element), std::slice::from_mut(&mut cells)), (count, per_row))?;
    Ok(Batch::Array { shape: input.shape.clone(), cells })
}

/// An array's columns, a tensor each, in their order.
fn stacked(schema: &ArraySchema, inputs: &[Input<'_>]) -> Result<Batch, String> {
    let width = inputs.len();
    if schema.axes.len() != 2 || schema.axes[1].is_some_and(|wanted| wanted != width) {
        return Err("the model takes one tensor, of the shape that GET /v2/models/{name} says".to_owned());
    }
    let rows = length(&schema.element, &inputs[0])?;
    bounded(rows, width)?;
    let mut columns = Vec::with_capacity(width);
    for input in inputs {
        if length(&schema.element, input)? != rows {
            return Err("the tensors must have as many values each".to_owned());
        }
        let mut cells = schema.empty();
        Fill::all(input, (std::slice::from_ref(&schema.element), std::slice::from_mut(&mut cells)), (rows, 1))?;
        columns.push(cells);
    }
    Ok(Batch::Array { shape: vec![rows, width], cells: interleaved(&columns, rows, schema.empty()) })
}

/// How many cells some rows have, if they are not too many.
fn bounded(rows: usize, width: usize) -> Result<usize, String> {
    let count = rows.checked_mul(width).filter(|count| *count <= MAX_CELLS);
    count.ok_or_else(|| format!("more than {MAX_CELLS} values; send them in several requests"))
}
