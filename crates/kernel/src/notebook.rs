//! The notebook file: parse, change, write.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Map, Value, json};

pub use crate::cell::{Cell, CellKind};

/// Why bytes are not a notebook that can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotebookError {
    /// Not JSON.
    #[error("the notebook is not JSON: {0}")]
    Json(String),
    /// A version of the format that is not read here.
    #[error("the notebook has format {0}; formats 3 and 4.0 to 4.5 can run: save it again with a current Jupyter")]
    Version(String),
    /// JSON, but not a notebook.
    #[error("the notebook is malformed: {0}")]
    Malformed(String),
}

/// A notebook in format 4.5, whatever it was read from. Unknown fields and metadata are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NotebookFile {
    cells: Vec<Cell>,
    metadata: Map<String, Value>,
    rest: Map<String, Value>,
}

impl NotebookFile {
    /// Reads a notebook of format 4.0 to 4.5, or 3 (upgraded). Missing and repeated cell ids are replaced.
    ///
    /// # Errors
    /// Says what is wrong, for any bytes whatever.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotebookError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let value = serde_json::from_slice(bytes).or_else(|_| Self::without_outputs(bytes))?;
        let version = |name: &str| value.get(name).and_then(Value::as_i64);
        match (version("nbformat"), version("nbformat_minor")) {
            (Some(4), None | Some(0..=5)) => Self::from_v4(value),
            (Some(3), _) => Self::from_v4(upgrade(&value)?),
            (None, _) => Err(NotebookError::Malformed("it has no nbformat number".to_owned())),
            (Some(major), minor) => Err(NotebookError::Version(format!("{major}.{}", minor.unwrap_or(0)))),
        }
    }

    /// Stored outputs that are no JSON, and only they, are lost: a run makes new ones.
    fn without_outputs(bytes: &[u8]) -> Result<Value, NotebookError> {
        let text = pipeline::without_outputs(bytes).map_err(|problem| NotebookError::Json(format!("it {problem}")))?;
        serde_json::from_str(&text).map_err(|error| NotebookError::Json(error.to_string()))
    }

    fn from_v4(value: Value) -> Result<Self, NotebookError> {
        let malformed = |what: &str| NotebookError::Malformed(what.to_owned());
        let Value::Object(mut rest) = value else { return Err(malformed("it is not an object")) };
        let Some(Value::Array(cells)) = rest.remove("cells") else { return Err(malformed("it has no list of cells")) };
        let metadata = match rest.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            None => Map::new(),
            Some(_) => return Err(malformed("its metadata is not an object")),
        };
        let parsed = cells.into_iter().enumerate().map(|(index, cell)| {
            Cell::parse(cell).map_err(|what| NotebookError::Malformed(format!("cell {index}: {what}")))
        });
        let mut cells = parsed.collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        for cell in &mut cells {
            if cell.id().is_empty() || !seen.insert(cell.id().to_owned()) {
                cell.renew_id();
                seen.insert(cell.id().to_owned());
            }
        }
        rest.insert("nbformat".to_owned(), 4.into());
        rest.insert("nbformat_minor".to_owned(), 5.into());
        Ok(Self { cells, metadata, rest })
    }

    /// Writes the notebook as Jupyter does: indented by one space, with a final line end.
    pub fn to_json(&self) -> Vec<u8> {
        let cells: Vec<Value> = self.cells.iter().map(Cell::to_value).collect();
        let mut root = Map::from_iter([("cells".to_owned(), cells.into()), ("metadata".to_owned(), json!(self.metadata))]);
        root.extend(self.rest.clone());
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        // Writing a JSON value into memory has no way to fail.
        let written = root.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter));
        debug_assert!(written.is_ok());
        bytes.push(b'\n');
        bytes
    }

    /// The cells in order.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The notebook's metadata.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    pub(crate) fn cells_mut(&mut self) -> &mut Vec<Cell> {
        &mut self.cells
    }

    pub(crate) fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.metadata
    }
}

/// A format 3 notebook as format 4 JSON.
fn upgrade(value: &Value) -> Result<Value, NotebookError> {
    let malformed = |error: &dyn std::fmt::Display| NotebookError::Malformed(format!("as format 3: {error}"));
    match nbformat::parse_notebook(&value.to_string()).map_err(|error| malformed(&error))? {
        nbformat::Notebook::V3(old) => {
            let new = nbformat::upgrade_v3_notebook(old).map_err(|error| malformed(&error))?;
            serde_json::to_value(new).map_err(|error| malformed(&error))
        }
        _ => Err(malformed(&"it is of another version")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop_oneof![Just("code"), Just("markdown"), Just("raw"), Just("x\n"), Just("pyout")].prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 48, 6, |inner| {
            let key = prop_oneof![
                Just("cells"),
                Just("metadata"),
                Just("nbformat"),
                Just("nbformat_minor"),
                Just("cell_type"),
                Just("source"),
                Just("outputs"),
                Just("id"),
                Just("tags"),
                Just("worksheets"),
                Just("input"),
                Just("output_type"),
                Just("name")
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..6).prop_map(|pairs| pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect::<Map<_, _>>()
                    .into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = NotebookFile::parse(&bytes);
        }

        #[test]
        fn any_json_gives_an_answer_and_what_parses_stays_the_same(
            mut value in json_value(), major in 3i64..5, minor in 0i64..6, cells in json_value()
        ) {
            if let Some(object) = value.as_object_mut() {
                object.insert("nbformat".to_owned(), major.into());
                object.insert("nbformat_minor".to_owned(), minor.into());
                object.insert(if major == 3 { "worksheets" } else { "cells" }.to_owned(), json!([cells]));
            }
            if let Ok(notebook) = NotebookFile::parse(value.to_string().as_bytes()) {
                prop_assert_eq!(NotebookFile::parse(&notebook.to_json()).unwrap(), notebook);
            }
        }
    }

    #[test]
    fn unknown_metadata_and_fields_survive() {
        let text = json!({
            "cells": [{"cell_type": "code", "id": "a-1", "metadata": {"x": {"y": [1.5]}}, "source": ["a\n", "b"],
                "outputs": [], "execution_count": 3}],
            "metadata": {"kernelspec": {"name": "python3"}, "mine": [1, null]}, "nbformat": 4, "nbformat_minor": 5, "extra": 7,
        });
        let notebook = NotebookFile::parse(text.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&notebook.to_json()).unwrap(), text);
        assert_eq!(notebook.cells()[0].source(), "a\nb");
    }

    #[test]
    fn other_versions_are_refused_by_name() {
        for (text, expected) in [
            (r#"{"nbformat": 5, "nbformat_minor": 0, "cells": []}"#, "format 5.0"),
            (r#"{"nbformat": 4, "nbformat_minor": 9, "cells": []}"#, "format 4.9"),
            (r#"{"nbformat": 2, "worksheets": []}"#, "format 2.0"),
            (r#"{"cells": []}"#, "no nbformat"),
            (r#"{"nbformat": 4, "nbformat_minor": 5, "cells": [3]}"#, "cell 0: it is not an object"),
            ("[1,", "not JSON"),
        ] {
            let error = NotebookFile::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn format_3_is_upgraded() {
        let text = json!({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "old"}, "worksheets": [{"cells": [
            {"cell_type": "heading", "level": 2, "metadata": {}, "source": ["Title"]},
            {"cell_type": "code", "language": "python", "metadata": {}, "input": ["x = 1\n", "x"], "outputs": [], "prompt_number": 1},
        ]}]});
        let notebook = NotebookFile::parse(text.to_string().as_bytes()).unwrap();
        assert_eq!(notebook.cells()[0].kind(), CellKind::Markdown);
        assert_eq!(notebook.cells()[1].source(), "x = 1\nx");
        assert!(!notebook.cells()[1].id().is_empty());
    }
}
