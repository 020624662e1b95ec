//! mlsys as many processes, over real servers, and whatever may happen to them: each test has a cluster of its own.
//!
//! The binaries `backend`, `worker` and `model-server` are those beside this test's own, or in `MLSYS_BINARIES`. With
//! `MLSYS_TEST_KEEP` set, the folders of clusters stay, with all logs.

mod batch;
mod changes;
mod chaos;
mod lost;
mod order;
mod poison;
mod restarts;
mod runners;
mod schedules;
mod servers;
mod whole;

use std::{ops::Deref, sync::Arc};

use testkit::{Cluster, Mlflow, Size};
use tokio::sync::{Mutex, MutexGuard};

/// A cell that says which worker runs it: the process up the chain of parents that has this name.
const WHO: &str = "
import os, signal, time
def worker():
    pid = os.getpid()
    while open(f'/proc/{pid}/comm').read().strip() != 'worker':
        pid = int(open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[1])
    return pid
print('worker', worker(), flush=True)
";

/// A cluster, while no other test has one: two at a time would fight for this machine.
struct Stage {
    cluster: Arc<Cluster>,
    _turn: MutexGuard<'static, ()>,
    _mlflow: Arc<Mlflow>,
}

impl Deref for Stage {
    type Target = Arc<Cluster>;
    fn deref(&self) -> &Arc<Cluster> {
        &self.cluster
    }
}

/// Waits for its turn and starts a cluster.
async fn stage(size: &Size) -> Stage {
    static TURN: Mutex<()> = Mutex::const_new(());
    // Held while waiting, so that one MLflow serves all tests.
    let mlflow = tokio::task::block_in_place(testkit::shared_mlflow);
    let turn = TURN.lock().await;
    Stage { cluster: Arc::new(tokio::task::block_in_place(|| Cluster::start(size))), _turn: turn, _mlflow: mlflow }
}

/// The process id in a line of [`WHO`].
fn said_worker(line: &contract::LogLine) -> Option<u32> {
    line.text.strip_prefix("worker ")?.trim().parse().ok()
}
