//! A file's text: what it declares, or what is wrong with it and where.

use std::{fmt, ops::Range};

use contract::ModelName;
use pipeline::Gate;
use serde::{Deserialize, Serialize};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use utoipa::ToSchema;

use crate::{Declared, schedules};

/// How many gates one list may have, and how long a file may be in bytes.
const MAX_GATES: usize = 100;
const LONGEST: usize = 256 << 10;
/// What a file may hold.
const WHOLE: &str = "a file has [gates] and [[schedules]]";
const GATES_FIX: &str = "write titanic-survival = [\"accuracy >= 0.8\"], with a model's name, a notebook's path or \"*\"";

/// One thing wrong with a file, where, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FileProblem)]
pub struct Problem {
    /// The file's path in the repository.
    pub file: String,
    /// The line, from 1; none: it concerns the whole.
    #[schema(required)]
    pub line: Option<usize>,
    /// The letter in the line, from 1.
    #[schema(required)]
    pub column: Option<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ", line {line}, column {column}")?;
        }
        let stop = if self.fix.ends_with(['.', '?']) { "" } else { "." };
        write!(f, ": {}. Fix: {}{stop}", self.problem.trim_end_matches('.'), self.fix)
    }
}

/// What a file declares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct File {
    gates: Vec<(Whose, Vec<Gate>)>,
    /// Its schedules, in its order.
    pub schedules: Vec<Declared>,
}

/// Which models gates are for.
#[derive(Debug, Clone, PartialEq)]
enum Whose {
    All,
    Model(ModelName),
    /// The path from the repository's root, and where it is written.
    Notebook(String, Range<usize>),
}

impl File {
    /// Reads the text of a file at a path from the repository's root.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader { path, text, problems: Vec::new() };
        let mut file = Self::default();
        if text.len() > LONGEST {
            reader.report(None, format!("it has more than {} KB", LONGEST >> 10), "declare less in one file");
        } else {
            match DeTable::parse(text) {
                Ok(table) => file = reader.file(table.into_inner()),
                Err(error) => reader.report(error.span(), error.message().trim(), "write TOML: https://toml.io"),
            }
        }
        if reader.problems.is_empty() {
            return Ok(file);
        }
        reader.problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(reader.problems)
    }

    /// The gates that it demands of a model, beside those of the notebook: those for all, for the model, and for the notebook.
    pub fn gates_for(&self, model: &ModelName, notebook: &str) -> Vec<Gate> {
        let is_for = |whose: &Whose| match whose {
            Whose::All => true,
            Whose::Model(name) => name == model,
            Whose::Notebook(path, _) => path == notebook,
        };
        self.gates.iter().filter(|(whose, _)| is_for(whose)).flat_map(|(_, gates)| gates.clone()).collect()
    }

    /// What is wrong where not every notebook that it names is there.
    pub fn missing(&self, path: &str, text: &str, is_there: impl Fn(&str) -> bool) -> Vec<Problem> {
        let mut reader = Reader { path, text, problems: Vec::new() };
        let of_gates = self.gates.iter().filter_map(|(whose, _)| match whose {
            Whose::Notebook(notebook, at) => Some((notebook, at)),
            Whose::All | Whose::Model(_) => None,
        });
        let named = of_gates.chain(self.schedules.iter().filter_map(Declared::notebook));
        for (notebook, at) in named.filter(|(notebook, _)| !is_there(notebook)) {
            let fix = format!("name a notebook by its path from the folder of {}", pipeline::DECLARATIONS);
            reader.report(Some(at.clone()), format!("there is no {notebook}"), fix);
        }
        reader.problems
    }
}

/// Reads a file, and notes what is wrong with it.
pub(crate) struct Reader<'t> {
    pub(crate) path: &'t str,
    pub(crate) text: &'t str,
    pub(crate) problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(crate) fn report(&mut self, at: Option<Range<usize>>, problem: impl Into<String>, fix: impl Into<String>) {
        let place = at.map(|span| place(self.text, span.start));
        self.problems.push(Problem {
            file: self.path.to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            problem: problem.into(),
            fix: fix.into(),
        });
    }

    /// A path of a notebook that is beside the file, or below it, from the repository's root.
    pub(crate) fn beside(&self, notebook: &str) -> String {
        match self.path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{notebook}"),
            None => notebook.to_owned(),
        }
    }

    fn file(&mut self, table: DeTable<'t>) -> File {
        let mut file = File::default();
        for (key, value) in table {
            let at = value.span();
            match (&**key.get_ref(), value.into_inner()) {
                ("gates", DeValue::Table(gates)) => file.gates = self.gates(gates),
                ("schedules", DeValue::Array(schedules)) => file.schedules = schedules::read(self, schedules),
                ("gates", other) => {
                    self.report(Some(at), format!("gates must be a table, this is {}", a(&other)), "write [gates] above it");
                }
                ("schedules", other) => {
                    let problem = format!("schedules must be a list of tables, this is {}", a(&other));
                    self.report(Some(at), problem, "write [[schedules]], with two brackets, above each schedule");
                }
                (other, _) => {
                    self.report(Some(key.span()), format!("{other} is nothing that is known; {WHOLE}"), "remove it");
                }
            }
        }
        file
    }

    fn gates(&mut self, table: DeTable<'t>) -> Vec<(Whose, Vec<Gate>)> {
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut all = Vec::new();
        for (key, value) in entries {
            let whose = self.whose(&key);
            let at = value.span();
            let DeValue::Array(gates) = value.into_inner() else {
                self.report(Some(at), "gates must be a list of texts", GATES_FIX);
                continue;
            };
            if gates.is_empty() {
                self.report(
                    Some(at),
                    "an empty list demands nothing",
                    "remove it: a file can only demand more than a notebook",
                );
            } else if gates.len() > MAX_GATES {
                self.report(
                    Some(at),
                    format!("there are more than {MAX_GATES} gates"),
                    "join gates with `and`, or drop some",
                );
            }
            let gates: Vec<_> = gates.into_iter().filter_map(|gate| self.gate(&gate)).collect();
            all.extend(whose.map(|whose| (whose, gates)));
        }
        all
    }

    fn whose(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>) -> Option<Whose> {
        let name = &**key.get_ref();
        if name == "*" {
            return Some(Whose::All);
        }
        let is_path = std::path::Path::new(name).extension().is_some_and(|extension| extension == "ipynb");
        if !is_path {
            let read = name.parse().map(Whose::Model);
            return read.map_err(|error| self.report(Some(key.span()), format!("{error}"), GATES_FIX)).ok();
        }
        let path = self.beside(name);
        if !pipeline::is_notebook(&path) {
            let fix = "name a notebook by its path from the file's own folder, in that folder or below";
            self.report(Some(key.span()), format!("{name} is no path of a notebook"), fix);
            return None;
        }
        Some(Whose::Notebook(path, key.span()))
    }

    fn gate(&mut self, gate: &Spanned<DeValue<'t>>) -> Option<Gate> {
        let Some(source) = gate.get_ref().as_str() else {
            let problem = format!("a gate must be a text, this is {}", a(gate.get_ref()));
            self.report(Some(gate.span()), problem, GATES_FIX);
            return None;
        };
        let fix = "correct the gate; it reads like \"accuracy >= 0.8 and rmse < champion\"";
        Gate::parse(source).map_err(|error| self.report(Some(gate.span()), error.to_string(), fix)).ok()
    }
}

/// What kind of value it is.
pub(crate) fn a(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// The line and the letter in it, both from 1.
pub(crate) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line..].chars().count() + 1)
}
