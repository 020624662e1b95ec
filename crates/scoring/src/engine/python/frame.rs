//! The frames that go between us and a model's process: `python/wire.py` says how they look.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Batch, Cells, Numbers, Output, PredictError, Schema};

/// A frame's head, which is JSON, and the buffers that it speaks of, one after the other, each padded to [`ALIGNMENT`].
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) head: Vec<u8>,
    pub(super) buffers: Vec<u8>,
}

/// So that numbers lie where processors like them, in bytes.
const ALIGNMENT: usize = 8;

/// The head of a request.
#[derive(Debug, Default, Serialize)]
struct Head<'a> {
    id: u64,
    /// Whether decision values are wanted, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    decision: bool,
    rows: usize,
    /// One kind a column.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<&'static str>,
    /// Of the buffers that are lists of JSON, in bytes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lengths: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tensor: Option<Tensor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Tensor<'a> {
    dtype: &'a str,
    shape: Vec<usize>,
}

/// A request for the rows of some batches together, which are of the schema; whether decision values are wanted, too.
pub(super) fn request(schema: &Schema, batches: &[&Batch], (id, decision): (u64, bool)) -> Result<Vec<u8>, PredictError> {
    let mut head = Head { id, decision, rows: batches.iter().map(|batch| batch.rows()).sum(), ..Head::default() };
    let mut buffers = Vec::new();
    let written = match schema {
        Schema::Table(schema) => (0..schema.columns.len()).try_for_each(|at| {
            let cells: Option<Vec<&Cells>> = batches.iter().map(|batch| batch.column(at)).collect();
            let (kind, length) = write(&cells.ok_or_else(|| io::Error::other(OTHER_KIND))?, &mut buffers)?;
            head.columns.push(kind);
            head.lengths.extend(length);
            Ok(())
        }),
        Schema::Array(schema) => (|| {
            let arrays: Option<Vec<_>> = batches.iter().map(|batch| batch.array()).collect();
            let arrays = arrays.ok_or_else(|| io::Error::other(OTHER_KIND))?;
            let mut shape = arrays.first().map(|(shape, _)| shape.to_vec()).unwrap_or_default();
            if let Some(rows) = shape.first_mut() {
                *rows = head.rows;
            }
            let cells: Vec<&Cells> = arrays.into_iter().map(|(_, cells)| cells).collect();
            let (kind, length) = write(&cells, &mut buffers)?;
            head.tensor = Some(Tensor { dtype: &schema.dtype, shape });
            (head.kind, head.length) = (Some(kind), length);
            Ok(())
        })(),
    };
    let head = written.and_then(|()| Ok(serde_json::to_vec(&head)?));
    head.and_then(|head| frame(head, &buffers)).map_err(|error| PredictError::Failed(error.to_string()))
}

const OTHER_KIND: &str = "the rows are not of the model's kind";

/// The message by which a process learns what it gives up.
pub(super) fn seal(filter: &[u8]) -> io::Result<Vec<u8>> {
    frame(format!("{{\"filter\":{}}}", filter.len()).into_bytes(), filter)
}

fn frame(mut head: Vec<u8>, buffers: &[u8]) -> io::Result<Vec<u8>> {
    head.resize(head.len().next_multiple_of(ALIGNMENT), b' ');
    let mut frame = Vec::with_capacity(ALIGNMENT + head.len() + buffers.len());
    for part in [&head, buffers] {
        frame.extend_from_slice(&u32::try_from(part.len()).map_err(io::Error::other)?.to_le_bytes());
    }
    frame.extend_from_slice(&head);
    frame.extend_from_slice(buffers);
    Ok(frame)
}

/// Appends a buffer, and says of which kind it is and, if that does not say it, how long.
fn write(parts: &[&Cells], buffers: &mut Vec<u8>) -> io::Result<(&'static str, Option<usize>)> {
    let begin = buffers.len();
    let gaps = parts.iter().any(|cells| match cells {
        Cells::Bool(cells) => cells.iter().any(Option::is_none),
        Cells::Int(cells) => cells.iter().any(Option::is_none),
        Cells::Float(_) => false,
        Cells::Text(_) => true,
    });
    let kind = match parts.first() {
        Some(Cells::Float(_)) => "f8",
        // As in any frame, a missing value makes whole numbers floats.
        Some(Cells::Int(_)) if gaps => "f8",
        Some(Cells::Int(_)) => "i8",
        Some(Cells::Bool(_)) if !gaps => "b1",
        _ => "json",
    };
    if kind == "json" {
        list(parts, buffers)?;
    } else {
        for cells in parts {
            match cells {
                Cells::Float(cells) => cells.iter().for_each(|cell| buffers.extend_from_slice(&cell.to_le_bytes())),
                #[expect(clippy::cast_precision_loss, reason = "as in any frame")]
                Cells::Int(cells) if gaps => cells
                    .iter()
                    .for_each(|cell| buffers.extend_from_slice(&cell.map_or(f64::NAN, |cell| cell as f64).to_le_bytes())),
                Cells::Int(cells) => {
                    cells.iter().flatten().for_each(|cell| buffers.extend_from_slice(&cell.to_le_bytes()));
                }
                Cells::Bool(cells) => buffers.extend(cells.iter().flatten().map(|cell| u8::from(*cell))),
                Cells::Text(_) => {}
            }
        }
    }
    let length = buffers.len() - begin;
    buffers.resize(buffers.len().next_multiple_of(ALIGNMENT), 0);
    Ok((kind, (kind == "json").then_some(length)))
}

/// A list of JSON, whose missing values are null.
fn list(parts: &[&Cells], buffers: &mut Vec<u8>) -> io::Result<()> {
    buffers.push(b'[');
    let begin = buffers.len();
    for cells in parts {
        let separate = |buffers: &mut Vec<u8>| {
            if buffers.len() > begin {
                buffers.push(b',');
            }
        };
        match cells {
            Cells::Bool(cells) => cells.iter().try_for_each(|cell| {
                separate(buffers);
                serde_json::to_writer(&mut *buffers, cell)
            })?,
            Cells::Text(cells) => cells.iter().try_for_each(|cell| {
                separate(buffers);
                serde_json::to_writer(&mut *buffers, &cell)
            })?,
            Cells::Int(_) | Cells::Float(_) => {}
        }
    }
    buffers.push(b']');
    Ok(())
}

/// What a process says first.
#[derive(Debug, Deserialize)]
pub(super) struct Greeting {
    #[serde(default)]
    pub(super) pid: Option<i32>,
    #[serde(default)]
    pub(super) ready: bool,
    #[serde(default)]
    pub(super) joins: bool,
    #[serde(default)]
    pub(super) decides: Option<String>,
    #[serde(default)]
    pub(super) error: Option<String>,
}

#[derive(Deserialize)]
struct Reply<'a> {
    id: u64,
    #[serde(borrow, default)]
    predictions: Option<Part<'a>>,
    #[serde(borrow, default)]
    probabilities: Option<Part<'a>>,
    #[serde(borrow, default)]
    decision: Option<Part<'a>>,
    #[serde(default)]
    error: Option<Fault>,
}

/// Predictions or probabilities.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Part<'a> {
    /// Their shape.
    Floats(Vec<usize>),
    /// How many.
    Labels(usize),
    #[serde(borrow)]
    Json(&'a RawValue),
}

#[derive(Deserialize)]
struct Fault {
    kind: String,
    message: String,
    #[serde(default)]
    column: Option<String>,
}

/// Predictions, and decision values where they are asked for.
pub(super) type Said = (Output, Option<Numbers>);

/// The answer in a frame; `None` when it is not the answer to request `id`, with decision values if they are asked for.
pub(super) fn answer(frame: &Frame, (id, decides): (u64, bool)) -> Option<Result<Said, PredictError>> {
    let reply: Reply<'_> = serde_json::from_slice(&frame.head).ok().filter(|reply: &Reply<'_>| reply.id == id)?;
    let mut buffers = frame.buffers.as_slice();
    let output = match (reply.predictions, reply.probabilities, reply.error) {
        (None, None, Some(fault)) => return Some(Err(fault.into())),
        (Some(Part::Labels(rows)), probabilities, None) => {
            let labels = take(&mut buffers, rows, |bytes| u32::from_le_bytes(bytes) as usize)?;
            let probabilities = match probabilities {
                Some(Part::Floats(shape)) => Some(floats(&mut buffers, &shape)?),
                Some(_) => return None,
                None => None,
            };
            Output::Classes { labels, probabilities }
        }
        (Some(Part::Floats(shape)), None, None) => Output::Numbers(floats(&mut buffers, &shape)?),
        (Some(Part::Json(predictions)), probabilities, None) => {
            let probabilities = match probabilities {
                Some(Part::Json(probabilities)) => Some(probabilities.to_owned()),
                Some(_) => return None,
                None => None,
            };
            Output::Json { predictions: predictions.to_owned(), probabilities }
        }
        _ => return None,
    };
    let decision = match (reply.decision, decides) {
        (Some(Part::Floats(shape)), true) => Some(floats(&mut buffers, &shape)?),
        (None, false) => None,
        _ => return None,
    };
    // A list of one number is that number.
    let decision = decision.map(|Numbers { values, width }| Numbers { values, width: width.filter(|width| *width != 1) });
    Some(Ok((output, decision)))
}

fn floats(buffers: &mut &[u8], shape: &[usize]) -> Option<Numbers> {
    let (rows, width) = match *shape {
        [rows] => (rows, None),
        [rows, width] => (rows, Some(width)),
        _ => return None,
    };
    let values = take(buffers, rows.checked_mul(width.unwrap_or(1))?, f64::from_le_bytes)?;
    Some(Numbers { values, width })
}

/// Some numbers off the front of the buffers.
fn take<T, const N: usize>(buffers: &mut &[u8], count: usize, read: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (numbers, rest) = buffers.split_at_checked(count.checked_mul(N)?)?;
    *buffers = rest.get(numbers.len().next_multiple_of(ALIGNMENT) - numbers.len()..)?;
    Some(numbers.as_chunks().0.iter().map(|bytes| read(*bytes)).collect())
}

impl From<Fault> for PredictError {
    /// The program words its messages so that they hold no value of a row.
    fn from(fault: Fault) -> Self {
        match (fault.kind.as_str(), fault.column) {
            ("bad_input", Some(column)) => Self::BadInput(format!("column {column:?}: {}", fault.message)),
            ("bad_input", None) => Self::BadInput(fault.message),
            _ => Self::Failed(fault.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(head: &str, buffers: &[u8]) -> Frame {
        Frame { head: head.as_bytes().to_vec(), buffers: buffers.to_vec() }
    }

    #[test]
    fn an_answer_to_another_request_is_none() {
        let said = frame(r#"{"id":7,"predictions":{"json":[1]}}  "#, &[]);
        assert!(matches!(answer(&said, (7, false)), Some(Ok((Output::Json { .. }, None)))));
        assert!(answer(&said, (8, false)).is_none());
        assert!(answer(&frame("print", &[]), (7, false)).is_none());
    }

    #[test]
    fn numbers_that_are_not_all_there_are_none() {
        let numbers = [1.5_f64.to_le_bytes(), 2.5_f64.to_le_bytes()].concat();
        let said = |shape: &str| frame(&format!(r#"{{"id":1,"predictions":{{"floats":{shape}}}}}"#), &numbers);
        assert!(
            matches!(answer(&said("[1,2]"), (1, false)), Some(Ok((Output::Numbers(Numbers { values, width: Some(2) }), None))) if values == [1.5, 2.5])
        );
        for shape in ["[3]", "[1,2,1]", "[18446744073709551615,2]", "[]"] {
            assert!(answer(&said(shape), (1, false)).is_none(), "{shape}");
        }
        let labels = frame(r#"{"id":1,"predictions":{"labels":3},"probabilities":{"floats":[1]}}"#, &[0; 24]);
        assert!(
            matches!(answer(&labels, (1, false)), Some(Ok((Output::Classes { labels, .. }, None))) if labels == [0, 0, 0])
        );
    }

    #[test]
    fn decision_values_come_where_they_are_asked_for_and_nowhere_else() {
        let numbers = [1.5_f64, -1.5].map(f64::to_le_bytes).concat();
        let said = |shape: &str| {
            frame(&format!(r#"{{"id":1,"predictions":{{"json":[1,2]}},"decision":{{"floats":{shape}}}}}"#), &numbers)
        };
        for shape in ["[2]", "[2,1]"] {
            let read = answer(&said(shape), (1, true));
            assert!(
                matches!(read, Some(Ok((_, Some(Numbers { values, width: None })))) if values == [1.5, -1.5]),
                "{shape}"
            );
        }
        assert!(matches!(answer(&said("[1,2]"), (1, true)), Some(Ok((_, Some(Numbers { width: Some(2), .. }))))));
        assert!(answer(&said("[3]"), (1, true)).is_none());
        assert!(answer(&said("[2]"), (1, false)).is_none());
        assert!(answer(&frame(r#"{"id":1,"predictions":{"json":[1]}}"#, &[]), (1, true)).is_none());
    }

    #[test]
    fn a_refusal_names_the_column() {
        let said = frame(r#"{"id":1,"error":{"kind":"bad_input","message":"it is wrong","column":"Age"}}"#, &[]);
        let refused = answer(&said, (1, true)).expect("an answer").expect_err("an error");
        assert!(matches!(refused, PredictError::BadInput(text) if text == "column \"Age\": it is wrong"));
    }
}
