//! `restore`: gives columns back what their JSON type cannot tell: pandas' categories, and numbers of fewer bits.

use crate::{BadGraph, Column, Refused, Table, Value, file::Fields, operator::Operate, ops::one_hot::Categories};

#[derive(Debug)]
pub(crate) struct Restore {
    columns: Vec<Restored>,
}

#[derive(Debug)]
enum Restored {
    AsIs,
    /// Rounded to 32 bits.
    Single,
    /// Rounded to 32 bits, and these to 16.
    Half,
    /// What is not among them is missing.
    Known(Categories),
}

impl Operate for Restore {
    const EACH: bool = true;

    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let column = |fields: Fields<'_>| {
            Ok(match fields.word("do")? {
                "nothing" => Restored::AsIs,
                "single" => Restored::Single,
                "half" => Restored::Half,
                "known" => Restored::Known(Categories::read(fields)?),
                _ => return fields.wrong("do", "a known word"),
            })
        };
        Ok(Self { columns: fields.inners("columns")?.into_iter().map(column).collect::<Result<_, _>>()? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let Value::Table(mut table) = x else { return Err(Refused::misfit("a matrix instead of columns")) };
        if table.columns.len() != self.columns.len() {
            return Err(Refused::misfit("another number of columns"));
        }
        for (at, restored) in self.columns.iter().enumerate() {
            let rounding: fn(f64) -> f64 = match restored {
                Restored::AsIs => continue,
                Restored::Single => single,
                Restored::Half => |value| half(single(value)),
                Restored::Known(known) => {
                    keep(&mut table, at, known)?;
                    continue;
                }
            };
            let Some(Column::Float(values)) = table.columns.get_mut(at) else {
                return Err(Refused::misfit("a column that is not of floats"));
            };
            values.to_mut().iter_mut().for_each(|value| *value = rounding(*value));
        }
        Ok(Value::Table(table))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the rounding is what is wanted")]
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

/// Rounded to a float of 16 bits, ties to even: of 11 digits, the least exponent is -14, and from 65520 on all is infinite.
fn half(value: f64) -> f64 {
    if value.abs() >= 65520.0 {
        return f64::INFINITY.copysign(value);
    }
    let exponent = i32::try_from((value.to_bits() >> 52) & 0x7ff).unwrap_or(0) - 1023;
    let step = 2.0_f64.powi(exponent.max(-14) - 10);
    (value / step).round_ties_even() * step
}

/// Has a column miss what is not among its categories.
fn keep(table: &mut Table<'_>, at: usize, known: &Categories) -> Result<(), Refused> {
    let mut unknown = Vec::new();
    known.find_in(&table.columns[at], |row, category| {
        if category.is_none() {
            unknown.push(row);
        }
        Ok(())
    })?;
    match &mut table.columns[at] {
        Column::Float(values) => unknown.iter().for_each(|row| values.to_mut()[*row] = f64::NAN),
        Column::Int(values) => unknown.iter().for_each(|row| values.to_mut()[*row] = None),
        Column::Bool(values) => unknown.iter().for_each(|row| values.to_mut()[*row] = None),
        Column::Text(values) => unknown.iter().for_each(|row| values[*row] = None),
    }
    Ok(())
}
