//! One cell of a notebook, as its JSON object with the fields a run needs at hand.

use serde_json::{Map, Value};
use uuid::Uuid;

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Source that a kernel runs.
    Code,
    /// Text.
    Markdown,
    /// Text that only exporters touch.
    Raw,
}

/// A cell. Fields without an accessor are kept as they were.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    kind: CellKind,
    id: Option<String>,
    metadata: Map<String, Value>,
    fields: Map<String, Value>,
}

impl Cell {
    /// A new cell with an id and the given tag.
    pub(crate) fn new(kind: CellKind, source: String, tag: &str) -> Self {
        let metadata = Map::from_iter([("tags".to_owned(), Value::from(vec![tag]))]);
        let mut fields = Map::from_iter([("source".to_owned(), Value::from(source))]);
        if kind == CellKind::Code {
            fields.insert("execution_count".to_owned(), Value::Null);
            fields.insert("outputs".to_owned(), Value::Array(Vec::new()));
        }
        Self { kind, id: Some(new_id()), metadata, fields }
    }

    /// Reads a cell from its JSON; the error says what is wrong with it.
    pub(crate) fn parse(value: Value) -> Result<Self, String> {
        let Value::Object(mut fields) = value else { return Err("it is not an object".to_owned()) };
        let kind = match fields.remove("cell_type").as_ref().and_then(Value::as_str) {
            Some("code") => CellKind::Code,
            Some("markdown") => CellKind::Markdown,
            Some("raw") => CellKind::Raw,
            _ => return Err("its cell_type is not code, markdown or raw".to_owned()),
        };
        let is_source = match fields.get("source") {
            Some(Value::String(_)) => true,
            Some(Value::Array(lines)) => lines.iter().all(Value::is_string),
            _ => false,
        };
        if !is_source {
            return Err("its source is not a string or a list of strings".to_owned());
        }
        let metadata = match fields.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            None => Map::new(),
            Some(_) => return Err("its metadata is not an object".to_owned()),
        };
        let id = fields.remove("id").as_ref().and_then(Value::as_str).filter(|id| is_id(id)).map(str::to_owned);
        if kind == CellKind::Code {
            if !fields.get("outputs").is_some_and(Value::is_array) {
                fields.insert("outputs".to_owned(), Value::Array(Vec::new()));
            }
            fields.entry("execution_count").or_insert(Value::Null);
        }
        Ok(Self { kind, id, metadata, fields })
    }

    pub(crate) fn to_value(&self) -> Value {
        let mut object = Map::new();
        let kind = match self.kind {
            CellKind::Code => "code",
            CellKind::Markdown => "markdown",
            CellKind::Raw => "raw",
        };
        object.insert("cell_type".to_owned(), kind.into());
        object.extend(self.id.iter().map(|id| ("id".to_owned(), id.as_str().into())));
        object.insert("metadata".to_owned(), self.metadata.clone().into());
        object.extend(self.fields.clone());
        object.into()
    }

    /// What the cell is.
    pub fn kind(&self) -> CellKind {
        self.kind
    }

    /// The cell's id, unique in its notebook.
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// The whole source.
    pub fn source(&self) -> String {
        match self.fields.get("source") {
            Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(source)) => source.clone(),
            _ => String::new(),
        }
    }

    /// Whether the cell bears a tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        let tags = self.metadata.get("tags").and_then(Value::as_array);
        tags.is_some_and(|tags| tags.iter().any(|each| each.as_str() == Some(tag)))
    }

    /// The outputs in nbformat's form; none for a cell that is not code.
    pub fn outputs(&self) -> &[Value] {
        self.fields.get("outputs").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The cell's metadata.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    pub(crate) fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.metadata
    }

    pub(crate) fn set_outputs(&mut self, outputs: Vec<Value>) {
        self.fields.insert("outputs".to_owned(), outputs.into());
    }

    pub(crate) fn execution_count(&self) -> Option<u64> {
        self.fields.get("execution_count").and_then(Value::as_u64)
    }

    pub(crate) fn set_execution_count(&mut self, count: Option<u64>) {
        self.fields.insert("execution_count".to_owned(), count.into());
    }

    pub(crate) fn renew_id(&mut self) {
        self.id = Some(new_id());
    }
}

fn new_id() -> String {
    let mut id = Uuid::new_v4().simple().to_string();
    id.truncate(8);
    id
}

/// nbformat 4.5's rule for cell ids.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
