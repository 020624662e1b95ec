//! Whatever the bytes of a native graph, it is refused, or answers and explains, within memory of the order of the bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use native::{Graph, Matrix, Value, Wanted};

fuzz_target!(|bytes: &[u8]| {
    let Ok(graph) = Graph::read(bytes) else { return };
    for width in [1, 2, 7] {
        let rows = Matrix { rows: 3, width, values: vec![0.5; 3 * width], single: false };
        let _ = graph.answer(Value::Dense(rows.clone()), Wanted::ALL);
        let _ = graph.explain(Value::Dense(rows));
    }
});
