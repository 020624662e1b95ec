//! Rows that come column by column, in a format that says how many there are before it has them.

mod arrow;
mod number;
mod time;

use contract::Column;

pub use self::{
    arrow::append,
    number::decimal,
    time::{Unit, date, time},
};
use crate::{ArraySchema, BadCell, Batch, Cell, Cells, Schema, TableSchema, Texts};

const TOO_LONG: &str = "the texts are too long together; send the rows in several requests";

/// How much rows may be, so that what is small where it comes from never takes much memory.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// How many values.
    pub values: usize,
    /// How many bytes of texts.
    pub bytes: usize,
}

/// A model's columns, to which those of a body are appended.
#[derive(Debug)]
pub struct Frame<'s> {
    schema: &'s Schema,
    /// The rules of each of the model's columns.
    rules: &'s [Column],
    /// For each of the columns that come, the one of the model's that it is.
    places: Vec<Option<usize>>,
    cells: Vec<Cells>,
    most_rows: usize,
    /// How many bytes there may still be of texts.
    room: usize,
}

impl<'s> Frame<'s> {
    /// For columns of these names.
    ///
    /// # Errors
    /// When one that the model needs is missing, or comes twice.
    pub fn new<'n>(schema: &'s Schema, names: impl Iterator<Item = &'n str>, room: Room) -> Result<Self, String> {
        let (rules, places, cells) = match schema {
            Schema::Table(table) => (&*table.columns, by_name(table, names)?, table.empty()),
            Schema::Array(array) => {
                let width = width(array, names.count())?;
                let cells = std::iter::repeat_with(|| array.empty()).take(width).collect();
                (std::slice::from_ref(&array.element), (0..width).map(Some).collect(), cells)
            }
        };
        let most_rows = room.values / cells.len().max(1);
        Ok(Self { schema, rules, places, cells, most_rows, room: room.bytes })
    }

    /// The places of those columns that the model takes.
    pub fn taken(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|at| self.places[*at].is_some()).collect()
    }

    /// Refuses more rows than there is room for.
    ///
    /// # Errors
    /// That it is so.
    pub fn limit(&self, rows: usize) -> Result<(), String> {
        let most = self.most_rows;
        if rows <= most {
            return Ok(());
        }
        Err(format!("more than {most} rows, the most that a body of this length may have; send them in several requests"))
    }

    /// The column to which the one at a place is appended, if the model takes it.
    pub fn column(&mut self, at: usize) -> Option<Appended<'_>> {
        let place = self.places.get(at).copied().flatten()?;
        let rules = self.rules.get(place).or(self.rules.first())?;
        Some(Appended { rules, cells: self.cells.get_mut(place)?, room: &mut self.room })
    }

    /// All rows. There may be none.
    ///
    /// # Errors
    /// When there are not as many as the model takes.
    pub fn finish(mut self, rows: usize) -> Result<Batch, String> {
        Ok(match self.schema {
            Schema::Table(table) => {
                table.fill(&mut self.cells, rows).map_err(|error| error.to_string())?;
                Batch::Table { rows, columns: self.cells }
            }
            Schema::Array(array) => {
                if array.axes[0].is_some_and(|length| length != rows) {
                    return Err("there are not as many rows as the model takes".to_owned());
                }
                let width = self.cells.len();
                Batch::Array { shape: vec![rows, width], cells: interleaved(&self.cells, rows, array.empty()) }
            }
        })
    }
}

fn by_name<'n>(schema: &TableSchema, names: impl Iterator<Item = &'n str>) -> Result<Vec<Option<usize>>, String> {
    let places: Vec<_> = names.enumerate().map(|(at, name)| schema.find(name, at)).collect();
    let mut times = vec![0_usize; schema.columns.len()];
    places.iter().flatten().for_each(|place| times[*place] += 1);
    for (column, times) in schema.columns.iter().zip(times) {
        match times {
            0 if column.required => return Err(format!("column {:?} is missing", column.name)),
            0 | 1 => {}
            _ => return Err(format!("column {:?} is named twice", column.name)),
        }
    }
    Ok(places)
}

/// How many columns an array's rows have: as many as come, whatever their names.
fn width(schema: &ArraySchema, columns: usize) -> Result<usize, String> {
    match schema.axes[..] {
        [_, Some(width)] if width != columns => Err(format!("there are {columns} columns, and the model takes {width}")),
        [_, _] if columns > 0 => Ok(columns),
        _ => Err("the model takes an array that is no table".to_owned()),
    }
}

/// The cells of columns, row by row.
pub fn interleaved(columns: &[Cells], rows: usize, mut all: Cells) -> Cells {
    let texts: Vec<Vec<_>> = columns
        .iter()
        .map(|cells| if let Cells::Text(texts) = cells { texts.iter().collect() } else { Vec::new() })
        .collect();
    for row in 0..rows {
        for (at, cells) in columns.iter().enumerate() {
            match (&mut all, cells) {
                (Cells::Bool(all), Cells::Bool(cells)) => all.push(cells[row]),
                (Cells::Int(all), Cells::Int(cells)) => all.push(cells[row]),
                (Cells::Float(all), Cells::Float(cells)) => all.push(cells[row]),
                (Cells::Text(all), _) => push(all, texts[at][row]),
                _ => {}
            }
        }
    }
    all
}

fn push(texts: &mut Texts, text: Option<&str>) {
    // An array's elements are never missing.
    texts.push(text.unwrap_or_default());
}

/// A column of the model, and what is appended to it.
#[derive(Debug)]
pub struct Appended<'f> {
    /// What its values must be.
    pub rules: &'f Column,
    cells: &'f mut Cells,
    room: &'f mut usize,
}

impl Appended<'_> {
    /// Appends a value, or nothing where it is missing.
    ///
    /// # Errors
    /// When the column does not take it, or it is too long.
    pub fn put(&mut self, value: Value<'_>) -> Result<(), String> {
        if let Value::Text(text) = value {
            let rest = self.room.checked_sub(text.len());
            *self.room = rest.ok_or(TOO_LONG)?;
        }
        let row = self.cells.len();
        value.put(Cell { column: self.rules, cells: &mut *self.cells, row }).map_err(|error| error.to_string())
    }

    /// Appends texts, which the column takes as they are; none is missing, unless the column takes that.
    fn put_texts<'t>(&mut self, mut texts: impl Iterator<Item = Option<&'t str>>) -> Result<(), String> {
        let Cells::Text(cells) = &mut *self.cells else { return Ok(()) };
        cells.reserve(texts.size_hint().0);
        texts.try_for_each(|text| {
            let rest = self.room.checked_sub(text.map_or(0, str::len));
            *self.room = rest.ok_or(TOO_LONG)?;
            cells.put(text);
            Ok(())
        })
    }
}

/// A value of a column, whatever the format calls its type.
#[derive(Debug, Clone)]
pub enum Value<'v> {
    /// None.
    Missing,
    /// true or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is not below 0.
    Unsigned(u64),
    /// A number; NaN is a missing one.
    Float(f64),
    /// A text.
    Text(&'v str),
    /// A time or a date, as text; none if it is of no year that has four digits.
    Time(Option<String>),
    /// What no column takes, in words.
    Other(&'static str),
}

impl Value<'_> {
    fn put(self, cell: Cell<'_>) -> Result<(), BadCell> {
        use contract::ColumnType::Datetime;
        match self {
            // As pandas has a missing number.
            Self::Float(value) if value.is_nan() => cell.missing(),
            Self::Missing => cell.missing(),
            Self::Bool(value) => cell.bool(value),
            Self::Int(value) => cell.int(value),
            Self::Unsigned(value) => cell.unsigned(value),
            Self::Float(value) => cell.float(value),
            Self::Text(text) => cell.text(text),
            Self::Time(Some(text)) if cell.column.column_type == Datetime => cell.text(&text),
            Self::Time(None) if cell.column.column_type == Datetime => cell.misfit("one of no year that has four digits"),
            Self::Time(_) => cell.misfit("a time"),
            Self::Other(found) => cell.misfit(found),
        }
    }
}
