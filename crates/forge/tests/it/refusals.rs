//! What GitHub's refusals and failures become.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode},
    response::IntoResponse,
    routing::get,
};
use forge::{Delivery, ForgeError, GitHub, Host, LocalGit, parse};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::hosts::serve;

/// What both questions get from a GitHub that always answers so.
async fn answers(status: StatusCode, headers: &[(&'static str, String)], body: &str) -> [ForgeError; 2] {
    let headers: Vec<(HeaderName, HeaderValue)> =
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let body = body.to_owned();
    let answer = get(async move || {
        let mut response = (status, body).into_response();
        response.headers_mut().extend(headers);
        response
    });
    ask(&serve(Router::new().route("/{*path}", answer)).await).await
}

async fn ask(url: &str) -> [ForgeError; 2] {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let host = Host::GitHub(GitHub::new(url, None).unwrap());
    let body = json!({ "ref": "refs/heads/x", "before": "a".repeat(40), "after": "b".repeat(40), "repository": { "full_name": "a/b" } });
    let Delivery::Push(push) = parse("push", None, body.to_string().as_bytes()).unwrap() else { panic!("a push") };
    let into = tempfile::tempdir().unwrap().path().join("tree");
    [
        host.changed_files(&push, Duration::from_secs(20)).await.unwrap_err(),
        host.download_tree(&push.repo, &push.after, &into, &CancellationToken::new()).await.unwrap_err(),
    ]
}

#[test]
fn a_commits_page_is_found_from_the_apis_address() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (repo, commit) = ("octocat/titanic".parse().unwrap(), "a".repeat(40).parse().unwrap());
    for (api, pages) in [
        ("https://api.github.com", "https://github.com"),
        ("https://api.github.com/", "https://github.com"),
        ("https://git.example.org/api/v3", "https://git.example.org"),
        ("http://git.example.org:8080/api/v3/", "http://git.example.org:8080"),
        ("https://api.octocorp.ghe.com", "https://octocorp.ghe.com"),
    ] {
        let page = Host::GitHub(GitHub::new(api, Some("token")).unwrap()).commit_page(&repo, &commit);
        assert_eq!(page, Some(format!("{pages}/octocat/titanic/commit/{commit}")), "{api}");
    }
    let local = Host::Local(LocalGit { root: "/nowhere".into() });
    assert_eq!(local.commit_page(&repo, &commit), None);
}

#[tokio::test]
async fn what_is_gone_or_hidden_says_what_to_check() {
    for status in [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED, StatusCode::GONE] {
        for error in answers(status, &[], r#"{"message":"Not Found"}"#).await {
            let (ForgeError::NotFound(text) | ForgeError::Forbidden(text)) = &error else { panic!("{status}: {error:?}") };
            assert!(text.contains("GITHUB_TOKEN"), "{status}: {text}");
            let forbidden = matches!(status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED);
            assert_eq!(matches!(error, ForgeError::Forbidden(_)), forbidden, "{status}");
        }
    }
}

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait() {
    let reset = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 90;
    let primary = [("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset.to_string())];
    for error in answers(StatusCode::FORBIDDEN, &primary, "").await {
        let ForgeError::RateLimited { retry_after } = error else { panic!("{error:?}") };
        assert!((80..=90).contains(&retry_after.as_secs()), "{retry_after:?}");
    }
    for error in answers(StatusCode::TOO_MANY_REQUESTS, &[("retry-after", "7".to_owned())], "").await {
        assert!(matches!(error, ForgeError::RateLimited { retry_after } if retry_after.as_secs() == 7), "{error:?}");
    }
    for error in answers(StatusCode::FORBIDDEN, &[], r#"{"message":"You have exceeded a secondary rate limit."}"#).await {
        assert!(matches!(error, ForgeError::RateLimited { retry_after } if retry_after.as_secs() == 60), "{error:?}");
    }
}

#[tokio::test]
async fn a_failing_or_unreachable_host_is_worth_another_try() {
    for error in answers(StatusCode::BAD_GATEWAY, &[], "<html>").await {
        assert!(matches!(error, ForgeError::Unavailable(_)), "{error:?}");
    }
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for error in ask(&format!("http://{closed}")).await {
        assert!(matches!(error, ForgeError::Unavailable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_answer_in_time_is_unavailable() {
    let url = serve(Router::new().route("/{*path}", get(async || std::future::pending::<()>().await))).await;
    let host = Host::GitHub(GitHub::new(&url, None).unwrap());
    let body = json!({ "ref": "refs/heads/x", "before": "a".repeat(40), "after": "b".repeat(40), "repository": { "full_name": "a/b" } });
    let Delivery::Push(push) = parse("push", None, body.to_string().as_bytes()).unwrap() else { panic!("a push") };
    let error = host.changed_files(&push, Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, ForgeError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn an_unusable_answer_is_not_tried_again() {
    let [changes, _] = answers(StatusCode::OK, &[], "<html>").await;
    assert!(matches!(changes, ForgeError::Git(_)), "{changes:?}");
    for error in answers(StatusCode::UNPROCESSABLE_ENTITY, &[], r#"{"message":"No."}"#).await {
        assert!(matches!(&error, ForgeError::Git(text) if text.contains("No.")), "{error:?}");
    }
}

#[test]
fn an_api_url_must_be_one() {
    for url in ["", "api.github.com", "ftp://x", "mailto:a@b"] {
        assert!(GitHub::new(url, None).is_err(), "{url:?}");
    }
}
