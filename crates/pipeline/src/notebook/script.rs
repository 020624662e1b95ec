//! A notebook's dependencies: an inline script metadata block in a code cell.
//! Source: PEP 723 and the packaging guide's "Inline script metadata".

use super::violation::Violation;

const FIX: &str = "write the block as\n# /// script\n# dependencies = [\"scikit-learn==1.5.0\"]\n# ///";

/// What the block asks for.
#[derive(Default)]
pub(super) struct Script {
    pub(super) dependencies: Option<Vec<String>>,
    pub(super) requires_python: Option<String>,
}

/// Reads the one block that a notebook may have, from its code cells' indexes and sources.
pub(super) fn read<'a>(cells: impl Iterator<Item = (usize, &'a str)>, violations: &mut Vec<Violation>) -> Script {
    let mut script = None;
    for (index, source) in cells {
        for block in blocks(source) {
            let report = |problem: String| Violation::of_cell(index, problem, FIX).at_line(block.line, source);
            if script.is_some() {
                violations.push(report("there is more than one `# /// script` block".to_owned()));
                continue;
            }
            script =
                Some(match block.content.ok_or_else(|| "the `# /// script` block is not closed by `# ///`".to_owned()) {
                    Ok(content) => parse(&content).unwrap_or_else(|problem| {
                        violations.push(report(problem));
                        Script::default()
                    }),
                    Err(problem) => {
                        violations.push(report(problem));
                        Script::default()
                    }
                });
        }
    }
    script.unwrap_or_default()
}

/// A block's first line (from 1), and its TOML if it is closed.
struct Block {
    line: usize,
    content: Option<String>,
}

/// The `script` blocks of a source. A block reaches to the last `# ///` of the comment lines that follow its start.
fn blocks(source: &str) -> Vec<Block> {
    let lines = source.lines().map(str::trim_end).collect::<Vec<_>>();
    let mut blocks = Vec::new();
    let mut next = 0;
    while let Some(start) = (next..lines.len()).find(|&at| lines[at] == "# /// script") {
        let is_comment = |line: &&&str| **line == "#" || line.starts_with("# ");
        let body = &lines[start + 1..][..lines[start + 1..].iter().take_while(is_comment).count()];
        let end = body.iter().rposition(|line| *line == "# ///");
        let content = end.map(|end| {
            let content =
                |line: &&str| line.strip_prefix("# ").or_else(|| line.strip_prefix('#')).unwrap_or_default().to_owned();
            body[..end].iter().map(content).collect::<Vec<_>>().join("\n")
        });
        blocks.push(Block { line: start + 1, content });
        next = start + 1 + end.map_or(0, |end| end + 1);
    }
    blocks
}

fn parse(content: &str) -> Result<Script, String> {
    let table = content.parse::<toml::Table>();
    let table = table.map_err(|error| format!("the `# /// script` block is not TOML: {}", error.message()))?;
    let text = |value: &toml::Value| value.as_str().map(str::trim).filter(|text| is_plain(text)).map(str::to_owned);
    let dependencies = match table.get("dependencies") {
        None => None,
        Some(value) => {
            let list = value.as_array().and_then(|list| list.iter().map(text).collect::<Option<Vec<_>>>());
            Some(list.ok_or("dependencies must be a list of requirements such as \"pandas>=2\"")?)
        }
    };
    let requires_python = match table.get("requires-python") {
        None => None,
        Some(value) => Some(text(value).ok_or("requires-python must be a version such as \">=3.11\"")?),
    };
    Ok(Script { dependencies, requires_python })
}

/// Whether a requirement is one line and cannot be taken for an option of the installer.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && !text.chars().any(char::is_control)
}
