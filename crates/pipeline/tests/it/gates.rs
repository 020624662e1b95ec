//! What gates accept, and how decisions are explained.

use std::collections::BTreeMap;

use contract::GateResult;
use pipeline::{Decision, Gate, decide};
use proptest::prelude::*;

fn metrics(values: &[(&str, f64)]) -> BTreeMap<String, f64> {
    values.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
}

fn gate(source: &str) -> Gate {
    Gate::parse(source).unwrap_or_else(|error| panic!("{error}"))
}

/// How one gate turns out.
fn check(source: &str, new: &[(&str, f64)], champion: Option<&[(&str, f64)]>) -> (bool, String) {
    let champion = champion.map(metrics);
    let decision = decide(Some(&[gate(source)]), None, 0.7, &metrics(new), champion.as_ref());
    assert_eq!(decision.reason, format!("{source}: {}", decision.gates[0].explanation));
    assert_eq!(decision.passed, decision.gates[0].passed);
    (decision.passed, decision.gates[0].explanation.clone())
}

#[test]
fn comparisons_are_explained_with_their_numbers() {
    let new =
        &[("accuracy", 0.731_249), ("rmse", 4.0), ("val/acc", 0.9), ("val.f1", 0.5), ("tiny", 1.234e-7), ("zero", 0.0)];
    let champion = Some(&[("rmse", 4.5), ("accuracy", 0.8), ("val/acc", 0.9)][..]);
    for (source, passed, explanation) in [
        ("accuracy >= 0.8", false, "accuracy is 0.7312, below 0.8"),
        ("accuracy >= 0.7", true, "accuracy is 0.7312, at least 0.7"),
        ("0.8 <= accuracy", false, "accuracy is 0.7312, below 0.8"),
        ("accuracy > 0.7312", true, "accuracy is 0.731249, above 0.7312"),
        ("accuracy < 0.5", false, "accuracy is 0.7312, not below 0.5"),
        ("rmse <= 4", true, "rmse is 4, at most 4"),
        ("rmse <= 3.5", false, "rmse is 4, above 3.5"),
        ("rmse > 4", false, "rmse is 4, not above 4"),
        ("rmse == 4", true, "rmse is 4, equal to 4"),
        ("rmse == 5", false, "rmse is 4, not equal to 5"),
        ("rmse != 5", true, "rmse is 4, not equal to 5"),
        ("rmse != 4", false, "rmse is 4, equal to 4"),
        ("tiny < 1e-6", true, "tiny is 1.234e-7, below 1.000e-6"),
        ("zero >= -1", true, "zero is 0, at least -1 (-1)"),
        ("accuracy * 100 >= 80", false, "accuracy * 100 is 73.1249, below 80"),
        ("rmse < champion", true, "rmse is 4, below the deployed version's 4.5"),
        ("champion < rmse", false, "rmse is 4, not above the deployed version's 4.5"),
        ("accuracy >= champion - 0.02", false, "accuracy is 0.7312, below champion - 0.02 (0.78)"),
        ("val.f1 > champion.accuracy", false, "val.f1 is 0.5, not above the deployed version's 0.8"),
        ("\"val/acc\" >= champion.`val/acc`", true, "\"val/acc\" is 0.9, at least the deployed version's 0.9"),
        ("rmse - champion.rmse < 0", true, "rmse - champion.rmse is -0.5, below 0"),
        ("accuracy > 0.7 and rmse < 3", false, "rmse is 4, not below 3"),
        ("accuracy > 0.7 and rmse < 5", true, "accuracy is 0.7312, above 0.7 and rmse is 4, below 5"),
        ("accuracy > 0.8 or rmse < 5", true, "rmse is 4, below 5"),
        ("accuracy > 0.8 or rmse < 3", false, "accuracy is 0.7312, not above 0.8 and rmse is 4, not below 3"),
        ("not accuracy < 0.5", true, "accuracy is 0.7312, not below 0.5"),
        ("not (accuracy > 0.5 and rmse < 5)", false, "accuracy is 0.7312, above 0.5 and rmse is 4, below 5"),
    ] {
        assert_eq!(check(source, new, champion), (passed, explanation.to_owned()), "{source}");
    }
}

#[test]
fn arithmetic_binds_as_in_python() {
    for (left, value) in [
        ("m + 2 * 3", 8.0),
        ("(m + 2) * 3", 12.0),
        ("m - 2 - 3", -3.0),
        ("12 / m / 3", 2.0),
        ("-m * -3", 6.0),
        ("--m", 2.0),
        ("m*1.5e1+.5-0.", 30.5),
    ] {
        assert!(check(&format!("{left} == {value}"), &[("m", 2.0)], None).0, "{left}");
    }
    let new = &[("a", 1.0), ("b", 0.0)];
    for (source, passed) in [
        ("a == 1 or a == 1 and b == 1", true),
        ("(a == 1 or a == 1) and b == 1", false),
        ("not a == 1 or b == 0", true),
        ("not (a == 1 or b == 0)", false),
        ("not not a == 1", true),
    ] {
        assert_eq!(check(source, new, None).0, passed, "{source}");
    }
}

#[test]
fn what_cannot_be_computed_never_passes() {
    let new = &[("nan", f64::NAN), ("inf", f64::INFINITY), ("zero", 0.0), ("a", 1.0), ("big", 1e300)];
    for (source, explanation) in [
        ("f1 >= 0.5", "there is no metric `f1`, only a, big, inf, nan, zero"),
        ("not f1 < 0.5", "there is no metric `f1`, only a, big, inf, nan, zero"),
        ("f1 < champion", "there is no metric `f1`, only a, big, inf, nan, zero"),
        ("a > 0 and f1 > 0", "there is no metric `f1`, only a, big, inf, nan, zero"),
        ("nan >= 0.5", "nan is NaN (not a number), which never passes"),
        ("nan != 0.5", "nan is NaN (not a number), which never passes"),
        ("not nan < 0.5", "nan is NaN (not a number), which never passes"),
        ("nan < champion", "nan is NaN (not a number), which never passes"),
        ("inf > 0.5", "inf is infinite, which never passes"),
        ("a / zero > 0", "it divides 1 by zero"),
        ("not a / zero > 0", "it divides 1 by zero"),
        ("big * big > 0", "a result on the way is infinite, which never passes"),
    ] {
        assert_eq!(check(source, new, None), (false, explanation.to_owned()), "{source}");
    }
    assert_eq!(check("a > 1", &[], None), (false, "there is no metric `a`: the notebook reported no metrics".to_owned()));
    assert!(check("a > 0 or f1 > 0", new, None).0, "one side of an `or` is enough");
}

#[test]
fn the_first_version_has_no_champion_to_beat() {
    let new = &[("f1", 0.5), ("rmse", 3.0)];
    for (source, passed, explanation) in [
        ("f1 > champion", true, "no version deployed yet"),
        ("not f1 <= champion", true, "no version deployed yet"),
        ("f1 > champion or f1 > 0.9", true, "no version deployed yet"),
        ("f1 > champion and rmse < 5", true, "no version deployed yet and rmse is 3, below 5"),
        ("f1 > champion and rmse < 2", false, "rmse is 3, not below 2"),
        ("f1 > champion and rmse < champion", true, "no version deployed yet"),
    ] {
        assert_eq!(check(source, new, None), (passed, explanation.to_owned()), "{source}");
    }
}

#[test]
fn a_champion_without_the_metric_is_not_beaten() {
    let lacks = |champion: &[(&str, f64)]| check("f1 > champion", &[("f1", 0.5)], Some(champion));
    assert_eq!(lacks(&[("rmse", 1.0)]), (false, "the deployed version has no metric `f1`, only rmse".to_owned()));
    assert_eq!(lacks(&[]), (false, "the deployed version has no metric `f1`, nor any other".to_owned()));
    assert_eq!(
        lacks(&[("f1", f64::NAN)]),
        (false, "the deployed version's f1 is NaN (not a number), which never passes".to_owned())
    );
}

#[test]
fn every_gate_must_pass_and_the_reason_names_those_that_do_not() {
    let new = metrics(&[("accuracy", 0.9), ("rmse", 4.0), ("f1", 0.1)]);
    let decided = |sources: &[&str]| {
        decide(Some(&sources.iter().map(|source| gate(source)).collect::<Vec<_>>()), None, 0.7, &new, None)
    };
    let decision = decided(&["accuracy > 0.8", "rmse < 3", "f1 > 0.5"]);
    assert!(!decision.passed);
    assert_eq!(decision.reason, "rmse < 3: rmse is 4, not below 3; f1 > 0.5: f1 is 0.1, not above 0.5");
    assert_eq!(decision.gates.iter().map(|gate| gate.passed).collect::<Vec<_>>(), [true, false, false]);
    let decision = decided(&["accuracy > 0.8", "rmse < champion"]);
    assert!(decision.passed);
    assert_eq!(decision.reason, "accuracy > 0.8: accuracy is 0.9, above 0.8; rmse < champion: no version deployed yet");
    assert_eq!(
        decided(&[]),
        Decision { passed: true, reason: "GATES is empty, so nothing is checked".to_owned(), gates: Vec::new() }
    );
}

#[test]
fn without_gates_accuracy_must_reach_the_platforms_minimum() {
    let decided = |new: &[(&str, f64)], minimum: f64| decide(None, None, minimum, &metrics(new), None);
    let decision = decided(&[("accuracy", 0.71)], 0.7);
    let result = GateResult {
        gate: "accuracy >= 0.7".to_owned(),
        passed: true,
        explanation: "accuracy is 0.71, at least 0.7".to_owned(),
        file: None,
    };
    assert_eq!(
        decision,
        Decision { passed: true, reason: "accuracy >= 0.7: accuracy is 0.71, at least 0.7".to_owned(), gates: vec![result] }
    );
    assert_eq!(decided(&[("accuracy", 0.69)], 0.7).reason, "accuracy >= 0.7: accuracy is 0.69, below 0.7");
    assert!(!decided(&[("accuracy", f64::NAN)], 0.7).passed);
    assert!(!decided(&[("accuracy", 1.0)], f64::NAN).passed);
    let advice = "the notebook sets no GATES; to decide by another metric, set it in the mlops:config cell, e.g. GATES = [\"rmse < champion\"]";
    let decision = decided(&[("loss", 0.1), ("r2", 0.9)], 0.7);
    assert!(!decision.passed);
    assert_eq!(decision.reason, format!("accuracy >= 0.7: there is no metric `accuracy`, only loss, r2; {advice}"));
    let decision = decided(&[], 0.7);
    assert_eq!(
        decision.reason,
        format!("accuracy >= 0.7: there is no metric `accuracy`: the notebook reported no metrics; {advice}")
    );
}

#[test]
fn a_text_that_is_no_gate_is_told_where_and_why() {
    for (source, column, message) in [
        ("", 1, "the gate is empty"),
        ("   ", 1, "the gate is empty"),
        ("accuracy", 1, "a comparison is needed, `accuracy` is only a number; write e.g. accuracy >= 0.8"),
        ("accuracy >=", 12, "a number or a metric is missing here"),
        (">= 0.8", 1, "a number or a metric is missing here"),
        ("accuracy = 0.8", 10, "`=` is not part of the gate language: write `==` to compare"),
        ("accuracy => 0.8", 10, "`=>` is not part of the gate language: write `>=`"),
        ("é ≥ 0.8", 3, "`≥` is not part of the gate language: write `>=`"),
        ("a > 1 && b > 1", 7, "`&&` is not part of the gate language: write `and`"),
        ("a > 80%", 7, "`%` is not part of the gate language: percent"),
        ("a ** 2 > 1", 3, "`**` is not part of the gate language: powers"),
        ("a $ 1", 3, "'$' is not part of the gate language"),
        ("0 < a < 1", 7, "comparisons cannot be chained; write a < b and b < c"),
        ("a > 1 and", 10, "a number or a metric is missing here"),
        ("a > 1 and b", 11, "a comparison is needed, `b` is only a number"),
        ("a and b > 1", 1, "a comparison is needed"),
        ("(a > 1) + 1 > 2", 1, "a number is needed, this is a condition"),
        ("(a > 1", 7, "a closing parenthesis is missing"),
        ("a > 1)", 6, "this parenthesis was never opened"),
        ("a > 1 b > 2", 7, "an operator is missing before this"),
        ("abs(a) > 1", 4, "functions are not supported"),
        ("2nd > 1", 1, "a number cannot run into a name"),
        ("1.2.3 > a", 1, "a number cannot run into a name"),
        ("a. > 1", 3, "a name must follow the dot"),
        ("\"a > 1", 1, "the name is not closed: \" is missing"),
        ("'' > 1", 1, "a metric's name cannot be empty"),
        ("a > 1e999", 5, "the number is too large"),
        ("1 > 0", 1, "the gate names no metric of the new model"),
        ("champion.a > 0", 1, "the gate names no metric of the new model"),
        ("a > 1 and champion > 1", 11, "`champion` stands for the metric named in the same comparison, and none is"),
        ("a + b > champion", 9, "`champion` could stand for a or b; say which, e.g. champion.a"),
    ] {
        let error = Gate::parse(source).expect_err(source);
        assert_eq!((error.source.as_str(), error.column), (source.trim(), column), "{error}");
        assert!(error.message.starts_with(message), "{error}");
    }
    assert_eq!(
        Gate::parse("a >").expect_err("half").to_string(),
        "gate \"a >\", column 4: a number or a metric is missing here"
    );
}

#[test]
fn the_size_of_a_gate_is_bounded() {
    let deep = |open: &str, close: &str, depth: usize| format!("{}a{} > 1", open.repeat(depth), close.repeat(depth));
    for (open, close) in [("(", ")"), ("-", "")] {
        assert!(Gate::parse(&deep(open, close, 32)).is_ok());
        assert!(Gate::parse(&deep(open, close, 33)).expect_err("deep").message.starts_with("nested deeper than 32 levels"));
    }
    assert!(Gate::parse(&format!("{}a > 1", "not ".repeat(33))).is_err());
    assert!(Gate::parse(&format!("a{} > 1", " + 1".repeat(240))).is_ok());
    let long = Gate::parse(&format!("a{} > 1", " + 1".repeat(25_000))).expect_err("long");
    assert!(long.message.starts_with("a gate has at most 1000 bytes") && long.source.len() < 100);
}

#[test]
fn a_gate_travels_as_its_text() {
    let gates = [" accuracy >= 0.80 ", "'odd \"name\"' > 1 and _x.y_2 < champion"].map(gate);
    let json = serde_json::to_string(&gates).expect("JSON");
    assert_eq!(json, r#"["accuracy >= 0.80","'odd \"name\"' > 1 and _x.y_2 < champion"]"#);
    assert_eq!(serde_json::from_str::<Vec<Gate>>(&json).expect("its own JSON"), gates);
    assert!(serde_json::from_str::<Gate>("\"accuracy\"").is_err());
}

/// Arithmetic as text beside its value, for the metrics a = 2, b = -3.5, `c/d` = 10.
fn arithmetic() -> impl Strategy<Value = (String, f64)> {
    let leaf = prop_oneof![
        (0_u32..1000).prop_map(|n| (format!("{}", f64::from(n) / 8.0), f64::from(n) / 8.0)),
        Just(("a".to_owned(), 2.0)),
        Just(("b".to_owned(), -3.5)),
        Just(("\"c/d\"".to_owned(), 10.0)),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|(text, value)| (format!("-({text})"), -value)),
            (inner.clone(), inner.clone()).prop_map(|(l, r)| (format!("({} + {})", l.0, r.0), l.1 + r.1)),
            (inner.clone(), inner.clone()).prop_map(|(l, r)| (format!("({} - {})", l.0, r.0), l.1 - r.1)),
            (inner.clone(), inner).prop_map(|(l, r)| (format!("({})*({})", l.0, r.0), l.1 * r.1)),
        ]
    })
}

/// A condition as text beside its truth.
fn condition() -> impl Strategy<Value = (String, bool)> {
    let leaf = (arithmetic(), arithmetic(), 0_usize..4).prop_map(|((lt, l), (rt, r), operator)| {
        let (operator, holds) = [("<", l < r), ("<=", l <= r), (">", l > r), (">=", l >= r)][operator];
        (format!("{lt} {operator} {rt}"), holds)
    });
    leaf.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|(text, holds)| (format!("not ({text})"), !holds)),
            (inner.clone(), inner.clone()).prop_map(|(l, r)| (format!("({}) and ({})", l.0, r.0), l.1 && r.1)),
            (inner.clone(), inner).prop_map(|(l, r)| (format!("({}) or ({})", l.0, r.0), l.1 || r.1)),
        ]
    })
}

/// Pieces of gates, in any order.
fn rubble() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a",
        "b",
        "champion",
        "champion.a",
        "champion.\"",
        ".",
        "\"c/d\"",
        "`",
        "0.5",
        "1e",
        "and",
        "or",
        "not",
        "(",
        ")",
        "<",
        ">=",
        "==",
        "!",
        "+",
        "-",
        "*",
        "/",
        " ",
        "é",
        "nan",
        "inf",
    ];
    proptest::collection::vec(proptest::sample::select(pieces), 0..20).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #[test]
    fn a_gate_says_what_it_computes((text, holds) in condition()) {
        let text = format!("a == 2 and ({text})");
        prop_assume!(text.len() <= 1000);
        let gate = gate(&text);
        prop_assert_eq!(&Gate::parse(&gate.to_string()).expect("its own text"), &gate);
        let new = metrics(&[("a", 2.0), ("b", -3.5), ("c/d", 10.0)]);
        prop_assert_eq!(decide(Some(&[gate]), None, 0.7, &new, None).passed, holds, "{}", text);
    }

    #[test]
    fn no_text_makes_parsing_panic_and_every_gate_can_be_decided(text in prop_oneof![rubble(), ".*"], a: f64, b: f64) {
        match Gate::parse(&text) {
            Ok(gate) => {
                let new = metrics(&[("a", a), ("b", b)]);
                for champion in [None, Some(&new)] {
                    let decision = decide(Some(std::slice::from_ref(&gate)), None, 0.7, &new, champion);
                    prop_assert!(!decision.gates[0].explanation.is_empty());
                }
            }
            Err(error) => prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1),
        }
    }
}
