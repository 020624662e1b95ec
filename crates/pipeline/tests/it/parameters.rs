//! What a notebook can be told for a run, as a form asks for it.

use contract::ParameterType::{self, Bool, Dict, Float, Int, List, Null, Other, Str};
use pipeline::parameters;
use serde_json::{Value, json};

use crate::{cell, good, notebook};

type Found = (String, ParameterType, Value, String, Option<String>);

/// The parameters of a notebook with this cell.
fn of(source: &str) -> Vec<Found> {
    let mut cells = good();
    cells.insert(1, cell("parameters", source));
    let found = parameters(&notebook(&cells)).into_iter();
    found.map(|one| (one.name, one.parameter_type, one.default, one.source, one.help)).collect()
}

fn one(source: &str) -> Found {
    let mut found = of(source);
    assert_eq!(found.len(), 1, "{source}: {found:?}");
    found.remove(0)
}

#[test]
fn every_literal_has_its_type_and_default() {
    for (source, expected, default) in [
        ("10", Int, json!(10)),
        ("-3", Int, json!(-3)),
        ("1_000", Int, json!(1000)),
        ("0x10", Int, json!(16)),
        ("0.5", Float, json!(0.5)),
        ("-1e-3", Float, json!(-0.001)),
        ("'a'", Str, json!("a")),
        ("'a' \"b\"", Str, json!("ab")),
        ("'''two\nlines'''", Str, json!("two\nlines")),
        ("True", Bool, json!(true)),
        ("[1, 'b', [None]]", List, json!([1, "b", [null]])),
        ("(1, 2)", List, json!([1, 2])),
        ("{'a': {'b': False}}", Dict, json!({"a": {"b": false}})),
        ("None", Null, json!(null)),
    ] {
        assert_eq!(one(&format!("x = {source}")), ("x".to_owned(), expected, default, source.to_owned(), None));
    }
}

#[test]
fn what_would_have_to_be_run_or_json_cannot_say_is_shown_as_source() {
    for source in [
        "compute()",
        "1 + 1",
        "other",
        "f'{a}'",
        "b'x'",
        "{1: 2}",
        "{1, 2}",
        "float('nan')",
        "1e400",
        "1j",
        "[x]",
        "{**a}",
        "9007199254740993",
        "10**100",
        "99999999999999999999",
        "lambda: 1",
        "a.b",
        "a[0]",
        "not x",
        "x if y else z",
        "...",
    ] {
        assert_eq!(one(&format!("x = {source}")), ("x".to_owned(), Other, json!(null), source.to_owned(), None));
    }
}

#[test]
fn a_comment_behind_a_value_is_its_help() {
    for (source, help) in [
        ("x = 1  # how many", Some("how many")),
        ("x = 1#how many", Some("how many")),
        ("x = 1  # type: int  how many", Some("how many")),
        ("x = 1  # type: int", None),
        ("x = 1  #", None),
        ("x = 1\n# the next line", None),
        ("x = '#'", None),
        ("x = [  # inside\n  1,\n]  # behind", Some("behind")),
        ("x = (\n  1\n)  # behind", Some("behind")),
        ("x = 1;  # behind a semicolon", None),
    ] {
        assert_eq!(one(source).4.as_deref(), help, "{source}");
    }
}

#[test]
fn a_whole_number_that_is_said_to_be_a_float_may_be_one() {
    for source in ["x: float = 1", "x: 'float' = 1", "x = 1  # type: float", "x = 1  # type: float  the rate"] {
        assert_eq!((one(source).1, one(source).2), (Float, json!(1)), "{source}");
    }
    assert_eq!(one("x: int = 1").1, Int);
    assert_eq!(one("x: float = None").1, Null, "a default says more than a type");
    assert_eq!(one("x: float = compute()").1, Other);
}

#[test]
fn the_last_assignment_of_a_name_counts_at_the_place_of_its_first() {
    let found = of("a = 1\nb = 2\na = 'x'  # later");
    assert_eq!(found.iter().map(|one| (one.0.as_str(), one.1)).collect::<Vec<_>>(), [("a", Str), ("b", Int)]);
    assert_eq!(found[0].4.as_deref(), Some("later"));
}

#[test]
fn names_that_share_a_value_are_all_there() {
    let found = of("a = b = 1\nc, d = 1, 2\n[e, *f] = g");
    let found: Vec<_> = found.iter().map(|one| (one.0.as_str(), one.1, one.3.as_str())).collect();
    assert_eq!(
        found,
        [("a", Int, "1"), ("b", Int, "1"), ("c", Other, "1, 2"), ("d", Other, "1, 2"), ("e", Other, "g"), ("f", Other, "g")]
    );
}

#[test]
fn what_assigns_nothing_at_the_top_is_no_parameter() {
    let source = "import os\n'a text'\nx: int\nx += 1\nobject.y = 1\nz[0] = 1\nif a:\n    b = 1\nfor i in []: pass\ndef f():\n    c = 1\n";
    assert_eq!(of(source), []);
}

#[test]
fn magics_and_broken_lines_leave_the_others() {
    let names = |source: &str| of(source).into_iter().map(|one| one.0).collect::<Vec<_>>();
    assert_eq!(names("%matplotlib inline\na = 1\n!ls\nb = 2"), ["a", "b"]);
    assert_eq!(names("%%time\na = 1"), ["a"]);
    assert_eq!(names("    a = 1\n    b = 2"), ["a", "b"], "pasted with its indent");
    assert_eq!(names("a = 1\nb = = 2\nc = 3"), ["a", "c"]);
    assert_eq!(names(&format!("a = 1\n{}b = ", "= =\n".repeat(20))), ["a"], "one broken line among many");
    assert_eq!(names("a = \\\n)\nb = 2"), ["b"], "broken where the line goes on");
    assert_eq!(names("f(1 2,\n3); b = 1\nc = 1"), ["c"], "broken where the line began");
    assert_eq!(names("'x\ra = :b\nc = 1"), ["c"], "lines that a carriage return ends");
    for nothing in ["", "# only a comment", "%%bash\na=1", "%%html\n<a b='c'>", "(((((", "\0", "a = (1,"] {
        assert_eq!(names(nothing), [""; 0], "{nothing:?}");
    }
}

#[test]
fn a_notebook_without_such_a_cell_has_none() {
    assert_eq!(parameters(&notebook(&good())), []);
    let markdown = json!({"cell_type": "markdown", "id": "m", "metadata": {"tags": ["parameters"]}, "source": "a = 1"});
    assert_eq!(parameters(&notebook(&[markdown])), []);
    for bytes in [&b""[..], b"{", b"[]", b"\xff\xfe", b"{\"cells\": 1}", b"{\"cells\": [1, null, {\"source\": {}}]}"] {
        assert_eq!(parameters(bytes), []);
    }
}

#[test]
fn the_cell_that_a_run_injected_is_not_read() {
    let cells = [cell("parameters", "a = 1"), cell("injected-parameters", "a = 2\nb = 3")];
    let found = parameters(&notebook(&cells));
    assert_eq!(found.iter().map(|one| (one.name.as_str(), &one.default)).collect::<Vec<_>>(), [("a", &json!(1))]);
}

#[test]
fn a_flood_of_parameters_is_cut() {
    let many = (0..100_000).fold(String::new(), |text, number| text + &format!("a{number} = {number}\n"));
    assert!(of(&many).is_empty(), "longer than a cell may be");
    let many = (0..20_000).fold(String::new(), |text, number| text + &format!("a{number} = {number}  # help\n"));
    assert_eq!(of(&many).len(), 1000);
}
