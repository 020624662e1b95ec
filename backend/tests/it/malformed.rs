//! Ten thousand requests that nobody should send, the same ones each time, by everybody: none of them may break anything.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request},
};
use contract::Role;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{World, models::deploy};

const COUNT: usize = 10_000;
/// What the description does not name.
const OTHERS: [&str; 11] = [
    "POST /webhook/github",
    "POST /internal/model-servers",
    "GET /ws/pipelines/{id}/logs",
    "POST /models/{name}/predict",
    "GET /api/sign-in/issuer",
    "GET /api/sign-in/callback",
    "GET /openapi.json",
    "GET /docs/{id}",
    "GET /metrics",
    "GET /pipelines/{id}",
    "GET /{id}",
];
const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"];
/// Parts of a path and values of a query; of the first ones, some are there.
const VALUES: [&str; 34] = [
    "titanic",
    "1",
    "octocat%2Ftitanic",
    "0",
    "-1",
    "1.0",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "99999999999999999999999999999999",
    "1e3",
    "NaN",
    "%00",
    "%FF",
    "%C3%28",
    "%F0%9F%92%A9",
    "%E2%80%AE",
    "..",
    "..%2F..%2Fetc",
    "%2e%2e",
    "%25",
    "%",
    "%zz",
    "a%0Ab",
    "%27%20OR%201=1--",
    "%22",
    "*",
    "null",
    "true",
    "[]",
    "{}",
    "2026-13-45T99:99:99Z",
    "00000000-0000-0000-0000-000000000000",
    "",
];
const QUERIES: [&str; 26] = [
    "limit",
    "after",
    "before",
    "search",
    "repo",
    "model",
    "branch",
    "status",
    "state",
    "attention",
    "sort",
    "environment",
    "env",
    "version",
    "days",
    "since",
    "until",
    "format",
    "actor",
    "action",
    "object",
    "next",
    "code",
    "error",
    "abridged",
    "limit[]",
];
const FIELDS: [&str; 30] = [
    "token",
    "login",
    "password",
    "name",
    "grants",
    "role",
    "repo",
    "model",
    "environment",
    "expires_at",
    "days",
    "disabled",
    "full_name",
    "branch",
    "notebook_glob",
    "notebook_path",
    "ref",
    "parameters",
    "version",
    "from",
    "to",
    "confirm",
    "owner",
    "reason",
    "instances",
    "inputs",
    "address",
    "models",
    "commits",
    "repository",
];
const HEADERS: [&str; 22] = [
    "accept",
    "accept-encoding",
    "content-type",
    "content-length",
    "content-encoding",
    "if-none-match",
    "range",
    "origin",
    "cookie",
    "authorization",
    "x-request-id",
    "traceparent",
    "tracestate",
    "x-forwarded-for",
    "forwarded",
    "x-hub-signature-256",
    "x-github-event",
    "x-github-delivery",
    "upgrade",
    "connection",
    "sec-websocket-key",
    "expect",
];

/// Numbers that look like chance, and are the same each time (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % (end as u64)).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 8 } else { 10 }) {
            0 => Value::Null,
            1 => json!(self.one_in(2)),
            2 => json!([0, -1, 1, i64::MAX, i64::MIN][self.below(5)]),
            3 => json!([0.5, -1e300, 1e-300, 1.8e19][self.below(4)]),
            4 => json!(String::from_utf8_lossy(&self.bytes(40))),
            5 => json!("x".repeat(self.below(3000))),
            6 => json!(
                ["titanic", "octocat/titanic", "dev", "staging", "prod", "admin", "production", "local/new"][self.below(8)]
            ),
            7 => {
                json!(["\0", "\u{202e}", "'; DROP TABLE people; --", "${x}", "../..", "2026-01-01T00:00:00Z"][self.below(6)])
            }
            8 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => self.object(depth - 1),
        }
    }

    fn object(&mut self, depth: usize) -> Value {
        let count = self.below(6);
        Value::Object((0..count).map(|_| ((*self.pick(&FIELDS)).to_owned(), self.value(depth))).collect())
    }

    fn body(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => Vec::new(),
            1 => self.bytes(300),
            2 => "[".repeat(self.below(5000)).into_bytes(),
            3 => {
                let whole = self.object(3).to_string();
                whole.into_bytes().into_iter().rev().skip(1).rev().collect()
            }
            4 => format!("{{\"name\": {}}}", "9".repeat(self.below(400) + 1)).into_bytes(),
            _ => self.object(3).to_string().into_bytes(),
        }
    }

    fn request(&mut self, routes: &[(String, String)], ids: &[String]) -> Option<(String, Request<Body>)> {
        let (method, template) = self.pick(routes).clone();
        let method = if self.one_in(6) { (*self.pick(&METHODS)).to_owned() } else { method };
        let part =
            |chance: &mut Self| if chance.one_in(2) { chance.pick(ids).clone() } else { (*chance.pick(&VALUES)).to_owned() };
        let parts: Vec<_> =
            template.split('/').map(|one| if one.starts_with('{') { part(self) } else { one.to_owned() }).collect();
        let pairs: Vec<_> = (0..self.below(4)).map(|_| format!("{}={}", self.pick(&QUERIES), self.pick(&VALUES))).collect();
        let uri = format!("{}?{}", parts.join("/"), pairs.join("&"));
        let mut request =
            Request::builder().method(method.parse::<Method>().ok()?).uri(&uri).body(Body::from(self.body())).ok()?;
        let headers = request.headers_mut();
        if !self.one_in(4) {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        for _ in 0..self.below(4) {
            let value = if self.one_in(2) { self.pick(&VALUES).as_bytes().to_vec() } else { self.bytes(60) };
            let name = HeaderName::from_static(HEADERS[self.below(HEADERS.len())]);
            headers.extend(HeaderValue::from_bytes(&value).ok().map(|value| (name, value)));
        }
        Some((format!("{method} {uri}"), request))
    }
}

fn routes() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&backend::openapi_json()).unwrap();
    let described = document["paths"].as_object().unwrap().iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
    });
    let others =
        OTHERS.iter().map(|route| route.split_once(' ').unwrap()).map(|(method, path)| (method.to_owned(), path.to_owned()));
    described.chain(others).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_malformed_requests_by_everybody_break_nothing() {
    let world = World::new().await;
    world.repo("octocat/titanic").await;
    deploy(&world, 1).await;
    let pipeline = world.pipeline("n.ipynb").await.to_string();
    let mut everybody = vec![None];
    for role in Role::ALL {
        let made = world.post("/api/keys", json!({ "name": "x", "grants": [{ "role": role }] })).await.json();
        everybody.push(Some(format!("Bearer {}", made["key"].as_str().unwrap())));
    }
    let ids = ["titanic", "1", "2", "x", &pipeline].map(str::to_owned);
    let (routes, mut chance, mut answers) = (routes(), Chance(20_261_129), BTreeMap::<u16, usize>::new());
    let mut number = 0;
    while number < COUNT {
        let Some((asked, mut request)) = chance.request(&routes, &ids) else { continue };
        number += 1;
        // From everywhere: how often one address may fail is looked at elsewhere.
        let client = std::net::Ipv4Addr::from(0x0a00_0000 + u32::try_from(number).unwrap()).into();
        request.extensions_mut().insert(service::Connection { client, reached: ([127, 0, 0, 1], 1).into(), secure: None });
        if let Some(key) = chance.pick(&everybody).as_ref().filter(|_| number % 10 != 0) {
            request.headers_mut().insert("authorization", key.parse().unwrap());
        }
        let answer = world.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        // 502 and 503: there are no model-servers, and no GitHub.
        assert!(status < 500 || [501, 502, 503].contains(&status), "{asked}: {status} {}", String::from_utf8_lossy(&body));
        *answers.entry(status).or_default() += 1;
    }
    for status in [200, 400, 401, 403, 404, 405, 415, 422] {
        assert!(answers.contains_key(&status), "too tame: {answers:?}");
    }
    // What is there is there, and who was let in is let in.
    assert_eq!(world.get("/api/people").await.status, 200);
    assert_eq!(world.json("/health").await["status"], "ok");
}
