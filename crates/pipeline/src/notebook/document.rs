//! The file's bytes → cells. Source: the nbformat 4 schema.
//!
//! Read by hand rather than into typed structs, so that one wrong type does not hide the rest of what is wrong.

use serde_json::{Map, Value};

use super::{text::without_outputs, violation::Violation};

/// The nbformat 4 minor versions there are.
const MINORS: std::ops::RangeInclusive<u64> = 0..=5;

/// More cells are no notebook that a person wrote.
const MAX_CELLS: usize = 10_000;

/// A notebook's cells, and what is wrong with its form.
pub(super) struct Document {
    pub(super) cells: Vec<Cell>,
    /// The format's version, if it is not one that is read. Then its form is not judged.
    pub(super) version: Option<Violation>,
    /// What is wrong with its form.
    pub(super) violations: Vec<Violation>,
    /// The kernel's language, if it is known not to be Python.
    pub(super) foreign_language: Option<String>,
}

/// A cell, as far as it could be read.
pub(super) struct Cell {
    /// Its index in the notebook.
    pub(super) index: usize,
    /// Whether it is a code cell.
    pub(super) is_code: bool,
    /// Its source; `None` if that has a wrong type, which is then among the document's violations.
    pub(super) source: Option<String>,
    /// Its tags.
    pub(super) tags: Vec<String>,
}

/// Reads a notebook. The error: nothing in it can be read.
pub(super) fn read(bytes: &[u8], file_name: &str) -> Result<Document, Violation> {
    let root = object(bytes).map_err(|(problem, fix)| Violation::of_notebook(format!("{file_name} {problem}"), fix))?;
    let cells = cells(&root).ok_or_else(|| {
        Violation::of_notebook(format!("{file_name} has no list of cells"), "open it in Jupyter and save it again")
    })?;
    if cells.len() > MAX_CELLS {
        let problem = format!("{file_name} has more than {MAX_CELLS} cells");
        return Err(Violation::of_notebook(problem, "split the notebook"));
    }
    let mut form = Form { violations: Vec::new() };
    form.notebook(&root);
    let cells = cells.into_iter().enumerate().map(|(index, cell)| form.cell(index, cell)).collect();
    let foreign_language = language(&root).filter(|language| !is_python(language));
    let version = version(&root);
    let violations = if version.is_none() { form.violations } else { Vec::new() };
    Ok(Document { cells, version, violations, foreign_language })
}

/// The JSON object that a notebook file is, or what is wrong with the file and how to fix it.
fn object(bytes: &[u8]) -> Result<Map<String, Value>, (String, &'static str)> {
    const SAVE_AGAIN: &str = "open it in Jupyter and save it again";
    let text = without_outputs(bytes).map_err(|problem| (problem, "save it as UTF-8"))?;
    if text.trim().is_empty() {
        return Err(("is empty".to_owned(), "create it in Jupyter, or remove it"));
    }
    if text.starts_with("version https://git-lfs.github.com/spec/") {
        return Err(("is a Git LFS pointer, not a notebook".to_owned(), "take notebooks out of Git LFS"));
    }
    match serde_json::from_str(&text) {
        Ok(Value::Object(root)) => Ok(root),
        Ok(_) => Err(("is JSON, but not an object".to_owned(), SAVE_AGAIN)),
        Err(_) if text.lines().any(|line| line.starts_with("<<<<<<< ")) => {
            Err(("holds a git merge conflict".to_owned(), "resolve the conflict (nbdime helps) and commit again"))
        }
        Err(error) => Err((format!("is not valid JSON: {error}"), SAVE_AGAIN)),
    }
}

/// The cells, also where nbformat 3 has them: tags decide first whether a notebook is any of our business.
fn cells(root: &Map<String, Value>) -> Option<Vec<&Value>> {
    if let Some(cells) = root.get("cells") {
        return Some(cells.as_array()?.iter().collect());
    }
    let sheets = root.get("worksheets")?.as_array()?;
    let lists = sheets.iter().map(|sheet| sheet.get("cells")?.as_array()).collect::<Option<Vec<_>>>()?;
    Some(lists.into_iter().flatten().collect())
}

/// What is wrong with the version, when there is one and it is not read.
fn version(root: &Map<String, Value>) -> Option<Violation> {
    let number = |key| root.get(key).and_then(Value::as_u64);
    let minor = number("nbformat_minor").unwrap_or_default();
    let (problem, fix) = match number("nbformat")? {
        4 if MINORS.contains(&minor) => return None,
        4 => (format!("notebook format 4.{minor} is not known"), "save it as format 4.5"),
        major @ 0..4 => (
            format!("notebook format {major} is no longer read"),
            "upgrade it: jupyter nbconvert --to notebook --nbformat 4 --inplace NOTEBOOK",
        ),
        major => (format!("notebook format {major} is not known"), "save it as format 4.5"),
    };
    Some(Violation::of_notebook(problem, fix))
}

fn language(root: &Map<String, Value>) -> Option<String> {
    let metadata = root.get("metadata")?;
    let named = |part: &str, key: &str| metadata.get(part)?.get(key)?.as_str().map(str::to_owned);
    named("kernelspec", "language").or_else(|| named("language_info", "name"))
}

fn is_python(language: &str) -> bool {
    matches!(language.to_ascii_lowercase().as_str(), "python" | "python3" | "ipython")
}

/// Collects what is wrong with the form.
struct Form {
    violations: Vec<Violation>,
}

impl Form {
    fn notebook(&mut self, root: &Map<String, Value>) {
        let fix = "open it in Jupyter and save it again";
        // What some tools leave out is no reason to refuse a notebook; a wrong type is.
        if !root.get("nbformat").is_some_and(Value::is_u64) {
            self.violations.push(Violation::of_notebook("nbformat is not a number", fix));
        }
        if !root.get("nbformat_minor").is_none_or(Value::is_u64) {
            self.violations.push(Violation::of_notebook("nbformat_minor is not a number", fix));
        }
        let Some(metadata) = root.get("metadata") else { return };
        let Some(metadata) = metadata.as_object() else {
            self.violations.push(Violation::of_notebook("the notebook's metadata is not an object", fix));
            return;
        };
        for key in ["kernelspec", "language_info"] {
            if metadata.get(key).is_some_and(|value| !value.is_object()) {
                self.violations.push(Violation::of_notebook(format!("metadata.{key} is not an object"), fix));
            }
        }
    }

    fn cell(&mut self, index: usize, value: &Value) -> Cell {
        let kind = value.get("cell_type").and_then(Value::as_str);
        if !value.is_object() {
            self.report(index, "the cell is not an object");
        } else if !matches!(kind, Some("code" | "markdown" | "raw")) {
            self.report(index, "cell_type is not code, markdown or raw");
        }
        // A cell of no known kind is wrong already; it is not also blamed for its tags.
        let is_code = !matches!(kind, Some("markdown" | "raw"));
        let source = value.get("source").and_then(text);
        if source.is_none() && value.is_object() {
            self.report(index, "source is not text or a list of lines");
        }
        Cell { index, is_code, source, tags: self.tags(index, value) }
    }

    fn tags(&mut self, index: usize, cell: &Value) -> Vec<String> {
        let metadata = match cell.get("metadata") {
            Some(Value::Object(metadata)) => metadata,
            None => return Vec::new(),
            Some(_) => {
                self.report(index, "the cell's metadata is not an object");
                return Vec::new();
            }
        };
        match metadata.get("tags") {
            None => Vec::new(),
            Some(Value::Array(tags)) => {
                if !tags.iter().all(Value::is_string) {
                    self.report(index, "a tag is not text");
                }
                tags.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(_) => {
                self.report(index, "tags is not a list");
                Vec::new()
            }
        }
    }

    fn report(&mut self, index: usize, problem: &str) {
        self.violations.push(Violation::of_cell(index, problem, "correct the cell in Jupyter and save the notebook again"));
    }
}

/// A source: one text, or a list of lines that keep their line ends.
fn text(source: &Value) -> Option<String> {
    match source {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => lines.iter().map(Value::as_str).collect(),
        _ => None,
    }
}
