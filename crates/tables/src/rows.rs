//! Which of some rows can be scored, and what comes of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use jiff::Timestamp;
use scoring::{Extras, Frame, Model, PredictError, Prediction, Room, append};

use crate::{Error, Spec, answer::Answer};

/// How often rows are tried for which the model is busy or starting anew, and how long after the first time. Then twice as long.
const TRIES: u32 = 10;
const WAIT: Duration = Duration::from_millis(100);
/// How often the model may die of rows, or take too long for some, in one shard.
const DEATHS: u32 = 64;

/// What rows are scored with.
pub(crate) struct Scorer {
    pub(crate) model: Arc<Model>,
    pub(crate) spec: Arc<Spec>,
    pub(crate) answer: Answer,
    /// How often the model died of rows, or took too long for some.
    pub(crate) deaths: AtomicU32,
}

/// A row that can't be scored.
pub(crate) struct Reject {
    /// Its place among the given ones.
    pub(crate) at: usize,
    pub(crate) row: RecordBatch,
    pub(crate) reason: String,
    /// Whether it is the row's fault: what it has is not what the model takes. Else the model failed on it.
    pub(crate) is_bad: bool,
}

/// What came of some rows.
#[derive(Default)]
pub(crate) struct Scored {
    /// Rows of the output, in the input's order.
    pub(crate) rows: Vec<RecordBatch>,
    /// Rows that can't be scored.
    pub(crate) rejects: Vec<Reject>,
}

/// Why rows were not scored.
enum Refused {
    /// It is these rows; whether it is their fault.
    Rows(String, bool),
    /// It is not.
    Other(Error),
}

impl Scorer {
    /// Scores rows. Those that can't be are found by halves: mostly there are few, or none.
    pub(crate) async fn score(self: Arc<Self>, rows: RecordBatch) -> Result<Scored, Error> {
        let mut scored = Scored::default();
        let mut left = vec![(0, rows.num_rows())];
        while let Some((start, length)) = left.pop() {
            if length == 0 {
                continue;
            }
            let some = rows.slice(start, length);
            match self.score_all(&some).await {
                Ok(batch) => scored.rows.push(batch),
                Err(Refused::Other(error)) => return Err(error),
                Err(Refused::Rows(reason, is_bad)) if length == 1 => {
                    // Its place in the batch that it was tried in says nothing.
                    let reason = reason.replace(", row 0 (from 0)", "");
                    scored.rejects.push(Reject { at: start, row: some, reason, is_bad });
                }
                Err(Refused::Rows(..)) => {
                    // The first half comes next.
                    let half = length / 2;
                    left.push((start + half, length - half));
                    left.push((start, half));
                }
            }
        }
        Ok(scored)
    }

    async fn score_all(&self, rows: &RecordBatch) -> Result<RecordBatch, Refused> {
        let prediction = self.predict(rows).await?;
        let (predicted, probable) = self.answer.columns(&prediction.output).map_err(Refused::Other)?;
        self.assembled(rows, predicted, probable).map_err(Refused::Other)
    }

    async fn predict(&self, rows: &RecordBatch) -> Result<Prediction, Refused> {
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(WAIT * 2_u32.pow(attempt - 1)).await;
            }
            let batch = self.batch(rows).map_err(|reason| Refused::Rows(reason, true))?;
            match self.model.predict(batch, Extras::default()).await {
                Ok(prediction) => return Ok(prediction),
                Err(PredictError::Overloaded | PredictError::Restarting(_) | PredictError::Waking) => {}
                Err(PredictError::Asleep(reason)) => return Err(Refused::Other(Error::Model(reason))),
                Err(error @ PredictError::BadInput(_)) => return Err(Refused::Rows(error.to_string(), true)),
                Err(error @ PredictError::Failed(_)) => return Err(Refused::Rows(error.to_string(), false)),
                Err(error @ (PredictError::Died(_) | PredictError::TimedOut)) => {
                    // Each costs a process, or minutes.
                    if self.deaths.fetch_add(1, Ordering::Relaxed) >= DEATHS {
                        return Err(Refused::Other(Error::Model(format!("more than {DEATHS} times in one shard: {error}"))));
                    }
                    return Err(Refused::Rows(error.to_string(), false));
                }
            }
        }
        Err(Refused::Other(Error::Model("it is busy, or starts again and again".to_owned())))
    }

    /// Rows as the model takes them.
    fn batch(&self, rows: &RecordBatch) -> Result<scoring::Batch, String> {
        let schema = rows.schema_ref();
        let given = |name: &str| self.spec.features.as_ref().is_none_or(|features| features.iter().any(|one| one == name));
        let columns: Vec<_> = schema.fields().iter().zip(rows.columns()).filter(|(field, _)| given(field.name())).collect();
        // These rows are in memory already: what is made of them takes about as much again.
        let room = Room { values: usize::MAX, bytes: usize::MAX };
        let mut frame = Frame::new(self.model.schema(), columns.iter().map(|(field, _)| &**field.name()), room)?;
        for at in frame.taken() {
            if let (Some((_, column)), Some(mut to)) = (columns.get(at), frame.column(at)) {
                append(column, &mut to)?;
            }
        }
        frame.finish(rows.num_rows())
    }

    fn assembled(&self, rows: &RecordBatch, predicted: ArrayRef, probable: Option<ArrayRef>) -> Result<RecordBatch, Error> {
        let names = &self.spec.names;
        let mut columns = through(&self.spec, rows);
        columns.push((&names.prediction, predicted));
        columns.extend(marks(&self.spec, self.spec.scheduled_for, rows.num_rows()));
        columns.extend(probable.map(|column| (&names.probability, column)));
        batch(columns)
    }
}

/// The columns that go from the input to where the rows go.
pub(crate) fn through<'s>(spec: &'s Spec, rows: &RecordBatch) -> Vec<(&'s String, ArrayRef)> {
    spec.through.iter().filter_map(|name| Some((name, rows.column_by_name(name)?.clone()))).collect()
}

/// When, and which model.
pub(crate) fn marks(spec: &Spec, scheduled_for: Option<Timestamp>, rows: usize) -> Vec<(&String, ArrayRef)> {
    let names = &spec.names;
    let moment = |moment: Timestamp| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_value(moment.as_microsecond(), rows).with_timezone("UTC"))
    };
    let name = StringArray::from_iter_values(std::iter::repeat_n(spec.model_name.as_str(), rows));
    let version = Int64Array::from_value(spec.version.cast_signed(), rows);
    let mut marks: Vec<(_, ArrayRef)> = vec![
        (&names.timestamp, moment(spec.at)),
        (&names.model_name, Arc::new(name)),
        (&names.model_version, Arc::new(version)),
    ];
    marks.extend(scheduled_for.map(|of| (&names.scheduled_for, moment(of))));
    marks
}

/// Columns as rows.
pub(crate) fn batch(columns: Vec<(&String, ArrayRef)>) -> Result<RecordBatch, Error> {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name.as_str(), column, true)))
        .map_err(|error| Error::Refused(error.to_string()))
}
