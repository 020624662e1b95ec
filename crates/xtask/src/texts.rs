//! What no committed text may name: folders of one machine, and the hosts of package registries.

use crate::repository::TextFile;

// Written in two pieces, so that this file does not name them either.
const FOLDERS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/fa", "rm/")];
const REGISTRIES: [&str; 4] =
    [concat!("crates", ".io/"), concat!("pypi", ".org"), concat!("npmjs", ".org"), concat!("deb.debian", ".org")];

/// The endings of files that package managers write.
const LOCKS: [&str; 2] = [".lock", "-lock.json"];

/// Every line that names a machine's folder or, outside lock files, a registry's host.
pub fn findings(files: &[TextFile]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        let is_lock = LOCKS.iter().any(|ending| file.path.ends_with(ending));
        for (number, line) in (1..).zip(file.text.lines()) {
            let folder = FOLDERS.iter().find(|folder| names_folder(line, folder));
            let registry = REGISTRIES.iter().find(|host| !is_lock && line.contains(*host));
            if let Some(named) = folder.or(registry) {
                findings.push(format!("texts: {}:{number} names {named}", file.path));
            }
        }
    }
    findings
}

/// Whether a path in the line begins with the folder: `src/x/` does not name `/x/`.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | ')' | '~' | '*'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        findings(&[TextFile { path: path.to_owned(), text: text.to_owned() }]).len()
    }

    #[test]
    fn folders_of_one_machine_are_found_wherever_a_path_begins() {
        for folder in FOLDERS {
            for line in
                [format!("{folder}main"), format!("cd {folder}x"), format!("\"{folder}x\""), format!("file://{folder}x")]
            {
                assert_eq!(found("README.md", &line), 1, "{line}");
                assert_eq!(found("Cargo.lock", &line), 1, "{line}");
            }
            for line in
                [format!("src{folder}x"), format!("${{HOME}}{folder}x"), format!(".{folder}x"), format!("**{folder}x")]
            {
                assert_eq!(found("README.md", &line), 0, "{line}");
            }
        }
    }

    #[test]
    fn registries_are_named_in_lock_files_only() {
        for host in REGISTRIES {
            let line = format!("https://{host}/x");
            assert_eq!((found("a.toml", &line), found("frontend/package-lock.json", &line)), (1, 0), "{line}");
        }
        assert_eq!(found("x.rs", "Debian and crates are words\n"), 0);
    }

    #[test]
    fn a_finding_names_its_line() {
        let file = TextFile { path: "a.md".to_owned(), text: format!("fine\n{}x", FOLDERS[0]) };
        assert_eq!(findings(&[file]), [format!("texts: a.md:2 names {}", FOLDERS[0])]);
    }
}
