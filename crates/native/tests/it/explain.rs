//! Explanations: that they sum up to the answer, are the Shapley values that the definition gives, and are told by input column.

use native::{Column, Explained, Explanation, Graph, Matrix, Prediction, Refused, Table, Value, Wanted};
use serde_json::{Value as Json, json};

/// A header, and arrays of any kind.
#[derive(Default)]
pub struct Writer {
    listed: Vec<Json>,
    bytes: Vec<u8>,
}

impl Writer {
    fn add(&mut self, kind: &str, count: usize, bytes: impl Iterator<Item = u8>) -> Json {
        self.listed.push(json!([kind, count]));
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        json!({ "array": self.listed.len() - 1 })
    }

    pub fn doubles(&mut self, values: &[f64]) -> Json {
        self.add("f64", values.len(), values.iter().flat_map(|value| value.to_le_bytes()))
    }

    pub fn whole(&mut self, kind: &str, values: &[i32]) -> Json {
        self.add(kind, values.len(), values.iter().flat_map(|value| value.to_le_bytes()))
    }

    fn bytes(&mut self, values: &[u8]) -> Json {
        self.add("u8", values.len(), values.iter().copied())
    }

    fn graph(self, root: &Json, inputs: Option<&[&str]>) -> Result<Graph, String> {
        let mut header = json!({ "transforms": false, "root": root });
        if let Some(inputs) = inputs {
            header["inputs"] = json!(inputs);
        }
        Graph::read(&self.file(header)).map_err(|error| error.to_string())
    }

    pub fn file(self, mut header: Json) -> Vec<u8> {
        header["arrays"] = json!(self.listed);
        let mut text = header.to_string().into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        let length = (text.len() as u64).to_le_bytes();
        [b"MLSYSNV1".as_slice(), &length, &text, &self.bytes].concat()
    }
}

/// One tree: of each node its column, threshold and left child, which the right one follows; or none for a leaf.
#[derive(Debug, Clone)]
struct Tree {
    nodes: Vec<Option<(usize, f64, usize)>>,
    /// Of each leaf, `[leaves, outputs]`.
    values: Vec<f64>,
    covers: Vec<f64>,
}

/// Numbers that look random, the same each time. Source: G. Marsaglia, "Xorshift RNGs", 2003.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn below(&mut self, count: usize) -> usize {
        (0..count - 1).take_while(|_| self.next() * count as f64 >= 1.0).count() % count
    }
}

impl Tree {
    /// A tree that splits the last leaf that it has until there are so many splits: deep, with columns met again.
    fn random(random: &mut Random, (columns, splits, outputs): (usize, usize, usize)) -> Self {
        let mut nodes = vec![None];
        for _ in 0..splits {
            let leaves: Vec<_> = nodes.iter().enumerate().filter(|(_, node)| node.is_none()).map(|(at, _)| at).collect();
            let at = leaves[leaves.len() - 1 - random.below(leaves.len())];
            nodes[at] = Some((random.below(columns), random.next(), nodes.len()));
            nodes.extend([None, None]);
        }
        let values = (0..(splits + 1) * outputs).map(|_| random.next() * 4.0 - 2.0).collect();
        let covers = (0..=splits).map(|_| (random.next() * 50.0).ceil()).collect();
        Self { nodes, values, covers }
    }

    fn leaf(&self, at: usize) -> usize {
        self.nodes[..at].iter().filter(|node| node.is_none()).count()
    }

    fn cover(&self, at: usize) -> f64 {
        match self.nodes[at] {
            None => self.covers[self.leaf(at)],
            Some((_, _, left)) => self.cover(left) + self.cover(left + 1),
        }
    }

    /// What the tree says where only some columns are known, by the definition.
    fn expected(&self, at: usize, row: &[f64], known: u32, (output, outputs): (usize, usize)) -> f64 {
        let Some((column, threshold, left)) = self.nodes[at] else {
            return self.values[self.leaf(at) * outputs + output];
        };
        if known >> column & 1 == 1 {
            let child = if row[column] <= threshold { left } else { left + 1 };
            return self.expected(child, row, known, (output, outputs));
        }
        let part = |child| self.cover(child) / self.cover(at) * self.expected(child, row, known, (output, outputs));
        part(left) + part(left + 1)
    }
}

fn factorial(number: usize) -> f64 {
    (1..=number).map(|factor| factor as f64).product()
}

/// Shapley values by their definition, over all sets of columns.
fn shapley(columns: usize, column: usize, says: impl Fn(u32) -> f64) -> f64 {
    let others = (0..1_u32 << columns).filter(|set| set >> column & 1 == 0);
    let gain = |set: u32| {
        let size = set.count_ones() as usize;
        let weight = factorial(size) * factorial(columns - size - 1) / factorial(columns);
        weight * (says(set | 1 << column) - says(set))
    };
    others.map(gain).sum()
}

/// The operator of some trees that are summed up.
fn trees(writer: &mut Writer, trees: &[Tree], (columns, start, divide): (usize, &[f64], Option<f64>), covers: bool) -> Json {
    let nodes: Vec<_> = trees.iter().flat_map(|tree| &tree.nodes).copied().collect();
    let whole = |f: fn((usize, f64, usize)) -> usize| -> Vec<i32> {
        nodes.iter().map(|node| node.map_or(-1, |node| i32::try_from(f(node)).unwrap())).collect()
    };
    let sizes: Vec<_> = trees.iter().map(|tree| i32::try_from(tree.nodes.len()).unwrap()).collect();
    let thresholds: Vec<_> = nodes.iter().map(|node| node.map_or(0.0, |node| node.1)).collect();
    let values: Vec<_> = trees.iter().flat_map(|tree| &tree.values).copied().collect();
    let of_leaves: Vec<_> = trees.iter().flat_map(|tree| &tree.covers).copied().collect();
    let mut node = json!({
        "op": "trees", "columns": columns, "single": false, "single_sums": false, "strict": false, "one_hot": false,
        "sizes": writer.whole("u32", &sizes), "feature": writer.whole("i32", &whole(|node| node.0)),
        "threshold": writer.doubles(&thresholds), "left": writer.whole("i32", &whole(|node| node.2)),
        "right": writer.whole("i32", &whole(|node| node.2 + 1)), "missing_left": writer.bytes(&vec![0; nodes.len()]),
        "values": writer.doubles(&values), "start": writer.doubles(start),
    });
    if covers {
        node["covers"] = writer.doubles(&of_leaves);
    }
    if let Some(divide) = divide {
        node["divide"] = json!(divide);
    }
    json!({
        "op": "scores", "of": node, "link": "identity", "labels": null, "decision": false, "probabilities": false, "pair": false,
    })
}

fn matrix(rows: usize, values: &[f64]) -> Value<'static> {
    Value::Dense(Matrix { rows, width: values.len() / rows, values: values.to_vec(), single: false })
}

fn answered(graph: &Graph, rows: Value<'_>) -> Vec<f64> {
    match graph.answer(rows, Wanted::ALL).unwrap().prediction {
        Some(Prediction::Values(values)) => values.values,
        other => panic!("{other:?}"),
    }
}

fn assert_sums_up(explanation: &Explanation, answer: &[f64]) {
    let outputs = explanation.base.len();
    let rows = explanation.values.chunks_exact((explanation.columns * outputs).max(1)).zip(answer.chunks_exact(outputs));
    for (row, answer) in rows {
        for (output, answer) in answer.iter().enumerate() {
            let sum: f64 = row.iter().skip(output).step_by(outputs).sum::<f64>() + explanation.base[output];
            assert!((sum - answer).abs() < 1e-9, "{sum} instead of {answer}");
        }
    }
}

fn refusal(answer: Result<Explanation, Refused>) -> String {
    match answer {
        Err(Refused::Rows(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_trees_are_explained_by_are_shapley_values_of_their_definition() {
    let mut random = Random(7);
    for (columns, splits, outputs, count) in
        [(1, 1, 1, 1), (2, 5, 1, 3), (5, 12, 1, 4), (6, 25, 3, 2), (4, 0, 1, 2), (6, 40, 1, 1), (3, 60, 5, 1), (5, 9, 2, 0)]
    {
        let forest: Vec<_> = (0..count).map(|_| Tree::random(&mut random, (columns, splits, outputs))).collect();
        let start: Vec<_> = (0..outputs).map(|_| random.next()).collect();
        let mut writer = Writer::default();
        let root = trees(&mut writer, &forest, (columns, &start, Some(3.0)), true);
        let graph = writer.graph(&root, None).unwrap();
        let rows: Vec<_> = (0..4 * columns).map(|_| random.next()).collect();
        let explanation = graph.explain(matrix(4, &rows)).unwrap();
        assert_eq!((explanation.of, explanation.columns), (Explained::Predictions, columns));
        assert_sums_up(&explanation, &answered(&graph, matrix(4, &rows)));
        for (at, row) in rows.chunks_exact(columns).enumerate() {
            for (column, output) in (0..columns).flat_map(|column| (0..outputs).map(move |output| (column, output))) {
                let says =
                    |known| forest.iter().map(|tree| tree.expected(0, row, known, (output, outputs))).sum::<f64>() / 3.0;
                let (given, wanted) =
                    (explanation.values[(at * columns + column) * outputs + output], shapley(columns, column, says));
                assert!((given - wanted).abs() < 1e-12, "{columns} columns, {splits} splits: {given} instead of {wanted}");
            }
        }
    }
}

#[test]
fn a_tree_far_deeper_than_it_has_columns_is_explained_and_one_too_deep_is_refused() {
    let deep = |depth: usize| {
        // Each right child splits again: node 2n looks at a column, 2n + 1 is its left leaf, 2n + 2 its right child.
        let node = |level: usize| Some((level % 3, (level + 1) as f64 / (depth + 1) as f64, 2 * level + 1));
        let nodes = (0..=2 * depth).map(|at| if at % 2 == 0 && at < 2 * depth { node(at / 2) } else { None }).collect();
        let values: Vec<_> = (0..=depth).map(|leaf| (leaf % 7) as f64).collect();
        let tree = Tree { nodes, values, covers: vec![2.0; depth + 1] };
        let mut writer = Writer::default();
        let root = trees(&mut writer, &[tree], (3, &[0.0], None), true);
        writer.graph(&root, None).unwrap()
    };
    let rows = [0.9, 0.8, 0.99, 0.1, 0.5, 0.3, f64::NAN, 1.0, f64::INFINITY];
    let graph = deep(500);
    assert_sums_up(&graph.explain(matrix(3, &rows)).unwrap(), &answered(&graph, matrix(3, &rows)));
    assert!(refusal(deep(600).explain(matrix(3, &rows))).contains("too long"));
}

#[test]
fn columns_that_do_the_same_get_the_same_and_one_that_does_nothing_gets_nothing() {
    // x0 and x1 above a half make 1 together; x2 is not looked at.
    let tree = Tree {
        nodes: vec![Some((0, 0.5, 1)), None, Some((1, 0.5, 3)), None, None],
        values: vec![0.0, 0.0, 1.0],
        covers: vec![2.0, 1.0, 1.0],
    };
    let mut writer = Writer::default();
    let root = trees(&mut writer, &[tree], (3, &[0.0], None), true);
    let explanation = writer.graph(&root, None).unwrap().explain(matrix(1, &[1.0, 1.0, 1.0])).unwrap();
    assert!((explanation.base[0] - 0.25).abs() < 1e-15);
    let [first, second, third] = explanation.values[..] else { panic!("{explanation:?}") };
    assert!((first - 0.375).abs() < 1e-15 && (second - 0.375).abs() < 1e-15, "{explanation:?}");
    assert_eq!(third, 0.0);
}

#[test]
fn leaves_that_no_row_reached_still_sum_up_to_the_answer() {
    let mut random = Random(3);
    for gone in [0..3, 2..9, 0..9] {
        let mut tree = Tree::random(&mut random, (4, 8, 1));
        tree.covers[gone].fill(0.0);
        let mut writer = Writer::default();
        let root = trees(&mut writer, &[tree], (4, &[0.5], None), true);
        let graph = writer.graph(&root, None).unwrap();
        let rows: Vec<_> = (0..40).map(|_| random.next()).collect();
        let explanation = graph.explain(matrix(10, &rows)).unwrap();
        assert!(explanation.values.iter().all(|value| value.is_finite()), "{explanation:?}");
        assert_sums_up(&explanation, &answered(&graph, matrix(10, &rows)));
    }
}

#[test]
fn trees_without_covers_are_answered_and_explained_only_once_deployed_again() {
    let mut random = Random(5);
    let tree = Tree::random(&mut random, (2, 3, 1));
    let mut writer = Writer::default();
    let root = trees(&mut writer, std::slice::from_ref(&tree), (2, &[0.0], None), false);
    let graph = writer.graph(&root, None).unwrap();
    assert_eq!(answered(&graph, matrix(1, &[0.5, 0.5])).len(), 1);
    assert!(refusal(graph.explain(matrix(1, &[0.5, 0.5]))).contains("deploy the model again"));
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        let mut writer = Writer::default();
        let tree = Tree { covers: vec![1.0, wrong, 1.0, 1.0], ..tree.clone() };
        let root = trees(&mut writer, &[tree], (2, &[0.0], None), true);
        assert!(writer.graph(&root, None).is_err(), "{wrong}");
    }
}

/// `Age` imputed and scaled, and `Sex` as two columns, before a linear model of two outputs.
fn columns_and_linear(writer: &mut Writer, before_last: &[Json]) -> Json {
    let numbers = json!({ "op": "chain", "steps": [
        { "op": "matrix", "width": 1, "single": false },
        { "op": "impute", "fill": writer.doubles(&[30.0]), "indicator": [0] },
        { "op": "scale", "width": 2, "steps": [{ "do": "divide", "by": writer.doubles(&[10.0, 1.0]) }] },
    ] });
    let texts = json!({ "op": "one_hot", "sparse": false, "columns": [
        { "texts": ["female", "male"], "places": writer.whole("i32", &[0, 1]), "width": 2, "unknown": "zeros" },
    ] });
    let join = json!({ "op": "join", "sparse": false, "parts": [
        { "columns": [1], "then": texts }, { "columns": [0], "then": numbers },
    ] });
    let last = json!({
        "op": "linear", "features": 4, "says": "values", "intercepts": writer.doubles(&[1.0, -1.0]),
        "coefficients": writer.doubles(&[0.5, -0.5, 2.0, 8.0, 3.0, 4.0, 5.0, 6.0]),
    });
    let steps: Vec<_> = [&[join][..], before_last, &[last]].concat();
    json!({ "op": "chain", "steps": steps })
}

fn passengers() -> Value<'static> {
    let sex = ["male", "female", "other"].map(|sex| Some(sex.into()));
    let columns = vec![Column::Float(vec![20.0, f64::NAN, 40.0].into()), Column::Text(sex.to_vec())];
    Value::Table(Table { rows: 3, columns })
}

#[test]
fn what_features_of_one_column_add_is_summed_up_for_it() {
    let mut writer = Writer::default();
    let root = columns_and_linear(&mut writer, &[]);
    let graph = writer.graph(&root, Some(&["float", "text"])).unwrap();
    let explanation = graph.explain(passengers()).unwrap();
    assert_eq!((explanation.of, explanation.base.as_slice()), (Explained::Predictions, &[1.0, -1.0][..]));
    // Age: 2 × its tenth, and 8 where it was missing; Sex: its own coefficient, or nothing.
    assert_eq!(explanation.values, [4.0, 10.0, -0.5, 4.0, 14.0, 21.0, 0.5, 3.0, 8.0, 20.0, 0.0, 0.0]);
    assert_sums_up(&explanation, &answered(&graph, passengers()));
}

#[test]
fn features_of_several_columns_are_not_explained_and_the_reason_is_said() {
    let mut writer = Writer::default();
    let square = writer.doubles(&[0.5; 16]);
    let mixing = json!({ "op": "project", "features": 4, "outputs": 4, "matrix": square, "sparse": false });
    let root = columns_and_linear(&mut writer, &[mixing]);
    let graph = writer.graph(&root, Some(&["float", "text"])).unwrap();
    assert_eq!(answered(&graph, passengers()).len(), 6);
    assert!(refusal(graph.explain(passengers())).contains("several columns"));
    // Of one column, whatever is made of it is its own.
    let mut writer = Writer::default();
    let matrix_of_two = writer.doubles(&[0.5, 2.0]);
    let (coefficients, intercepts) = (writer.doubles(&[1.0, 10.0]), writer.doubles(&[0.0]));
    let steps = json!([
        { "op": "project", "features": 1, "outputs": 2, "matrix": matrix_of_two, "sparse": false },
        { "op": "linear", "features": 2, "says": "logistic", "coefficients": coefficients, "intercepts": intercepts },
    ]);
    let graph = writer.graph(&json!({ "op": "chain", "steps": steps }), None).unwrap();
    let explanation = graph.explain(matrix(2, &[1.0, 2.0])).unwrap();
    assert_eq!((explanation.of, explanation.values.as_slice()), (Explained::Scores, &[20.5, 41.0][..]));
}

#[test]
fn an_explanation_that_would_be_too_long_is_refused() {
    let columns = 3_000;
    let mut writer = Writer::default();
    let (coefficients, intercepts) = (writer.doubles(&vec![1.0; columns * 100]), writer.doubles(&[0.0; 100]));
    let root = json!({
        "op": "linear", "features": columns, "says": "softmax", "coefficients": coefficients, "intercepts": intercepts,
    });
    let graph = writer.graph(&root, None).unwrap();
    assert!(graph.explain(matrix(2, &vec![0.0; 2 * columns])).is_ok());
    assert!(refusal(graph.explain(matrix(200, &vec![0.0; 200 * columns]))).contains("fewer"));
}
