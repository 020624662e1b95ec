//! SQLite's write-ahead log is made safe here, beside the writer: while the disk works on what was committed, the next
//! transaction is written already, and all who committed meanwhile share the next `fsync`.
//!
//! With `synchronous = NORMAL` SQLite itself makes the log safe only before it is copied into the file; whatever a power cut
//! leaves of the log is whole transactions, from the first one on. So a transaction is durable once the log was made safe
//! after its commit. Source: <https://www.sqlite.org/pragma.html#pragma_synchronous>.

use std::{
    fs::File,
    path::Path,
    thread::{self, JoinHandle},
};

use tokio::sync::mpsc;

use crate::StoreError;

/// How many commits wait at most for the disk, before the next have to wait for a place.
const WAITING: usize = 256;

/// What is to happen when the log is safe, or cannot be made so.
type Then = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Where to wait for the disk. The thread behind it ends with its last clone.
#[derive(Debug, Clone)]
pub(crate) struct LogSync(mpsc::Sender<Then>);

impl LogSync {
    /// Starts the thread. SQLite must have the log open for as long as this is used.
    pub(crate) fn start(log: &Path) -> std::io::Result<Self> {
        let file = File::open(log)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let _: JoinHandle<()> = thread::Builder::new().name("sqlite-log-sync".into()).spawn(move || run(&file, receiver))?;
        Ok(Self(sender))
    }

    /// Has `then` called, soon and on another thread, when everything that is committed by now is durable.
    pub(crate) async fn after(&self, then: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        if let Err(mpsc::error::SendError(then)) = self.0.send(Box::new(then)).await {
            then(Err(StoreError::unavailable("the thread that makes the log safe ended")));
        }
    }
}

fn run(log: &File, mut waiting: mpsc::Receiver<Then>) {
    let (mut gathered, mut safe) = (Vec::new(), Ok(()));
    while waiting.blocking_recv_many(&mut gathered, WAITING) > 0 {
        // A disk that failed once may say that all is well the next time, though it has forgotten what it could not write.
        if safe.is_ok() {
            let failed = |error| StoreError::unavailable(&format!("what was written can't be made durable: {error}"));
            safe = log.sync_data().map_err(failed);
        }
        for then in gathered.drain(..) {
            then(safe.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Devices of characters cannot be synced: the next best to a disk that fails.
    #[tokio::test]
    async fn what_cannot_be_made_durable_is_never_said_to_be() -> Result<(), Box<dyn std::error::Error>> {
        let log = LogSync::start(Path::new("/dev/null"))?;
        for _ in 0..2 {
            let (sender, told) = tokio::sync::oneshot::channel();
            log.after(|safe| drop(sender.send(safe))).await;
            assert!(matches!(told.await?, Err(StoreError::Unavailable(_))));
        }
        Ok(())
    }
}
