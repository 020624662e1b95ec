//! A code cell's source, parsed by a whole Python parser and never run.

use std::panic::catch_unwind;

use ruff_python_ast::{
    ModModule, Stmt,
    token::{Token, TokenKind},
};
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::{
    depth::{MAX_DEPTH, is_too_deep},
    magics,
};

/// The longest source that is parsed, in bytes.
const MAX_LENGTH: usize = 1 << 20;
/// More syntax errors than this in one cell are echoes of the first ones.
const MAX_FAULTS: usize = 5;
/// How often a cell is parsed again after its magics have been set aside. One pass finds all, unless they hide each other.
const MAX_PASSES: usize = 10;

/// A syntax error.
#[derive(Debug)]
pub(super) struct Fault {
    /// The line in the cell's source (from 1).
    pub(super) line: usize,
    /// What is wrong there.
    pub(super) message: String,
}

/// A code cell's source, parsed.
pub(super) enum Code {
    /// Python.
    Python(Module),
    /// What cannot be read as Python.
    Unread(Fault),
    /// A cell of another language (`%%bash`), named by its magic.
    Foreign { magic: String, source: String },
}

/// Python code.
pub(super) struct Module {
    /// What was parsed: the source in plain Python, line for line.
    text: String,
    /// Where each line of it starts.
    lines: Vec<usize>,
    /// The magics and shell lines that plain Python has no form for.
    escapes: Vec<String>,
    parsed: Parsed<ModModule>,
    /// Where the syntax errors stand, in order.
    broken: Vec<TextSize>,
    /// The first syntax errors, at most one a line.
    faults: Vec<Fault>,
}

impl Code {
    /// Parses a cell's source.
    pub(super) fn parse(source: &str) -> Self {
        if source.len() > MAX_LENGTH {
            return Self::Unread(Fault { line: 1, message: format!("the cell is longer than {MAX_LENGTH} bytes") });
        }
        if let Some(magic) = magics::of_cell(source)
            && !magics::runs_python(magic)
        {
            return Self::Foreign { magic: magic.to_owned(), source: source.to_owned() };
        }
        Module::parse(source).map_or_else(Self::Unread, Self::Python)
    }

    /// Whether all of it could be read.
    pub(super) fn is_readable(&self) -> bool {
        matches!(self, Self::Python(module) if module.faults.is_empty())
    }

    /// What keeps it from being read as Python.
    pub(super) fn faults(&self) -> &[Fault] {
        match self {
            Self::Python(module) => &module.faults,
            Self::Unread(fault) => std::slice::from_ref(fault),
            Self::Foreign { .. } => &[],
        }
    }

    /// The top-level statements that no syntax error touches.
    pub(super) fn statements(&self) -> impl Iterator<Item = &Stmt> {
        let module = match self {
            Self::Python(module) => Some(module),
            Self::Unread(_) | Self::Foreign { .. } => None,
        };
        module.into_iter().flat_map(Module::statements)
    }

    /// The line (from 1) of an offset.
    pub(super) fn line(&self, offset: TextSize) -> usize {
        match self {
            Self::Python(module) => line_at(&module.lines, offset),
            Self::Unread(_) | Self::Foreign { .. } => 1,
        }
    }

    /// The text of a part of the code.
    pub(super) fn text(&self, range: TextRange) -> &str {
        match self {
            Self::Python(module) => &module.text[range],
            Self::Unread(_) | Self::Foreign { .. } => "",
        }
    }

    /// The comment, with its `#`, that is all there is behind an offset on its line.
    pub(super) fn comment_behind(&self, offset: TextSize) -> Option<&str> {
        let Self::Python(module) = self else { return None };
        let tokens = module.parsed.tokens();
        let next = tokens.get(tokens.partition_point(|token| token.start() < offset))?;
        let is_behind = next.kind() == TokenKind::Comment && self.line(next.start()) == self.line(offset);
        is_behind.then(|| &module.text[next.range()])
    }

    /// Whether it holds nothing but white space and comments.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Python(module) => module.is_empty(),
            Self::Unread(_) => false,
            Self::Foreign { source, .. } => source.trim().lines().count() <= 1,
        }
    }

    /// Whether the code names a variable, in Python or in a magic or shell line, but not in a comment or a string.
    pub(super) fn mentions(&self, name: &str) -> bool {
        match self {
            Self::Python(module) => module.mentions(name),
            Self::Unread(_) => true,
            Self::Foreign { source, .. } => source.contains(name),
        }
    }
}

impl Module {
    /// Parses Python with magics. Only where the parser stumbles can a line be a magic: text in a string never is.
    fn parse(source: &str) -> Result<Self, Fault> {
        let mut module = Self::parse_plain(magics::without_cell_layout(source), Vec::new())?;
        for _ in 0..MAX_PASSES {
            let stumbles = module.parsed.errors().iter().map(|error| line_at(&module.lines, error.location.start()));
            let Some((plain, found)) = magics::in_plain_python(&module.text, &stumbles.collect()) else { break };
            module = Self::parse_plain(plain, [module.escapes, found].concat())?;
        }
        Ok(module)
    }

    fn parse_plain(text: String, escapes: Vec<String>) -> Result<Self, Fault> {
        let unread = |message: String| Fault { line: 1, message };
        if is_too_deep(&text) {
            return Err(unread(format!("the code nests deeper than {MAX_DEPTH} levels, or a bracket is never closed")));
        }
        // The parser is young and other people's text is hostile: should it give up, it is the cell that is refused.
        let parsed = catch_unwind(|| parse_unchecked(&text, ParseOptions::from(Mode::Module)).try_into_module());
        let parsed = parsed.ok().flatten().ok_or_else(|| unread("the code confuses the parser".to_owned()))?;
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect::<Vec<_>>();
        let mut errors: Vec<_> =
            parsed.errors().iter().map(|error| (line_at(&lines, error.location.start()), &error.error)).collect();
        errors.sort_by_key(|(line, _)| *line);
        errors.dedup_by_key(|(line, _)| *line);
        let mut broken: Vec<TextSize> = parsed.errors().iter().map(|error| error.location.start()).collect();
        broken.sort_unstable();
        let first = errors.iter().take(MAX_FAULTS);
        let faults = first.map(|(line, error)| Fault { line: *line, message: error.to_string() }).collect();
        Ok(Self { text, lines, escapes, parsed, broken, faults })
    }

    /// The top-level statements on lines without a syntax error. Such a line is all that Python joins: the error
    /// can stand on another of the lines that it is written on.
    fn statements(&self) -> impl Iterator<Item = &Stmt> {
        let newlines = self.parsed.tokens().iter().filter(|token| token.kind() == TokenKind::Newline);
        let ends: Vec<TextSize> = newlines.map(Ranged::start).collect();
        self.parsed.suite().iter().filter(move |statement| {
            let before = ends.partition_point(|end| *end < statement.start()).checked_sub(1);
            let behind = ends.get(ends.partition_point(|end| *end < statement.end()));
            let next = self.broken.partition_point(|at| before.is_some_and(|before| *at <= ends[before]));
            self.broken.get(next).is_none_or(|at| behind.is_some_and(|end| at > end))
        })
    }

    fn is_empty(&self) -> bool {
        let is_nothing = |kind: TokenKind| {
            matches!(
                kind,
                TokenKind::Comment
                    | TokenKind::Newline
                    | TokenKind::NonLogicalNewline
                    | TokenKind::Indent
                    | TokenKind::Dedent
                    | TokenKind::EndOfFile
            )
        };
        self.parsed.tokens().iter().all(|token| is_nothing(token.kind()))
    }

    fn mentions(&self, name: &str) -> bool {
        let is_name = |token: &Token| token.kind() == TokenKind::Name && &self.text[token.range()] == name;
        self.parsed.tokens().iter().any(is_name) || self.escapes.iter().any(|escape| escape.contains(name))
    }
}

fn line_at(lines: &[usize], offset: TextSize) -> usize {
    lines.partition_point(|start| *start <= offset.to_usize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_nests_without_end_is_not_parsed() {
        let n = 60_000;
        let hostile = [
            "[".repeat(n),
            "(".repeat(n),
            "x[".repeat(n),
            "-".repeat(n) + "1",
            "not ".repeat(n) + "x",
            "lambda a, b: ".repeat(n) + "x",
            "x if y else ".repeat(n) + "z",
            "a".to_owned() + &".a".repeat(n),
            "f".to_owned() + &"()".repeat(n),
            "1".to_owned() + &"+1".repeat(n),
            "1".to_owned() + &"**1".repeat(n),
            "await ".repeat(n) + "x",
            "async ".repeat(n),
            "f'{".repeat(n),
            "{".repeat(n),
            "*".repeat(n),
            (0..200).map(|depth| " ".repeat(depth) + "if x:\n").collect(),
        ];
        for source in hostile {
            assert!(matches!(Code::parse(&source), Code::Unread(_)), "{:?}", &source[..20]);
        }
    }

    #[test]
    fn deep_blocks_and_long_lists_are_parsed() {
        let blocks: String = (0..90).map(|depth| " ".repeat(depth) + "if x:\n").collect();
        let sources = [
            blocks + &" ".repeat(90) + "y",
            format!("x = [{}]", "1, ".repeat(100_000)),
            "x = 1\n".repeat(10_000),
            format!("x = {}1{}", "(".repeat(400), ")".repeat(400)),
            format!("x = {}1{}", "[".repeat(400), "]".repeat(400)),
        ];
        for source in sources {
            assert!(!matches!(Code::parse(&source), Code::Unread(_)), "{:?}", &source[..20]);
        }
    }

    #[test]
    fn a_name_counts_only_where_it_is_code() {
        let table = [
            ("joblib.dump(model, OUT)", true),
            ("f'{OUT}'", true),
            ("!cp model.pkl $OUT", true),
            ("%time dump(OUT)", true),
            ("%%time\ndump(OUT)", true),
            ("%%bash\ncp model.pkl $OUT", true),
            ("  dump(OUT)\n  x = 1", true),
            ("# OUT", false),
            ("'OUT'", false),
            ("'''\nOUT\n'''", false),
            ("f'OUT'", false),
            ("MY_OUT", false),
            ("x.out", false),
        ];
        for (source, expected) in table {
            assert_eq!(Code::parse(source).mentions("OUT"), expected, "{source:?}");
        }
    }

    #[test]
    fn white_space_and_comments_are_nothing() {
        for (source, expected) in [
            ("", true),
            (" \n\t\n", true),
            ("# later", true),
            ("\n  # a\n# b\n", true),
            ("%%time\n# a", true),
            ("%%bash\n", true),
            ("pass", false),
            ("%%bash\nls", false),
            ("!ls", false),
        ] {
            assert_eq!(Code::parse(source).is_empty(), expected, "{source:?}");
        }
    }
}
