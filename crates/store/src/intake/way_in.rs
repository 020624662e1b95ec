//! The way in: whoever asks for pipelines waits here, and all who wait share one transaction. A commit costs a wait for
//! the disk, however much is in it.

use tokio::sync::{mpsc, oneshot};

use crate::{
    Accepted, StoreError,
    db::database::{Database, PATIENCE},
    intake::batch::{self, Asked, Clock},
};

/// At most how many share a transaction.
const BATCH: usize = 256;

/// How many wait for a transaction before the next have to wait for a place.
const WAITING: usize = 4 * BATCH;

type Answer = Result<Accepted, StoreError>;

/// One who waits.
#[derive(Debug)]
struct Waiting {
    asked: Asked,
    answer: oneshot::Sender<Answer>,
}

/// Where to ask. The task behind it ends with its last clone.
#[derive(Debug, Clone)]
pub(crate) struct WayIn(mpsc::Sender<Waiting>);

impl WayIn {
    /// Starts the task that writes: one, so that all who come while it waits for the disk share its next transaction.
    pub(crate) fn start(database: &Database) -> Self {
        let (waiting, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write(database.clone(), receiver));
        Self(waiting)
    }

    /// Answers after the commit. [`StoreError::Unavailable`] if that takes too long: it may be accepted all the same.
    pub(crate) async fn accept(&self, asked: Asked) -> Answer {
        let answered = async {
            let (answer, answered) = oneshot::channel();
            // Neither fails before the store is dropped.
            let gone = || StoreError::unavailable("the store was closed");
            self.0.send(Waiting { asked, answer }).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        };
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::unavailable("no answer in time")),
        }
    }
}

/// Takes all who wait, writes, answers, and so on until nobody can ask any more.
async fn write(database: Database, mut receiver: mpsc::Receiver<Waiting>) {
    let (mut gathered, mut clock) = (Vec::new(), Clock::default());
    loop {
        let count = receiver.recv_many(&mut gathered, BATCH).await;
        if count == 0 {
            return;
        }
        // Those who gave up waiting were told so.
        let (asked, answers): (Vec<_>, Vec<_>) = gathered
            .drain(..)
            .filter(|waiting| !waiting.answer.is_closed())
            .map(|waiting| (waiting.asked, waiting.answer))
            .unzip();
        let accepted = accept(&database, &mut clock, &asked).await;
        // The next ones are written meanwhile.
        let tell = move |durable: Result<(), StoreError>| {
            for (answer, accepted) in answers.into_iter().zip(accepted) {
                // Who asked may be gone.
                let _ = answer.send(durable.clone().and(accepted));
            }
        };
        database.when_durable(tell).await;
    }
}

/// An answer for each. One that the database cannot take does not spoil it for the others.
async fn accept(database: &Database, clock: &mut Clock, asked: &[Asked]) -> Vec<Answer> {
    match batch::accept(database, clock, asked).await {
        Ok(accepted) => accepted.into_iter().map(Ok).collect(),
        Err(error @ StoreError::Unavailable(_)) => asked.iter().map(|_| Err(error.clone())).collect(),
        Err(error) if asked.len() <= 1 => asked.iter().map(|_| Err(error.clone())).collect(),
        Err(_) => {
            let mut answers = Vec::with_capacity(asked.len());
            for one in asked {
                let accepted = batch::accept(database, clock, std::slice::from_ref(one)).await;
                answers.push(accepted.map(|mut accepted| accepted.remove(0)));
            }
            answers
        }
    }
}
