//! What a notebook depends on, and where it says so.
//!
//! The order: a PEP 723 block in the notebook; `requirements.txt` or `pyproject.toml` beside it; the same at the
//! repository's root. A file that names no dependency doesn't count.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use crate::{
    local, plain,
    text::{Undecodable, decode},
};

/// How deep requirements files may include each other.
const MAX_DEPTH: u32 = 8;
/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;
/// How options that include another file begin.
const INCLUDES: [&str; 4] = ["--requirement", "--constraint", "-r", "-c"];

/// What a notebook's own script block (PEP 723) asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Script<'a> {
    /// Its dependencies; none without a block that names them.
    pub dependencies: Option<&'a [String]>,
    /// The Pythons that it runs on.
    pub requires_python: Option<&'a str>,
}

/// Why requirements can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RequirementsError {
    /// A file is no text.
    #[error("{file} can't be read: {error}")]
    Undecodable {
        /// The file, from the repository's root.
        file: String,
        /// What is wrong, and where.
        error: Undecodable,
    },
    /// A `pyproject.toml` is no TOML.
    #[error("{file} is not valid TOML: {message}")]
    NotToml {
        /// The file, from the repository's root.
        file: String,
        /// What the parser says.
        message: String,
    },
    /// An included file that can't be had.
    #[error("{file}, line {line}, includes {included}, which {why}")]
    Included {
        /// The file that includes it.
        file: String,
        /// The line, from 1.
        line: usize,
        /// As it is named there.
        included: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file that is too large to be a list of requirements.
    #[error("{0} is larger than 1 MiB: that is no list of requirements")]
    TooLarge(String),
    /// A link to somewhere else.
    #[error("{0} is a link that leaves the repository; put the file itself there")]
    Outside(String),
    /// This machine's files.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What is to be installed.
#[derive(Debug)]
pub struct Needs {
    /// Where it is named, in words.
    pub source_name: String,
    /// What names it: one list of requirements, included files in it; or a `pyproject.toml`.
    pub text: String,
    /// Constraints that the list's files name.
    pub constraints: String,
    /// The kind of `text`, as `uv` wants to see it.
    pub file_name: &'static str,
    /// A `pyproject.toml` that `uv` can read where it lies: the paths in it are relative to that place.
    pub original: Option<PathBuf>,
    /// Where relative paths in a list start.
    pub base: PathBuf,
    /// Sums up what is installed from the repository itself, and how; empty where it means the same in every repository.
    pub local: String,
    /// The first that is not simply a package of the index, in words.
    pub beyond_index: Option<String>,
    /// The Pythons that are asked for.
    pub python: Option<String>,
    /// `uv` would stumble over its own settings: a `pyproject.toml` around here that it can't read.
    pub no_settings: bool,
}

impl Needs {
    /// What a notebook of a tree depends on; `say` hears of files that name nothing.
    pub fn find(
        tree: &Path,
        notebook: &Path,
        script: Script<'_>,
        say: &(dyn Fn(String) + Send + Sync),
    ) -> Result<Option<Self>, RequirementsError> {
        let beside = tree.join(notebook).parent().unwrap_or(tree).to_owned();
        if let Some(list) = script.dependencies {
            if list.is_empty() && script.requires_python.is_none() {
                say("the notebook's script block names no dependency: the platform's Python environment is used".to_owned());
                return Ok(None);
            }
            let read = Reader { tree, constraints: String::new(), text: list.join("\n") };
            return read.needs("the notebook's script block", "requirements.txt", &beside, script.requires_python).map(Some);
        }
        let mut empty = Vec::new();
        let folders = if beside == tree { vec![tree] } else { vec![beside.as_path(), tree] };
        for (folder, file_name) in folders.into_iter().flat_map(|at| [(at, "requirements.txt"), (at, "pyproject.toml")]) {
            let file = folder.join(file_name);
            if !file.is_file() {
                continue;
            }
            let mut read = Reader { tree, text: String::new(), constraints: String::new() };
            let named = if file_name == "requirements.txt" { read.list(&file, false, 0)? } else { read.project(&file)? };
            match named {
                Named::Dependencies => return read.needs(&read.name(&file), file_name, folder, None).map(Some),
                Named::Nothing => empty.push(read.name(&file)),
                Named::OtherThings => {}
            }
        }
        if !empty.is_empty() {
            let verb = if empty.len() == 1 { "names" } else { "name" };
            say(format!("{} {verb} no dependency: the platform's Python environment is used", empty.join(" and ")));
        }
        Ok(None)
    }
}

/// What a file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Dependencies,
    /// It could name some, and is empty.
    Nothing,
    /// It is there for something else: many a `pyproject.toml` only configures tools.
    OtherThings,
}

/// Reads files of a tree into one list.
struct Reader<'a> {
    tree: &'a Path,
    text: String,
    constraints: String,
}

impl Reader<'_> {
    fn needs(
        &self,
        source_name: &str,
        file_name: &'static str,
        base: &Path,
        python: Option<&str>,
    ) -> Result<Needs, RequirementsError> {
        let mut paths: Vec<_> = self.local_paths(file_name).iter().map(|path| base.join(path)).collect();
        if self.names_more(file_name) {
            paths.push(self.tree.to_owned());
        }
        let around = base.ancestors().take_while(|folder| folder.starts_with(self.tree));
        let settings: Vec<_> = around.flat_map(|folder| [folder.join("pyproject.toml"), folder.join("uv.toml")]).collect();
        // They may name another index, or a folder, for what the list names.
        paths.extend(settings.iter().filter(|file| local::sets_uv(file)).cloned());
        let unreadable = |file: PathBuf| std::fs::read(file).is_ok_and(|bytes| std::str::from_utf8(&bytes).is_err());
        let set = settings.iter().find(|file| file.ends_with("uv.toml") && file.exists());
        let beyond = set.map(|file| format!("an index or more in {}", self.name(file)));
        Ok(Needs {
            beyond_index: beyond.or_else(|| self.beyond_index(file_name)),
            local: if paths.is_empty() { String::new() } else { local::digest(&paths)? },
            source_name: source_name.to_owned(),
            text: self.text.clone(),
            constraints: self.constraints.clone(),
            file_name,
            original: Some(base.join(file_name)).filter(|file| file_name == "pyproject.toml" && self.is_plain(file)),
            base: base.to_owned(),
            python: python.map(str::to_owned),
            no_settings: settings.into_iter().any(unreadable),
        })
    }

    /// The lines of the list and of what constrains it.
    fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().chain(self.constraints.lines()).map(str::trim)
    }

    /// Whether it names something in the repository of which it is not known where it lies: then all of it counts.
    fn names_more(&self, file_name: &str) -> bool {
        if file_name == "requirements.txt" {
            return self.lines().any(|line| !plain::is_plain(line) && local::path_in(line).is_none());
        }
        !plain::is_plain_project(&self.text)
    }

    /// The first thing that is had elsewhere than from the index, in words. What a URL holds may be secret.
    fn beyond_index(&self, file_name: &str) -> Option<String> {
        if file_name == "requirements.txt" {
            return self.lines().find_map(plain::beyond_index);
        }
        let project = self.text.parse::<toml::Table>().unwrap_or_default();
        let uv = project.get("tool").and_then(|tool| tool.get("uv"));
        let elsewhere = ["sources", "index", "index-url", "extra-index-url", "find-links", "pip"];
        if let Some(name) = elsewhere.iter().find(|name| uv.is_some_and(|uv| uv.get(name).is_some())) {
            return Some(format!("`tool.uv.{name}`"));
        }
        let named = project.get("project").and_then(|project| project.get("dependencies"));
        let Some(named) = named.and_then(toml::Value::as_array) else {
            return Some("dependencies that only building it tells".to_owned());
        };
        named.iter().filter_map(toml::Value::as_str).find_map(plain::beyond_index)
    }

    /// Paths that dependencies are had from.
    fn local_paths(&self, file_name: &str) -> Vec<String> {
        if file_name == "requirements.txt" {
            return self.lines().filter_map(local::path_in).map(str::to_owned).collect();
        }
        let project = self.text.parse::<toml::Table>().unwrap_or_default();
        local::paths_of_project(&project).map(str::to_owned).collect()
    }

    /// Whether a file's bytes are the text that was read from it.
    fn is_plain(&self, file: &Path) -> bool {
        std::fs::read(file).is_ok_and(|bytes| bytes == self.text.as_bytes())
    }

    /// A file as messages name it.
    fn name(&self, file: &Path) -> String {
        file.strip_prefix(self.tree).unwrap_or(file).display().to_string()
    }

    fn read(&self, file: &Path, comments: bool) -> Result<String, RequirementsError> {
        let name = || self.name(file);
        if !file.canonicalize()?.starts_with(self.tree.canonicalize()?) {
            return Err(RequirementsError::Outside(name()));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(RequirementsError::TooLarge(name()));
        }
        decode(&bytes, comments).map_err(|error| RequirementsError::Undecodable { file: name(), error })
    }

    fn project(&mut self, file: &Path) -> Result<Named, RequirementsError> {
        self.text = self.read(file, false)?;
        let parsed: Result<BTreeMap<String, toml::Value>, _> = toml::from_str(&self.text);
        let table = parsed.map_err(|error| RequirementsError::NotToml {
            file: self.name(file),
            message: error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        })?;
        let Some(project) = table.get("project") else { return Ok(Named::OtherThings) };
        let dynamic = project.get("dynamic").and_then(toml::Value::as_array);
        let dynamic = dynamic.is_some_and(|names| names.iter().any(|name| name.as_str() == Some("dependencies")));
        Ok(match project.get("dependencies") {
            Some(toml::Value::Array(list)) if list.is_empty() => Named::Nothing,
            Some(_) => Named::Dependencies,
            None if dynamic => Named::Dependencies,
            None => Named::OtherThings,
        })
    }

    /// Appends a list of requirements, and the lists that it includes.
    fn list(&mut self, file: &Path, constraint: bool, depth: u32) -> Result<Named, RequirementsError> {
        let text = self.read(file, true)?;
        let mut named = Named::Nothing;
        for (line_number, line) in whole_lines(&text) {
            let line = line.as_str();
            if let Some((option, included)) = include(line) {
                let fail = |why| RequirementsError::Included {
                    file: self.name(file),
                    line: line_number,
                    included: included.to_owned(),
                    why,
                };
                let inner = file.parent().unwrap_or(self.tree).join(included);
                let Ok(inner) = inner.canonicalize() else { return Err(fail("isn't there")) };
                let Ok(inside) = inner.strip_prefix(self.tree.canonicalize()?) else {
                    return Err(fail("lies outside of the repository"));
                };
                if depth == MAX_DEPTH {
                    return Err(fail("includes files that include each other, or too many"));
                }
                if !inner.is_file() {
                    return Err(fail("is no file"));
                }
                let constraint = constraint || matches!(option, "-c" | "--constraint");
                let inner = self.list(&self.tree.join(inside), constraint, depth + 1)?;
                if inner == Named::Dependencies && !constraint {
                    named = Named::Dependencies;
                }
                continue;
            }
            let line = uneditable(line);
            let into = if constraint { &mut self.constraints } else { &mut self.text };
            into.push_str(line);
            into.push('\n');
            if names_something(line) {
                named = Named::Dependencies;
            }
        }
        Ok(named)
    }
}

/// The lines of a list with their numbers, from 1: one that ends with a backslash goes on in the next, unless it is a comment.
fn whole_lines(text: &str) -> Vec<(usize, String)> {
    let (mut lines, mut open) = (Vec::<(usize, String)>::new(), false);
    for (index, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let part = if is_comment { line } else { line.strip_suffix('\\').unwrap_or(line) };
        match lines.last_mut().filter(|_| open) {
            // What a comment is behind is not part of it.
            Some((_, whole)) if is_comment => whole.extend([" ", part]),
            Some((_, whole)) => whole.push_str(part),
            None => lines.push((index + 1, part.to_owned())),
        }
        open = part.len() < line.len();
    }
    lines
}

/// A line without `-e`: an environment outlives the repository's folder, which an editable package would only point to.
fn uneditable(line: &str) -> &str {
    let whole = line.trim();
    let named = whole.strip_prefix("--editable").filter(|rest| rest.starts_with([' ', '\t', '=']));
    let named = named.or_else(|| whole.strip_prefix("-e"));
    named.map_or(line, |rest| rest.trim_start_matches([' ', '\t', '=']))
}

/// Whether a line of a list names something to install.
fn names_something(line: &str) -> bool {
    let line = line.trim();
    !(line.is_empty() || line.starts_with(['#', '-']))
}

/// The option and the file of a line that includes another file of the tree: `-r base.txt`, `-rbase.txt`,
/// `--requirement=base.txt`. What is fetched, and a `pyproject.toml`, is left to `uv`.
fn include(line: &str) -> Option<(&'static str, &str)> {
    let line = line.trim();
    let (option, rest) = INCLUDES.iter().find_map(|option| Some((*option, line.strip_prefix(option)?)))?;
    if option.starts_with("--") && !rest.starts_with([' ', '\t', '=']) {
        return None;
    }
    let rest = rest.trim_start().trim_start_matches('=').trim_start();
    let comment = [" #", "\t#"].iter().filter_map(|mark| rest.find(mark)).min();
    let name = rest[..comment.unwrap_or(rest.len())].trim().trim_matches(['"', '\'']);
    let is_toml = Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let is_list = !name.is_empty() && !name.contains("://") && !is_toml;
    is_list.then_some((option, name))
}

#[cfg(test)]
mod tests;
