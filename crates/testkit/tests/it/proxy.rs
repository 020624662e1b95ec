//! A network that fails on demand.

use std::time::{Duration, Instant};

use testkit::{Proxy, free_port};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A server that sends back what it gets.
async fn echo() -> u16 {
    let port = free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    port
}

async fn ask(socket: &mut TcpStream) -> std::io::Result<()> {
    socket.write_all(b"hello").await?;
    let mut answer = [0; 5];
    socket.read_exact(&mut answer).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_passes_delays_swallows_resets_and_heals() {
    let nobody = free_port();
    let proxy = Proxy::to(&[nobody, echo().await]);
    let connect = || async { TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("taken") };
    let mut first = connect().await;
    ask(&mut first).await.expect("it passes, though one target is unreachable");

    proxy.slow(Duration::from_millis(100));
    let began = Instant::now();
    ask(&mut first).await.expect("it passes");
    assert!(began.elapsed() >= Duration::from_millis(200));

    proxy.blackhole();
    let mut second = connect().await;
    assert!(timeout(Duration::from_millis(300), ask(&mut second)).await.is_err(), "nothing arrives");
    proxy.heal();
    let mut answer = [0; 5];
    second.read_exact(&mut answer).await.expect("what was on its way arrives");

    proxy.cut();
    assert!(ask(&mut first).await.is_err() && ask(&mut second).await.is_err());
    ask(&mut connect().await).await.expect("new connections pass");

    proxy.reset();
    // The reset may come while the connection is being made.
    let refused = async { ask(&mut TcpStream::connect(("127.0.0.1", proxy.port())).await?).await };
    assert!(refused.await.is_err());
    proxy.heal();
    ask(&mut connect().await).await.expect("it passes again");
}
