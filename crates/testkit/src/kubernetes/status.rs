//! Answers that say no, as the API server words them.
//!
//! Source: `metav1.Status` in Kubernetes's API reference, and the messages of `k8s.io/apimachinery`'s `errors` package.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Json, Response},
};
use serde_json::{Value, json};

use super::state::Kind;

/// An answer that says no.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    code: u16,
    reason: &'static str,
    message: String,
    details: Value,
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: String, details: Value) -> Self {
        Self { code, reason, message, details }
    }

    pub fn not_found(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified());
        Self::new(404, "NotFound", message, json!({"name": name, "group": kind.group(), "kind": kind.plural()}))
    }

    pub fn no_namespace(name: &str) -> Self {
        Self::new(404, "NotFound", format!("namespaces \"{name}\" not found"), json!({"name": name, "kind": "namespaces"}))
    }

    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource".to_owned(), json!({}))
    }

    pub fn already_exists(kind: Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        Self::new(409, "AlreadyExists", message, json!({"name": name, "group": kind.group(), "kind": kind.plural()}))
    }

    pub fn forbidden(kind: Kind, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", kind.qualified());
        Self::new(403, "Forbidden", message, json!({"name": name, "group": kind.group(), "kind": kind.plural()}))
    }

    pub fn bad_request(message: String) -> Self {
        Self::new(400, "BadRequest", message, json!({}))
    }

    /// What is wrong with an object: field, kind of error, explanation.
    pub fn invalid(name: &str, causes: &[(String, &'static str, String)]) -> Self {
        let sentences: Vec<String> = causes.iter().map(|(field, _, message)| format!("{field}: {message}")).collect();
        let listed = if let [one] = &*sentences { one.clone() } else { format!("[{}]", sentences.join(", ")) };
        let causes: Vec<_> = causes
            .iter()
            .map(|(field, reason, message)| json!({"reason": reason, "message": message, "field": field}))
            .collect();
        let details = json!({"name": name, "group": "batch", "kind": "Job", "causes": causes});
        Self::new(422, "Invalid", format!("Job.batch \"{name}\" is invalid: {listed}"), details)
    }

    /// A version that is no longer known.
    pub fn gone(asked: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked}"), json!({}))
    }

    pub fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if self.details.as_object().is_some_and(|details| !details.is_empty()) {
            body["details"] = self.details.clone();
        }
        body
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).expect("a status code");
        (code, Json(self.body())).into_response()
    }
}

/// What a deletion answers that is done at once.
pub(super) fn deleted(kind: Kind, object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": metadata["name"], "group": kind.group(), "kind": kind.plural(), "uid": metadata["uid"]},
    })
}
