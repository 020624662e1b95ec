//! The wish to stop, from a signal or from the program itself.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status of a process that was told to stop twice: 128 + SIGINT, as shells have it.
const FORCED: i32 = 130;

/// A wish to stop that everyone in the process can wait for.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A wish that only [`Shutdown::begin`] makes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A wish that SIGTERM or SIGINT makes. The second signal ends the process at once.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = Self::new();
        let wish = shutdown.clone();
        tokio::spawn(async move {
            for attempt in 0_u8.. {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if attempt > 0 {
                    tracing::warn!(signal = name, "stopping at once");
                    std::process::exit(FORCED);
                }
                tracing::info!(signal = name, "stopping");
                wish.begin();
            }
        });
        Ok(shutdown)
    }

    /// Makes the wish.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether the wish was made.
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits for the wish.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// The token behind the wish, for what takes one.
    pub fn token(&self) -> CancellationToken {
        self.0.clone()
    }
}
