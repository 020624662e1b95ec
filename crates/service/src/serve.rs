//! Serving a router until the process is to stop.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, serve::ListenerExt};
use tokio::net::TcpListener;

use crate::Shutdown;

/// How long requests in hand may go on once the process is to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// Serves the router until `shutdown` begins, then takes no new connection and lets the requests in hand end, for at
/// most 20 seconds.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // Answers are written whole; waiting for more to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let asked = shutdown.clone();
    // Handlers may ask where a request comes from.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move { asked.requested().await });
    let drained = async {
        shutdown.requested().await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        ended = serving => ended,
        () = drained => {
            tracing::warn!(limit_s = DRAIN_LIMIT.as_secs(), "some requests did not end in time");
            Ok(())
        }
    }
}
