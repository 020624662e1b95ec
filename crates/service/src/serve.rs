//! Serving a router until the process is to stop.
//!
//! Who connects need not be known, so what a connection may hold without asking anything has bounds: their number, in all and of
//! one address, how long TLS and a request's head may take, and how much of it is read ahead.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, http::HeaderMap, response::Response};
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::resource::{Resource, getrlimit};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::{
    Shutdown,
    network::{Counted, LOOK, Network, Peers, Tls, network_of},
};

/// How long requests in hand may go on once the process is to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);
/// The longest that a request's head may take to come, and that a connection may be kept open between two requests.
const HEAD_LIMIT: Duration = Duration::from_secs(20);
/// How long our own clients keep a connection that they don't use: less than [`HEAD_LIMIT`], so that they never ask by one
/// that is being closed.
pub const IDLE_LIMIT: Duration = Duration::from_secs(15);
/// How much of a connection is read ahead, in bytes; a request's head must fit.
const READ_AHEAD: usize = 32 << 10;
/// How many requests one HTTP/2 connection may have in hand; more wait.
const STREAMS: u32 = 128;
/// How much of an HTTP/2 connection may have come without being read, in bytes: of one request, and of all.
const WINDOWS: (u32, u32) = (256 << 10, 1 << 20);
/// How much is read, in bytes, of what somebody sends who was refused.
const READ_ON: u64 = 1 << 20;
/// How many connections there may be at once; more wait to be accepted.
const CONNECTIONS: u64 = 4096;
/// How long nothing is accepted after it failed, as it does when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// How a connection begins that is HTTP/2 without TLS; no method of HTTP/1 does. Clients send it in one piece.
const PREFACE: &[u8; 4] = b"PRI ";
/// What TLS calls HTTP/2.
const H2: &[u8] = b"h2";
/// What the first byte of a connection is that begins with TLS.
const HANDSHAKE: u8 = 22;
/// What is answered to who does not.
const NOT_ENCRYPTED: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 28\r\n\
    connection: close\r\n\r\nthis port speaks https only\n";

/// The connection that a request came by, in its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// Who asks; where a trusted proxy stands between, what that says.
    pub client: IpAddr,
    /// Where it came to: an address of this machine.
    pub reached: SocketAddr,
    /// Whether who asks did so over TLS, if that is known: a proxy that is not trusted may have done it for them.
    pub secure: Option<bool>,
}

impl Connection {
    /// Whose limits a request counts for: who asks; of IPv6, all of their network.
    pub fn network(&self) -> IpAddr {
        network_of(self.client)
    }
}

/// Serves the router over HTTP/1 and HTTP/2 until `shutdown` begins, then takes no new connection and lets the requests in hand
/// end, for at most 20 seconds.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(listener: TcpListener, router: Router, network: Network, shutdown: Shutdown) -> io::Result<()> {
    // Makes the routes ready once, not for each request.
    let router = router.with_state::<()>(());
    let answer = move |request| {
        let answered = router.clone().call(request);
        async move {
            match answered.await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    serve_with(listener, answer, network, shutdown).await
}

/// The same, for whoever answers requests.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve_with<A, F>(listener: TcpListener, answer: A, network: Network, shutdown: Shutdown) -> io::Result<()>
where
    A: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let server = Arc::new(Server { answer, network, shutdown: shutdown.clone() });
    let (slots, open, peers) = (Arc::new(Semaphore::new(most_connections())), TaskTracker::new(), Peers::default());
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = shutdown.requested() => break,
            _ = look.tick(), if server.network.has_tls() => {
                if let Some(tls) = server.network.tls.clone() {
                    spawn_blocking(move || tls.refresh());
                }
            }
            (slot, accepted) = next => match (slot, accepted) {
                (Ok(slot), Ok((stream, peer))) => {
                    let Ok(reached) = stream.local_addr() else { continue };
                    let ends = Ends { peer: peer.ip().to_canonical(), reached, tls: false };
                    let Some(counted) = server.count(&peers, ends) else { continue };
                    let (server, requests) = (Arc::clone(&server), Requests(open.clone()));
                    open.spawn(async move {
                        server.converse(stream, ends, requests).await;
                        drop((slot, counted));
                    });
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
    if timeout(DRAIN_LIMIT, open.wait()).await.is_err() {
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

/// What all connections share.
struct Server<A> {
    answer: A,
    network: Network,
    shutdown: Shutdown,
}

/// The two ends of a connection, and whether it is encrypted.
#[derive(Clone, Copy)]
struct Ends {
    peer: IpAddr,
    reached: SocketAddr,
    tls: bool,
}

impl Ends {
    /// Whether this machine asks itself.
    fn are_one_machine(self) -> bool {
        self.peer.is_loopback() || self.peer == self.reached.ip().to_canonical()
    }
}

impl<A, F> Server<A>
where
    A: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    /// Counts a connection, unless its address has too many. Those of this machine and of trusted proxies are those of many.
    fn count(&self, peers: &Peers, ends: Ends) -> Option<Counted> {
        let any_number = ends.are_one_machine() || self.network.proxies.trusts(ends.peer);
        let counted = peers.count(ends.peer, if any_number { usize::MAX } else { self.network.per_address });
        if counted.is_none() {
            tracing::debug!(peer = %ends.peer, "an address has too many connections");
        }
        counted
    }

    async fn converse(self: Arc<Self>, stream: TcpStream, ends: Ends, requests: Requests) {
        // Answers are written whole; waiting for more to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let begun = tokio::select! {
            begun = timeout(HEAD_LIMIT, begin(stream, self.network.tls.as_ref(), ends)) => begun,
            () = self.shutdown.requested() => return,
        };
        match begun {
            Ok(Ok((Stream::Plain(stream), Speaks::Http1))) => self.answer(stream, ends).await,
            // Far larger than what the many others need.
            Ok(Ok((Stream::Plain(stream), Speaks::Http2))) => Box::pin(self.answer_many(stream, ends, requests)).await,
            Ok(Ok((Stream::Encrypted(stream), Speaks::Http1))) => {
                Box::pin(self.answer(*stream, Ends { tls: true, ..ends })).await;
            }
            Ok(Ok((Stream::Encrypted(stream), Speaks::Http2))) => {
                Box::pin(self.answer_many(*stream, Ends { tls: true, ..ends }, requests)).await;
            }
            Ok(Err(error)) => tracing::trace!(%error, "a connection did not begin as it must"),
            Err(error) => tracing::trace!(%error, "a connection did not begin in time"),
        }
    }

    /// Answers the requests of a connection, one after the other.
    async fn answer(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, ends: Ends) {
        let answer = service_fn(|request: hyper::Request<Incoming>| {
            let answered = (self.answer)(self.request(request, ends));
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(READ_AHEAD);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), answer).with_upgrades());
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::trace!(%error, "a connection ended early");
        }
    }

    /// Answers the requests of an HTTP/2 connection, many at once.
    async fn answer_many(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        ends: Ends,
        requests: Requests,
    ) {
        let (server, activity) = (Arc::clone(self), Arc::new(Activity::default()));
        let watched = Arc::clone(&activity);
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            let in_hand = watched.begin();
            let answered = (server.answer)(server.request(request, ends));
            async move {
                let response = answered.await;
                drop(in_hand);
                Ok::<_, Infallible>(response)
            }
        });
        let mut http = http2::Builder::new(requests);
        http.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .max_header_list_size(u32::try_from(READ_AHEAD).unwrap_or(u32::MAX))
            .keep_alive_interval(HEAD_LIMIT)
            .keep_alive_timeout(HEAD_LIMIT);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), answer));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = async { tokio::select! { () = self.shutdown.requested() => (), () = activity.idle() => () } } => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::trace!(%error, "a connection ended early");
        }
    }

    /// A request, with the connection that it came by.
    fn request(&self, request: hyper::Request<Incoming>, ends: Ends) -> Request {
        let mut request = request.map(Body::new);
        let connection = self.connection(ends, request.headers());
        request.extensions_mut().insert(connection);
        request
    }

    fn connection(&self, Ends { peer, reached, tls }: Ends, headers: &HeaderMap) -> Connection {
        let proxies = &self.network.proxies;
        Connection { client: proxies.client(peer, headers), reached, secure: proxies.secure(peer, tls, headers) }
    }
}

/// Runs the requests of HTTP/2 connections, which are waited for as connections are.
#[derive(Clone)]
struct Requests(TaskTracker);

impl<F> Executor<F> for Requests
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, request: F) {
        self.0.spawn(request);
    }
}

/// Whether an HTTP/2 connection is used.
#[derive(Default)]
struct Activity {
    in_hand: AtomicUsize,
    /// Whether a request has come since it was looked.
    used: AtomicBool,
}

/// A request that was not answered yet.
struct InHand(Arc<Activity>);

impl Activity {
    fn begin(self: &Arc<Self>) -> InHand {
        self.in_hand.fetch_add(1, Ordering::Relaxed);
        self.used.store(true, Ordering::Relaxed);
        InHand(Arc::clone(self))
    }

    /// Waits until nothing was asked for as long as an HTTP/1 connection may be kept so. Clients open another when they need it.
    async fn idle(&self) {
        loop {
            tokio::time::sleep(HEAD_LIMIT).await;
            if !self.used.swap(false, Ordering::Relaxed) && self.in_hand.load(Ordering::Relaxed) == 0 {
                return;
            }
        }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that has begun.
enum Stream {
    Encrypted(Box<TlsStream<TcpStream>>),
    Plain(TcpStream),
}

enum Speaks {
    Http1,
    Http2,
}

impl Speaks {
    fn of(is_http2: bool) -> Self {
        if is_http2 { Self::Http2 } else { Self::Http1 }
    }
}

/// Finds out how a connection begins. Where TLS is spoken, only who is on this machine may do without.
async fn begin(mut stream: TcpStream, tls: Option<&Tls>, ends: Ends) -> io::Result<(Stream, Speaks)> {
    let mut first = [0; PREFACE.len()];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match tls {
        Some(tls) if first[0] == HANDSHAKE => {
            let stream = TlsAcceptor::from(tls.config()).accept(stream).await?;
            let speaks = Speaks::of(stream.get_ref().1.alpn_protocol() == Some(H2));
            return Ok((Stream::Encrypted(Box::new(stream)), speaks));
        }
        // mlsys's own processes and commands know no name that the certificate is for.
        Some(_) if !ends.are_one_machine() => {}
        _ => return Ok((Stream::Plain(stream), Speaks::of(first == *PREFACE))),
    }
    stream.write_all(NOT_ENCRYPTED).await?;
    stream.shutdown().await?;
    // What they sent and nobody reads would make them lose the answer.
    tokio::io::copy(&mut stream.take(READ_ON), &mut tokio::io::sink()).await?;
    Err(io::ErrorKind::InvalidData.into())
}
