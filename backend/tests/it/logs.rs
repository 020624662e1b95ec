//! A pipeline's log: by pages, as a file, and followed over a WebSocket.

use std::{net::SocketAddr, time::Duration};

use axum::http::Method;
use contract::{LogFrame, LogLine, Phase, PipelineId, PipelineStatus, Stream};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::Lease;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode};

use crate::World;

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

fn lines(first: u64, count: u64) -> Vec<LogLine> {
    let line = |seq: u64| LogLine {
        seq,
        at: Timestamp::from_second(1_800_000_000).unwrap(),
        phase: Phase::Execute,
        cell: seq.is_multiple_of(2).then_some(3),
        stream: Stream::Stdout,
        text: format!("tick {seq} \u{1F6A2} <b>\"\\"),
        data: None,
    };
    (first..first + count).map(line).collect()
}

/// A pipeline that a worker has, whose log has so many lines.
async fn logged(world: &World, count: u64) -> Lease {
    let lease = world.leased("n.ipynb").await;
    say(world, &lease, 1, count).await;
    lease
}

async fn say(world: &World, lease: &Lease, first: u64, count: u64) {
    let lines = lines(first, count);
    world.store.pipelines.append_logs(lease, first, &lines).await.unwrap();
    world.hub.publish(lease.pipeline_id, &lines);
}

async fn end(world: &World, lease: &Lease) {
    world.store.pipelines.finish_pipeline(lease, PipelineStatus::Succeeded, false, None).await.unwrap();
    world.hub.end(lease.pipeline_id);
}

#[tokio::test]
async fn a_log_ends_where_it_ends() {
    let world = World::new().await;
    let id = logged(&world, 2500).await.pipeline_id;
    for (after, limit, count, next) in [
        (0, "2500", 2500, Value::Null),
        (0, "2499", 2499, json!("2499")),
        (0, "1", 1, json!("1")),
        (0, "0", 1, json!("1")),
        (2499, "1", 1, Value::Null),
        (2500, "1", 0, Value::Null),
        (0, "10000", 2500, Value::Null),
        (0, "18446744073709551615", 2500, Value::Null),
        (u64::MAX, "5", 0, Value::Null),
    ] {
        let page = world.json(&format!("/api/pipelines/{id}/logs?after={after}&limit={limit}")).await;
        let items: Vec<LogLine> = serde_json::from_value(page["items"].clone()).unwrap();
        assert_eq!((items.len(), &page["next"]), (count, &next), "{limit} after {after}");
        assert_eq!(items, lines(after.saturating_add(1), count as u64));
    }
    assert_eq!(world.json(&format!("/api/pipelines/{id}/logs")).await["items"].as_array().unwrap().len(), 1000);
    for query in ["after=-1", "after=x", "after=", "limit=-1", "limit=x"] {
        let answer = world.get(&format!("/api/pipelines/{id}/logs?{query}")).await;
        assert_eq!(answer.code(), (400, "bad_request".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_log_can_be_saved() {
    let world = World::new().await;
    let id = logged(&world, 2500).await.pipeline_id;
    let answer = world.get(&format!("/api/pipelines/{id}/logs.txt")).await;
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"pipeline-{id}.txt\""));
    let saved: Vec<_> = answer.text().lines().collect();
    assert_eq!(saved.len(), 2500);
    for (saved, line) in saved.iter().zip(lines(1, 2500)) {
        assert!(saved.ends_with(&line.text) && saved.contains("execute"), "{saved}");
    }
    let none = world.pipeline("quiet.ipynb").await;
    let empty = world.get(&format!("/api/pipelines/{none}/logs.txt")).await;
    assert_eq!((empty.status, empty.text()), (200, ""));
}

/// Serves a world on a real socket.
async fn serve(world: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = world.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn open(address: SocketAddr, id: impl std::fmt::Display, after: u64) -> Result<Socket, Error> {
    let url = format!("ws://{address}/ws/pipelines/{id}/logs?after={after}");
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", crate::world::HOME).parse().unwrap());
    tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
}

/// The next lines of a follower, up to so many, and how its log ended if it did.
async fn read(socket: &mut Socket, at_most: usize) -> (Vec<LogLine>, Option<PipelineStatus>) {
    let mut lines = Vec::new();
    while lines.len() < at_most {
        let message = tokio::time::timeout(Duration::from_secs(30), socket.next()).await.expect("news in time");
        match message.expect("a message").expect("no error") {
            Message::Text(text) => match serde_json::from_str(&text).unwrap() {
                LogFrame::Line(line) => lines.push(line),
                LogFrame::End(end) => return (lines, Some(end.end)),
            },
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
    (lines, None)
}

#[tokio::test]
async fn a_follower_has_every_line_once_whenever_it_joins() {
    let world = World::new().await;
    let address = serve(&world).await;
    let lease = logged(&world, 2500).await;
    let id = lease.pipeline_id;
    let (mut early, mut late) = (open(address, id, 0).await.unwrap(), open(address, id, 2400).await.unwrap());
    assert_eq!(read(&mut early, 2500).await.0, lines(1, 2500));
    assert_eq!(read(&mut late, 100).await.0, lines(2401, 100));
    for first in [2501, 2601, 2701] {
        say(&world, &lease, first, 100).await;
    }
    // Only in the store: the feed did not bring them.
    world.store.pipelines.append_logs(&lease, 2801, &lines(2801, 7)).await.unwrap();
    say(&world, &lease, 2808, 3).await;
    end(&world, &lease).await;
    let all = (lines(2501, 310), Some(PipelineStatus::Succeeded));
    assert_eq!(read(&mut early, usize::MAX).await, all);
    assert_eq!(read(&mut late, usize::MAX).await, all);

    let mut again = open(address, id, 2800).await.unwrap();
    assert_eq!(read(&mut again, usize::MAX).await, (lines(2801, 10), Some(PipelineStatus::Succeeded)));
    let closed = again.next().await.unwrap().unwrap();
    assert!(matches!(&closed, Message::Close(Some(frame)) if frame.code == CloseCode::Normal), "{closed:?}");
    let mut beyond = open(address, id, u64::MAX).await.unwrap();
    assert_eq!(read(&mut beyond, usize::MAX).await, (vec![], Some(PipelineStatus::Succeeded)));
}

#[tokio::test]
async fn a_backend_that_stops_sends_its_followers_to_another() {
    let world = World::new().await;
    let address = serve(&world).await;
    let id = logged(&world, 3).await.pipeline_id;
    let mut socket = open(address, id, 0).await.unwrap();
    assert_eq!(read(&mut socket, 3).await.0, lines(1, 3));
    world.shutdown.cancel();
    let closed = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(&closed, Message::Close(Some(frame)) if frame.code == CloseCode::Restart), "{closed:?}");
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_before_a_socket_is_opened() {
    let world = World::new().await;
    let address = serve(&world).await;
    let known = world.pipeline("n.ipynb").await;
    for (id, status) in [(PipelineId::generate().to_string(), 404), ("garbage".to_owned(), 400), ("%00".to_owned(), 400)] {
        let refused = open(address, id, 0).await;
        assert!(matches!(&refused, Err(Error::Http(answer)) if answer.status() == status), "{refused:?}");
    }
    let plain = world.ask(Method::GET, &format!("/ws/pipelines/{known}/logs"), &[], "").await;
    assert!([400, 426].contains(&plain.status), "without an upgrade: {}", plain.status);
}
