//! `fill`: puts a value where one is missing in columns of text and numbers. `SimpleImputer` of arrays of objects.

use std::borrow::Cow;

use crate::{BadGraph, Column, Refused, Table, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Fill {
    columns: Vec<Filled>,
    /// The columns that are followed by whether they were missing.
    indicator: Vec<usize>,
}

#[derive(Debug)]
struct Filled {
    gap: Gap,
    /// What else is missing.
    missing: Option<Cell>,
    /// None for a column that is left out.
    fill: Option<Cell>,
    text: bool,
}

/// What becomes of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Filled,
    Kept,
    Refused,
}

#[derive(Debug)]
enum Cell {
    Text(String),
    Number(f64),
}

impl Cell {
    fn read(fields: Fields<'_>, name: &str, text: bool) -> Result<Option<Self>, BadGraph> {
        if !fields.has(name) {
            return Ok(None);
        }
        if text {
            return fields.word(name).map(|word| Some(Self::Text(word.to_owned())));
        }
        Ok(fields.f64s_of(name, 1)?.first().map(|number| Self::Number(*number)))
    }
}

impl Operate for Fill {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let column = |fields: Fields<'_>| {
            let text = fields.flag("text")?;
            let gap = match fields.word("gap")? {
                "filled" => Gap::Filled,
                "kept" => Gap::Kept,
                "refused" => Gap::Refused,
                _ => return fields.wrong("gap", "a known word"),
            };
            let (missing, fill) = (Cell::read(fields, "missing", text)?, Cell::read(fields, "fill", text)?);
            Ok(Filled { gap, missing, fill, text })
        };
        let columns = fields.inners("columns")?.into_iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let indicator = fields.counts("indicator")?;
        if indicator.iter().any(|at| *at >= columns.len()) {
            return fields.wrong("indicator", "places of columns");
        }
        Ok(Self { columns, indicator })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let Value::Table(table) = x else { return Err(Refused::misfit("a matrix instead of columns")) };
        if table.columns.len() != self.columns.len() {
            return Err(Refused::misfit("another number of columns"));
        }
        let rows = table.rows;
        let filled = table.columns.into_iter().zip(&self.columns).map(|(column, how)| how.apply(column));
        let mut filled = filled.collect::<Result<Vec<_>, _>>()?;
        let indicators: Vec<_> = self.indicator.iter().map(|at| Column::Float(filled[*at].1.clone().into())).collect();
        let mut columns = Vec::with_capacity(filled.len() + indicators.len());
        for (how, (column, _)) in self.columns.iter().zip(filled.drain(..)) {
            if how.fill.is_some() {
                columns.push(column);
            }
        }
        columns.extend(indicators);
        Ok(Value::Table(Table { rows, columns }))
    }

    fn origins(&self, of: &[u32], _: usize) -> Option<Vec<u32>> {
        let filled = of.iter().zip(&self.columns).filter(|(_, column)| column.fill.is_some()).map(|(of, _)| Some(*of));
        filled.chain(self.indicator.iter().map(|at| of.get(*at).copied())).collect()
    }
}

impl Filled {
    /// The column without what is missing, and where that was.
    fn apply<'a>(&'a self, column: Column<'a>) -> Result<(Column<'a>, Vec<f64>), Refused> {
        if let Column::Text(mut texts) = column {
            let (fill, missing) = match (&self.fill, &self.missing) {
                (Some(Cell::Number(_)), _) | (_, Some(Cell::Number(_))) => return Err(misfit()),
                (fill, missing) => (fill.as_ref().and_then(Cell::text), missing.as_ref().and_then(Cell::text)),
            };
            if !self.text {
                return Err(misfit());
            }
            let mut was = vec![0.0; texts.len()];
            for (text, was) in texts.iter_mut().zip(&mut was) {
                let gone = match text {
                    None if self.gap == Gap::Refused => return Err(refused()),
                    None => self.gap == Gap::Filled,
                    Some(text) => missing == Some(&**text),
                };
                if gone {
                    *text = fill.map(Cow::Borrowed);
                    *was = 1.0;
                }
            }
            return Ok((Column::Text(texts), was));
        }
        let mut numbers = numbers(column);
        let number = |cell: &Option<Cell>| match cell {
            Some(Cell::Number(number)) => *number,
            _ => f64::NAN,
        };
        if self.text {
            return Err(misfit());
        }
        let (fill, missing) = (number(&self.fill), number(&self.missing));
        let mut was = vec![0.0; numbers.len()];
        for (value, was) in numbers.iter_mut().zip(&mut was) {
            if value.is_nan() && self.gap == Gap::Refused {
                return Err(refused());
            }
            #[expect(clippy::float_cmp, reason = "the estimator compares likewise")]
            if value.is_nan() && self.gap == Gap::Filled || *value == missing {
                (*value, *was) = (fill, 1.0);
            }
        }
        Ok((Column::Float(numbers.into()), was))
    }
}

impl Cell {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) => None,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numpy rounds a whole number to the nearest double, too")]
fn numbers(column: Column<'_>) -> Vec<f64> {
    match column {
        Column::Float(values) => values.into_owned(),
        Column::Int(values) => values.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect(),
        Column::Bool(values) => {
            values.iter().map(|value| value.map_or(f64::NAN, |value| f64::from(u8::from(value)))).collect()
        }
        Column::Text(_) => Vec::new(),
    }
}

fn misfit() -> Refused {
    Refused::misfit("a column of another type")
}

fn refused() -> Refused {
    Refused::rows("a value is missing, where the model takes none")
}
