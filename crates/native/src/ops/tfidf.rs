//! `tfidf`: counts weighted by how rare their words are, and rows scaled to one length. `TfidfTransformer`, `Normalizer` of sparse
//! rows. Source of each step: `TfidfTransformer.transform`.

use crate::{BadGraph, Refused, Sparse, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Tfidf {
    width: usize,
    sublinear: bool,
    idf: Option<Vec<f64>>,
    norm: Option<Norm>,
}

#[derive(Debug, Clone, Copy)]
enum Norm {
    /// The sum of magnitudes.
    One,
    /// The root of the sum of squares.
    Two,
}

impl Operate for Tfidf {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let width = fields.count("width")?;
        let norm = match fields.has("norm").then(|| fields.word("norm")).transpose()? {
            None => None,
            Some("l1") => Some(Norm::One),
            Some("l2") => Some(Norm::Two),
            Some(_) => return fields.wrong("norm", "a known word"),
        };
        let idf = if fields.has("idf") { Some(fields.f64s_of("idf", width)?) } else { None };
        Ok(Self { width, sublinear: fields.flag("sublinear")?, idf, norm })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let mut x = match x {
            Value::Sparse(sparse) if sparse.width == self.width => sparse,
            other => sparse(&other, self.width)?,
        };
        if self.sublinear {
            x.values.iter_mut().for_each(|value| *value = value.ln() + 1.0);
        }
        if let Some(idf) = &self.idf {
            x.values.iter_mut().zip(&x.columns).for_each(|(value, column)| *value *= idf[*column as usize]);
        }
        if let Some(norm) = self.norm {
            for ends in x.starts.windows(2) {
                let [start, end] = ends else { continue };
                let row = &mut x.values[*start..*end];
                let length = match norm {
                    Norm::One => row.iter().map(|value| value.abs()).sum::<f64>(),
                    Norm::Two => row.iter().map(|value| value * value).sum::<f64>().sqrt(),
                };
                if length != 0.0 {
                    for value in row {
                        *value /= length;
                    }
                }
            }
        }
        Ok(Value::Sparse(x))
    }
}

/// The numbers of a matrix that are not zero.
fn sparse(x: &Value<'_>, width: usize) -> Result<Sparse, Refused> {
    let x = x.dense(width)?;
    let mut sparse = Sparse { width, starts: vec![0], ..Sparse::default() };
    for row in x.each_row() {
        for (value, column) in row.iter().zip(0_u32..) {
            if *value != 0.0 {
                sparse.columns.push(column);
                sparse.values.push(*value);
            }
        }
        sparse.starts.push(sparse.columns.len());
    }
    Ok(sparse)
}
