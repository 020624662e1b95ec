//! The dashboard as a browser gets it: documents and files.

use std::io::Read as _;

use axum::http::Method;

use crate::World;

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn document(world: &World) -> String {
    let document = world.ask(Method::GET, "/", &[("accept", HTML)], "").await.text().to_owned();
    assert!(document.contains("<div id=\"root\">"), "the dashboard is not built: `make build` builds it\n{document}");
    document
}

/// The addresses that the document loads.
async fn files(world: &World) -> Vec<String> {
    let document = document(world).await;
    let quoted = document.split('"').filter(|text| text.starts_with('/') && text.contains('.'));
    quoted.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_page_is_the_document_under_a_strict_policy() {
    let world = World::new().await;
    let document = document(&world).await;
    for page in ["/pipelines", "/pipelines/0190?tab=log", "/models", "/models/titanic", "/repositories/1", "/settings"] {
        let answer = world.ask(Method::GET, page, &[("accept", HTML)], "").await;
        assert_eq!(answer.status, 200, "{page}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-cache");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.text(), document);
    }
    let head = world.ask(Method::HEAD, "/models", &[("accept", HTML)], "").await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn files_with_a_hash_in_their_names_are_kept_and_the_others_are_asked_for_again() {
    let world = World::new().await;
    let files = files(&world).await;
    assert!(files.iter().filter(|file| file.starts_with("/assets/")).count() >= 2, "{files:?}");
    for file in files {
        let answer = world.get(&file).await;
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_ne!(answer.header("content-type"), "application/octet-stream", "{file}");
        let (tag, kept) = (answer.header("etag").to_owned(), answer.header("cache-control"));
        if file.starts_with("/assets/") {
            assert_eq!(kept, "public, max-age=31536000, immutable");
            continue;
        }
        assert_eq!(kept, "no-cache");
        let known = format!("\"other\", {tag}");
        let again = world.ask(Method::GET, &file, &[("if-none-match", &known)], "").await;
        assert_eq!((again.status, again.header("etag")), (304, &*tag));
        assert_eq!(world.ask(Method::GET, &file, &[("if-none-match", "\"other\"")], "").await.status, 200);
    }
}

#[tokio::test]
async fn files_come_compressed_to_who_can_read_that() {
    let world = World::new().await;
    let files = files(&world).await;
    let script = files.iter().find(|file| file.starts_with("/assets/index") && file.contains(".js")).expect("a script");
    let plain = world.get(script).await.body;
    for (accepted, encoding) in
        [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("identity", ""), ("br;q=0", "")]
    {
        let answer = world.ask(Method::GET, script, &[("accept-encoding", accepted)], "").await;
        assert_eq!(answer.header("content-encoding"), encoding, "{accepted}");
        assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8");
        assert!(answer.header("vary").contains("accept-encoding"));
        assert_eq!(answer.body.len() < plain.len() / 2, !encoding.is_empty());
        if encoding == "gzip" {
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut text).expect("gzip");
            assert_eq!(text, plain);
        }
    }
}

#[tokio::test]
async fn what_is_no_page_and_no_file_is_a_404() {
    let world = World::new().await;
    for (method, path, accept) in [
        (Method::GET, "/api/nothing", HTML),
        (Method::GET, "/ws/nothing", HTML),
        (Method::GET, "/nothing", HTML),
        (Method::GET, "/assets/nothing.js", "*/*"),
        (Method::GET, "/assets", HTML),
        (Method::GET, "/models/titanic", "application/json"),
        (Method::POST, "/settings", HTML),
    ] {
        let answer = world.ask(method, path, &[("accept", accept)], "").await;
        assert_eq!(answer.code(), (404, "not_found".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_dashboards_folder() {
    let world = World::new().await;
    for path in [
        "/../package.json",
        "/assets/../../package.json",
        "/%2e%2e/package.json",
        "/..%2fpackage.json",
        "/assets/..\\..\\package.json",
        "//etc/passwd",
        "/assets//etc/passwd",
        "/./index.html/../../package.json",
        "/assets/%00",
        "/index.html%00.js",
    ] {
        assert!([400, 404].contains(&world.get(path).await.status), "{path}");
    }
}
