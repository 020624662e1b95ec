//! TLS, proxies, and how many connections one address may have: over real sockets.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, Version},
    routing::post,
};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Certificate;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use service::{Check, Connection, Hosts, Network, Settings, SettingsError, doors, layers};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::{Served, client};

/// Who asked, and whether over TLS.
async fn who(Extension(connection): Extension<Connection>) -> String {
    format!("{} {:?}", connection.client, connection.secure)
}

fn settings(pairs: &[(&str, String)]) -> Settings {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

async fn served(pairs: &[(&str, String)]) -> Served {
    let mut check = Check::default();
    let (hosts, network) =
        (Hosts::read(&Settings::default(), &[], false, &mut check), Network::read(&settings(pairs), &mut check));
    check.finish().unwrap();
    Served::over(layers(doors(Router::new().route("/", post(who).get(who)), hosts, &[])), network).await
}

/// A certificate and its key, in files.
struct Files {
    folder: TempDir,
    /// As who trusts it is told.
    pem: String,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap(), pem: String::new() };
        Self { pem: files.renew(), ..files }
    }

    /// Writes a new certificate and key; answers the certificate.
    fn renew(&self) -> String {
        let new = |path: PathBuf| PathBuf::from(format!("{}.new", path.display()));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(new(self.key()))
            .arg("-out")
            .arg(new(self.cert()))
            .output()
            .expect("openssl makes the certificates of this test: install it");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // As certificates are renewed: never half a file.
        for path in [self.key(), self.cert()] {
            fs::rename(new(path.clone()), path).unwrap();
        }
        fs::read_to_string(self.cert()).unwrap()
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("tls.crt")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("tls.key")
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("TLS_CERT", shown(&self.cert())), ("TLS_KEY", shown(&self.key()))]
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Asks by a new connection, trusting this certificate.
async fn by_tls(server: &Served, pem: &str, origin: Option<&str>) -> reqwest::Result<reqwest::Response> {
    client();
    let trusted = Certificate::from_pem(pem.as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).timeout(Duration::from_secs(10)).build()?;
    let mut request = client.post(server.url.replace("http://127.0.0.1", "https://localhost"));
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    request.send().await
}

#[tokio::test]
async fn with_a_certificate_tls_is_spoken_and_pages_without_it_are_foreign() {
    let files = Files::new();
    let server = served(&files.settings()).await;
    let answer = by_tls(&server, &files.pem, None).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "127.0.0.1 Some(true)");
    let authority = server.url.trim_start_matches("http://127.0.0.1");
    for (origin, status) in [(format!("https://localhost{authority}"), 200), (format!("http://localhost{authority}"), 403)] {
        assert_eq!(by_tls(&server, &files.pem, Some(&origin)).await.unwrap().status(), status, "{origin}");
    }
    // What is on this machine need not.
    assert_eq!(client().get(&server.url).send().await.unwrap().text().await.unwrap(), "127.0.0.1 None");
    assert!(by_tls(&server, &Files::new().pem, None).await.is_err(), "who trusts another certificate");
}

/// Asks over HTTP/2, of which a connection begins as its client says.
async fn by_http2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> (Version, String) {
    let (mut requests, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    // Two at once, on one connection.
    let request = || Request::post("http://localhost/").body(Body::empty()).unwrap();
    let (first, second) = (requests.send_request(request()), requests.send_request(request()));
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
    let version = first.version();
    let body = to_bytes(Body::new(first.into_body()), 1000).await.unwrap();
    (version, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn http_2_is_spoken_with_whoever_begins_with_it() {
    let files = Files::new();
    let server = served(&files.settings()).await;
    let own = server.url.trim_start_matches("http://");
    let plain = TcpStream::connect(own).await.unwrap();
    assert_eq!(by_http2(plain).await, (Version::HTTP_2, "127.0.0.1 None".to_owned()));

    let mut trusted = rustls::RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_slice(files.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(trusted).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(own).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let encrypted = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(by_http2(encrypted).await, (Version::HTTP_2, "127.0.0.1 Some(true)".to_owned()));
}

#[tokio::test]
async fn a_certificate_that_is_renewed_is_shown_and_one_that_is_broken_is_not() {
    let files = Files::new();
    let server = served(&files.settings()).await;
    let first = files.pem.clone();
    fs::write(files.cert(), "-----BEGIN CERTIFICATE-----\nhalf").unwrap();
    let patience = Instant::now() + Duration::from_secs(7);
    while Instant::now() < patience {
        assert!(by_tls(&server, &first, None).await.is_ok(), "the one before goes on");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let second = files.renew();
    let deadline = Instant::now() + Duration::from_secs(30);
    while by_tls(&server, &second, None).await.is_err() {
        assert!(Instant::now() < deadline, "the new one is never shown");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(by_tls(&server, &first, None).await.is_err());
}

#[test]
fn what_is_wrong_with_the_files_is_said_before_anything_is_served() {
    let (files, other) = (Files::new(), Files::new());
    let empty = files.folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    for (cert, key, name, text) in [
        (Some(files.cert()), None, "TLS_KEY", "must be set"),
        (None, Some(files.key()), "TLS_CERT", "must be set"),
        (Some("/no/such/file".into()), Some(files.key()), "TLS_CERT", "/no/such/file"),
        (Some(files.cert()), Some("/no/such/file".into()), "TLS_KEY", "/no/such/file"),
        (Some(empty.clone()), Some(files.key()), "TLS_CERT", "has no certificate"),
        (Some(files.cert()), Some(empty), "TLS_KEY", "empty"),
        (Some(files.cert()), Some(other.key()), "TLS_KEY", "is not the key of"),
        (Some(files.key()), Some(files.key()), "TLS_CERT", "has no certificate"),
    ] {
        let pairs = [("TLS_CERT", cert), ("TLS_KEY", key)];
        let pairs: Vec<_> = pairs.into_iter().filter_map(|(name, path)| Some((name, shown(&path?)))).collect();
        let mut check = Check::default();
        Network::read(&settings(&pairs), &mut check);
        let SettingsError(errors) = check.finish().unwrap_err();
        assert_eq!((errors.len(), errors[0].name.as_str()), (1, name), "{errors:?}");
        assert!(errors[0].reason.contains(text), "{errors:?}");
    }
}

#[tokio::test]
async fn a_connection_that_never_begins_costs_itself_alone() {
    let files = Files::new();
    let server = served(&files.settings()).await;
    let own = server.url.trim_start_matches("http://");
    let mut held = Vec::new();
    // Nothing; the beginning of a greeting; a greeting that is none.
    for sent in [&b""[..], &[22, 3, 1, 2, 0, 1], &[22, 0, 0, 0, 0, 0, 0, 0]] {
        let mut stream = TcpStream::connect(own).await.unwrap();
        stream.write_all(sent).await.unwrap();
        held.push(stream);
    }
    assert!(by_tls(&server, &files.pem, None).await.is_ok(), "others are answered meanwhile");
    let started = Instant::now();
    for mut stream in held {
        let mut rest = Vec::new();
        // It may end with a reset.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(started.elapsed() < Duration::from_secs(39), "{rest:?}");
    }
}

/// A connection that to the server comes from another machine: from an address of this one that it did not come to.
async fn from_elsewhere(server: &Served) -> TcpStream {
    let way_out = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    way_out.connect("198.51.100.1:9").expect("this test needs an address of this machine beside 127.0.0.1");
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((way_out.local_addr().unwrap().ip(), 0).into()).unwrap();
    socket.connect(server.url.trim_start_matches("http://").parse().unwrap()).await.unwrap()
}

/// What a connection answers to a request without a body; nothing, if it is closed.
async fn answered(stream: &mut TcpStream) -> String {
    // It may be closed before it is asked.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap_or_default();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn an_address_has_so_many_connections_at_once_and_others_go_on() {
    let server = served(&[("CONNECTIONS_PER_ADDRESS", "3".to_owned())]).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = from_elsewhere(&server).await;
        assert!(answered(&mut stream).await.starts_with("HTTP/1.1 200"));
        held.push(stream);
    }
    for _ in 0..20 {
        assert_eq!(answered(&mut from_elsewhere(&server).await).await, "", "one too many is closed");
    }
    for stream in &mut held {
        assert!(answered(stream).await.starts_with("HTTP/1.1 200"), "those before go on");
    }
    let mut own = Vec::new();
    for _ in 0..10 {
        let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        assert!(answered(&mut stream).await.starts_with("HTTP/1.1 200"), "this machine has any number");
        own.push(stream);
    }
    held.pop();
    let deadline = Instant::now() + Duration::from_secs(10);
    while answered(&mut from_elsewhere(&server).await).await.is_empty() {
        assert!(Instant::now() < deadline, "the place of one that ended stays taken");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn who_speaks_no_tls_where_it_is_spoken_is_told_so() {
    let files = Files::new();
    let server = served(&files.settings()).await;
    for body in [0, 1, 300_000] {
        let mut stream = from_elsewhere(&server).await;
        let head = format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {body}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; body]).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 ") && head.contains("connection: close"), "{answer}");
        assert!(head.contains(&format!("content-length: {}", text.len())), "{answer}");
        assert_eq!(text, "this port speaks https only\n");
    }
    assert!(by_tls(&server, &files.pem, None).await.is_ok());
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_who_asks_and_nobody_else() {
    let lies = [("x-forwarded-for", "198.51.100.1, 198.51.100.2"), ("x-forwarded-proto", "https")];
    for (trusted, answer) in
        [("", "127.0.0.1 None"), ("10.0.0.0/8", "127.0.0.1 None"), ("127.0.0.0/8", "198.51.100.2 Some(true)")]
    {
        let server = served(&[("TRUSTED_PROXIES", trusted.to_owned())]).await;
        let mut request = client().get(&server.url);
        for (name, value) in lies {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), answer, "{trusted}");
    }
}
