//! How deep a parser's tree could become, judged before there is one.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

/// How deep an expression may nest. Python itself gives up at about this depth; dropping a deeper tree would use up
/// the stack.
pub(super) const MAX_DEPTH: usize = 1000;
/// How deep blocks may be indented, as in Python itself.
const MAX_INDENT: usize = 100;

/// Whether the tree could become deeper than [`MAX_DEPTH`].
///
/// Judged from the tokens, before there is a tree: operators can nest at most as deep as there are tokens since the
/// last comma or line of each bracket that is open. Only `lambda` reaches across commas.
pub(super) fn is_too_deep(text: &str) -> bool {
    let mut lexer = lexer::lex(text, Mode::Module);
    let (mut level, mut around) = (Level::default(), Vec::new());
    let (mut depth, mut indent) = (0, 0_usize);
    while depth <= MAX_DEPTH && indent <= MAX_INDENT {
        match lexer.next_token() {
            TokenKind::EndOfFile => return false,
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace | TokenKind::FStringStart | TokenKind::TStringStart => {
                level.tokens += 1;
                depth += 1;
                around.push(std::mem::take(&mut level));
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace | TokenKind::FStringEnd | TokenKind::TStringEnd => {
                if let Some(outer) = around.pop() {
                    depth -= level.tokens;
                    level = outer;
                }
            }
            TokenKind::Comma => {
                depth -= level.tokens - level.lambdas;
                level.tokens = level.lambdas;
            }
            TokenKind::Newline | TokenKind::Semi => {
                around.clear();
                (level, depth) = (Level::default(), 0);
            }
            TokenKind::Indent => indent += 1,
            TokenKind::Dedent => indent = indent.saturating_sub(1),
            TokenKind::Comment | TokenKind::NonLogicalNewline => {}
            kind => {
                level.tokens += 1;
                level.lambdas += usize::from(kind == TokenKind::Lambda);
                depth += 1;
            }
        }
    }
    true
}

/// Tokens in a bracket since its last comma, and the `lambda`s among them and before.
#[derive(Default)]
struct Level {
    tokens: usize,
    lambdas: usize,
}
