//! Rows with the estimator's own answers, and whether a graph gives the same.

use std::{
    borrow::Cow,
    ops::Range,
    time::{Duration, Instant},
};

use crate::{
    BadGraph, Column, Graph, Input, Matrix, Prediction, Refused, Table, Value, Wanted,
    file::{Fields, File, bad},
};

/// How far an answer may be off: of the larger of the value itself and the mean magnitude of the values beside it.
pub const TOLERANCE: f64 = 1e-12;
/// What a model that is to serve is held to: rounding that comes near to [`TOLERANCE`] on the rows seen here may pass it on others.
pub const MARGIN: f64 = TOLERANCE / 4.0;
/// So many rows at once.
const BLOCK: usize = 64;
const OTHER_KIND: &str = "it predicts something of another kind";

/// What came of comparing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verified {
    /// On so many rows.
    pub rows: usize,
    /// The largest difference, as [`verify`] measures it.
    pub difference: f64,
}

/// The first rows of a proof for a graph, at most `count`.
///
/// # Errors
/// When it is no proof, or one for another graph.
pub fn rows(graph: &Graph, proof: &[u8], count: usize) -> Result<Value<'static>, BadGraph> {
    let proof = Proof::read(proof, graph.inputs())?;
    Ok(proof.block(0..proof.rows.min(count)))
}

/// The estimator's rows and answers.
struct Proof {
    rows: usize,
    columns: Vec<Owned>,
    array: Option<Matrix>,
    labels: Option<Labels>,
    values: Option<Matrix>,
    probabilities: Option<Matrix>,
    decision: Option<Matrix>,
}

/// Of each row, the places of its labels.
struct Labels {
    places: Vec<u32>,
    /// How many a row has; none where it is one label, and no list.
    width: Option<usize>,
}

enum Owned {
    Float(Vec<f64>),
    Int(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
    Text(Vec<Option<String>>),
}

/// Has a graph answer a proof's rows: the labels must be the estimator's, and every number be within `tolerance` of its. It is given
/// up after about `limit`.
///
/// # Errors
/// In words, when the graph can't be read, refuses a row, or says anything else than the estimator.
pub fn verify(graph: &[u8], proof: &[u8], tolerance: f64, limit: Duration) -> Result<Verified, String> {
    let began = Instant::now();
    let graph = Graph::read(graph).map_err(|error| error.to_string())?;
    let proof = Proof::read(proof, graph.inputs()).map_err(|error| error.to_string())?;
    let mut difference = 0.0_f64;
    let scales = [&proof.values, &proof.probabilities, &proof.decision].map(|numbers| numbers.as_ref().map(mean_magnitude));
    for start in (0..proof.rows).step_by(BLOCK) {
        if began.elapsed() > limit {
            return Err(format!("verifying it takes longer than {} s", limit.as_secs()));
        }
        let range = start..(start + BLOCK).min(proof.rows);
        let answer = graph.answer(proof.block(range.clone()), Wanted::ALL).map_err(|refused| match refused {
            Refused::Rows(reason) => format!("it refuses rows that the estimator takes: {reason}"),
            misfit @ Refused::Misfit(_) => misfit.to_string(),
        })?;
        let values = match (answer.prediction, &proof.labels) {
            (Some(Prediction::Labels(labels)), Some(expected)) => expected.check(&labels, None, &range).map(|()| None)?,
            (Some(Prediction::Several { labels, width }), Some(expected)) => {
                expected.check(&labels, Some(width), &range).map(|()| None)?
            }
            (Some(Prediction::Values(values)), None) => Some(values),
            _ => return Err(OTHER_KIND.to_owned()),
        };
        let pairs = [
            ("values", values, &proof.values, scales[0]),
            ("probabilities", answer.probabilities, &proof.probabilities, scales[1]),
            ("decisions", answer.decision, &proof.decision, scales[2]),
        ];
        for (what, given, expected, scale) in pairs {
            let (Some(expected), Some(scale)) = (expected, scale) else { continue };
            let Some(given) = given else { return Err(format!("it gives no {what}")) };
            difference = difference.max(compare(what, &given, expected, (range.clone(), scale, tolerance))?);
        }
    }
    Ok(Verified { rows: proof.rows, difference })
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
fn mean_magnitude(numbers: &Matrix) -> f64 {
    let finite = numbers.values.iter().filter(|value| value.is_finite());
    let (sum, count) = finite.fold((0.0, 0_usize), |(sum, count), value| (sum + value.abs(), count + 1));
    sum / count.max(1) as f64
}

fn compare(
    what: &str,
    given: &Matrix,
    expected: &Matrix,
    (range, scale, tolerance): (Range<usize>, f64, f64),
) -> Result<f64, String> {
    if given.width != expected.width || given.rows != range.len() {
        return Err(format!("it gives {} {what} a row instead of {}", given.width, expected.width));
    }
    let expected = &expected.values[range.start * expected.width..range.end * expected.width];
    let mut largest = 0.0_f64;
    for (given, expected) in given.values.iter().zip(expected) {
        if given.to_bits() == expected.to_bits() || (given.is_nan() && expected.is_nan()) || given == expected {
            continue;
        }
        let difference = (given - expected).abs() / expected.abs().max(scale);
        if difference.is_nan() || difference > tolerance {
            return Err(format!("{what} differ by {difference:.1e}, more than {tolerance:.1e}"));
        }
        largest = largest.max(difference);
    }
    Ok(largest)
}

impl Labels {
    /// Whether these are the labels of some rows.
    fn check(&self, given: &[u32], width: Option<usize>, range: &Range<usize>) -> Result<(), String> {
        if width != self.width {
            return Err(OTHER_KIND.to_owned());
        }
        let each = width.unwrap_or(1);
        let expected = &self.places[range.start * each..range.end * each];
        let wrong = given.iter().zip(expected).filter(|(one, other)| one != other).count();
        if wrong > 0 || given.len() != expected.len() {
            return Err(format!("{wrong} of {} labels differ", given.len()));
        }
        Ok(())
    }
}

impl Proof {
    fn read(bytes: &[u8], inputs: &[Input]) -> Result<Self, BadGraph> {
        let file = File::open(bytes)?;
        let fields = file.fields();
        let rows = fields.count("rows")?;
        let listed = fields.inners("columns")?;
        if listed.len() != inputs.len() {
            return bad("the proof has another number of columns than the graph");
        }
        let columns = listed.iter().zip(inputs).map(|(fields, input)| column(*fields, *input, rows));
        let matrix = |field: &str| {
            if !fields.has(field) {
                return Ok(None);
            }
            let inner = fields.inner(field)?;
            let (width, single) = (inner.count("width")?, inner.has("single") && inner.flag("single")?);
            let values = inner.f64s_of("values", rows.saturating_mul(width))?;
            Ok(Some(Matrix { rows, width, values, single }))
        };
        let labels = if fields.has("labels") {
            let width = if fields.has("outputs") { Some(fields.count("outputs")?) } else { None };
            Some(Labels { places: fields.u32s("labels")?, width })
        } else {
            None
        };
        let wanted = |labels: &Labels| rows.checked_mul(labels.width.unwrap_or(1));
        if labels.as_ref().is_some_and(|labels| wanted(labels) != Some(labels.places.len())) {
            return bad("the proof has another number of labels than rows");
        }
        Ok(Self {
            rows,
            columns: columns.collect::<Result<_, _>>()?,
            array: matrix("array")?,
            labels,
            values: matrix("values")?,
            probabilities: matrix("probabilities")?,
            decision: matrix("decision")?,
        })
    }

    fn block(&self, range: Range<usize>) -> Value<'static> {
        if let Some(array) = &self.array {
            let values = array.values[range.start * array.width..range.end * array.width].to_vec();
            return Value::Dense(Matrix { rows: range.len(), width: array.width, values, single: array.single });
        }
        let column = |column: &'_ Owned| match column {
            Owned::Float(values) => Column::Float(Cow::Owned(values[range.clone()].to_vec())),
            Owned::Int(values) => Column::Int(Cow::Owned(values[range.clone()].to_vec())),
            Owned::Bool(values) => Column::Bool(Cow::Owned(values[range.clone()].to_vec())),
            Owned::Text(values) => {
                Column::Text(values[range.clone()].iter().map(|text| text.clone().map(Cow::Owned)).collect())
            }
        };
        Value::Table(Table { rows: range.len(), columns: self.columns.iter().map(column).collect() })
    }
}

/// One column: `values`, and where they are not floats, `missing` bytes.
fn column(fields: Fields<'_>, input: Input, rows: usize) -> Result<Owned, BadGraph> {
    let missing = || fields.u8s("missing");
    let column = match input {
        Input::Float => Owned::Float(fields.f64s("values")?),
        Input::Int => Owned::Int(
            fields.i64s("values")?.into_iter().zip(missing()?).map(|(value, gone)| (gone == 0).then_some(value)).collect(),
        ),
        Input::Bool => Owned::Bool(
            fields
                .u8s("values")?
                .into_iter()
                .zip(missing()?)
                .map(|(value, gone)| (gone == 0).then_some(value != 0))
                .collect(),
        ),
        Input::Text => Owned::Text(fields.texts("values")?),
    };
    let length = match &column {
        Owned::Float(values) => values.len(),
        Owned::Int(values) => values.len(),
        Owned::Bool(values) => values.len(),
        Owned::Text(values) => values.len(),
    };
    if length == rows { Ok(column) } else { fields.wrong("values", "as many as there are rows") }
}
