//! Label and field selectors, as far as equality goes.

use serde_json::Value;

use super::{state::Kind, status::Refusal};

/// Which objects a call is about.
#[derive(Debug, Default, Clone)]
pub(super) struct Selector {
    labels: Vec<Term>,
    fields: Vec<Term>,
}

#[derive(Debug, Clone)]
struct Term {
    name: String,
    /// None: any value.
    value: Option<String>,
    equal: bool,
}

impl Selector {
    pub fn parse(kind: Kind, labels: Option<&str>, fields: Option<&str>) -> Result<Self, Refusal> {
        let labels = terms(labels.unwrap_or_default());
        let fields = terms(fields.unwrap_or_default());
        let supported: &[&str] = match kind {
            Kind::Jobs => &["metadata.name", "metadata.namespace", "status.successful"],
            Kind::Pods => &["metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"],
            Kind::Events => {
                &["metadata.name", "metadata.namespace", "involvedObject.name", "involvedObject.uid", "reason", "type"]
            }
        };
        match fields.iter().find(|term| !supported.contains(&&*term.name)) {
            Some(term) => Err(Refusal::bad_request(format!("field label not supported: {}", term.name))),
            None => Ok(Self { labels, fields }),
        }
    }

    pub fn takes(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|term| term.holds(labels.get(&term.name)))
            && self.fields.iter().all(|term| {
                let found = term.name.split('.').try_fold(object, |value, part| value.get(part));
                term.holds(found)
            })
    }
}

impl Term {
    fn holds(&self, found: Option<&Value>) -> bool {
        let found = found.and_then(Value::as_str);
        match &self.value {
            Some(value) => (found == Some(value)) == self.equal,
            None => found.is_some() == self.equal,
        }
    }
}

fn terms(text: &str) -> Vec<Term> {
    let terms = text.split(',').map(str::trim).filter(|term| !term.is_empty());
    terms
        .map(|term| {
            let (name, value, equal) = match (term.split_once("!="), term.split_once('=')) {
                (Some((name, value)), _) => (name, Some(value), false),
                (None, Some((name, value))) => (name, Some(value.trim_start_matches('=')), true),
                (None, None) => (term.trim_start_matches('!'), None, !term.starts_with('!')),
            };
            Term { name: name.trim().to_owned(), value: value.map(|value| value.trim().to_owned()), equal }
        })
        .collect()
}
