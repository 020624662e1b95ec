//! Several labels a row.

use std::time::Duration;

use native::{Graph, Matrix, Prediction, Refused, TOLERANCE, Value, Wanted};
use serde_json::{Value as Json, json};

use crate::explain::Writer;

const LABELS: [&str; 4] = ["a", "b", "c", "d"];

fn header(root: &Json) -> Json {
    json!({ "transforms": false, "root": root, "labels": LABELS, "decision": "decision_function" })
}

fn graph(writer: Writer, root: &Json) -> Result<Graph, String> {
    Graph::read(&writer.file(header(root))).map_err(|error| error.to_string())
}

fn matrix(width: usize, values: &[f64]) -> Value<'static> {
    Value::Dense(Matrix { rows: values.len() / width, width, values: values.to_vec(), single: false })
}

fn labels(graph: &Graph, rows: Value<'_>) -> (Vec<u32>, usize) {
    match graph.answer(rows, Wanted::PREDICTION).unwrap().prediction {
        Some(Prediction::Several { labels, width }) => (labels, width),
        other => panic!("{other:?}"),
    }
}

fn by_place(width: usize) -> Json {
    json!({ "op": "labels", "by": "place", "width": width })
}

fn largest(writer: &mut Writer, sizes: &[i32], places: &[i32]) -> Json {
    let (sizes, places) = (writer.whole("u32", sizes), writer.whole("u32", places));
    json!({ "op": "labels", "by": "largest", "width": 3, "sizes": sizes, "places": places })
}

fn threshold(scores: &[usize], positives: &[usize]) -> Json {
    json!({
        "op": "labels", "by": "threshold", "width": 2, "scores": scores, "positives": positives, "threshold": 0.5, "decides": true,
    })
}

#[test]
fn labels_are_told_by_their_places_by_the_largest_number_or_by_a_threshold() {
    let places = graph(Writer::default(), &by_place(2)).unwrap();
    assert_eq!(places.labels(), LABELS);
    assert_eq!(labels(&places, matrix(2, &[0.0, 3.0, 1.0, 2.0])), (vec![0, 3, 1, 2], 2));
    assert_eq!(labels(&places, Value::Dense(Matrix { width: 2, ..Matrix::default() })), (vec![], 2));

    let mut writer = Writer::default();
    let root = largest(&mut writer, &[2, 1], &[2, 1, 3]);
    let rows = matrix(3, &[0.5, 0.5, 0.0, 0.1, 0.2, 9.0, f64::NAN, 1.0, f64::NAN]);
    assert_eq!(labels(&graph(writer, &root).unwrap(), rows), (vec![2, 3, 1, 3, 2, 3], 2));

    let above = graph(Writer::default(), &threshold(&[1, 0], &[0, 1])).unwrap();
    let answer = above.answer(matrix(2, &[0.5, 0.6]), Wanted::ALL).unwrap();
    assert_eq!(answer.prediction, Some(Prediction::Several { labels: vec![1, 0], width: 2 }));
    assert_eq!(answer.probabilities.unwrap().values, [0.5, 0.6]);
    assert_eq!(answer.decision.unwrap().values, [0.6, 0.5]);
}

#[test]
fn labels_that_fit_nothing_are_refused_before_or_when_they_are_asked() {
    for (sizes, places) in
        [(&[2, 1][..], &[0, 1][..]), (&[2], &[0, 1, 2]), (&[3, 0], &[0, 1, 2]), (&[4], &[0, 1, 2, 3]), (&[], &[])]
    {
        let mut writer = Writer::default();
        let root = largest(&mut writer, sizes, places);
        assert!(graph(writer, &root).is_err(), "{sizes:?} {places:?}");
    }
    for root in [by_place(0), threshold(&[], &[]), threshold(&[2], &[]), threshold(&[0], &[2]), threshold(&[0, 1], &[1])] {
        assert!(graph(Writer::default(), &root).is_err(), "{root}");
    }
    for wrong in [json!([null]), json!([["a"]]), json!([{}]), json!("a")] {
        let file = Writer::default().file(json!({ "transforms": false, "root": by_place(2), "labels": wrong }));
        assert!(Graph::read(&file).unwrap_err().to_string().contains("must be a list"), "{wrong}");
    }
    let places = graph(Writer::default(), &by_place(1)).unwrap();
    for number in [4.0, -1.0, 0.5, f64::NAN, 1e300] {
        assert!(matches!(places.answer(matrix(1, &[number]), Wanted::ALL), Err(Refused::Misfit(_))), "{number}");
    }
    let nameless = Graph::read(&Writer::default().file(json!({ "transforms": false, "root": by_place(1) }))).unwrap();
    assert!(matches!(nameless.answer(matrix(1, &[0.0]), Wanted::ALL), Err(Refused::Misfit(_))));
    // What computes with one label a row does not take several.
    let member = json!({ "then": by_place(1), "takes": [{ "of": "prediction" }] });
    let gathered = graph(Writer::default(), &json!({ "op": "gather", "members": [member] })).unwrap();
    assert!(matches!(gathered.answer(matrix(1, &[0.0]), Wanted::ALL), Err(Refused::Misfit(_))));
}

#[test]
fn a_graph_holds_if_every_label_is_the_estimators() {
    let file = Writer::default().file(header(&by_place(2)));
    let verified = |said: &[i32], outputs: Option<usize>| {
        let mut writer = Writer::default();
        let array = json!({ "width": 2, "values": writer.doubles(&[0.0, 3.0, 1.0, 2.0]) });
        let said = writer.whole("u32", said);
        let proof = writer.file(json!({ "rows": 2, "columns": [], "array": array, "labels": said, "outputs": outputs }));
        native::verify(&file, &proof, TOLERANCE, Duration::from_mins(1)).map(|verified| verified.rows)
    };
    assert_eq!(verified(&[0, 3, 1, 2], Some(2)), Ok(2));
    assert!(verified(&[0, 3, 2, 2], Some(2)).unwrap_err().contains("1 of 4 labels differ"));
    for (said, outputs) in [(&[0, 3][..], None), (&[0, 3], Some(1)), (&[], Some(0)), (&[0, 3, 1, 2, 0, 0], Some(3))] {
        assert!(verified(said, outputs).unwrap_err().contains("another kind"), "{said:?} {outputs:?}");
    }
    for (said, outputs) in [(&[0, 3, 1][..], Some(2)), (&[0, 3, 1, 2], None), (&[0], Some(usize::MAX))] {
        assert!(verified(said, outputs).is_err(), "{said:?} {outputs:?}");
    }
}

/// A classifier of 0 and 10 whose decision is one of its columns.
fn member(writer: &mut Writer, (features, column): (usize, usize)) -> Json {
    let coefficients: Vec<_> = (0..features).map(|at| f64::from(u8::from(at == column))).collect();
    let (coefficients, intercepts) = (writer.doubles(&coefficients), writer.doubles(&[0.0]));
    json!({
        "then": { "op": "linear", "features": features, "coefficients": coefficients, "intercepts": intercepts, "says": "huber" },
        "takes": [
            { "of": "prediction", "labels": writer.doubles(&[0.0, 10.0]) },
            { "of": "probabilities", "column": 1 },
            { "of": "decision" },
        ],
    })
}

/// The second sees what the first says.
fn chain(passes: &str, order: &[usize]) -> Result<Graph, String> {
    let mut writer = Writer::default();
    let members = [member(&mut writer, (1, 0)), member(&mut writer, (2, 1))];
    let root = json!({
        "op": "classifier_chain", "features": 1, "members": members, "order": order, "probabilities": true, "decision": true,
        "passes": passes,
    });
    graph(writer, &root)
}

#[test]
fn classifiers_of_a_chain_see_what_those_before_them_say() {
    for (passes, seen) in [
        ("prediction", [10.0, 0.0]),
        ("probabilities", [0.75, 0.25]),
        ("log_probabilities", [0.75_f64.ln(), 0.25_f64.ln()]),
        ("decision", [0.5, -0.5]),
    ] {
        let graph = chain(passes, &[1, 0]).unwrap();
        let answer = graph.answer(matrix(1, &[0.5, -0.5]), Wanted::ALL).unwrap();
        let label = |score: f64| if score > 0.0 { 10.0 } else { 0.0 };
        let values = vec![label(seen[0]), 10.0, label(seen[1]), 0.0];
        let expected = Matrix { rows: 2, width: 2, values, single: false };
        assert_eq!(answer.prediction, Some(Prediction::Values(expected)), "{passes}");
        let share = |score: f64| f64::midpoint(score.clamp(-1.0, 1.0), 1.0);
        assert_eq!(answer.probabilities.unwrap().values, [share(seen[0]), 0.75, share(seen[1]), 0.25], "{passes}");
        assert_eq!(answer.decision.unwrap().values, [seen[0], 0.5, seen[1], -0.5], "{passes}");
    }
}

#[test]
fn a_chain_says_of_sparse_rows_what_it_says_of_all_numbers() {
    let join = json!({ "op": "join", "sparse": true, "parts": [{ "columns": null, "then": null }] });
    for passes in ["prediction", "probabilities", "decision"] {
        let mut writer = Writer::default();
        let members = [member(&mut writer, (1, 0)), member(&mut writer, (2, 1))];
        let inner = json!({
            "op": "classifier_chain", "features": 1, "members": members, "order": [0, 1], "probabilities": true,
            "decision": true, "passes": passes,
        });
        let sparse = graph(writer, &json!({ "op": "chain", "steps": [join, inner] })).unwrap();
        let rows = || matrix(1, &[0.0, 0.5, -2.0]);
        let (one, other) = (sparse.answer(rows(), Wanted::ALL), chain(passes, &[0, 1]).unwrap().answer(rows(), Wanted::ALL));
        assert_eq!(one.unwrap(), other.unwrap(), "{passes}");
    }
}

#[test]
fn chains_that_fit_nothing_are_refused() {
    for (passes, order) in [("prediction", &[0][..]), ("prediction", &[0, 0]), ("prediction", &[1, 2]), ("predict", &[0, 1])]
    {
        assert!(chain(passes, order).is_err(), "{passes} {order:?}");
    }
    let graph = chain("prediction", &[0, 1]).unwrap();
    assert!(matches!(graph.answer(matrix(2, &[0.5, 1.0]), Wanted::ALL), Err(Refused::Misfit(_))));
    for (probabilities, decision, passes) in
        [(false, true, "prediction"), (true, false, "decision"), (false, false, "decision")]
    {
        let mut writer = Writer::default();
        let members = [member(&mut writer, (1, 0))];
        let root = json!({
            "op": "classifier_chain", "features": 1, "members": members, "order": [0], "probabilities": probabilities,
            "decision": decision, "passes": passes,
        });
        assert!(self::graph(writer, &root).is_err(), "{root}");
    }
    let regressor = json!({
        "op": "classifier_chain", "features": 1, "order": [0], "probabilities": false, "decision": false, "passes": "prediction",
        "members": [{ "then": { "op": "matrix", "width": 1, "single": false }, "takes": [{ "of": "transform" }] }],
    });
    let graph = self::graph(Writer::default(), &regressor).unwrap();
    assert!(graph.answer(matrix(1, &[0.5]), Wanted::ALL).is_ok(), "it is a number, too");
    let wide = json!({ "then": { "op": "join", "sparse": false, "parts": [
        { "columns": null, "then": null }, { "columns": null, "then": null },
    ] }, "takes": [{ "of": "transform" }] });
    let root = json!({
        "op": "classifier_chain", "features": 1, "order": [0], "probabilities": false, "decision": false, "passes": "prediction",
        "members": [wide],
    });
    let graph = self::graph(Writer::default(), &root).unwrap();
    assert!(matches!(graph.answer(matrix(1, &[0.5]), Wanted::ALL), Err(Refused::Misfit(_))));
}
