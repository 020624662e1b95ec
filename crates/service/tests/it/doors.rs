//! What a server does with those who say nothing, too much, or that they are somebody else.

use std::time::{Duration, Instant};

use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::post};
use service::{Check, Hosts, doors, layers, read_body};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Served, client};

/// Answers how long the body was.
async fn length(request: Request) -> Result<String, StatusCode> {
    Ok(read_body(request.into_body(), 64 << 20).await?.len().to_string())
}

async fn served() -> Served {
    let hosts = Hosts::read(&service::Settings::default(), &[], false, &mut Check::default());
    let router = Router::new().route("/", post(length)).route("/signed", post(length));
    Served::start(layers(doors(router, hosts, &["/signed"]))).await
}

/// Sends this, and then nothing; all that is answered until the server closes the connection.
async fn left_open(server: &Served, sent: &[u8]) -> (String, Duration) {
    let started = Instant::now();
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(sent).await.unwrap();
    let mut answer = String::new();
    // It may be closed with what was not read.
    let _ = stream.read_to_string(&mut answer).await;
    (answer, started.elapsed())
}

#[tokio::test]
async fn a_head_or_body_that_stops_coming_costs_its_connection() {
    let server = served().await;
    let all = [
        &b""[..],
        b"POST / HTTP/1.1\r\nHost: localhost\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ];
    let [nothing, head, body, chunks] = all.map(|sent| left_open(&server, sent));
    let (nothing, head, body, chunks) = tokio::join!(nothing, head, body, chunks);
    for (answer, took) in [nothing, head] {
        assert!(answer.is_empty() && took < Duration::from_secs(39), "{took:?}: {answer}");
    }
    for (answer, took) in [body, chunks] {
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
        assert!(took < Duration::from_secs(39), "{took:?}");
    }
}

#[tokio::test]
async fn many_long_bodies_at_once_leave_room_for_short_ones_and_are_taken_again_when_they_end() {
    let server = served().await;
    let most = 64 << 20;
    let (ask, url) = (client(), &server.url);
    let send =
        async |bytes: usize| ask.post(url).body(vec![b'x'; bytes]).send().await.map(|answer| answer.status().as_u16());
    for bytes in [1 << 10, 1 << 20, 5_000_001, most] {
        let answer = ask.post(url).body(vec![b'x'; bytes]).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), bytes.to_string(), "one alone may be as long as the route takes");
    }
    // Each holds 10 MB and does not end.
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n").await.unwrap();
        stream.write_all(&vec![b'x'; 10 << 20]).await.unwrap();
        held.push(stream);
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    let refused = async |bytes: usize| {
        let answer = ask.post(url).body(vec![b'x'; bytes]).send().await;
        answer.ok().is_some_and(|answer| answer.status() == 503 && answer.headers().contains_key("retry-after"))
    };
    while !refused(20 << 20).await {
        assert!(Instant::now() < deadline, "there is always room");
    }
    for bytes in [0, 1, 30_000] {
        assert_eq!(send(bytes).await.unwrap(), 200, "{bytes}");
    }
    drop(held);
    while send(20 << 20).await.ok() != Some(200) {
        assert!(Instant::now() < deadline, "what was taken is given back");
    }
}

#[tokio::test]
async fn a_body_is_read_whole_or_refused() {
    assert_eq!(read_body(Body::from("abc"), 3).await.unwrap(), "abc");
    assert_eq!(read_body(Body::from("abcd"), 3).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
    assert!(read_body(Body::empty(), 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_server_answers_at_the_address_it_is_reached_by_and_to_no_name_but_its_own() {
    let server = served().await;
    let own = server.url.trim_start_matches("http://");
    for (path, host, status) in [
        ("/", own, 200),
        ("/", "localhost", 200),
        ("/", "attacker.example", 421),
        ("/", "203.0.113.7", 421),
        ("/signed", "tunnel.example", 200),
    ] {
        let answer = client().post(format!("{}{path}", server.url)).header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path} {host}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    }
    // The address in the request line counts as well.
    let asked = b"GET http://attacker.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(left_open(&server, asked).await.0.starts_with("HTTP/1.1 421"));
}
