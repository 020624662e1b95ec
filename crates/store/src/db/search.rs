//! What a person looks for, as patterns for `LIKE`.

/// How many words are looked for one by one; what follows them is looked for as one text.
const WORDS: usize = 8;

/// The words of a search, with what `LIKE` would take as a wildcard made literal by a `\` before it.
pub(crate) fn words(search: &str) -> Vec<String> {
    let mut rest = search.trim();
    let mut words = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(char::is_whitespace).filter(|_| words.len() + 1 < WORDS).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        words.push(literal(word));
        rest = after.trim_start();
    }
    words
}

/// The condition that a text is like the pattern `parameter`, in capital or small letters. The database makes both small: so
/// they stay alike where it knows fewer letters than others do.
pub(crate) fn like(text: &str, parameter: &str) -> String {
    format!("LOWER({text}) LIKE LOWER({parameter}) ESCAPE '\\'")
}

fn literal(word: &str) -> String {
    let mut pattern = String::with_capacity(word.len());
    for character in word.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        // PostgreSQL has no form for the character 0: texts are kept without it.
        pattern.push(if character == '\0' { char::REPLACEMENT_CHARACTER } else { character });
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn wildcards_are_literal_and_the_last_word_is_the_rest() {
        assert_eq!(words("  50%  a_b \\ "), ["50\\%", "a\\_b", "\\\\"]);
        assert_eq!(words("1 2 3 4 5 6 7 8  9 10 "), ["1", "2", "3", "4", "5", "6", "7", "8  9 10"]);
        assert!(words(" \t ").is_empty());
    }
}
