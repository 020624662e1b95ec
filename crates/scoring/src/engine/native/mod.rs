//! The estimator's own arithmetic, in this process, by the graph that the packager exported.

mod turn;

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::scope,
    time::{Duration, Instant},
};

use contract::{ColumnType, ModelManifest, NATIVE_FILE};
use native::{
    Answer, Column, Decides, Explained, Explanation, Graph, Matrix, Prediction as Predicted, Refused, Table, Value, Wanted,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::Semaphore;

use self::turn::Patience;
pub use self::turn::{Computing, Turn};
use crate::{
    Batch, Cells, Decision, Explanations, Extras, LoadError, Memory, More, Numbers, Output, PredictError, Prediction,
    Runtime, Schema, Spent,
};

/// Work that is expected to take less than this is done where the request is; a change of threads costs about as much.
const INLINE: Duration = Duration::from_micros(250);
/// How many rows are computed at once: what is in hand of them stays in the processor's caches.
const BLOCK: usize = 256;
/// So many rows at most are explained at once.
const EXPLAINED: usize = 1_000;
/// How often the example is computed at start; the quickest is measured.
const WARM_UPS: usize = 5;

/// A model's graph, ready to answer.
#[derive(Debug)]
pub(crate) struct NativeEngine {
    model: Arc<Loaded>,
    /// How long one row takes, when few are asked.
    pace: Duration,
    /// Two permits for each thread that may compute: so none is idle while a request reads, writes, or makes way for the next.
    threads: Arc<Semaphore>,
    count: usize,
    /// How many requests want one of them.
    in_hand: Arc<AtomicUsize>,
    limit: Duration,
}

#[derive(Debug)]
struct Loaded {
    graph: Graph,
    schema: Arc<Schema>,
    /// Whether the estimator gives each row's numbers as a list.
    nested: bool,
}

impl NativeEngine {
    /// Reads a model's graph and warms it with the example, which is given back.
    pub(crate) async fn start(
        (folder, manifest): (&Path, &ModelManifest),
        schema: &Arc<Schema>,
        example: Batch,
        runtime: &Runtime,
    ) -> Result<(Self, Batch), LoadError> {
        let (file, schema) = (folder.join(NATIVE_FILE), Arc::clone(schema));
        let nested = manifest.expected_output["predictions"][0].is_array();
        let (count, limit) = (runtime.config.threads.max(1), runtime.config.prediction_limit);
        let start = move || {
            let bytes = std::fs::read(file).map_err(|error| LoadError::NotStarted(format!("{NATIVE_FILE}: {error}")))?;
            let graph = Graph::read(&bytes).map_err(|bad| LoadError::BadManifest(format!("{NATIVE_FILE}: {bad}")))?;
            let model = Loaded { graph, schema, nested };
            let mut fastest = Duration::MAX;
            for _ in 0..WARM_UPS {
                let began = Instant::now();
                model
                    .compute(&example, Extras::default(), 1, &Patience::default())
                    .map_err(|error| LoadError::NotStarted(error.to_string()))?;
                fastest = fastest.min(began.elapsed());
            }
            let pace = fastest / u32::try_from(example.rows().max(1)).unwrap_or(u32::MAX);
            let threads = Arc::new(Semaphore::new(2 * count));
            let in_hand = Arc::default();
            Ok((Self { model: Arc::new(model), pace, threads, count, in_hand, limit }, example))
        };
        tokio::task::spawn_blocking(start).await.map_err(|lost| LoadError::NotStarted(lost.to_string()))?
    }

    /// How much memory the graph takes.
    pub(crate) fn memory(&self) -> Memory {
        Memory { bytes: self.model.graph.size_bytes() as u64, measured: true }
    }

    /// The estimator's method that gives decision values.
    pub(crate) fn decides(&self) -> Option<&'static str> {
        self.model.graph.decides().map(Decides::name)
    }

    /// Computes the predictions for some rows, and what is asked for besides.
    pub(crate) async fn predict(&self, batch: Batch, extras: Extras) -> Result<Prediction, PredictError> {
        let expected = self.pace.saturating_mul(u32::try_from(batch.rows()).unwrap_or(u32::MAX));
        // How long explanations take, the pace does not say.
        if expected <= INLINE && !extras.explanations {
            let began = Instant::now();
            self.model.has(extras, batch.rows())?;
            let (output, more) = self.model.compute(&batch, extras, 1, &Patience::default())?;
            return Ok(Prediction { output, more, spent: Spent { waiting: Duration::ZERO, computing: began.elapsed() } });
        }
        // What quick requests hold stays small, for it is moved about.
        Box::pin(async { self.turn().await?.run(move |here| here.compute(&batch, extras, None)).await }).await
    }
}

/// What is said of a block of rows.
type Said = (Answer, Option<Explanation>);

impl Loaded {
    /// Whether there is what is asked for besides, and for so many rows.
    fn has(&self, extras: Extras, rows: usize) -> Result<(), PredictError> {
        if !extras.any() {
            return Ok(());
        }
        let refuse = |reason: String| Err(PredictError::BadInput(reason));
        if extras.decision && self.graph.decides().is_none() {
            return refuse(
                "this model gives no decision values: its estimator has neither decision_function nor score_samples, or it was \
                 deployed before they were kept"
                    .to_owned(),
            );
        }
        if extras.explanations && rows > EXPLAINED {
            return refuse(format!("{EXPLAINED} rows are explained at once, at most; send fewer"));
        }
        Ok(())
    }

    fn compute(
        &self,
        batch: &Batch,
        extras: Extras,
        threads: usize,
        patience: &Patience<'_>,
    ) -> Result<(Output, Option<Box<More>>), PredictError> {
        patience.check()?;
        let rows = batch.rows();
        let blocks = rows.div_ceil(BLOCK);
        if blocks <= 1 {
            return self.output(vec![self.block(batch, extras, 0..rows)?]);
        }
        let next = AtomicUsize::new(0);
        let some = || {
            let mut done = Vec::new();
            loop {
                let block = next.fetch_add(1, Ordering::Relaxed);
                if block >= blocks {
                    return Ok::<_, PredictError>(done);
                }
                patience.check()?;
                done.push((block, self.block(batch, extras, block * BLOCK..((block + 1) * BLOCK).min(rows))?));
            }
        };
        let mut done = scope(|scope| {
            let others: Vec<_> = (1..threads.min(blocks)).map(|_| scope.spawn(some)).collect();
            let mut done = some()?;
            for other in others {
                let lost = |_| PredictError::Failed("a thread ended early".to_owned());
                done.extend(other.join().map_err(lost)??);
            }
            Ok::<_, PredictError>(done)
        })?;
        done.sort_unstable_by_key(|(block, _)| *block);
        self.output(done.into_iter().map(|(_, said)| said).collect())
    }

    fn block(&self, batch: &Batch, extras: Extras, range: Range<usize>) -> Result<Said, PredictError> {
        let wanted = Wanted { decision: extras.decision, ..Wanted::ALL };
        let refused = |refused| match refused {
            Refused::Rows(reason) => PredictError::BadInput(reason),
            misfit @ Refused::Misfit(_) => PredictError::Failed(misfit.to_string()),
        };
        let rows = || rows(&self.schema, batch, range.clone());
        let answer = self.graph.answer(rows(), wanted).map_err(refused)?;
        let explanation = extras.explanations.then(|| self.graph.explain(rows()).map_err(refused)).transpose()?;
        Ok((answer, explanation))
    }

    /// What is said of blocks in their order, as one.
    fn output(&self, said: Vec<Said>) -> Result<(Output, Option<Box<More>>), PredictError> {
        let (mut labels, mut several, mut values, mut probabilities) = (Vec::new(), None, None, None);
        let (mut decision, mut explanation) = (None, None);
        for (answer, explained) in said {
            match answer.prediction {
                Some(Predicted::Labels(more)) => labels.extend(more.into_iter().map(|label| label as usize)),
                Some(Predicted::Several { labels: more, width }) => {
                    labels.extend(more.into_iter().map(|label| label as usize));
                    several = Some(width);
                }
                Some(Predicted::Values(more)) => append(&mut values, more),
                None => return Err(PredictError::Failed("the graph predicts nothing".to_owned())),
            }
            if let Some(more) = answer.probabilities {
                append(&mut probabilities, more);
            }
            if let Some(more) = answer.decision {
                append(&mut decision, more);
            }
            if let Some(more) = explained {
                match &mut explanation {
                    Some(Explanation { values, .. }) => values.extend_from_slice(&more.values),
                    None => explanation = Some(more),
                }
            }
        }
        let more = self.more(decision, explanation);
        if let Some(width) = several {
            let label = |place: &usize| self.graph.labels().get(*place);
            let predictions = json(labels.chunks(width.max(1)).map(|row| row.iter().map(label).collect::<Vec<_>>()))?;
            return Ok((Output::Json { predictions, probabilities: probabilities.as_ref().map(lists).transpose()? }, more));
        }
        if let (Some(values), Some(probabilities)) = (&values, &probabilities) {
            return Ok((Output::Json { predictions: lists(values)?, probabilities: Some(lists(probabilities)?) }, more));
        }
        if let Some(Matrix { width, values, .. }) = values {
            return Ok((Output::Numbers(Numbers { values, width: self.nested.then_some(width) }), more));
        }
        let listed = |Matrix { width, values, .. }| Numbers { values, width: Some(width) };
        Ok((Output::Classes { labels, probabilities: probabilities.map(listed) }, more))
    }

    fn more(&self, decision: Option<Matrix>, explanation: Option<Explanation>) -> Option<Box<More>> {
        let decision = decision.zip(self.graph.decides()).map(|(Matrix { width, values, .. }, decides)| Decision {
            method: decides.name(),
            numbers: Numbers { values, width: (width > 1).then_some(width) },
        });
        let explanations = explanation.map(|Explanation { of, base, columns, values }| {
            let of = match of {
                Explained::Predictions => "predictions",
                Explained::Probabilities => "probabilities",
                Explained::Scores => "scores",
            };
            Explanations { of, base, columns, values }
        });
        let more = More { decision, explanations };
        (more.decision.is_some() || more.explanations.is_some()).then(|| Box::new(more))
    }
}

/// Rows as JSON.
fn json<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<Box<RawValue>, PredictError> {
    to_raw_value(&rows.collect::<Vec<_>>()).map_err(|error| PredictError::Failed(error.to_string()))
}

/// Of each row, its list of numbers as JSON. What is no number in JSON is null.
fn lists(matrix: &Matrix) -> Result<Box<RawValue>, PredictError> {
    json(matrix.each_row())
}

fn append(all: &mut Option<Matrix>, more: Matrix) {
    match all {
        Some(all) => all.values.extend_from_slice(&more.values),
        None => *all = Some(more),
    }
}

/// Some rows of a batch, as the graph takes them. Nothing is copied that need not be.
fn rows<'b>(schema: &Schema, batch: &'b Batch, range: Range<usize>) -> Value<'b> {
    match (schema, batch) {
        (Schema::Table(schema), Batch::Table { columns, .. }) => {
            let columns = schema.columns.iter().zip(columns);
            let columns = columns.map(|(column, cells)| part(cells, column.column_type, range.clone())).collect();
            Value::Table(Table { rows: range.len(), columns })
        }
        (schema, Batch::Array { shape, cells }) => {
            let width = shape.iter().skip(1).product();
            let all = range.start * width..range.end * width;
            let column_type = match schema {
                Schema::Array(array) => array.element.column_type,
                Schema::Table(_) => ColumnType::Double,
            };
            array(part(cells, column_type, all), (range.len(), width), column_type == ColumnType::Float)
        }
        // `Schema::check` lets no such batch pass.
        (Schema::Array(_), Batch::Table { rows, .. }) => Value::Table(Table { rows: *rows, columns: Vec::new() }),
    }
}

fn part(cells: &Cells, column_type: ColumnType, range: Range<usize>) -> Column<'_> {
    match cells {
        #[expect(clippy::cast_possible_truncation, reason = "the column's numbers are of 32 bits")]
        Cells::Float(values) if column_type == ColumnType::Float => {
            Column::Float(values[range].iter().map(|value| f64::from(*value as f32)).collect())
        }
        Cells::Float(values) => Column::Float((&values[range]).into()),
        Cells::Int(values) => Column::Int((&values[range]).into()),
        Cells::Bool(values) => Column::Bool((&values[range]).into()),
        Cells::Text(texts) => Column::Text(texts.range(range).map(|text| text.map(Into::into)).collect()),
    }
}

/// Numbers as a matrix; texts as columns.
fn array(cells: Column<'_>, (rows, width): (usize, usize), single: bool) -> Value<'_> {
    #[expect(clippy::cast_precision_loss, reason = "numpy rounds a whole number to the nearest double, too")]
    let values = match cells {
        Column::Float(values) => values.into_owned(),
        Column::Int(values) => values.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect(),
        Column::Bool(values) => {
            values.iter().map(|value| value.map_or(f64::NAN, |value| f64::from(u8::from(value)))).collect()
        }
        Column::Text(texts) => {
            let column = |at| Column::Text(texts.iter().skip(at).step_by(width.max(1)).cloned().collect());
            return Value::Table(Table { rows, columns: (0..width).map(column).collect() });
        }
    };
    Value::Dense(Matrix { rows, width, values, single })
}

#[cfg(test)]
mod tests;
