//! Comma-separated values, as pandas' `read_csv` takes them apart.

/// The records of a text. An unquoted end of a field is a comma or the end of a line; lines without anything are none.
pub(super) struct Records<'t> {
    rest: &'t str,
}

/// Why a text can't be taken apart: a quoted field has no end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unended;

impl<'t> Records<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text.strip_prefix('\u{feff}').unwrap_or(text) }
    }

    /// Puts the fields of the next record into `fields`; whether there was one.
    pub(super) fn next(&mut self, fields: &mut Vec<String>) -> Result<bool, Unended> {
        self.rest = self.rest.trim_start_matches(['\r', '\n']);
        if self.rest.is_empty() {
            return Ok(false);
        }
        let mut count = 0;
        loop {
            if fields.len() == count {
                fields.push(String::new());
            }
            let field = &mut fields[count];
            field.clear();
            count += 1;
            if !self.field(field)? {
                fields.truncate(count);
                return Ok(true);
            }
        }
    }

    /// Reads one field, and whether another one follows in the record.
    fn field(&mut self, field: &mut String) -> Result<bool, Unended> {
        if let Some(quoted) = self.rest.strip_prefix('"') {
            self.rest = quoted;
            loop {
                let (text, rest) = self.rest.split_once('"').ok_or(Unended)?;
                field.push_str(text);
                self.rest = rest;
                let Some(rest) = rest.strip_prefix('"') else { break };
                // Two quotes are one.
                field.push('"');
                self.rest = rest;
            }
        }
        let end = self.rest.find([',', '\r', '\n']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        field.push_str(text);
        self.rest = rest.strip_prefix(',').unwrap_or(rest);
        Ok(rest.starts_with(','))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Result<Vec<Vec<String>>, Unended> {
        let (mut records, mut fields, mut all) = (Records::new(text), Vec::new(), Vec::new());
        while records.next(&mut fields)? {
            all.push(fields.clone());
        }
        Ok(all)
    }

    #[test]
    fn a_text_is_taken_apart_as_pandas_does() {
        for (text, expected) in [
            ("", &[][..]),
            ("a\n1\n", &[&["a"][..], &["1"]]),
            ("\u{feff}a,b\r\n1,\r\n\r\n,2", &[&["a", "b"], &["1", ""], &["", "2"]]),
            ("a,b\r1,2\r", &[&["a", "b"], &["1", "2"]]),
            ("\"x\ny\",\"a\"\"b\"\n\"x\"y,\n", &[&["x\ny", "a\"b"], &["xy", ""]]),
            ("x\"y,\"\"", &[&["x\"y", ""]]),
            ("a,b,c\nd", &[&["a", "b", "c"], &["d"]]),
        ] {
            assert_eq!(
                records(text).as_deref(),
                Ok(&*expected
                    .iter()
                    .map(|row| row.iter().map(|&field| field.to_owned()).collect())
                    .collect::<Vec<Vec<_>>>()),
                "{text:?}"
            );
        }
        assert_eq!(records("a\n\"x"), Err(Unended));
    }
}
