//! Columns as the graph's input tensors.

use std::fmt::Debug;

use contract::Column;
use ort::{
    session::SessionInputValue,
    value::{PrimitiveTensorElementType, Shape, Tensor, TensorRef},
};

use super::plan::{Element, Inputs, Plan};
use crate::{Batch, Cells, PredictError};

/// The graph's inputs, in its order. What needs no conversion is lent, not copied.
pub(super) fn inputs<'b>(plan: &'b Plan, batch: &'b Batch) -> Result<Vec<SessionInputValue<'b>>, PredictError> {
    match (&plan.inputs, batch) {
        (Inputs::Columns(inputs), Batch::Table { rows, columns }) => inputs
            .iter()
            .map(|(at, column, element)| {
                let part = Part { column, cells: &columns[*at] };
                part.check(column.nullable || !column.required)?;
                part.tensor(plan, &[*rows, 1], *element)
            })
            .collect(),
        (Inputs::Matrix(inputs, element), Batch::Table { rows, columns }) => {
            let parts: Vec<_> = inputs.iter().zip(columns).map(|(column, cells)| Part { column, cells }).collect();
            parts.iter().try_for_each(|part| part.check(part.column.nullable || !part.column.required))?;
            Ok(vec![matrix(plan, &parts, *rows, *element)?])
        }
        (Inputs::Matrix(inputs, element), Batch::Array { shape, cells }) => {
            let part = |column| {
                let part = Part { column, cells };
                part.check(column.nullable)?;
                part.tensor(plan, shape, *element)
            };
            inputs.iter().map(part).collect()
        }
        (Inputs::Columns(_), Batch::Array { .. }) => Err(PredictError::Failed("an array for columns".to_owned())),
    }
}

/// A column and its cells.
struct Part<'b> {
    column: &'b Column,
    cells: &'b Cells,
}

impl<'b> Part<'b> {
    fn tensor(&self, plan: &'b Plan, shape: &[usize], element: Element) -> Result<SessionInputValue<'b>, PredictError> {
        match (element, self.cells) {
            (Element::F64, Cells::Float(values)) => Ok(TensorRef::from_array_view((Shape::from(shape), values.as_slice()))
                .map_err(|error| failed(&error))?
                .into()),
            (Element::F64, _) => owned(shape, self.floats()?),
            (Element::F32, _) => owned(shape, narrow(&self.floats()?)),
            (Element::I64, _) => owned(shape, self.wholes()?),
            (Element::I32, _) => owned(shape, self.small_wholes()?),
            (Element::Bool, _) => owned(shape, self.wholes()?.into_iter().map(|value| value != 0).collect()),
            (Element::Text, _) => texts(shape, &self.texts(plan)?),
        }
    }

    /// The cells as floats; a missing one is NaN.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the graph computes in floats: the conversion was verified with the same values"
    )]
    fn floats(&self) -> Result<Vec<f64>, PredictError> {
        Ok(match self.cells {
            Cells::Float(cells) => cells.clone(),
            Cells::Int(cells) => cells.iter().map(|cell| cell.map_or(f64::NAN, |value| value as f64)).collect(),
            Cells::Bool(cells) => {
                cells.iter().map(|cell| cell.map_or(f64::NAN, |value| f64::from(u8::from(value)))).collect()
            }
            Cells::Text(_) => return Err(self.misfit()),
        })
    }

    /// A graph computes with any float; the estimator refuses infinities, and gaps that it was not seen to take.
    fn check(&self, gaps: bool) -> Result<(), PredictError> {
        match self.cells {
            Cells::Float(cells) if cells.iter().any(|cell| cell.is_infinite() || cell.is_nan() && !gaps) => {
                let detail =
                    format!("column {:?}: the model cannot take a missing or infinite number here", self.column.name);
                Err(PredictError::BadInput(detail))
            }
            _ => Ok(()),
        }
    }

    fn wholes(&self) -> Result<Vec<i64>, PredictError> {
        let whole = |cell: Option<i64>| cell.ok_or_else(|| self.missing());
        match self.cells {
            Cells::Int(cells) => cells.iter().map(|cell| whole(*cell)).collect(),
            Cells::Bool(cells) => cells.iter().map(|cell| whole(cell.map(i64::from))).collect(),
            Cells::Float(_) | Cells::Text(_) => Err(self.misfit()),
        }
    }

    fn small_wholes(&self) -> Result<Vec<i32>, PredictError> {
        let too_large = |_| PredictError::BadInput(format!("column {:?}: a number is beyond 32 bits", self.column.name));
        self.wholes()?.into_iter().map(|value| i32::try_from(value).map_err(too_large)).collect()
    }

    fn texts(&self, plan: &Plan) -> Result<Vec<String>, PredictError> {
        let Cells::Text(cells) = self.cells else { return Err(self.misfit()) };
        cells
            .iter()
            .map(|text| match text.or(plan.missing_string.as_deref()) {
                None => Err(self.missing()),
                // The runtime's strings end at the first NUL.
                Some(text) if text.contains('\0') => {
                    Err(PredictError::BadInput(format!("column {:?}: a text holds a NUL character", self.column.name)))
                }
                Some(text) => Ok(text.to_owned()),
            })
            .collect()
    }

    fn missing(&self) -> PredictError {
        PredictError::BadInput(format!("column {:?}: the model cannot take a missing value here", self.column.name))
    }

    fn misfit(&self) -> PredictError {
        PredictError::Failed(format!("column {:?} does not fit the graph's input", self.column.name))
    }
}

/// All columns side by side, `[rows, width]`.
fn matrix<'b>(
    plan: &'b Plan,
    parts: &[Part<'b>],
    rows: usize,
    element: Element,
) -> Result<SessionInputValue<'b>, PredictError> {
    let shape = &[rows, parts.len()];
    match element {
        Element::F64 => owned(shape, interleave(rows, &parts.iter().map(Part::floats).collect::<Result<Vec<_>, _>>()?)),
        Element::F32 => {
            owned(shape, narrow(&interleave(rows, &parts.iter().map(Part::floats).collect::<Result<Vec<_>, _>>()?)))
        }
        Element::I64 => owned(shape, interleave(rows, &parts.iter().map(Part::wholes).collect::<Result<Vec<_>, _>>()?)),
        Element::I32 => {
            owned(shape, interleave(rows, &parts.iter().map(Part::small_wholes).collect::<Result<Vec<_>, _>>()?))
        }
        Element::Bool => {
            let wholes = interleave(rows, &parts.iter().map(Part::wholes).collect::<Result<Vec<_>, _>>()?);
            owned(shape, wholes.into_iter().map(|value| value != 0).collect())
        }
        Element::Text => {
            texts(shape, &interleave(rows, &parts.iter().map(|part| part.texts(plan)).collect::<Result<Vec<_>, _>>()?))
        }
    }
}

fn interleave<T: Clone>(rows: usize, columns: &[Vec<T>]) -> Vec<T> {
    (0..rows).flat_map(|row| columns.iter().map(move |column| column[row].clone())).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the graph takes 32-bit floats")]
fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

fn owned<T>(shape: &[usize], values: Vec<T>) -> Result<SessionInputValue<'static>, PredictError>
where
    T: PrimitiveTensorElementType + Clone + Debug + 'static,
{
    Ok(Tensor::from_array((shape, values)).map_err(|error| failed(&error))?.into())
}

fn texts(shape: &[usize], values: &[String]) -> Result<SessionInputValue<'static>, PredictError> {
    Ok(Tensor::from_string_array((shape, values)).map_err(|error| failed(&error))?.into())
}

fn failed(error: &ort::Error) -> PredictError {
    PredictError::Failed(error.to_string())
}
