//! `lookup`: for each column, the numbers of its category. `OrdinalEncoder`, `TargetEncoder`.

use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate, ops::one_hot::Categories};

#[derive(Debug)]
pub(crate) struct Lookup {
    columns: Vec<Encoded>,
    width: usize,
    single: bool,
}

#[derive(Debug)]
struct Encoded {
    known: Categories,
    width: usize,
    /// `[categories, width]`
    values: Vec<f64>,
    /// Of an unknown category; none where it is refused.
    unknown: Option<Vec<f64>>,
}

impl Operate for Lookup {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let column = |fields: Fields<'_>| {
            let (known, width) = (Categories::read(fields)?, fields.count("width")?);
            let values = fields.f64s_of("values", known.len().saturating_mul(width))?;
            let unknown = if fields.has("unknown") { Some(fields.f64s_of("unknown", width)?) } else { None };
            if values.len() < width && unknown.is_none() {
                return fields.wrong("values", "at least one category's");
            }
            Ok(Encoded { known, width, values, unknown })
        };
        let columns = fields.inners("columns")?.into_iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let width = columns.iter().map(|column| column.width).sum();
        Ok(Self { columns, width, single: fields.flag("single")? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        if x.width() != self.columns.len() {
            return Err(Refused::misfit("another number of columns than was encoded"));
        }
        let mut matrix = Matrix::zeros(x.rows(), self.width);
        let mut start = 0;
        for (at, column) in self.columns.iter().enumerate() {
            column.known.find(&x, at, |row, category| {
                let values = match (category, &column.unknown) {
                    (Some(category), _) => &column.values[category * column.width..(category + 1) * column.width],
                    (None, Some(unknown)) => unknown,
                    (None, None) => return Err(Refused::rows("a category that it was not trained on")),
                };
                let into = row * self.width + start;
                matrix.values[into..into + column.width].copy_from_slice(values);
                Ok(())
            })?;
            start += column.width;
        }
        matrix.single = self.single;
        Ok(Value::Dense(matrix))
    }

    fn origins(&self, of: &[u32], _: usize) -> Option<Vec<u32>> {
        let columns = of.iter().zip(&self.columns);
        Some(columns.flat_map(|(of, column)| std::iter::repeat_n(*of, column.width)).collect())
    }
}
