//! Kernels started ahead, with the usual modules already imported.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::{Mutex, Notify};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Kernel, KernelError, KernelSpec};

/// How often to look after the pool when nobody takes from it.
const CARE: Duration = Duration::from_secs(10);

/// A small pool of kernels. Each one serves one run. Dropping the pool ends its kernels.
pub struct Pool {
    shared: Arc<Shared>,
    cancel: CancellationToken,
    _cancels: DropGuard,
}

struct Shared {
    spec: KernelSpec,
    size: usize,
    ready: Mutex<VecDeque<Kernel>>,
    taken: Notify,
}

impl Pool {
    /// Starts filling a pool in the background, until it is cancelled, shut down or dropped.
    #[expect(clippy::needless_pass_by_value, reason = "a token is a handle, and the caller has no further use for it")]
    pub fn start(spec: KernelSpec, size: usize, cancel: CancellationToken) -> Arc<Self> {
        let (ready, taken) = (Mutex::new(VecDeque::with_capacity(size)), Notify::new());
        let shared = Arc::new(Shared { spec, size, ready, taken });
        let cancel = cancel.child_token();
        tokio::spawn(fill(Arc::clone(&shared), cancel.clone()));
        Arc::new(Self { shared, _cancels: cancel.clone().drop_guard(), cancel })
    }

    /// A kernel that is ready, or one started now when there is none.
    ///
    /// # Errors
    /// When there was none and it cannot be started.
    pub async fn take(&self) -> Result<Kernel, KernelError> {
        let ready = {
            let mut ready = self.shared.ready.lock().await;
            std::iter::from_fn(|| ready.pop_front()).find_map(|mut kernel| kernel.is_alive().then_some(kernel))
        };
        self.shared.taken.notify_one();
        match ready {
            Some(kernel) => Ok(kernel),
            None => Kernel::start(&self.shared.spec).await,
        }
    }

    /// What its kernels are.
    pub fn spec(&self) -> &KernelSpec {
        &self.shared.spec
    }

    /// How many kernels are ready.
    pub async fn ready(&self) -> usize {
        self.shared.ready.lock().await.len()
    }

    /// Stops filling, and ends the kernels that are ready.
    pub async fn shutdown(&self) {
        self.cancel.cancel();
        let kernels = std::mem::take(&mut *self.shared.ready.lock().await);
        for kernel in kernels {
            kernel.kill().await;
        }
    }
}

/// Keeps a pool full, one kernel at a time.
async fn fill(shared: Arc<Shared>, cancel: CancellationToken) {
    let forever = async {
        loop {
            match shared.add_one().await {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => tracing::warn!(%error, "cannot start a kernel ahead"),
            }
            // Either is a reason to look again.
            let _ = tokio::time::timeout(CARE, shared.taken.notified()).await;
        }
    };
    cancel.run_until_cancelled(forever).await;
}

impl Shared {
    /// Starts one kernel where one is missing; the answer is whether the pool is full now.
    async fn add_one(&self) -> Result<bool, KernelError> {
        let missing = {
            let mut ready = self.ready.lock().await;
            ready.retain_mut(Kernel::is_alive);
            ready.len() < self.size
        };
        if missing {
            let kernel = Kernel::start_with(&self.spec, &self.spec.preload).await?;
            self.ready.lock().await.push_back(kernel);
        }
        Ok(!missing)
    }
}
