//! The dashboard as a browser gets it: documents, files, and what is refused to pages of other sites.

use std::io::Read as _;

use reqwest::{Method, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{PUBLIC, mlsys};

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn ask(method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mlsys = mlsys();
    let call =
        headers.iter().fold(mlsys.http().request(method, mlsys.api(path)), |call, (name, value)| call.header(*name, *value));
    call.send().await.expect("an answer")
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Response {
    ask(Method::GET, path, headers).await
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

async fn document() -> String {
    get("/", &[("accept", HTML)]).await.text().await.expect("a document")
}

/// The addresses that the document loads.
async fn files() -> Vec<String> {
    let document = document().await;
    let quoted = document.split('"').filter(|text| text.starts_with('/') && text.contains('.'));
    quoted.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_the_document_under_a_strict_policy() {
    let document = document().await;
    assert!(document.contains("<div id=\"root\">"), "the dashboard is not built: `make build` builds it\n{document}");
    for page in ["/pipelines", "/pipelines/0190?tab=log", "/models", "/models/titanic", "/repositories/1", "/settings"] {
        let answer = get(page, &[("accept", HTML)]).await;
        assert_eq!(answer.status(), 200, "{page}");
        assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&answer, "cache-control"), "no-cache");
        let policy = header(&answer, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.text().await.expect("a document"), document);
    }
    let head = ask(Method::HEAD, "/models", &[("accept", HTML)]).await;
    assert_eq!((head.status().as_u16(), head.text().await.expect("nothing").len()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_a_hash_in_their_names_are_kept_and_the_others_are_asked_for_again() {
    let files = files().await;
    assert!(files.iter().filter(|file| file.starts_with("/assets/")).count() >= 2, "{files:?}");
    for file in files {
        let answer = get(&file, &[]).await;
        assert_eq!(answer.status(), 200, "{file}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        assert_ne!(header(&answer, "content-type"), "application/octet-stream", "{file}");
        let (tag, kept) = (header(&answer, "etag").to_owned(), header(&answer, "cache-control"));
        if file.starts_with("/assets/") {
            assert_eq!(kept, "public, max-age=31536000, immutable");
            continue;
        }
        assert_eq!(kept, "no-cache");
        let again = get(&file, &[("if-none-match", &format!("\"other\", {tag}"))]).await;
        assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, &*tag));
        assert_eq!(get(&file, &[("if-none-match", "\"other\"")]).await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_compressed_to_who_can_read_that() {
    let files = files().await;
    let script = files.iter().find(|file| file.starts_with("/assets/index") && file.contains(".js")).expect("a script");
    let plain = get(script, &[]).await.bytes().await.expect("a body");
    for (accepted, encoding) in
        [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("identity", ""), ("br;q=0", "")]
    {
        let answer = get(script, &[("accept-encoding", accepted)]).await;
        assert_eq!(header(&answer, "content-encoding"), encoding, "{accepted}");
        assert_eq!(header(&answer, "content-type"), "text/javascript; charset=utf-8");
        assert!(header(&answer, "vary").contains("accept-encoding"));
        let body = answer.bytes().await.expect("a body");
        assert_eq!(body.len() < plain.len() / 2, !encoding.is_empty());
        if encoding == "gzip" {
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut text).expect("gzip");
            assert_eq!(text, plain);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_and_no_file_is_a_404() {
    for (method, path, accept) in [
        (Method::GET, "/api/nothing", HTML),
        (Method::GET, "/ws/nothing", HTML),
        (Method::GET, "/nothing", HTML),
        (Method::GET, "/assets/nothing.js", "*/*"),
        (Method::GET, "/assets", HTML),
        (Method::GET, "/models/titanic", "application/json"),
        (Method::POST, "/settings", HTML),
    ] {
        let answer = ask(method, path, &[("accept", accept)]).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (404, "application/problem+json"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_dashboards_folder() {
    let address = mlsys().api("").replace("http://", "");
    for path in [
        "/../package.json",
        "/assets/../../package.json",
        "/%2e%2e/package.json",
        "/..%2fpackage.json",
        "/assets/..\\..\\package.json",
        "//etc/passwd",
        "/assets//etc/passwd",
        "/./index.html/../../package.json",
    ] {
        // By hand: clients tidy such paths up.
        let mut socket = tokio::net::TcpStream::connect(&address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 40"), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_name_for_this_machine_is_refused() {
    let public = PUBLIC.replace("https://", "");
    for (host, status) in [
        ("localhost:8000", 200),
        ("mlsys.localhost", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        (&*public, 200),
        ("attacker.example", 421),
        ("localhost.attacker.example:8000", 421),
        ("127.0.0.1.attacker.example", 421),
        ("192.168.0.7:8000", 421),
    ] {
        for path in ["/api/repos", "/settings"] {
            assert_eq!(get(path, &[("host", host), ("accept", HTML)]).await.status(), status, "{host} {path}");
        }
    }
    let delivery = ask(Method::POST, "/webhook/github", &[("host", "tunnel.example")]).await;
    assert_eq!(delivery.status(), 401, "a delivery comes under any name, and needs its signature");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_can_change_nothing_and_open_no_socket() {
    let own = mlsys().api("");
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (origin, refused) in
        [(&*own, false), (PUBLIC, false), ("http://attacker.example", true), ("http://127.0.0.1:1", true), ("null", true)]
    {
        let change = ask(Method::POST, "/api/pipelines/none/cancel", &[("origin", origin)]).await;
        assert_eq!(change.status() == 403, refused, "{origin}: {}", change.status());
        let path = "/ws/pipelines/01900000-0000-7000-8000-000000000000/logs";
        let socket = get(path, &[&upgrade[..], &[("origin", origin)]].concat()).await;
        assert_eq!(socket.status() == 403, refused, "{origin}: {}", socket.status());
        assert_eq!(
            get("/api/repos", &[("origin", origin)]).await.status(),
            200,
            "a browser keeps that from the page itself"
        );
    }
}
