//! Explains the rows of proofs: for each folder on standard input that holds `model.native` and `proof.native`, one line on
//! standard output, `{"of", "base", "values": [rows, columns, outputs], "answer": [rows, outputs]}` or `{"refused": REASON}`. The
//! answer is the decision, else the probabilities, else the numbers.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::{fs, io, path::Path};

use native::{Graph, Prediction, Wanted};
use serde_json::{Value, json};

fn main() -> io::Result<()> {
    for folder in io::stdin().lines() {
        let folder = folder?;
        let folder = Path::new(&folder);
        let said = explain(&fs::read(folder.join("model.native"))?, &fs::read(folder.join("proof.native"))?);
        println!("{}", said.unwrap_or_else(|reason| json!({ "refused": reason })));
    }
    Ok(())
}

fn explain(graph: &[u8], proof: &[u8]) -> Result<Value, String> {
    let graph = Graph::read(graph).map_err(|error| error.to_string())?;
    let rows = native::rows(&graph, proof, usize::MAX).map_err(|error| error.to_string())?;
    let answer = graph.answer(rows.clone(), Wanted::ALL).map_err(|error| error.to_string())?;
    let explanation = graph.explain(rows).map_err(|error| error.to_string())?;
    let numbers = match answer.prediction {
        Some(Prediction::Values(values)) => Some(values.values),
        _ => None,
    };
    let matrix = answer.decision.or(answer.probabilities);
    let answer = matrix.map(|matrix| matrix.values).or(numbers);
    let of = format!("{:?}", explanation.of).to_lowercase();
    Ok(json!({ "of": of, "base": explanation.base, "values": explanation.values, "answer": answer }))
}
