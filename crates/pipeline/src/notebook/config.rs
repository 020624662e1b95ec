//! The `mlops:config` cell: plain literals, read without running anything.

use contract::{ModelName, SECRETS_PER_RUN, SecretName, SecretNameError};
use ruff_python_ast::Expr;
use ruff_text_size::{Ranged, TextSize};

use super::{assignment::Assignment, binding::bound, cell::Tagged, literal, violation::Violation};
use crate::Gate;

const TIMEOUT_SECONDS: std::ops::RangeInclusive<i64> = 1..=86_400;
const MAX_VERSION: usize = 100;
const MAX_GATES: usize = 100;
/// More statements that set the same name are not worth listing.
const MAX_REPEATS: usize = 20;

const MODEL_NAME_FIX: &str = "write MODEL_NAME = \"my-model\", a plain string literal";
const VERSION_FIX: &str = "write VERSION = \"1.0.0\", a plain string literal";
const GATES_FIX: &str = "write GATES = [\"accuracy >= 0.8\"], a list of plain string literals";
const SECRETS_FIX: &str = "write SECRETS = [\"WAREHOUSE_PASSWORD\"], a list of names of the repository's secrets";
const TIMEOUT_FIX: &str = "write TIMEOUT_SECONDS = 900, a whole number from 1 to 86400";

/// What a config cell says, as far as it is in order.
#[derive(Default)]
pub(super) struct Config {
    pub(super) model_name: Option<ModelName>,
    pub(super) version: Option<String>,
    pub(super) gates: Option<Vec<Gate>>,
    pub(super) timeout_seconds: Option<u64>,
    pub(super) secrets: Option<Vec<SecretName>>,
}

/// Reads a config cell and reports what is wrong with it.
pub(super) fn read(cell: &Tagged<'_>, violations: &mut Vec<Violation>) -> Config {
    let names = cell.code.statements().flat_map(bound).collect();
    let mut reader = Reader { cell, names, violations };
    Config {
        model_name: reader.required("MODEL_NAME", MODEL_NAME_FIX).and_then(|found| reader.model_name(&found)),
        version: reader.required("VERSION", VERSION_FIX).and_then(|found| reader.version(&found)),
        gates: reader.once("GATES", GATES_FIX).and_then(|found| reader.gates(&found)),
        timeout_seconds: reader.once("TIMEOUT_SECONDS", TIMEOUT_FIX).and_then(|found| reader.timeout(&found)),
        secrets: reader.once("SECRETS", SECRETS_FIX).and_then(|found| reader.secrets(&found)),
    }
}

struct Reader<'a, 'v> {
    cell: &'a Tagged<'a>,
    names: Vec<Assignment<'a>>,
    violations: &'v mut Vec<Violation>,
}

/// A setting's name and its value.
struct Setting<'a> {
    name: &'static str,
    value: &'a Expr,
    at: TextSize,
}

impl<'a> Reader<'a, '_> {
    fn report(&mut self, at: TextSize, problem: impl Into<String>, fix: impl Into<String>) {
        self.violations.push(self.cell.violation_at(at, problem, fix));
    }

    /// The only assignment of a setting that must be there.
    fn required(&mut self, name: &'static str, fix: &str) -> Option<Setting<'a>> {
        // A syntax error may hide the setting, and a cell of another language certainly does.
        if self.cell.code.is_readable() && !self.names.iter().any(|assignment| assignment.name == name) {
            let similar = self.names.iter().find(|assignment| assignment.name.eq_ignore_ascii_case(name));
            let also = similar.map(|similar| format!(" ({} is another name)", similar.name)).unwrap_or_default();
            self.violations.push(self.cell.violation(format!("{name} is not assigned{also}"), fix));
        }
        self.once(name, fix)
    }

    /// The only assignment of a setting. That nothing else touches the name makes its literal the value it has when run.
    fn once(&mut self, name: &'static str, fix: &str) -> Option<Setting<'a>> {
        let found = self.names.iter().filter(|assignment| assignment.name == name);
        let found = found.map(|assignment| (assignment.value, assignment.at)).take(MAX_REPEATS).collect::<Vec<_>>();
        let mut setting = None;
        for (value, at) in found {
            match value {
                Some(value) if setting.is_none() => setting = Some(Setting { name, value, at }),
                Some(_) => self.report(at, format!("{name} is assigned more than once"), format!("keep one: {fix}")),
                None => {
                    let problem = format!("{name} may only be set by an assignment of its own at the top level of the cell");
                    self.report(at, problem, fix);
                }
            }
        }
        setting
    }

    fn string(&mut self, setting: &Setting<'a>, fix: &str) -> Option<&'a str> {
        let text = literal::string(setting.value);
        match text {
            None => {
                let what = literal::describe(setting.value);
                self.report(setting.at, format!("{} must be a plain string literal, this is {what}", setting.name), fix);
            }
            Some(text) if text.trim().is_empty() => {
                self.report(setting.at, format!("{} is empty", setting.name), fix);
            }
            Some(_) => return text,
        }
        None
    }

    fn model_name(&mut self, setting: &Setting<'a>) -> Option<ModelName> {
        let text = self.string(setting, MODEL_NAME_FIX)?;
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                let fix = match slug(text) {
                    Some(name) => format!("write MODEL_NAME = \"{name}\""),
                    None => MODEL_NAME_FIX.to_owned(),
                };
                self.report(setting.at, format!("{error}"), fix);
                None
            }
        }
    }

    fn version(&mut self, setting: &Setting<'a>) -> Option<String> {
        let text = self.string(setting, VERSION_FIX)?;
        if text.chars().count() > MAX_VERSION || text.chars().any(char::is_control) {
            let problem = format!("VERSION must be one line of at most {MAX_VERSION} characters");
            self.report(setting.at, problem, VERSION_FIX);
            return None;
        }
        Some(text.trim().to_owned())
    }

    fn gates(&mut self, setting: &Setting<'a>) -> Option<Vec<Gate>> {
        let Expr::List(list) = setting.value else {
            let what = literal::describe(setting.value);
            self.report(setting.at, format!("GATES must be a list of string literals, this is {what}"), GATES_FIX);
            return None;
        };
        if list.elts.len() > MAX_GATES {
            let problem = format!("GATES has more than {MAX_GATES} gates");
            self.report(setting.at, problem, "join gates with `and`, or drop some");
            return None;
        }
        let gates = list.elts.iter().map(|element| self.gate(element)).collect::<Vec<_>>();
        gates.into_iter().collect()
    }

    fn gate(&mut self, element: &Expr) -> Option<Gate> {
        let Some(source) = literal::string(element) else {
            let what = literal::describe(element);
            self.report(element.start(), format!("a gate must be a plain string literal, this is {what}"), GATES_FIX);
            return None;
        };
        match Gate::parse(source) {
            Ok(gate) => Some(gate),
            Err(error) => {
                let fix = "correct the gate; it reads like \"accuracy >= 0.8 and rmse < champion\"";
                self.report(element.start(), error.to_string(), fix);
                None
            }
        }
    }

    fn secrets(&mut self, setting: &Setting<'a>) -> Option<Vec<SecretName>> {
        let Expr::List(list) = setting.value else {
            let what = literal::describe(setting.value);
            self.report(setting.at, format!("SECRETS must be a list of string literals, this is {what}"), SECRETS_FIX);
            return None;
        };
        if list.elts.len() > SECRETS_PER_RUN {
            let problem = format!("SECRETS has more than {SECRETS_PER_RUN} names");
            self.report(setting.at, problem, "ask only for what this notebook uses");
            return None;
        }
        let names = list.elts.iter().map(|element| self.secret(element)).collect::<Vec<_>>();
        let mut names = names.into_iter().collect::<Option<Vec<_>>>()?;
        names.sort();
        names.dedup();
        Some(names)
    }

    fn secret(&mut self, element: &Expr) -> Option<SecretName> {
        let Some(name) = literal::string(element) else {
            let what = literal::describe(element);
            self.report(
                element.start(),
                format!("a secret's name must be a plain string literal, this is {what}"),
                SECRETS_FIX,
            );
            return None;
        };
        name.parse().map_err(|error: SecretNameError| self.report(element.start(), error.to_string(), SECRETS_FIX)).ok()
    }

    fn timeout(&mut self, setting: &Setting<'a>) -> Option<u64> {
        let seconds = literal::json(setting.value).and_then(|value| value.as_i64());
        if let Some(seconds) = seconds.filter(|seconds| TIMEOUT_SECONDS.contains(seconds)) {
            return u64::try_from(seconds).ok();
        }
        let problem = match seconds {
            Some(seconds) => format!("TIMEOUT_SECONDS is {seconds}, out of bounds"),
            None => format!("TIMEOUT_SECONDS must be a whole number, this is {}", literal::describe(setting.value)),
        };
        self.report(setting.at, problem, TIMEOUT_FIX);
        None
    }
}

/// The model name nearest to a text that is not one.
fn slug(text: &str) -> Option<String> {
    let letters = text.trim().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let words = letters.collect::<String>();
    let name = words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    name.parse::<ModelName>().ok().map(String::from)
}
