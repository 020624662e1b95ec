//! A CSV body, read into typed columns as pandas would by the model's signature.

use contract::ColumnType;
use scoring::{ArraySchema, BadCell, Batch, Cell, Schema, TableSchema};

use super::{
    super::decode::{MAX_CELLS, filled},
    csv::{Records, Unended},
};

/// What stands for a missing value.
/// Source: `STR_NA_VALUES` in `pandas/_libs/parsers.pyx`.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
    "NaN", "None", "n/a", "nan", "null",
];

/// Reads the rows in a body, or says what is wrong with it.
pub(super) fn read(schema: &Schema, body: &[u8]) -> Result<Batch, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8".to_owned())?;
    let (mut records, mut header) = (Records::new(text), Vec::new());
    if !records.next(&mut header).map_err(unended)? {
        return Err("the body has no header".to_owned());
    }
    filled(match schema {
        Schema::Table(schema) => table(schema, &header, records)?,
        Schema::Array(schema) => array(schema, &header, records)?,
    })
}

fn table(schema: &TableSchema, header: &[String], records: Records<'_>) -> Result<Batch, String> {
    let mut columns = schema.empty();
    let mut places: Vec<_> = header.iter().enumerate().map(|(at, name)| schema.find(name, at)).collect();
    for at in 0..places.len() {
        // Of two columns of one name, the first is meant.
        if places[at].is_some() && places[..at].contains(&places[at]) {
            places[at] = None;
        }
    }
    let rows = each(records, header.len(), MAX_CELLS / schema.columns.len(), |row, fields| {
        for (place, field) in places.iter().zip(fields) {
            let Some(at) = *place else { continue };
            append(Cell { column: &schema.columns[at], cells: &mut columns[at], row }, field)?;
        }
        Ok(())
    })?;
    schema.fill(&mut columns, rows).map_err(|error| error.to_string())?;
    Ok(Batch::Table { rows, columns })
}

fn array(schema: &ArraySchema, header: &[String], records: Records<'_>) -> Result<Batch, String> {
    let [_, width] = schema.axes[..] else { return Err("the model takes an array that is no table".to_owned()) };
    if width.is_some_and(|width| width != header.len()) {
        return Err(format!("the header has {} columns, and the model takes {}", header.len(), width.unwrap_or_default()));
    }
    let mut cells = schema.empty();
    let rows = each(records, header.len(), MAX_CELLS / header.len(), |row, fields| {
        fields.iter().try_for_each(|field| append(Cell { column: &schema.element, cells: &mut cells, row }, field))
    })?;
    if schema.axes[0].is_some_and(|length| length != rows) {
        return Err("the body has not as many rows as the model takes".to_owned());
    }
    Ok(Batch::Array { shape: vec![rows, header.len()], cells })
}

/// Hands over each record, as many fields as the header has: what a short one lacks is missing. Gives their number.
fn each(
    mut records: Records<'_>,
    width: usize,
    most: usize,
    mut take: impl FnMut(usize, &[String]) -> Result<(), BadCell>,
) -> Result<usize, String> {
    let (mut fields, mut row) = (Vec::with_capacity(width), 0);
    while records.next(&mut fields).map_err(unended)? {
        if fields.len() > width {
            return Err(format!("row {row} (from 0) has {} values, and the header {width}", fields.len()));
        }
        if row >= most {
            return Err(format!("more than {most} rows; send them in several requests"));
        }
        fields.resize(width, String::new());
        take(row, &fields).map_err(|error| error.to_string())?;
        row += 1;
    }
    Ok(row)
}

fn append(cell: Cell<'_>, field: &str) -> Result<(), BadCell> {
    if MISSING.contains(&field) {
        return cell.missing();
    }
    match cell.column.column_type {
        ColumnType::String | ColumnType::Datetime => cell.text(field),
        ColumnType::Boolean => match field {
            "True" | "TRUE" | "true" => cell.bool(true),
            "False" | "FALSE" | "false" => cell.bool(false),
            _ => number(cell, field),
        },
        ColumnType::Integer | ColumnType::Long | ColumnType::Float | ColumnType::Double => number(cell, field),
    }
}

fn number(cell: Cell<'_>, field: &str) -> Result<(), BadCell> {
    let column_type = cell.column.column_type;
    let field = field.trim();
    if matches!(column_type, ColumnType::Float | ColumnType::Double) {
        return match field.parse() {
            Ok(value) => cell.float(value),
            Err(_) => cell.refuse("other text"),
        };
    }
    match (field.parse::<i64>(), field.parse::<f64>()) {
        (Ok(value), _) => cell.int(value),
        (Err(_), Ok(value)) if value.fract() == 0.0 && column_type == ColumnType::Boolean => match value {
            0.0 => cell.bool(false),
            1.0 => cell.bool(true),
            _ => cell.refuse("a number"),
        },
        (Err(_), Ok(value)) => cell.float(value),
        (Err(_), Err(_)) => cell.refuse("other text"),
    }
}

fn unended(_: Unended) -> String {
    "a quoted value has no end".to_owned()
}
