//! What the API server makes of a Job that is sent to it: refuses it, or fills it in.
//!
//! Source: `pkg/apis/batch/validation` and `pkg/apis/core/validation` of Kubernetes, as far as a pipeline's Job goes.

use serde_json::{Value, json};

use super::{quantity, status::Refusal};

type Causes = Vec<(String, &'static str, String)>;

const REQUIRED: &str = "FieldValueRequired";
const INVALID: &str = "FieldValueInvalid";
const NOT_FOUND: &str = "FieldValueNotFound";

/// Refuses a Job that the real server would.
pub(super) fn job(job: &Value) -> Result<(), Refusal> {
    let name = job["metadata"]["name"].as_str().unwrap_or_default();
    let mut causes = Causes::new();
    if !is_subdomain(name) || name.len() > 63 {
        causes.push((
            "metadata.name".to_owned(),
            INVALID,
            format!("Invalid value: \"{name}\": must be a lowercase RFC 1123 subdomain of at most 63 characters"),
        ));
    }
    labels("metadata.labels", &job["metadata"]["labels"], &mut causes);
    for field in ["backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "parallelism", "completions"] {
        if job["spec"][field].as_i64().is_some_and(|number| number < 0) {
            causes.push((format!("spec.{field}"), INVALID, "must be greater than or equal to 0".to_owned()));
        }
    }
    labels("spec.template.labels", &job["spec"]["template"]["metadata"]["labels"], &mut causes);
    pod(&job["spec"]["template"]["spec"], &mut causes);
    if causes.is_empty() { Ok(()) } else { Err(Refusal::invalid(name, &causes)) }
}

fn pod(spec: &Value, causes: &mut Causes) {
    let at = "spec.template.spec";
    match spec["restartPolicy"].as_str() {
        Some("Never" | "OnFailure") => {}
        None => causes.push((
            format!("{at}.restartPolicy"),
            REQUIRED,
            "Required value: valid values: \"OnFailure\", \"Never\"".to_owned(),
        )),
        Some(other) => causes.push((
            format!("{at}.restartPolicy"),
            "FieldValueNotSupported",
            format!("Unsupported value: \"{other}\": supported values: \"OnFailure\", \"Never\""),
        )),
    }
    let containers = spec["containers"].as_array().cloned().unwrap_or_default();
    if containers.is_empty() {
        causes.push((format!("{at}.containers"), REQUIRED, "Required value".to_owned()));
    }
    let volumes: Vec<&str> =
        spec["volumes"].as_array().into_iter().flatten().filter_map(|volume| volume["name"].as_str()).collect();
    for (index, container) in containers.iter().enumerate() {
        check_container(&format!("{at}.containers[{index}]"), container, &volumes, causes);
    }
}

fn check_container(at: &str, container: &Value, volumes: &[&str], causes: &mut Causes) {
    for field in ["name", "image"] {
        if container[field].as_str().is_none_or(str::is_empty) {
            causes.push((format!("{at}.{field}"), REQUIRED, "Required value".to_owned()));
        }
    }
    for mount in container["volumeMounts"].as_array().into_iter().flatten() {
        let name = mount["name"].as_str().unwrap_or_default();
        if !volumes.contains(&name) {
            causes.push((format!("{at}.volumeMounts"), NOT_FOUND, format!("Not found: \"{name}\"")));
        }
    }
    for resource in ["cpu", "memory"] {
        let amount = |of: &str| container["resources"][of][resource].as_str();
        for of in ["requests", "limits"] {
            if let Some(text) = amount(of)
                && quantity::millis(text).is_none()
            {
                let message = format!(
                    "Invalid value: \"{text}\": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                );
                causes.push((format!("{at}.resources.{of}[{resource}]"), INVALID, message));
            }
        }
        let both = amount("requests").and_then(quantity::millis).zip(amount("limits").and_then(quantity::millis));
        if both.is_some_and(|(request, limit)| request > limit) {
            let message = format!(
                "Invalid value: must be less than or equal to {resource} limit of {}",
                amount("limits").unwrap_or_default()
            );
            causes.push((format!("{at}.resources.requests"), INVALID, message));
        }
    }
}

fn labels(at: &str, labels: &Value, causes: &mut Causes) {
    for (name, value) in labels.as_object().into_iter().flatten() {
        let key = name.rsplit('/').next().unwrap_or_default();
        if key.is_empty() || !is_label(key) || !value.as_str().is_some_and(is_label) {
            causes.push((at.to_owned(), INVALID, format!("Invalid value: {name}={value}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'")));
        }
    }
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let ends = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    text.len() <= 63 && text.bytes().all(inner) && ends(text.as_bytes().first()) && ends(text.as_bytes().last())
}

fn is_subdomain(name: &str) -> bool {
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        bytes.first().is_some_and(plain)
            && bytes.last().is_some_and(plain)
            && bytes.iter().all(|byte| plain(byte) || *byte == b'-')
    };
    name.split('.').all(part)
}

/// Fills in what the server sets on a new object of any kind.
pub(super) fn complete(object: &mut Value, namespace: &str, kind: &str, api_version: &str) {
    object["kind"] = json!(kind);
    object["apiVersion"] = json!(api_version);
    let metadata = &mut object["metadata"];
    if metadata["name"].as_str().is_none_or(str::is_empty)
        && let Some(prefix) = metadata["generateName"].as_str()
    {
        metadata["name"] = json!(format!("{prefix}{}", suffix()));
    }
    metadata["namespace"] = json!(namespace);
    metadata["uid"] = json!(uuid::Uuid::new_v4().to_string());
    metadata["creationTimestamp"] = json!(super::now());
    metadata["generation"] = json!(1);
}

/// Fills in a Job's defaults.
pub(super) fn default_job(job: &mut Value) {
    let uid = job["metadata"]["uid"].clone();
    let name = job["metadata"]["name"].clone();
    let spec = &mut job["spec"];
    let defaults = [
        ("parallelism", json!(1)),
        ("completions", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ("selector", json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})),
    ];
    for (field, value) in defaults {
        if spec[field].is_null() {
            spec[field] = value;
        }
    }
    for (label, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("job-name", &name),
    ] {
        spec["template"]["metadata"]["labels"][label] = value.clone();
    }
    let pod = &mut spec["template"]["spec"];
    for (field, value) in [
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("terminationGracePeriodSeconds", json!(30)),
    ] {
        if pod[field].is_null() {
            pod[field] = value;
        }
    }
    job["status"] = json!({});
}

/// Five characters, as generated names end.
pub(super) fn suffix() -> String {
    let alphabet = b"bcdfghjklmnpqrstvwxz2456789";
    let random = uuid::Uuid::new_v4();
    random.as_bytes()[..5].iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}
