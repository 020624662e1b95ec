//! What flows between operators.

use std::borrow::Cow;

use crate::Refused;

/// So many numbers at most, most of them zeros, are written out.
const DENSE: usize = 1 << 26;

/// Some rows, in the form that the operator before left them in.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// Columns, each of its own type.
    Table(Table<'a>),
    /// Numbers, row-major.
    Dense(Matrix),
    /// Numbers, most of which are zero.
    Sparse(Sparse),
}

/// Columns of one length.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// The length of every column.
    pub rows: usize,
    /// The columns.
    pub columns: Vec<Column<'a>>,
}

/// Values of one type.
#[derive(Debug, Clone)]
pub enum Column<'a> {
    /// Numbers; a missing one is NaN.
    Float(Cow<'a, [f64]>),
    /// Whole numbers.
    Int(Cow<'a, [Option<i64>]>),
    /// True or false.
    Bool(Cow<'a, [Option<bool>]>),
    /// Texts.
    Text(Vec<Option<Cow<'a, str>>>),
}

/// Numbers, row-major.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    /// How many rows.
    pub rows: usize,
    /// How many columns.
    pub width: usize,
    /// `rows * width` numbers.
    pub values: Vec<f64>,
    /// Every number is one of 32 bits, and what is computed from it element by element is rounded to 32 bits.
    pub single: bool,
}

/// Numbers in compressed rows: of row `r`, those at `starts[r]..starts[r + 1]`, with ascending columns. Always doubles.
#[derive(Debug, Clone, Default)]
pub struct Sparse {
    /// How many columns.
    pub width: usize,
    /// One more than there are rows.
    pub starts: Vec<usize>,
    /// Each below `width`.
    pub columns: Vec<u32>,
    /// As many as `columns`.
    pub values: Vec<f64>,
}

impl Value<'_> {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        match self {
            Self::Table(table) => table.rows,
            Self::Dense(matrix) => matrix.rows,
            Self::Sparse(sparse) => sparse.rows(),
        }
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        match self {
            Self::Table(table) => table.columns.len(),
            Self::Dense(matrix) => matrix.width,
            Self::Sparse(sparse) => sparse.width,
        }
    }

    /// As a matrix of `width` columns, borrowed if it is one. A table's columns become doubles.
    pub(crate) fn dense(&self, width: usize) -> Result<Cow<'_, Matrix>, Refused> {
        if self.width() != width {
            return Err(Refused::misfit(format!("{} columns instead of {width}", self.width())));
        }
        Ok(match self {
            Self::Table(table) => Cow::Owned(table.dense()?),
            Self::Dense(matrix) => Cow::Borrowed(matrix),
            Self::Sparse(sparse) => Cow::Owned(sparse.dense()?),
        })
    }

    /// With one more column of numbers behind its own, as doubles.
    pub(crate) fn with_column(&self, column: &[f64]) -> Result<Value<'static>, Refused> {
        let width = self.width();
        if let Value::Sparse(sparse) = self {
            return sparse.with_column(column).map(Value::Sparse);
        }
        let before = self.dense(width)?;
        let mut wider = Matrix::zeros(before.rows, width + 1);
        for ((row, value), into) in column.iter().enumerate().zip(wider.each_row_mut()) {
            into[..width].copy_from_slice(&before.values[row * width..(row + 1) * width]);
            into[width] = *value;
        }
        Ok(Value::Dense(wider))
    }

    /// The same, of an owned value: nothing is copied that need not be.
    pub(crate) fn into_dense(self, width: usize) -> Result<Matrix, Refused> {
        match self {
            Self::Dense(matrix) if matrix.width == width => Ok(matrix),
            other => other.dense(width).map(Cow::into_owned),
        }
    }
}

impl Table<'_> {
    /// All columns as doubles. A missing value is NaN, true is 1.
    #[expect(clippy::cast_precision_loss, reason = "numpy rounds a whole number to the nearest double, too")]
    fn dense(&self) -> Result<Matrix, Refused> {
        let mut matrix = Matrix::zeros(self.rows, self.columns.len());
        for (at, column) in self.columns.iter().enumerate() {
            let places = matrix.values.iter_mut().skip(at).step_by(self.columns.len().max(1));
            match column {
                Column::Float(values) => places.zip(values.iter()).for_each(|(place, value)| *place = *value),
                Column::Int(values) => {
                    places
                        .zip(values.iter())
                        .for_each(|(place, value)| *place = value.map_or(f64::NAN, |value| value as f64));
                }
                Column::Bool(values) => places
                    .zip(values.iter())
                    .for_each(|(place, value)| *place = value.map_or(f64::NAN, |value| f64::from(u8::from(value)))),
                Column::Text(_) => return Err(Refused::misfit("text instead of numbers")),
            }
        }
        Ok(matrix)
    }
}

impl Matrix {
    /// Zeros.
    pub fn zeros(rows: usize, width: usize) -> Self {
        Self { rows, width, values: vec![0.0; rows * width], single: false }
    }

    /// Its rows. Without columns, none.
    pub fn each_row(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// Its rows, to be changed.
    pub fn each_row_mut(&mut self) -> std::slice::ChunksExactMut<'_, f64> {
        self.values.chunks_exact_mut(self.width.max(1))
    }

    /// What of it is not zero.
    pub(crate) fn into_sparse(self) -> Sparse {
        let mut sparse = Sparse { width: self.width, starts: Vec::with_capacity(self.rows + 1), ..Sparse::default() };
        sparse.starts.push(0);
        for row in self.each_row() {
            for (column, value) in (0..).zip(row) {
                if value.abs() > 0.0 || value.is_nan() {
                    sparse.columns.push(column);
                    sparse.values.push(*value);
                }
            }
            sparse.starts.push(sparse.columns.len());
        }
        sparse.starts.resize(self.rows + 1, sparse.columns.len());
        sparse
    }

    /// Rounds every number to 32 bits, if this is a matrix of such: to be called after each operation on its elements.
    /// Source of its being exact: a double has more than twice the digits of a float, and two, so rounding twice is the same
    /// as rounding once for +, −, ×, ÷ and √ (S. Figueroa, "When is double rounding innocuous?", 1995).
    #[expect(clippy::cast_possible_truncation, reason = "the rounding is what is wanted")]
    pub fn round(&mut self) {
        if self.single {
            self.values.iter_mut().for_each(|value| *value = f64::from(*value as f32));
        }
    }
}

impl Sparse {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The columns and values of a row.
    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// With one more column behind its own.
    fn with_column(&self, column: &[f64]) -> Result<Self, Refused> {
        let place = u32::try_from(self.width).map_err(|_| Refused::misfit("too many columns"))?;
        let mut wider = Self { width: self.width + 1, starts: vec![0], ..Self::default() };
        for (row, value) in column.iter().enumerate().take(self.rows()) {
            let (columns, values) = self.row(row);
            wider.columns.extend_from_slice(columns);
            wider.values.extend_from_slice(values);
            if value.abs() > 0.0 || value.is_nan() {
                wider.columns.push(place);
                wider.values.push(*value);
            }
            wider.starts.push(wider.columns.len());
        }
        Ok(wider)
    }

    fn dense(&self) -> Result<Matrix, Refused> {
        if self.rows().saturating_mul(self.width) > DENSE {
            return Err(Refused::misfit("too many columns to write out their zeros"));
        }
        let mut matrix = Matrix::zeros(self.rows(), self.width);
        for (row, into) in matrix.values.chunks_exact_mut(self.width.max(1)).enumerate() {
            let (columns, values) = self.row(row);
            columns.iter().zip(values).for_each(|(column, value)| into[*column as usize] = *value);
        }
        Ok(matrix)
    }
}
