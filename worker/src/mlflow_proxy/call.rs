//! A request in parts, each read once: what is judged is what is passed on.

use std::fmt::Write;

use axum::http::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// What need not be encoded in a part of a path.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Which of MLflow's interfaces is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interface {
    /// `/version` and the like, outside of the REST API.
    Root,
    /// `/api/2.0/mlflow`.
    V2,
    /// `/api/3.0/mlflow`.
    V3,
    /// `/api/2.0/mlflow-artifacts`.
    Artifacts,
}

/// A request.
#[derive(Debug)]
pub(super) struct Call {
    pub method: Method,
    pub interface: Interface,
    /// The path below the interface, decoded, part by part.
    pub path: Vec<String>,
    /// What is asked for: of a GET the query, else the JSON body. Names are in MLflow's own spelling, `run_id`, and each is there
    /// once.
    pub fields: Map<String, Value>,
}

impl Call {
    /// Reads all but the body. The dashboard's paths (`/ajax-api`) mean the same as the others and are passed on as those.
    pub fn parse(method: &Method, uri: &Uri) -> Result<Self, Refusal> {
        let path = uri.path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let parts = path.split('/').skip(1).map(decode).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (interface, skipped) = match names[..] {
            ["api" | "ajax-api", "2.0", "mlflow", ..] => (Interface::V2, 3),
            ["api" | "ajax-api", "3.0", "mlflow", ..] => (Interface::V3, 3),
            ["api" | "ajax-api", "2.0", "mlflow-artifacts", ..] => (Interface::Artifacts, 3),
            _ => (Interface::Root, 0),
        };
        let path = parts[skipped..].to_vec();
        let mut call = Self { method: method.clone(), interface, path, fields: Map::new() };
        if call.asks_by_query() {
            let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
            call.fields = canonical(gathered(pairs.map(|(name, value)| (name.into_owned(), value.into_owned()))))?;
        }
        Ok(call)
    }

    /// Reads the body.
    pub fn read(&mut self, body: &[u8]) -> Result<(), Refusal> {
        if body.is_empty() {
            return Ok(());
        }
        let fields = serde_json::from_slice(body)
            .map_err(|error| Refusal::Unclear(format!("the body must be one JSON object: {error}")))?;
        self.fields = canonical(fields)?;
        Ok(())
    }

    /// Whether what is asked for is in the query; a body counts for nothing then, as a query does otherwise.
    pub fn asks_by_query(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether it sends a file, which is streamed.
    pub fn is_upload(&self) -> bool {
        self.interface == Interface::Artifacts && self.method == Method::PUT
    }

    /// Whether it sends or fetches a file.
    pub fn is_transfer(&self) -> bool {
        self.interface == Interface::Artifacts && self.path.len() > 1 && self.path[0] == "artifacts"
    }

    /// Path and query, built of the parts.
    pub fn target(&self) -> String {
        let mut target = match self.interface {
            Interface::Root => "",
            Interface::V2 => "/api/2.0/mlflow",
            Interface::V3 => "/api/3.0/mlflow",
            Interface::Artifacts => "/api/2.0/mlflow-artifacts",
        }
        .to_owned();
        for part in &self.path {
            let _ = write!(target, "/{}", utf8_percent_encode(part, PART));
        }
        if self.asks_by_query() && !self.fields.is_empty() {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (name, value) in &self.fields {
                for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
                    query.append_pair(name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                }
            }
            let _ = write!(target, "?{}", query.finish());
        }
        target
    }

    /// The text of a field, if it is there and not empty.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.fields.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty()).map(String::as_str)),
            Some(_) => Err(Refusal::Unclear(format!("{name} must be one text"))),
        }
    }

    /// The texts of a field that is a list; a query names it once for each.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let unclear = || Refusal::Unclear(format!("{name} must be a list of texts"));
        match self.fields.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) if self.asks_by_query() => Ok(vec![text.clone()]),
            Some(Value::Array(list)) => {
                list.iter().map(|each| each.as_str().map(str::to_owned).ok_or_else(unclear)).collect()
            }
            Some(_) => Err(unclear()),
        }
    }

    /// The objects of a field that is a list, in MLflow's own spelling.
    pub fn objects(&mut self, name: &str) -> Result<&mut Vec<Value>, Refusal> {
        let unclear = || Refusal::Unclear(format!("{name} must be a list of objects"));
        let list = self.fields.entry(name).or_insert_with(|| Value::Array(Vec::new())).as_array_mut().ok_or_else(unclear)?;
        for each in list.iter_mut() {
            let object = each.as_object_mut().ok_or_else(unclear)?;
            *object = canonical(std::mem::take(object))?;
        }
        Ok(list)
    }

    /// Sets a field, before all others: MLflow reads them in their order and stops at the first one that it can't read, so
    /// what was judged comes first.
    pub fn put_first(&mut self, name: &str, value: Value) {
        self.fields.shift_remove(name);
        self.fields.shift_insert(0, name.to_owned(), value);
    }
}

/// A part of a path, decoded once. MLflow decodes again and again, so nothing may be left to decode, or to lead elsewhere.
fn decode(part: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(part).decode_utf8().ok().filter(|part| is_plain(part));
    decoded
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| Refusal::Unclear("this path can be read in more than one way".to_owned()))
}

/// Whether a part of a path stands for itself alone, whoever reads it.
pub(super) fn is_plain(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
        && !part.contains(|char: char| matches!(char, '/' | '\\' | '%' | '#' | '?') || char.is_control())
}

/// The pairs of a query; what is there more than once becomes a list.
fn gathered(pairs: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in pairs {
        match fields.get_mut(&name) {
            None => drop(fields.insert(name, Value::String(value))),
            Some(Value::Array(list)) => list.push(Value::String(value)),
            Some(first) => *first = Value::Array(vec![first.take(), Value::String(value)]),
        }
    }
    fields
}

/// An object with its names in MLflow's own spelling: protobuf's JSON has two, `run_id` and `runId`. What is null is not there.
pub(super) fn canonical(object: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut fields = Map::new();
    for (name, value) in object.into_iter().filter(|(_, value)| !value.is_null()) {
        let mut spelled = String::with_capacity(name.len());
        for char in name.chars() {
            if char.is_ascii_uppercase() {
                spelled.push('_');
            }
            spelled.push(char.to_ascii_lowercase());
        }
        if fields.contains_key(&spelled) {
            return Err(Refusal::Unclear(format!("{spelled} is there in two spellings")));
        }
        fields.insert(spelled, value);
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: &str, uri: &str) -> Result<Call, Refusal> {
        Call::parse(&method.parse().expect("a method"), &uri.parse().expect("an address"))
    }

    #[test]
    fn a_path_is_built_of_what_was_read_of_it() {
        let cases = [
            ("/api/2.0/mlflow/runs/get?run_id=a&x=1&x=2%263", "/api/2.0/mlflow/runs/get?run_id=a&x=1&x=2%263"),
            ("/ajax-api/2.0/mlflow/runs/get?runId=a", "/api/2.0/mlflow/runs/get?run_id=a"),
            ("/%61pi/2.0/mlflow/runs%2dx/", "/api/2.0/mlflow/runs-x"),
            (
                "/api/2.0/mlflow-artifacts/artifacts/1/a%20b;c?path=x%3Fy",
                "/api/2.0/mlflow-artifacts/artifacts/1/a%20b%3Bc?path=x%3Fy",
            ),
            ("/API/2.0/mlflow/runs/get", "/API/2.0/mlflow/runs/get"),
            ("http://elsewhere/version", "/version"),
        ];
        for (given, built) in cases {
            assert_eq!(parse("GET", given).expect(given).target(), built);
        }
        assert_eq!(parse("POST", "/api/2.0/mlflow/runs/get?run_id=a").expect("read").target(), "/api/2.0/mlflow/runs/get");
        assert_eq!(parse("GET", "/API/2.0/mlflow/runs/get").expect("read").interface, Interface::Root);
    }

    #[test]
    fn a_path_that_others_may_read_otherwise_is_refused() {
        for path in [
            "//api/2.0/mlflow/runs/get",
            "/api/2.0//mlflow/runs/get",
            "/api/2.0/mlflow/./runs/get",
            "/api/2.0/mlflow/experiments/../runs/get",
            "/api/2.0/mlflow/%2e%2e/runs/get",
            "/api/2.0/mlflow/%2E%2e%2fruns/get",
            "/api/2.0/mlflow/%252e%252e/runs/get",
            "/api/2.0/mlflow-artifacts/artifacts/1/%25%32%65",
            "/api/2.0/mlflow-artifacts/artifacts/1/a%5C..%5Cb",
            "/api/2.0/mlflow-artifacts/artifacts/1/a%00",
            "/api/2.0/mlflow-artifacts/artifacts/1/a%0a",
            "/api/2.0/mlflow-artifacts/artifacts/1/a%23b",
            "/api/2.0/mlflow-artifacts/artifacts/1/..%3F",
            "/api/2.0/mlflow-artifacts/artifacts/1/%ff",
            "/api/2.0/mlflow/runs/get//",
        ] {
            assert!(matches!(parse("GET", path), Err(Refusal::Unclear(_))), "{path}");
        }
    }

    #[test]
    fn a_body_is_one_object_whose_names_are_spelled_once() {
        let read = |body: &str| {
            let mut call = parse("POST", "/api/2.0/mlflow/runs/update").expect("a path");
            call.read(body.as_bytes()).map(|()| Value::Object(call.fields).to_string())
        };
        let cases = [
            ("", "{}"),
            (r#"{"runId":"a","run_name":null,"endTime":5}"#, r#"{"run_id":"a","end_time":5}"#),
            // MLflow takes the last, too; what is passed on has one alone.
            (r#"{"run_id":"mine","run_id":"theirs"}"#, r#"{"run_id":"theirs"}"#),
            (r#"{"run_id":"é\u0000\"","value":0.1}"#, r#"{"run_id":"é\u0000\"","value":0.1}"#),
        ];
        for (body, fields) in cases {
            assert_eq!(read(body).expect(body), fields);
        }
        for body in
            [r#"{"run_id":"a","runId":"b"}"#, r#""{\"run_id\":\"a\"}""#, "[]", "{", "{} {}", "\u{feff}{}", r#"{"a":NaN}"#]
        {
            assert!(matches!(read(body), Err(Refusal::Unclear(_))), "{body}");
        }
    }

    #[test]
    fn what_was_judged_comes_first() {
        let mut call = parse("POST", "/api/2.0/mlflow/runs/search").expect("a path");
        call.read(br#"{"max_results":"bad","experiment_ids":["1"]}"#).expect("read");
        call.put_first("experiment_ids", call.fields["experiment_ids"].clone());
        assert_eq!(Value::Object(call.fields).to_string(), r#"{"experiment_ids":["1"],"max_results":"bad"}"#);
    }

    #[test]
    fn fields_are_texts_or_lists_of_them() {
        let call = parse("GET", "/api/2.0/mlflow/runs/get?run_id=a&run_id=b&one=c&none=").expect("read");
        assert!(call.text("run_id").is_err());
        assert_eq!((call.text("one"), call.text("none"), call.text("absent")), (Ok(Some("c")), Ok(None), Ok(None)));
        assert_eq!(call.texts("run_id"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(call.texts("one"), Ok(vec!["c".to_owned()]));
    }
}
