//! Why `uv` could not do it, in one or two sentences out of what it said at length.

/// The longest reason, in characters; all that `uv` said is in the log.
const LONGEST: usize = 400;

/// What `uv` says when versions contradict each other, or are not to be had.
const NO_SOLUTION: &str = "No solution found";

/// Whether `uv` failed because versions don't fit, and not at reading, fetching or building.
pub fn is_conflict(said: &str) -> bool {
    said.contains(NO_SOLUTION)
}

/// The reason in what `uv` said: `error: …`, causes behind it, hints behind those.
pub fn shorten(said: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for line in said.lines().map(str::trim_end) {
        let words = line.trim_start();
        if words.starts_with("hint:") && !parts.is_empty() {
            break;
        }
        if let Some(error) = words.strip_prefix("error: ").or_else(|| words.strip_prefix("× ")) {
            parts = vec![error.to_owned()];
        } else if let Some(cause) = words.strip_prefix("cause: ").or_else(|| words.strip_prefix("╰─▶ ")) {
            parts.push(cause.to_owned());
        } else if let Some(last) = parts.last_mut()
            && !words.is_empty()
            && !words.chars().all(|letter| letter == '^')
        {
            // A cause goes on, or shows the requirement that it is about.
            last.push(' ');
            last.push_str(words);
        }
    }
    let reason = match parts.as_slice() {
        [error, cause, ..] if error.contains(NO_SOLUTION) => proof(cause),
        [error, causes @ ..] if error.starts_with("Couldn't parse requirement") && !causes.is_empty() => causes.join(": "),
        [] => said.lines().last().unwrap_or("uv did not say why").to_owned(),
        parts => parts.join(": "),
    };
    cut(&reason)
}

/// The end of a proof: what was found last, and what is asked for against it.
fn proof(cause: &str) -> String {
    let concluded = ", we can conclude that ";
    let mut steps = cause.rsplit("And because ");
    let last = steps.next().unwrap_or(cause);
    let asked = last.split(concluded).next().unwrap_or(last).trim().trim_start_matches("Because ");
    match steps.next().and_then(|step| step.rsplit_once(concluded)) {
        Some((_, found)) => format!("{}, and {asked}", found.trim().trim_end_matches('.')),
        None => asked.to_owned(),
    }
}

fn cut(reason: &str) -> String {
    let words = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_the_requirement() {
        for (said, reason) in [
            (
                "Using Python 3.11.7 environment at: v\nerror: No solution found when resolving dependencies\n  cause: Because nope was not found in the package registry and you require nope, we can conclude that your requirements are unsatisfiable.",
                "nope was not found in the package registry and you require nope",
            ),
            (
                "error: Couldn't parse requirement in `r.txt` at position 0\n  cause: Unexpected end of version specifier, expected version\n         pandas==\n               ^^",
                "Unexpected end of version specifier, expected version pandas==",
            ),
            (
                "error: Request failed after 3 retries in 7.1s\n  cause: Failed to fetch: https://x/pandas/",
                "Request failed after 3 retries in 7.1s: Failed to fetch: https://x/pandas/",
            ),
            (
                "error: No interpreter found for Python >=3.20\n\nhint: uv embeds available Python downloads",
                "No interpreter found for Python >=3.20",
            ),
            ("warning: slow\nerror: Unexpected 'x': r.txt:1:1", "Unexpected 'x': r.txt:1:1"),
            ("", "uv did not say why"),
        ] {
            assert_eq!(shorten(said), reason);
        }
    }

    #[test]
    fn a_long_proof_is_told_by_its_end() {
        let said = "error: No solution found when resolving dependencies\n  cause: Because a was yanked, we can conclude that all of:\n             a<=3\n         depend on p>=3.\n         And because a==4 was yanked, we can conclude that all versions of mlflow-skinny depend on protobuf>=3.6.0.\n         And because you require mlflow-skinny and protobuf<3, we can conclude that your requirements are unsatisfiable.";
        assert_eq!(
            shorten(said),
            "all versions of mlflow-skinny depend on protobuf>=3.6.0, and you require mlflow-skinny and protobuf<3"
        );
        assert!(shorten(&format!("error: {}", "é".repeat(5000))).chars().count() <= LONGEST + 1);
    }
}
