//! A manifest's example as rows of its schema.

use contract::{ExampleRows, InputExample};
use serde_json::Value;

use crate::{ArraySchema, BadCell, Batch, Cell, Cells, Schema, TableSchema};

/// The example's rows, or what is wrong with them.
pub(crate) fn rows(schema: &Schema, example: &InputExample) -> Result<Batch, String> {
    let batch = match (schema, example) {
        (Schema::Table(schema), InputExample::Rows(rows)) => table(schema, rows)?,
        (Schema::Array(schema), InputExample::Inputs(rows)) => array(schema, &rows.inputs)?,
        _ => return Err("it is not of the signature's kind".to_owned()),
    };
    if batch.rows() == 0 { Err("it has no rows".to_owned()) } else { Ok(batch) }
}

fn table(schema: &TableSchema, ExampleRows { columns: names, data }: &ExampleRows) -> Result<Batch, String> {
    let places: Vec<_> = names.iter().enumerate().map(|(at, name)| schema.find(name, at)).collect();
    let mut columns = schema.empty();
    for (row, values) in data.iter().enumerate() {
        for (at, value) in places.iter().zip(values).filter_map(|(place, value)| Some(((*place)?, value))) {
            let (column, cells) = (&schema.columns[at], &mut columns[at]);
            if cells.len() > row {
                return Err(format!("column {:?} is named twice", column.name));
            }
            append(Cell { column, cells, row }, value).map_err(|error| error.to_string())?;
        }
        schema.fill(&mut columns, row + 1).map_err(|error| error.to_string())?;
    }
    Ok(Batch::Table { rows: data.len(), columns })
}

fn array(schema: &ArraySchema, inputs: &[Value]) -> Result<Batch, String> {
    let mut lengths = schema.axes.clone();
    let mut cells = schema.empty();
    for (row, values) in inputs.iter().enumerate() {
        axis(schema, values, (1, row), &mut lengths, &mut cells)?;
    }
    let rows = *lengths[0].get_or_insert(inputs.len());
    if rows != inputs.len() {
        return Err(format!("it has {} rows instead of {rows}", inputs.len()));
    }
    Ok(Batch::Array { shape: lengths.into_iter().map(Option::unwrap_or_default).collect(), cells })
}

/// Appends what is at one depth of the nesting: an element behind the last axis, a list before.
fn axis(
    schema: &ArraySchema,
    value: &Value,
    (depth, row): (usize, usize),
    lengths: &mut [Option<usize>],
    cells: &mut Cells,
) -> Result<(), String> {
    if depth == lengths.len() {
        return append(Cell { column: &schema.element, cells, row }, value).map_err(|error| error.to_string());
    }
    let misfit = || format!("row {row} (from 0) is not of the signature's shape");
    let list = value.as_array().ok_or_else(misfit)?;
    if *lengths[depth].get_or_insert(list.len()) != list.len() {
        return Err(misfit());
    }
    list.iter().try_for_each(|item| axis(schema, item, (depth + 1, row), lengths, cells))
}

fn append(cell: Cell<'_>, value: &Value) -> Result<(), BadCell> {
    match value {
        Value::Null => cell.missing(),
        Value::Bool(value) => cell.bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), ..) => cell.int(value),
            (None, Some(value), _) => cell.unsigned(value),
            (None, None, Some(value)) => cell.float(value),
            (None, None, None) => cell.refuse("a number that is none"),
        },
        Value::String(text) => cell.text(text),
        Value::Array(_) => cell.refuse("a list"),
        Value::Object(_) => cell.refuse("an object"),
    }
}
