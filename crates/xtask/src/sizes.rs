//! How long a file may be.

use crate::repository::TextFile;

const MAX_LINES: usize = 400;
const MAX_MAIN_LINES: usize = 30;
/// A process's library has the work; its `main.rs` only starts it.
const THIN_MAINS: [&str; 3] = ["backend/src/main.rs", "worker/src/main.rs", "model-server/src/main.rs"];
const COUNTED: [&str; 4] = [".rs", ".py", ".ts", ".tsx"];

/// Every file that is too long without its tests.
pub fn findings(files: &[TextFile]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_counted(file)) {
        let limit = if THIN_MAINS.contains(&&*file.path) { MAX_MAIN_LINES } else { MAX_LINES };
        let lines = lines_without_tests(&file.text);
        if lines > limit {
            findings.push(format!("sizes: {} has {lines} lines without its tests; at most {limit}", file.path));
        }
    }
    findings
}

fn is_counted(file: &TextFile) -> bool {
    let exempt_folder = |folder: &str| matches!(folder, "tests" | "generated");
    let is_test = file.path.contains(".test.") || file.path.split('/').any(exempt_folder);
    let is_generated = file.path.ends_with(".d.ts") || file.text.lines().take(5).any(|line| line.contains("@generated"));
    COUNTED.iter().any(|ending| file.path.ends_with(ending)) && !is_test && !is_generated
}

/// The lines before `#[cfg(test)]` on a module with a body.
fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<_> = text.lines().collect();
    let begins_tests = |start: &usize| {
        let item = lines[*start..].iter().find(|line| !line.starts_with("#["));
        lines[*start] == "#[cfg(test)]" && item.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    (0..lines.len()).find(begins_tests).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: String) -> Vec<String> {
        findings(&[TextFile { path: path.to_owned(), text }])
    }

    #[test]
    fn four_hundred_lines_are_enough() {
        for path in ["a/src/b.rs", "worker/python/p.py", "frontend/src/x.tsx"] {
            assert_eq!(found(path, "x\n".repeat(400)), [""; 0]);
            assert_eq!(
                found(path, "x\n".repeat(401)),
                [format!("sizes: {path} has 401 lines without its tests; at most 400")]
            );
        }
    }

    #[test]
    fn tests_and_generated_files_may_be_long() {
        for path in ["a/tests/it/b.rs", "x/generated/api.ts", "x/schema.d.ts", "x/page.test.tsx", "README.md"] {
            assert_eq!(found(path, "x\n".repeat(500)), [""; 0], "{path}");
        }
        assert_eq!(found("a.ts", format!("// @generated\n{}", "x\n".repeat(500))), [""; 0]);
        let tests = "#[cfg(test)]\n#[expect(clippy::unwrap_used)]\nmod tests {\n".to_owned() + &"x\n".repeat(500);
        assert_eq!(found("a.rs", "x\n".repeat(400) + &tests), [""; 0]);
        assert_eq!(found("a.rs", "x\n".repeat(401) + &tests).len(), 1);
        assert_eq!(found("a.rs", "#[cfg(test)]\nmod other;\n".to_owned() + &"x\n".repeat(500)).len(), 1);
    }

    #[test]
    fn a_process_starts_in_thirty_lines() {
        assert_eq!(found("worker/src/main.rs", "x\n".repeat(31)).len(), 1);
        assert_eq!(found("worker/src/main.rs", "x\n".repeat(30)), [""; 0]);
        assert_eq!(found("cli/src/main.rs", "x\n".repeat(31)), [""; 0]);
    }
}
