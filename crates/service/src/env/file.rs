//! The `.env` format: `NAME=value` lines, `#` comments, quotes, an optional `export`.

/// The file's pairs in order, or the first malformed line's number (from 1) and what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, (usize, &'static str)> {
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        pairs.push(pair(line).map_err(|reason| (index + 1, reason))?);
    }
    Ok(pairs)
}

fn pair(line: &str) -> Result<(String, String), &'static str> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, raw) = line.split_once('=').ok_or("expected NAME=value")?;
    let name = name.trim();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(word) || name.as_bytes()[0].is_ascii_digit() {
        return Err("the name must be of letters, digits and '_', and not start with a digit");
    }
    Ok((name.to_owned(), value(raw.trim())?))
}

fn value(raw: &str) -> Result<String, &'static str> {
    match raw.chars().next() {
        Some('\'') => {
            let (inner, rest) = raw[1..].split_once('\'').ok_or("a ' is not closed")?;
            end(rest)?;
            Ok(inner.to_owned())
        }
        Some('"') => double_quoted(&raw[1..]),
        // A '#' begins a comment only after a space, so that values such as URLs may hold one.
        Some('#') | None => Ok(String::new()),
        Some(_) => Ok(raw.find(" #").map_or(raw, |at| raw[..at].trim_end()).to_owned()),
    }
}

fn double_quoted(raw: &str) -> Result<String, &'static str> {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(next) = rest.next() {
        match next {
            '"' => return end(rest.as_str()).map(|()| value),
            '\\' => match rest.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some(escaped @ ('"' | '\\' | '$')) => value.push(escaped),
                _ => return Err("unknown escape; \\n, \\t, \\\", \\\\ and \\$ are known"),
            },
            other => value.push(other),
        }
    }
    Err("a \" is not closed")
}

/// What follows a closing quote may only be a comment.
fn end(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err("text after the closing quote") }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn values_are_read_as_people_write_them() {
        for (line, expected) in [
            ("A=1", "1"),
            ("  A = 1  ", "1"),
            ("export A=1", "1"),
            ("A=", ""),
            ("A=one two", "one two"),
            ("A=one # two", "one"),
            ("A= # nothing", ""),
            ("A=http://h/#part", "http://h/#part"),
            ("A=a=b", "a=b"),
            ("A='a # b' # c", "a # b"),
            ("A='a\\n'", "a\\n"),
            (r#"A="a \"b\" \\ \n" # c"#, "a \"b\" \\ \n"),
        ] {
            assert_eq!(parse(line), Ok(vec![("A".to_owned(), expected.to_owned())]), "{line}");
        }
        assert_eq!(parse("\n# comment\n"), Ok(vec![]));
    }

    #[test]
    fn malformed_lines_are_numbered() {
        for bad in ["A", "=1", "1A=1", "A B=1", "A='x", "A=\"x", "A='x' y", r#"A="\x""#] {
            assert_eq!(parse(&format!("OK=1\n{bad}")).map_err(|(line, _)| line), Err(2), "{bad}");
        }
    }
}
