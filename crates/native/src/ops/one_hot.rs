//! `one_hot`: for each column, a row of zeros with a one at its category. `OneHotEncoder`.

use foldhash::{HashMap, HashMapExt};

use crate::{BadGraph, Column, Matrix, Refused, Sparse, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct OneHot {
    columns: Vec<Encoded>,
    width: usize,
    sparse: bool,
}

#[derive(Debug)]
struct Encoded {
    known: Categories,
    /// Of each category, its place among the column's outputs; none for one that is dropped.
    places: Vec<Option<usize>>,
    unknown: Unknown,
    width: usize,
}

/// The categories that an encoder knows, in their order.
#[derive(Debug)]
pub(crate) enum Categories {
    /// Ascending, except that a NaN is the last.
    Numbers(Vec<f64>),
    /// By their text; and the place of the missing one.
    Texts(HashMap<Box<str>, usize>, Option<usize>),
}

#[derive(Debug, Clone, Copy)]
enum Unknown {
    Refused,
    Zeros,
    /// Counts as an infrequent one.
    At(usize),
}

fn misfit() -> Refused {
    Refused::misfit("a column is not of its categories' type")
}

impl Categories {
    /// Reads `numbers` or `texts`, where `null` is the missing one.
    pub(crate) fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        if fields.has("numbers") {
            // Minus zero is zero.
            let numbers: Vec<_> = fields.f64s("numbers")?.into_iter().map(|number| number + 0.0).collect();
            let known = numbers.len() - usize::from(numbers.last().is_some_and(|last| last.is_nan()));
            if !numbers[..known].is_sorted_by(|a, b| a < b) {
                return fields.wrong("numbers", "ascending");
            }
            return Ok(Self::Numbers(numbers));
        }
        let (mut known, mut missing) = (HashMap::new(), None);
        for (place, text) in fields.texts("texts")?.into_iter().enumerate() {
            match text {
                Some(text) => drop(known.insert(text.into_boxed_str(), place)),
                None => missing = Some(place),
            }
        }
        Ok(Self::Texts(known, missing))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts(texts, missing) => texts.len() + usize::from(missing.is_some()),
        }
    }

    /// Tells `found` the category of each row; none for an unknown one.
    pub(crate) fn find(
        &self,
        x: &Value<'_>,
        column: usize,
        mut found: impl FnMut(usize, Option<usize>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        match x {
            Value::Dense(matrix) if matches!(self, Self::Numbers(_)) => {
                matrix.each_row().enumerate().try_for_each(|(row, values)| found(row, self.number(values[column])))
            }
            Value::Sparse(_) | Value::Dense(_) => Err(misfit()),
            Value::Table(table) => self.find_in(&table.columns[column], found),
        }
    }

    /// The same, of one column.
    pub(crate) fn find_in(
        &self,
        column: &Column<'_>,
        mut found: impl FnMut(usize, Option<usize>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        match (self, column) {
            (Self::Texts(texts, missing), Column::Text(values)) => values
                .iter()
                .enumerate()
                .try_for_each(|(row, text)| found(row, text.as_ref().map_or(*missing, |text| texts.get(&**text).copied()))),
            (Self::Numbers(_), Column::Float(values)) => {
                values.iter().enumerate().try_for_each(|(row, value)| found(row, self.number(*value)))
            }
            #[expect(clippy::cast_precision_loss, reason = "the categories are doubles")]
            (Self::Numbers(_), Column::Int(values)) => values
                .iter()
                .enumerate()
                .try_for_each(|(row, value)| found(row, self.number(value.map_or(f64::NAN, |value| value as f64)))),
            (Self::Numbers(_), Column::Bool(values)) => values.iter().enumerate().try_for_each(|(row, value)| {
                found(row, self.number(value.map_or(f64::NAN, |value| f64::from(u8::from(value)))))
            }),
            _ => Err(misfit()),
        }
    }

    fn number(&self, value: f64) -> Option<usize> {
        let Self::Numbers(numbers) = self else { return None };
        if value.is_nan() {
            return numbers.last().filter(|last| last.is_nan()).map(|_| numbers.len() - 1);
        }
        numbers
            .binary_search_by(
                |known| if known.is_nan() { std::cmp::Ordering::Greater } else { known.total_cmp(&(value + 0.0)) },
            )
            .ok()
    }
}

impl Operate for OneHot {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let column = |fields: Fields<'_>| {
            let (known, width) = (Categories::read(fields)?, fields.count("width")?);
            let place = |place: i32| usize::try_from(place).ok();
            let places: Vec<_> = fields.i32s("places")?.into_iter().map(place).collect();
            if places.len() != known.len() || width > known.len() + 1 || places.iter().flatten().any(|place| *place >= width)
            {
                return fields.wrong("places", "one for each category, below the width");
            }
            let unknown = match fields.word("unknown")? {
                "refused" => Unknown::Refused,
                "zeros" => Unknown::Zeros,
                "infrequent" => Unknown::At(fields.count("infrequent")?),
                _ => return fields.wrong("unknown", "a known word"),
            };
            if matches!(unknown, Unknown::At(place) if place >= width) {
                return fields.wrong("infrequent", "below the width");
            }
            Ok(Encoded { known, places, unknown, width })
        };
        let columns = fields.inners("columns")?.into_iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let width = columns.iter().map(|column| column.width).sum();
        Ok(Self { columns, width, sparse: fields.flag("sparse")? })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        if x.width() != self.columns.len() {
            return Err(Refused::misfit("another number of columns than was encoded"));
        }
        let (rows, count) = (x.rows(), self.columns.len());
        // Of each row and column, the place of its one.
        let mut ones = vec![None; rows * count];
        let mut start = 0;
        for (at, column) in self.columns.iter().enumerate() {
            column.known.find(&x, at, |row, category| {
                let place = match (category, column.unknown) {
                    (Some(category), _) => column.places[category],
                    (None, Unknown::Zeros) => None,
                    (None, Unknown::At(place)) => Some(place),
                    (None, Unknown::Refused) => return Err(Refused::rows("a category that it was not trained on")),
                };
                ones[row * count + at] = place.map(|place| start + place);
                Ok(())
            })?;
            start += column.width;
        }
        Ok(if self.sparse {
            Value::Sparse(sparse(&ones, count, self.width))
        } else {
            Value::Dense(dense(&ones, rows, count, self.width))
        })
    }

    fn origins(&self, of: &[u32], _: usize) -> Option<Vec<u32>> {
        let columns = of.iter().zip(&self.columns);
        Some(columns.flat_map(|(of, column)| std::iter::repeat_n(*of, column.width)).collect())
    }
}

fn dense(ones: &[Option<usize>], rows: usize, count: usize, width: usize) -> Matrix {
    let mut matrix = Matrix::zeros(rows, width);
    for (into, ones) in matrix.values.chunks_exact_mut(width.max(1)).zip(ones.chunks_exact(count.max(1))) {
        ones.iter().flatten().for_each(|place| into[*place] = 1.0);
    }
    matrix
}

fn sparse(ones: &[Option<usize>], count: usize, width: usize) -> Sparse {
    let mut sparse = Sparse { width, starts: vec![0], ..Sparse::default() };
    for ones in ones.chunks_exact(count.max(1)) {
        sparse.columns.extend(ones.iter().flatten().map(|place| u32::try_from(*place).unwrap_or(u32::MAX)));
        sparse.starts.push(sparse.columns.len());
    }
    sparse.values = vec![1.0; sparse.columns.len()];
    sparse
}
