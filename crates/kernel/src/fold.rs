//! Stream text with its carriage returns carried out, as a terminal would show it.

/// Text that grows by pieces. After a carriage return the current line is written over, character by character.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    text: String,
    /// Where the current line starts, in bytes.
    line: usize,
    /// Where the next character goes, in bytes; the end of the text unless a carriage return went back.
    cursor: Option<usize>,
}

impl Folded {
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Appends a piece and gives up beyond `room` bytes in all; the answer is the part that had no room.
    pub(crate) fn push<'a>(&mut self, piece: &'a str, room: usize) -> &'a str {
        let mut done = 0;
        for part in piece.split_inclusive(['\n', '\r']) {
            let body = part.trim_end_matches(['\n', '\r']);
            if self.text.len() + part.len() > room && !self.fits_over(body) {
                let some = body.floor_char_boundary(room.saturating_sub(self.text.len()));
                self.write(&body[..some]);
                return &piece[done + some..];
            }
            self.write(body);
            match part.as_bytes().last() {
                Some(b'\n') => {
                    self.text.push('\n');
                    self.line = self.text.len();
                    self.cursor = None;
                }
                Some(b'\r') => self.cursor = Some(self.line),
                _ => {}
            }
            done += part.len();
        }
        ""
    }

    /// Whether a body lands on text that is there already.
    fn fits_over(&self, body: &str) -> bool {
        self.cursor.is_some_and(|at| at + body.len() <= self.text.len())
    }

    fn write(&mut self, body: &str) {
        let Some(at) = self.cursor else { return self.text.push_str(body) };
        let covered =
            self.text[at..].char_indices().nth(body.chars().count()).map_or(self.text.len(), |(width, _)| at + width);
        self.text.replace_range(at..covered, body);
        let next = at + body.len();
        self.cursor = (next < self.text.len()).then_some(next);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(pieces: &[&str]) -> String {
        let mut text = Folded::default();
        for piece in pieces {
            assert_eq!(text.push(piece, usize::MAX), "");
        }
        text.text
    }

    #[test]
    fn only_the_last_state_of_a_line_is_kept() {
        assert_eq!(folded(&["a\n 1%\r 2%\r10", "0%\n"]), "a\n100%\n");
        assert_eq!(folded(&["abcdef\rXY"]), "XYcdef");
        assert_eq!(folded(&["abc\r", "\n", "d"]), "abc\nd");
        assert_eq!(folded(&["äöü\r", "x", "y"]), "xyü");
    }

    #[test]
    fn a_long_progress_bar_takes_the_room_of_one_line() {
        let mut text = Folded::default();
        for _ in 0..1000 {
            assert_eq!(text.push("\r0123456789", 64), "");
        }
        assert_eq!(text.push("0123456789".repeat(10).as_str(), 64).len(), 46);
    }

    proptest! {
        #[test]
        fn how_text_is_cut_into_pieces_does_not_matter(text in "[ab\u{e4}\r\n]{0,40}", at in 0usize..40) {
            let at = text.floor_char_boundary(at);
            prop_assert_eq!(folded(&[&text[..at], &text[at..]]), folded(&[&text]));
        }
    }
}
