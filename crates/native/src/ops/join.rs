//! `join`: several operators on the same rows, each on its own columns, their results side by side. `ColumnTransformer`,
//! `FeatureUnion`.

use crate::{
    BadGraph, Column, Matrix, Refused, Sparse, Table, Value,
    explain::Traced,
    file::Fields,
    operator::{Operate, Operator},
};

/// So many columns at most are joined.
const WIDEST: usize = 1 << 22;

#[derive(Debug)]
pub(crate) struct Join {
    parts: Vec<Part>,
    sparse: bool,
    /// Columns side by side, each of its own type.
    table: bool,
}

#[derive(Debug)]
struct Part {
    /// All, where there are none.
    columns: Option<Vec<usize>>,
    /// As they are, where there is none.
    then: Option<Operator>,
}

impl Operate for Join {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let part = |fields: Fields<'_>| {
            let columns = if fields.has("columns") { Some(fields.counts("columns")?) } else { None };
            let then = if fields.has("then") { Some(fields.operator("then")?) } else { None };
            Ok(Part { columns, then })
        };
        let parts = fields.inners("parts")?.into_iter().map(part).collect::<Result<_, _>>()?;
        Ok(Self { parts, sparse: fields.flag("sparse")?, table: fields.has("table") && fields.flag("table")? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        self.join(x.rows(), |part| {
            let taken = part.take(&x)?;
            match &part.then {
                Some(then) => then.transform(taken),
                None => Ok(taken),
            }
        })
    }

    fn trace<'a>(&'a self, x: Traced<'a>) -> Result<Traced<'a>, Refused> {
        let mut origins = Vec::new();
        let value = self.join(x.value.rows(), |part| {
            let value = part.take(&x.value)?;
            let of = part.columns.as_ref().map_or_else(
                || x.origins.clone(),
                |columns| columns.iter().filter_map(|at| x.origins.get(*at)).copied().collect(),
            );
            let taken = Traced { value, origins: of };
            let traced = match &part.then {
                Some(then) => then.trace(taken)?,
                None => taken,
            };
            origins.extend(traced.origins);
            Ok(traced.value)
        })?;
        Ok(Traced { value, origins })
    }
}

impl Part {
    /// The columns that are this part's.
    fn take<'a>(&self, x: &Value<'a>) -> Result<Value<'a>, Refused> {
        match &self.columns {
            Some(columns) => take(x, columns),
            None => Ok(x.clone()),
        }
    }
}

impl Join {
    /// What `one` makes of each part, side by side.
    fn join<'a>(
        &'a self,
        rows: usize,
        mut one: impl FnMut(&'a Part) -> Result<Value<'a>, Refused>,
    ) -> Result<Value<'a>, Refused> {
        let (mut parts, mut width) = (Vec::with_capacity(self.parts.len()), 0_usize);
        for part in &self.parts {
            let part = one(part)?;
            if part.rows() != rows {
                return Err(Refused::misfit("parts of different lengths"));
            }
            width = width.saturating_add(part.width());
            // Joins of joins could double it each time.
            if width > WIDEST {
                return Err(Refused::misfit("too many columns side by side"));
            }
            parts.push(part);
        }
        if self.sparse {
            return Ok(Value::Sparse(side_by_side_sparse(rows, &parts)?));
        }
        if self.table {
            return side_by_side_table(rows, parts);
        }
        side_by_side(rows, &parts).map(Value::Dense)
    }
}

/// Some columns, in an order.
pub(crate) fn take<'a>(x: &Value<'a>, columns: &[usize]) -> Result<Value<'a>, Refused> {
    if columns.iter().any(|at| *at >= x.width()) {
        return Err(Refused::misfit("a column that is not there"));
    }
    Ok(match x {
        Value::Table(table) => {
            Value::Table(Table { rows: table.rows, columns: columns.iter().map(|at| table.columns[*at].clone()).collect() })
        }
        Value::Dense(matrix) => {
            let mut values = Vec::with_capacity(matrix.rows * columns.len());
            for row in 0..matrix.rows {
                values.extend(columns.iter().map(|at| matrix.values[row * matrix.width + at]));
            }
            Value::Dense(Matrix { rows: matrix.rows, width: columns.len(), values, single: matrix.single })
        }
        Value::Sparse(sparse) => {
            let mut taken = Sparse { width: columns.len(), starts: vec![0], ..Sparse::default() };
            for row in 0..sparse.rows() {
                let (places, values) = sparse.row(row);
                for (to, from) in columns.iter().enumerate() {
                    if let Ok(found) = places.binary_search_by(|place| (*place as usize).cmp(from)) {
                        taken.columns.push(u32::try_from(to).unwrap_or(u32::MAX));
                        taken.values.push(values[found]);
                    }
                }
                taken.starts.push(taken.values.len());
            }
            Value::Sparse(taken)
        }
    })
}

fn side_by_side(rows: usize, parts: &[Value<'_>]) -> Result<Matrix, Refused> {
    let parts = parts.iter().map(|part| part.dense(part.width())).collect::<Result<Vec<_>, _>>()?;
    let width = parts.iter().map(|part| part.width).sum();
    let mut joined = Matrix::zeros(rows, width);
    let mut start = 0;
    for part in &parts {
        for (into, from) in joined.values.chunks_exact_mut(width.max(1)).zip(part.each_row()) {
            into[start..start + part.width].copy_from_slice(from);
        }
        start += part.width;
    }
    joined.single = !parts.is_empty() && parts.iter().all(|part| part.single);
    Ok(joined)
}

fn side_by_side_table(rows: usize, parts: Vec<Value<'_>>) -> Result<Value<'_>, Refused> {
    let mut columns = Vec::new();
    for part in parts {
        match part {
            Value::Table(table) => columns.extend(table.columns),
            other => {
                let matrix = other.dense(other.width())?;
                let column = |at| matrix.each_row().map(|row| row[at]).collect::<Vec<_>>();
                columns.extend((0..matrix.width).map(|at| Column::Float(column(at).into())));
            }
        }
    }
    Ok(Value::Table(Table { rows, columns }))
}

fn side_by_side_sparse(rows: usize, parts: &[Value<'_>]) -> Result<Sparse, Refused> {
    let mut starts = vec![0];
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    let dense = parts.iter().map(|part| match part {
        Value::Sparse(_) => Ok(None),
        other => other.dense(other.width()).map(Some),
    });
    let dense = dense.collect::<Result<Vec<_>, _>>()?;
    let width = parts.iter().map(Value::width).sum::<usize>();
    let place = |at: usize| u32::try_from(at).map_err(|_| Refused::misfit("too many columns"));
    place(width)?;
    for row in 0..rows {
        let mut start = 0;
        for (part, dense) in parts.iter().zip(&dense) {
            match (part, dense) {
                (Value::Sparse(sparse), _) => {
                    let (places, numbers) = sparse.row(row);
                    let shift = place(start)?;
                    columns.extend(places.iter().map(|place| place + shift));
                    values.extend_from_slice(numbers);
                }
                (_, Some(matrix)) => {
                    for (at, value) in matrix.values[row * matrix.width..(row + 1) * matrix.width].iter().enumerate() {
                        if *value != 0.0 {
                            columns.push(place(start + at)?);
                            values.push(*value);
                        }
                    }
                }
                (_, None) => {}
            }
            start += part.width();
        }
        starts.push(values.len());
    }
    Ok(Sparse { width, starts, columns, values })
}
