//! JSON values as Python source, the way papermill writes them.

use std::fmt::Write;

use serde_json::Value;

/// A value as a Python literal on one line, in ASCII.
pub(crate) fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => string(text),
        Value::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{}: {}", string(key), python(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// A text as a Python string literal in double quotes.
pub(crate) fn string(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for each in text.chars() {
        // Writing to a string has no way to fail.
        let _ = match each {
            '"' | '\\' => write!(literal, "\\{each}"),
            '\n' => write!(literal, "\\n"),
            '\r' => write!(literal, "\\r"),
            '\t' => write!(literal, "\\t"),
            ' '..='~' => write!(literal, "{each}"),
            '\0'..='\u{ff}' => write!(literal, "\\x{:02x}", u32::from(each)),
            '\u{100}'..='\u{ffff}' => write!(literal, "\\u{:04x}", u32::from(each)),
            _ => write!(literal, "\\U{:08x}", u32::from(each)),
        };
    }
    literal.push('"');
    literal
}

/// Whether a name can be assigned in Python.
pub(crate) fn is_name(name: &str) -> bool {
    const KEYWORDS: [&str; 35] = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
        "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
        "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
    ];
    name.starts_with(|first: char| first == '_' || first.is_alphabetic())
        && name.chars().all(|each| each == '_' || each.is_alphanumeric())
        && !KEYWORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_python_would_read_them() {
        for (value, expected) in [
            (json!(null), "None"),
            (json!([true, false, 1, -2.5, 1e300]), "[True, False, 1, -2.5, 1e+300]"),
            (json!({"a\"b": "c\\d\n\té☃😀"}), r#"{"a\"b": "c\\d\n\t\xe9\u2603\U0001f600"}"#),
        ] {
            assert_eq!(python(&value), expected);
        }
    }

    #[test]
    fn names_that_python_cannot_assign_are_known() {
        for bad in ["", "1a", "a-b", "a b", "class", "a.b", "a\n"] {
            assert!(!is_name(bad), "{bad:?}");
        }
        for good in ["a", "_x1", "größe"] {
            assert!(is_name(good), "{good:?}");
        }
    }
}
