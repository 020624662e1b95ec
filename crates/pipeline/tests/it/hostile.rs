//! No input makes what reads notebooks panic or run away.

use std::sync::LazyLock;

use pipeline::{Verdict, parameters, validate};
use proptest::prelude::*;
use serde_json::Value;

use crate::{cell, examples, good, notebook};

/// The good notebook and the example notebooks.
static REAL: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| std::iter::once(notebook(&good())).chain(examples().into_iter().map(|(_, bytes)| bytes)).collect());

/// Pieces of Python that meet the parser's and the rules' edges.
const PIECES: &[&str] = &[
    "MODEL_NAME",
    "VERSION",
    "GATES",
    " = ",
    "\"",
    "'''",
    "f'{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "{",
    ",",
    ":",
    "\n",
    "    ",
    "\\\n",
    "#",
    "# /// script\n",
    "# ///\n",
    "%%time\n",
    "%%",
    "!",
    "?",
    "%",
    "\r",
    "\0",
    "é",
    "\u{2028}",
    "lambda ",
    "if x:\n",
    "import ",
    "a",
    "1",
    "-",
    "b''",
    "\"accuracy > 1\"",
    "MODEL_OUTPUT_PATH",
    "=",
    "*",
    ".",
    ";",
    "async ",
    "match x:\n",
    "case ",
    "@",
    "\\",
    "\u{feff}",
];

fn python() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

fn tag() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "mlops:config",
            "mlops:preprocessing",
            "mlops:training",
            "mlops:export",
            "mlops:evaluation",
            "mlops:data",
            "parameters",
            "mlops:Train",
            "",
        ])
        .prop_map(str::to_owned),
        ".{0,12}",
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![
            proptest::sample::select(vec![
                "cells",
                "metadata",
                "tags",
                "source",
                "cell_type",
                "nbformat",
                "nbformat_minor",
                "worksheets"
            ])
            .prop_map(str::to_owned),
            ".{0,4}",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Replaces the value at the `at`-th place (counted in depth-first order) by another.
fn replace(value: &mut Value, at: &mut usize, by: &Value) {
    if *at == 0 {
        *value = by.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| replace(value, at, by)),
        Value::Object(map) => map.values_mut().for_each(|value| replace(value, at, by)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        prop_assert!(matches!(validate(&bytes, "n"), Verdict::Invalid(_)));
    }

    #[test]
    fn any_json(value in json()) {
        validate(value.to_string().as_bytes(), "n");
        parameters(value.to_string().as_bytes());
    }

    #[test]
    fn a_notebook_of_any_cells(cells in proptest::collection::vec((tag(), python()), 0..8)) {
        let cells: Vec<Value> = cells.iter().map(|(tag, source)| cell(tag, source)).collect();
        if let Verdict::Invalid(violations) = validate(&notebook(&cells), "n") {
            for violation in violations {
                let index = violation.cell.unwrap_or_default();
                prop_assert!(index < cells.len().max(1));
                let source = cells.get(index).and_then(|cell| cell["source"].as_str()).unwrap_or_default();
                prop_assert!(violation.line.unwrap_or(1) <= source.split('\n').count(), "{violation}");
            }
        }
    }

    #[test]
    fn parameters_of_any_cell(source in python()) {
        for parameter in parameters(&notebook(&[cell("parameters", &source)])) {
            prop_assert!(source.contains(parameter.name.as_str()) && !parameter.source.is_empty(), "{parameter:?}");
        }
    }

    #[test]
    fn a_good_notebook_with_one_value_replaced(mut at in 0_usize..90, by in json()) {
        let mut file: Value = serde_json::from_slice(&notebook(&good())).expect("JSON");
        replace(&mut file, &mut at, &by);
        validate(file.to_string().as_bytes(), "n");
    }

    #[test]
    fn a_real_notebook_with_some_bytes_changed(
        which: prop::sample::Index,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = which.get(&REAL).clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        validate(&bytes, "n");
    }
}

#[test]
fn a_hostile_cell_is_refused_on_a_small_stack() {
    let n = 200_000;
    let sources = [
        "(".repeat(n),
        "x = [".repeat(n),
        "-".repeat(n),
        format!("a{}", ".a".repeat(n)),
        "lambda:".repeat(n),
        "f'{".repeat(n),
    ];
    let check = move || {
        for source in sources {
            let file = notebook(&[cell("mlops:config", &source)]);
            assert!(matches!(validate(&file, "n"), Verdict::Invalid(_)));
            assert_eq!(parameters(&notebook(&[cell("parameters", &source)])), []);
        }
        for depth in [199, 490] {
            for (open, close) in [("(", ")"), ("[", "]"), ("f(", ")"), ("-", ""), ("lambda:", "")] {
                let source = format!("X = {}1{}", open.repeat(depth), close.repeat(depth));
                validate(&notebook(&[cell("mlops:config", &source)]), "n");
                assert_eq!(parameters(&notebook(&[cell("parameters", &source)])).len(), 1);
            }
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(check).expect("a thread").join().expect("no overflow");
}

#[test]
fn brackets_that_do_not_match_before_a_magic_are_refused() {
    for source in ["{)\n?", "(]\n!x", "f'{)\n%x"] {
        assert!(matches!(validate(&notebook(&[cell("mlops:config", source)]), "n"), Verdict::Invalid(_)), "{source}");
    }
}

#[test]
fn a_flood_of_trouble_is_cut() {
    let cells: Vec<Value> = (0..5000).map(|_| cell("mlops:x", "")).collect();
    let Verdict::Invalid(violations) = validate(&notebook(&cells), "n") else { panic!("not in order") };
    assert_eq!(violations.len(), 200);
    let many = "x\n".repeat(200_000);
    assert!(matches!(validate(&notebook(&[cell("mlops:config", &many)]), "n"), Verdict::Invalid(_)));
}
