//! A TCP proxy between a process and a server, with a network's ways to fail.

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::AbortHandle,
};

use crate::background;

/// So much is passed on at once, in bytes.
const CHUNK: usize = 64 << 10;

/// What happens to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It arrives, so much later.
    Open(Duration),
    /// Nothing arrives, and nobody is told.
    Blackhole,
    /// Every connection is reset.
    Reset,
}

#[derive(Debug, Clone, Copy)]
struct State {
    way: Way,
    /// Grows when the connections there are shall end.
    epoch: u64,
}

/// A proxy on a free port of 127.0.0.1. Dropped, it ends with its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: watch::Sender<State>,
    task: AbortHandle,
}

impl Proxy {
    /// A proxy that passes everything on to the first of some ports of 127.0.0.1 that takes a connection, starting with
    /// another one each time.
    pub fn to(targets: &[u16]) -> Self {
        let (state, watching) = watch::channel(State { way: Way::Open(Duration::ZERO), epoch: 0 });
        let port = crate::free_port();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let _guard = background().enter();
        let listener = TcpListener::from_std(listener).expect("a socket");
        let task = background().spawn(serve(listener, targets.into(), watching)).abort_handle();
        Self { port, state, task }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Delays everything by so much in each direction.
    pub fn slow(&self, latency: Duration) {
        self.state.send_modify(|state| state.way = Way::Open(latency));
    }

    /// Lets nothing through; connections stay open, and new ones are taken.
    pub fn blackhole(&self) {
        self.state.send_modify(|state| state.way = Way::Blackhole);
    }

    /// Resets all connections, and every new one.
    pub fn reset(&self) {
        self.state.send_modify(|state| *state = State { way: Way::Reset, epoch: state.epoch + 1 });
    }

    /// Resets all connections at once; new ones pass.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.epoch += 1);
    }

    /// Lets everything through again.
    pub fn heal(&self) {
        self.state.send_modify(|state| state.way = Way::Open(Duration::ZERO));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.reset();
    }
}

async fn serve(listener: TcpListener, targets: Arc<[u16]>, state: watch::Receiver<State>) {
    let mut turn = 0;
    while let Ok((client, _)) = listener.accept().await {
        turn += 1;
        tokio::spawn(connection(client, targets.clone(), turn, state.clone()));
    }
}

async fn connection(mut client: TcpStream, targets: Arc<[u16]>, turn: usize, mut state: watch::Receiver<State>) {
    let epoch = state.borrow().epoch;
    let broken = move |state: &State| state.epoch != epoch || state.way == Way::Reset;
    let passes = state.wait_for(|state| state.way != Way::Blackhole).await.is_ok_and(|state| !broken(&state));
    let server = if passes { connect(&targets, turn).await } else { None };
    let Some(mut server) = server else {
        let _ = client.set_zero_linger();
        return;
    };
    let ended = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let there = pump(from_client, to_server, state.clone());
        let back = pump(from_server, to_client, state.clone());
        tokio::select! {
            _ = async { tokio::join!(there, back) } => true,
            _ = state.wait_for(broken) => false,
        }
    };
    if !ended {
        // Without lingering, closing resets.
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

async fn connect(targets: &[u16], turn: usize) -> Option<TcpStream> {
    for at in 0..targets.len() {
        let port = targets[(turn + at) % targets.len()];
        let attempt = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        if let Ok(Ok(server)) = tokio::time::timeout(Duration::from_secs(1), attempt).await {
            return Some(server);
        }
    }
    None
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut state: watch::Receiver<State>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer).await?;
        let state = state.wait_for(|state| state.way != Way::Blackhole).await.map_err(io::Error::other)?.way;
        if let Way::Open(latency) = state {
            tokio::time::sleep(latency).await;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
