//! What one process is asked in one call, and what becomes of those who asked.

use std::{io, sync::Arc, time::Duration};

use serde_json::value::{RawValue, to_raw_value};
use tokio::time::{Instant, timeout};

use super::{
    child::Child,
    frame::{self, Said},
    pool::Ask,
};
use crate::{Batch, Decision, More, Numbers, Output, PredictError, Prediction, Schema, Spent};

/// Requests that are asked together get this part of the time that one has: then there is time left to ask them one by one.
const JOINED_PART: u32 = 4;

/// What came of it.
pub(super) struct Work {
    /// The process, or how it died.
    pub(super) child: Result<Child, String>,
    /// Requests that are to be asked one by one: one of them may have failed the others.
    pub(super) again: Vec<Ask>,
    /// Whether requests took too long together.
    pub(super) slow: bool,
}

/// Asks a process about some requests in one call, which may take so long if it is about one.
pub(super) async fn work(mut child: Child, schema: Arc<Schema>, asks: Vec<Ask>, limit: Duration) -> Work {
    let began = Instant::now();
    let batches: Vec<&Batch> = asks.iter().map(|ask| &ask.batch).collect();
    // Who wants decision values is asked about alone.
    let decision = asks.iter().any(|ask| ask.decision.is_some());
    let request = match frame::request(&schema, &batches, (ID, decision)) {
        Ok(request) => request,
        Err(error) => return Work { child: Ok(child), again: settle(asks, Err(error), began), slow: false },
    };
    let joined = asks.len() > 1;
    let limit = if joined { limit / JOINED_PART } else { limit };
    match timeout(limit, child.ask(&request)).await {
        Ok(Ok(said)) => match frame::answer(&said, (ID, decision)) {
            Some(answer) => Work { child: Ok(child), again: settle(asks, answer, began), slow: false },
            None => end(child, asks, began, BABBLE.to_owned()).await,
        },
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => end(child, asks, began, BABBLE.to_owned()).await,
        Ok(Err(_)) => {
            let reason = child.why_it_broke_off().await;
            end(child, asks, began, reason).await
        }
        Err(_) => {
            let again = settle(asks, Err(PredictError::TimedOut), began);
            child.kill().await;
            Work { child: Err("it took too long".to_owned()), again, slow: joined }
        }
    }
}

/// Why a process ends that says what it should not.
const BABBLE: &str = "it broke the protocol";
/// A process has one request at a time, and whoever answers another one than it was asked has broken the protocol.
const ID: u64 = 1;

async fn end(child: Child, asks: Vec<Ask>, began: Instant, reason: String) -> Work {
    let again = settle(asks, Err(PredictError::Died(reason.clone())), began);
    child.kill().await;
    Work { child: Err(reason), again, slow: false }
}

/// Tells those who asked; gives back those who are to be asked one by one.
fn settle(asks: Vec<Ask>, answer: Result<Said, PredictError>, began: Instant) -> Vec<Ask> {
    let counts: Vec<usize> = asks.iter().map(|ask| ask.batch.rows()).collect();
    let answers = match (answer, asks.len()) {
        (answer, 1) => vec![answer],
        (Ok((output, _)), _) => match split(output, &counts) {
            Some(outputs) => outputs.into_iter().map(|output| Ok((output, None))).collect(),
            None => return asks,
        },
        (Err(_), _) => return asks,
    };
    for (ask, answer) in asks.into_iter().zip(answers) {
        let spent = Spent { waiting: began - ask.asked, computing: began.elapsed() };
        let said = answer.map(|(output, numbers)| {
            let decision = ask.decision.zip(numbers).map(|(method, numbers)| Decision { method, numbers });
            let more = decision.map(|decision| Box::new(More { decision: Some(decision), explanations: None }));
            Prediction { output, more, spent }
        });
        // Nobody may be waiting any more, and that is fine.
        let _ = ask.reply.send(said);
    }
    Vec::new()
}

/// The parts of an answer, by how many rows each has; `None` where that is not what was answered.
fn split(output: Output, counts: &[usize]) -> Option<Vec<Output>> {
    let rows = counts.iter().sum::<usize>();
    let mut begin = 0;
    let mut spans = counts.iter().map(|count| {
        begin += count;
        begin - count..begin
    });
    match output {
        Output::Classes { labels, probabilities } => {
            let whole = labels.len() == rows && probabilities.as_ref().is_none_or(|numbers| height(numbers) == rows);
            let part = |span: std::ops::Range<usize>| Output::Classes {
                labels: labels[span.clone()].to_vec(),
                probabilities: probabilities.as_ref().map(|numbers| slice(numbers, &span)),
            };
            whole.then(|| spans.map(part).collect())
        }
        Output::Numbers(numbers) => {
            (height(&numbers) == rows).then(|| spans.map(|span| Output::Numbers(slice(&numbers, &span))).collect())
        }
        Output::Json { predictions, probabilities } => {
            let predictions = items(&predictions, rows)?;
            let probabilities = match &probabilities {
                Some(list) => Some(items(list, rows)?),
                None => None,
            };
            spans.try_fold(Vec::new(), |mut parts, span| {
                let list = |items: &[&RawValue]| to_raw_value(&items[span.clone()]).ok();
                let probabilities = match &probabilities {
                    Some(items) => Some(list(items)?),
                    None => None,
                };
                parts.push(Output::Json { predictions: list(&predictions)?, probabilities });
                Some(parts)
            })
        }
    }
}

fn items(list: &RawValue, rows: usize) -> Option<Vec<&RawValue>> {
    serde_json::from_str::<Vec<&RawValue>>(list.get()).ok().filter(|items| items.len() == rows)
}

fn height(numbers: &Numbers) -> usize {
    match numbers.width {
        Some(0) => 0,
        width => numbers.values.len() / width.unwrap_or(1),
    }
}

fn slice(numbers: &Numbers, span: &std::ops::Range<usize>) -> Numbers {
    let width = numbers.width.unwrap_or(1);
    Numbers { values: numbers.values[span.start * width..span.end * width].to_vec(), width: numbers.width }
}
