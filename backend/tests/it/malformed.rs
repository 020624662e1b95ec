//! Ten thousand requests that nobody should send, to all routes: none is an error of ours.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request},
};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{World, world::HOME};

const REQUESTS: usize = 10_000;

/// The same numbers in every run: what fails can be looked at again.
struct Dice(u64);

impl Dice {
    /// Xorshift64*: <https://en.wikipedia.org/wiki/Xorshift>.
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end as u64).unwrap()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// For parts of a path, and for values of a query.
const WORDS: [&str; 24] = [
    "titanic",
    "0",
    "1",
    "-1",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775809",
    "1e9",
    "NaN",
    "%00",
    "%FF",
    "%",
    "..%2F..%2Fetc%2Fpasswd",
    "a%0d%0aSet-Cookie:x",
    "%F0%9F%92%A9",
    "'%20OR%201=1--",
    "null",
    "true",
    "2030-13-45T99:99:99Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "01890000-0000-7000-8000-000000000000",
    "octocat/titanic",
    "prod",
];

const QUERIES: [&str; 18] = [
    "limit",
    "before",
    "after",
    "cursor",
    "search",
    "status",
    "repo",
    "branch",
    "model",
    "env",
    "environment",
    "since",
    "until",
    "format",
    "days",
    "order",
    "version",
    "seq",
];

/// A value of any kind, some of which no program expects.
fn value(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth > 3 { 9 } else { 12 }) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(dice.roll()),
        3 => json!(-1),
        4 => json!(1e308),
        5 => json!(u64::MAX),
        6 => json!("\u{0}\u{1b}[31m\u{202e}x"),
        7 => json!("x".repeat(1 << dice.below(14))),
        8 => json!(*dice.of(&WORDS)),
        9 => Value::Array((0..dice.below(4)).map(|_| value(dice, depth + 1)).collect()),
        _ => {
            let names = ["name", "role", "repo", "model", "version", "environment", "expires_at", "grants", "", "\u{0}"];
            let mut object = serde_json::Map::new();
            for _ in 0..dice.below(4) {
                object.insert((*dice.of(&names)).to_owned(), value(dice, depth + 1));
            }
            Value::Object(object)
        }
    }
}

/// A body: now and then with the fields that the description names, and values of other kinds in them.
fn body(dice: &mut Dice, fields: &[String]) -> Vec<u8> {
    match dice.below(12) {
        0 => Vec::new(),
        1 => (0..dice.below(200)).map(|_| u8::try_from(dice.below(256)).unwrap()).collect(),
        2 => format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)).into_bytes(),
        3 => "{\"a\":".repeat(5_000).into_bytes(),
        4 => b"{\"name\":\"a\",\"name\":\"b\"}".to_vec(),
        5 => b"{\"name\":1e999}".to_vec(),
        6 => b"{\"name\":\"\\ud800\"}".to_vec(),
        7 => vec![b'{', b'"', 0xff, 0xfe, b'"', b':', b'1', b'}'],
        _ if fields.is_empty() => value(dice, 0).to_string().into_bytes(),
        _ => {
            let mut object = serde_json::Map::new();
            for field in fields {
                if dice.below(3) > 0 {
                    object.insert(field.clone(), value(dice, 1));
                }
            }
            Value::Object(object).to_string().into_bytes()
        }
    }
}

const HEADERS: [(&str, &[u8]); 20] = [
    ("content-type", b"text/plain"),
    ("content-type", b"application/json; charset=utf-7"),
    ("content-type", b"multipart/form-data; boundary="),
    ("content-encoding", b"gzip"),
    ("content-encoding", b"br, gzip, deflate"),
    ("accept", b"*/*;q=nonsense"),
    ("accept-encoding", b"identity;q=0"),
    ("if-none-match", b"W/\"\xff"),
    ("range", b"bytes=99999999999999999999-1"),
    ("x-request-id", b"\xf0\x9f\x92\xa9"),
    ("x-request-id", b"../../etc/passwd"),
    ("traceparent", b"00-00000000000000000000000000000000-0000000000000000-ff"),
    ("cookie", b"mlsys_session=\xff; =; ;;; a"),
    ("x-hub-signature-256", b"sha256=zz"),
    ("x-github-event", b"push"),
    ("x-github-delivery", b"\xff"),
    ("upgrade", b"websocket"),
    ("connection", b"upgrade"),
    ("sec-websocket-version", b"99"),
    ("last-event-id", b"-1"),
];

const KEYS: [&[u8]; 6] =
    [b"Bearer ", b"Basic \xff", b"bearer mlsys_", b"Bearer mlsys_\xf0\x9f\x92\xa9", b"Bearer a b", b"Digest x"];

/// The methods, the path, and the fields of the body of every route.
fn routes() -> Vec<(Method, String, Vec<String>)> {
    let document: Value = serde_json::from_str(&backend::openapi_json()).unwrap();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse() else { continue };
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let named = schema["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#')));
            let properties = named.unwrap_or(schema)["properties"].as_object();
            let fields = properties.into_iter().flat_map(|fields| fields.keys().cloned()).collect();
            routes.push((method, path.clone(), fields));
        }
    }
    routes
}

#[tokio::test]
async fn no_request_is_an_error_of_ours_however_malformed_it_is() {
    let world = World::new().await;
    world.repo("octocat/titanic").await;
    let pipeline = world.pipeline("n.ipynb").await.to_string();
    let routes = routes();
    let (mut dice, mut sent) = (Dice(0x6d6c_7379_7321), 0);
    while sent < REQUESTS {
        let (method, path, fields) = dice.of(&routes).clone();
        let known = dice.below(4) == 0;
        let parts = path.split('/').map(|part| match part {
            "{id}" if known && path.contains("pipelines") => pipeline.as_str(),
            "{id}" if known => "1",
            part if part.starts_with('{') => dice.of(&WORDS),
            part => part,
        });
        let mut target = parts.collect::<Vec<_>>().join("/");
        for number in 0..dice.below(4) {
            let mark = if number == 0 { '?' } else { '&' };
            target = format!("{target}{mark}{}={}", dice.of(&QUERIES), dice.of(&WORDS));
        }
        let method = if dice.below(10) == 0 { Method::PATCH } else { method };
        let body = body(&mut dice, &fields);
        let told = format!("{method} {target} {:?}", String::from_utf8_lossy(&body[..body.len().min(300)]));
        // What the parser of addresses refuses never comes to us.
        let Ok(mut request) = Request::builder().method(method).uri(&target).body(Body::from(body)) else { continue };
        let headers = request.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("authorization", format!("Bearer {HOME}").parse().unwrap());
        if dice.below(20) == 0 {
            headers.insert("authorization", HeaderValue::from_bytes(KEYS[dice.below(KEYS.len())]).unwrap());
        }
        for _ in 0..dice.below(3) {
            let (name, value) = dice.of(&HEADERS);
            headers.insert(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        let answer = world.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        // GitHub and model-servers can't be reached here.
        assert!(status < 500 || matches!(status, 502 | 503), "{status}: {told}");
        sent += 1;
    }
}
