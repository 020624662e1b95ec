//! Which notebooks a push runs.

use contract::FileChanges;
use globset::{GlobBuilder, GlobMatcher};

/// A pattern of a repository's settings is not a glob: correct it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {glob:?} is not a pattern: {message}")]
pub struct TriggerError {
    /// The setting.
    pub setting: &'static str,
    /// The pattern.
    pub glob: String,
    /// What is wrong with it.
    pub message: String,
}

/// When a repository's pushes run notebooks, and which: its settings, compiled once for many pushes.
#[derive(Debug, Clone)]
pub struct Trigger {
    branches: Vec<GlobMatcher>,
    notebooks: GlobMatcher,
}

impl Trigger {
    /// Reads comma-separated globs of branches, e.g. `main,master,release/*`, and the glob of the notebooks.
    ///
    /// `*` does not cross a `/`, `**` does.
    pub fn new(branches: &str, notebook_glob: &str) -> Result<Self, TriggerError> {
        let branches = branches.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
        let branches = branches.map(|pattern| matcher("branch", pattern)).collect::<Result<_, _>>()?;
        Ok(Self { branches, notebooks: matcher("notebook_glob", notebook_glob)? })
    }

    /// Whether pushes to a branch count.
    pub fn runs_on(&self, branch: &str) -> bool {
        self.branches.iter().any(|pattern| pattern.is_match(branch))
    }

    /// The notebooks that a push added or modified and that match, by path from the repository's root, sorted. Only what
    /// [`is_notebook`] is ever run.
    pub fn notebooks(&self, files: &FileChanges) -> Vec<String> {
        let runs = |path: &String| is_notebook(path) && self.notebooks.is_match(path) && !files.removed.contains(path);
        files.added_or_modified.iter().filter(|path| runs(path)).cloned().collect()
    }
}

fn matcher(setting: &'static str, glob: &str) -> Result<GlobMatcher, TriggerError> {
    let read = GlobBuilder::new(glob).literal_separator(true).build();
    let read = read.map_err(|error| TriggerError { setting, glob: glob.to_owned(), message: error.kind().to_string() });
    Ok(read?.compile_matcher())
}

/// Whether a path from the repository's root is that of a notebook that may be run. Files in hidden folders (Jupyter's
/// checkpoints among them), hidden files and paths that could lead out of the tree never are.
pub fn is_notebook(path: &str) -> bool {
    let has_extension = path.rsplit_once('.').is_some_and(|(_, extension)| extension == "ipynb");
    has_extension && is_plain(path)
}

/// What the files are called that declare gates and schedules.
pub const DECLARATIONS: &str = "mlsys.toml";

/// Whether a path from the repository's root is that of a file that declares gates and schedules.
pub fn declares(path: &str) -> bool {
    path.rsplit('/').next() == Some(DECLARATIONS) && is_plain(path)
}

fn is_plain(path: &str) -> bool {
    let is_plain = |part: &str| !part.is_empty() && !part.starts_with('.');
    !path.chars().any(|c| c == '\\' || c.is_control()) && path.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(changed: &[&str], removed: &[&str]) -> FileChanges {
        let set = |paths: &[&str]| paths.iter().map(|&path| path.to_owned()).collect();
        FileChanges { added_or_modified: set(changed), removed: set(removed) }
    }

    fn chosen(files: &FileChanges, glob: &str) -> Result<Vec<String>, TriggerError> {
        Ok(Trigger::new("main", glob)?.notebooks(files))
    }

    #[test]
    fn changed_notebooks_that_match_are_run_in_order() {
        let files =
            changes(&["z.ipynb", "notebooks/b.ipynb", "notebooks/deep/a.ipynb", "src/x.py", "a.ipynb.txt"], &["gone.ipynb"]);
        let table: &[(&str, &[&str])] = &[
            ("**/*.ipynb", &["notebooks/b.ipynb", "notebooks/deep/a.ipynb", "z.ipynb"]),
            ("notebooks/*.ipynb", &["notebooks/b.ipynb"]),
            ("notebooks/**", &["notebooks/b.ipynb", "notebooks/deep/a.ipynb"]),
            ("*.ipynb", &["z.ipynb"]),
            ("{notebooks,src}/*", &["notebooks/b.ipynb"]),
            ("gone.ipynb", &[]),
        ];
        for (glob, expected) in table {
            assert_eq!(chosen(&files, glob), Ok(expected.iter().map(|&p| p.to_owned()).collect::<Vec<_>>()), "{glob}");
        }
    }

    #[test]
    fn a_notebook_that_is_gone_in_the_end_is_not_run() {
        assert_eq!(chosen(&changes(&["a.ipynb", "b.ipynb"], &["a.ipynb"]), "**"), Ok(vec!["b.ipynb".to_owned()]));
    }

    #[test]
    fn hidden_places_and_paths_that_climb_are_never_run() {
        let bad = [
            ".ipynb_checkpoints/a-checkpoint.ipynb",
            "n/.ipynb_checkpoints/a.ipynb",
            ".git/a.ipynb",
            ".a.ipynb",
            "../a.ipynb",
            "n/../../a.ipynb",
            "./a.ipynb",
            "/etc/a.ipynb",
            "n//a.ipynb",
            "n\\a.ipynb",
            "n/a\0.ipynb",
            "n/a\n.ipynb",
            "",
            ".ipynb",
        ];
        assert_eq!(chosen(&changes(&bad, &[]), "**"), Ok(Vec::new()));
    }

    #[test]
    fn only_files_of_one_name_in_places_that_are_seen_declare_anything() {
        for path in ["mlsys.toml", "a/b/mlsys.toml"] {
            assert!(declares(path), "{path}");
        }
        for path in ["Mlsys.toml", "xmlsys.toml", ".git/mlsys.toml", "a/../mlsys.toml", "mlsys.toml/x", "/mlsys.toml", ""] {
            assert!(!declares(path), "{path}");
        }
    }

    #[test]
    fn a_pattern_that_is_not_a_glob_is_named() {
        let class = "is not a pattern: unclosed character class; missing ']'";
        let table = [
            ("main", "a[", format!("notebook_glob \"a[\" {class}")),
            ("main,[", "**", format!("branch \"[\" {class}")),
            ("release/[,main", "**", format!("branch \"release/[\" {class}")),
        ];
        for (branches, notebooks, expected) in table {
            let error = Trigger::new(branches, notebooks).expect_err("an unclosed class");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn branches_match_comma_separated_globs() {
        let table = [
            ("main", "main", true),
            ("main", "maint", false),
            ("main,master,release/*", "master", true),
            (" main , release/* ", "release/1.0", true),
            ("release/*", "release/1/hotfix", false),
            ("release/**", "release/1/hotfix", true),
            ("*", "main", true),
            ("*", "feature/x", false),
            ("**", "feature/x", true),
            ("", "main", false),
            (",", "", false),
        ];
        for (patterns, branch, expected) in table {
            let trigger = Trigger::new(patterns, "**").expect("a glob");
            assert_eq!(trigger.runs_on(branch), expected, "{patterns:?} {branch:?}");
        }
    }
}
