//! Who may ask from a browser.

use axum::http::Method;

use service::{Check, Hosts};

use crate::{World, world::PUBLIC};

#[tokio::test]
async fn a_foreign_name_for_this_machine_is_refused() {
    let world = World::new().await;
    for (host, status) in [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("LocalHost:8000", 200),
        ("mlsys.localhost", 200),
        ("127.0.0.1", 200),
        ("127.8.0.1:1", 200),
        ("[::1]:8000", 200),
        ("mlsys.example.org", 200),
        ("mlsys.example.org:8443", 421),
        ("attacker.example", 421),
        ("localhost.attacker.example:8000", 421),
        ("127.0.0.1.attacker.example", 421),
        ("192.168.0.7:8000", 421),
        ("[2001:db8::1]", 421),
        ("not a host", 421),
        ("", 421),
    ] {
        for path in ["/api/repos", "/health", "/openapi.json", "/metrics"] {
            let answer = world.ask(Method::GET, path, &[("host", host)], "").await;
            assert_eq!(answer.status, status, "{host} {path}");
            assert!(status == 200 || answer.code().1 == "unknown_host");
        }
    }
    assert_eq!(world.get("/api/repos").await.status, 200, "no browser leaves its host out");
    let delivery = world.ask(Method::POST, "/webhook/github", &[("host", "tunnel.example")], "").await;
    assert_eq!(delivery.code().1, "bad_signature", "a delivery comes under any name, and needs its signature");
}

#[tokio::test]
async fn a_backend_that_other_machines_reach_answers_to_the_names_that_are_set() {
    let world = World::with(crate::world::NOWHERE, |config| {
        let set = [("ALLOWED_HOSTS".to_owned(), "mlsys.internal".to_owned())];
        config.hosts = Hosts::read(&set.into_iter().collect(), &[], true, &mut Check::default());
    })
    .await;
    let own = [("host", "mlsys.internal:8000"), ("origin", "http://mlsys.internal:8000")];
    assert_eq!(world.ask(Method::GET, "/api/repos", &own, "").await.status, 200);
    assert_ne!(world.ask(Method::POST, "/api/repos", &own, "").await.status, 403);
    let foreign = [("host", "mlsys.internal"), ("origin", "http://attacker.example")];
    assert_eq!(world.ask(Method::POST, "/api/repos", &foreign, "").await.code(), (403, "foreign_origin".to_owned()));
    for path in ["/api/repos", "/api/pipelines", "/health"] {
        let rebound = [("host", "attacker.example:8000"), ("origin", "http://attacker.example:8000")];
        for method in [Method::GET, Method::POST] {
            let answer = world.ask(method, path, &rebound, "").await;
            assert_eq!(answer.code(), (421, "unknown_host".to_owned()), "a foreign name and a page of it agree");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_site_can_change_nothing_and_open_no_socket() {
    let world = World::new().await;
    for (origin, refused) in [
        ("http://127.0.0.1:8000", false),
        (PUBLIC, false),
        ("http://attacker.example", true),
        ("http://127.0.0.1:1", true),
        ("https://mlsys.example.org.attacker.example", true),
        ("https://mlsys.example.org:444", true),
        ("null", true),
        ("", true),
        ("garbage with spaces", true),
    ] {
        let headers = [("host", "127.0.0.1:8000"), ("origin", origin)];
        for (method, path) in [
            (Method::POST, "/api/pipelines/none/cancel"),
            (Method::POST, "/api/pipelines"),
            (Method::POST, "/api/models/titanic/promote"),
            (Method::PATCH, "/api/repos/1"),
            (Method::DELETE, "/api/repos/1"),
            (Method::POST, "/webhook/github"),
            (Method::POST, "/nothing"),
        ] {
            let answer = world.ask(method.clone(), path, &headers, "").await;
            assert_eq!(answer.code().1 == "foreign_origin", refused, "{origin}: {method} {path}: {}", answer.status);
        }
        let socket = [&headers[..], &[("connection", "upgrade"), ("upgrade", "websocket")]].concat();
        let path = "/ws/pipelines/01900000-0000-7000-8000-000000000000/logs";
        assert_eq!(world.ask(Method::GET, path, &socket, "").await.status == 403, refused, "{origin}");
        let list = world.ask(Method::GET, "/api/repos", &headers, "").await;
        assert_eq!(list.status, 200, "a browser keeps that from the page itself");
    }
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let world = World::new().await;
    for path in ["/api/repos", "/api/nothing", "/health", "/metrics", "/docs", "/settings"] {
        let answer = world.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(
            (answer.header("referrer-policy"), answer.header("cross-origin-opener-policy")),
            ("no-referrer", "same-origin")
        );
    }
}
