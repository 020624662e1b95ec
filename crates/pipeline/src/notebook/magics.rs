//! What a notebook's kernel accepts beside Python: cell magics, line magics, shell lines, help.
//! Source: the `IPython` documentation, "Built-in magic commands" and "Input transformation".
//!
//! The parser's own mode for this is not used: it is made for well-formed notebooks and gives up on some broken ones.

use std::collections::BTreeSet;

/// Cell magics that run the rest of their cell as Python, in the notebook's own namespace.
const PYTHON_MAGICS: [&str; 4] = ["%%time", "%%timeit", "%%capture", "%%prun"];

/// The cell magic that a source starts with, e.g. `%%bash`.
pub(super) fn of_cell(source: &str) -> Option<&str> {
    let first = source.trim_start();
    first.starts_with("%%").then(|| first.split_whitespace().next()).flatten()
}

/// Whether a cell magic runs the rest of its cell as Python.
pub(super) fn runs_python(magic: &str) -> bool {
    PYTHON_MAGICS.contains(&magic)
}

/// The source with its cell magic as a comment, or without the indent it was pasted with. Lines stay where they are.
pub(super) fn without_cell_layout(source: &str) -> String {
    if of_cell(source).is_some() {
        return source.replacen('%', "#", 1);
    }
    let first = source.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let indent = &first[..first.len() - first.trim_start_matches([' ', '\t']).len()];
    source.split_inclusive('\n').map(|line| line.strip_prefix(indent).unwrap_or(line)).collect()
}

/// The text with magics at the lines in question (from 1) replaced by statements that do nothing, and what they were;
/// `None` if there are none. Lines stay where they are.
pub(super) fn in_plain_python(text: &str, lines: &BTreeSet<usize>) -> Option<(String, Vec<String>)> {
    let mut plain = String::with_capacity(text.len());
    let mut found = Vec::new();
    let mut is_continued = false;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let content = line.trim_end_matches(['\n', '\r']);
        if is_continued {
            plain.push('#');
            found.push(content.to_owned());
        }
        if let Some(replacement) = replacement(content).filter(|_| !is_continued && lines.contains(&number)) {
            is_continued = content.ends_with('\\');
            found.push(content.to_owned());
            plain.push_str(&replacement);
            plain.push_str(&line[content.len()..]);
        } else {
            is_continued &= content.ends_with('\\');
            plain.push_str(line);
        }
    }
    (!found.is_empty()).then_some((plain, found))
}

/// The statement that stands for a magic: that of `%time x = f()`, an assignment for `files = !ls`, else `pass`.
fn replacement(line: &str) -> Option<String> {
    let code = line.trim_start();
    let indent = &line[..line.len() - code.len()];
    if let Some(timed) = code.strip_prefix("%time ").map(str::trim_start)
        && timed.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '(' | '['))
    {
        return Some(format!("{indent}{timed}"));
    }
    if code.starts_with(['%', '!', '?']) || is_help(code) {
        return Some(format!("{indent}pass"));
    }
    let (target, value) = code.split_once('=')?;
    value.trim_start().starts_with(['%', '!']).then(|| format!("{indent}{target}= ..."))
}

/// Whether a line asks for help on a name: `name?`, `name??`.
fn is_help(code: &str) -> bool {
    let is_name = |name: &str| name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '*' | '%'));
    code.trim_end().strip_suffix('?').is_some_and(|name| is_name(name.trim_end_matches('?')))
}
