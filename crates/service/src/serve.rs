//! Serving a router until the process is to stop.
//!
//! Who connects need not be known, so what a connection may hold without asking anything has bounds: their number, how long a
//! request's head may take, and how much of it is read ahead.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::resource::{Resource, getrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::Shutdown;

/// How long requests in hand may go on once the process is to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);
/// The longest that a request's head may take to come, and that a connection may be kept open between two requests.
const HEAD_LIMIT: Duration = Duration::from_secs(20);
/// How long our own clients keep a connection that they don't use: less than [`HEAD_LIMIT`], so that they never ask by one
/// that is being closed.
pub const IDLE_LIMIT: Duration = Duration::from_secs(15);
/// How much of a connection is read ahead, in bytes; a request's head must fit.
const READ_AHEAD: usize = 32 << 10;
/// How many connections there may be at once; more wait to be accepted.
const CONNECTIONS: u64 = 4096;
/// How long nothing is accepted after it failed, as it does when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The two ends of the connection that a request came by, in its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// Who asks: a client, or the proxy before it.
    pub peer: SocketAddr,
    /// Where it came to: an address of this machine.
    pub reached: SocketAddr,
}

/// Serves the router over HTTP/1 until `shutdown` begins, then takes no new connection and lets the requests in hand end, for
/// at most 20 seconds.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) -> io::Result<()> {
    // Makes the routes ready once, not for each request.
    let router = router.with_state(());
    let (slots, open) = (Arc::new(Semaphore::new(most_connections())), TaskTracker::new());
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = shutdown.requested() => break,
            (slot, accepted) = next => match (slot, accepted) {
                (Ok(slot), Ok((stream, peer))) => {
                    open.spawn(converse(stream, peer, router.clone(), shutdown.clone(), slot));
                }
                (_, Err(error)) if is_of_one_connection(&error) => {}
                (_, Err(error)) => {
                    tracing::error!(%error, "connections can't be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                (Err(closed), _) => return Err(io::Error::other(closed)),
            },
        }
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(DRAIN_LIMIT, open.wait()).await.is_err() {
        tracing::warn!(limit_s = DRAIN_LIMIT.as_secs(), "some requests did not end in time");
    }
    Ok(())
}

/// A part of the descriptors that the process may have: files and databases need some as well.
fn most_connections() -> usize {
    let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    usize::try_from((descriptors / 4 * 3).clamp(64, CONNECTIONS)).unwrap_or(64)
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: Shutdown, slot: OwnedSemaphorePermit) {
    // Answers are written whole; waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let Ok(reached) = stream.local_addr() else { return };
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Connection { peer, reached });
        router.clone().call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(READ_AHEAD);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), answer).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
    drop(slot);
}
