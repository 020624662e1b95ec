//! How fast a graph answers: of each folder on the command line that holds `model.native` and `proof.native`, how long reading
//! takes, one row, and a thousand rows in blocks of 256, in microseconds. One thread, the best of several.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::{
    env, fs, hint,
    path::Path,
    time::{Duration, Instant},
};

use native::{Graph, Value, Wanted};

fn best(times: usize, mut f: impl FnMut()) -> Duration {
    let once = |_| {
        let start = Instant::now();
        f();
        start.elapsed()
    };
    (0..times).map(once).min().unwrap_or_default()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    allocator::give_back_soon();
    for folder in env::args().skip(1) {
        let folder = Path::new(&folder);
        let (graph, proof) = (fs::read(folder.join("model.native"))?, fs::read(folder.join("proof.native"))?);
        let read = best(3, || drop(hint::black_box(Graph::read(&graph))));
        let graph = Graph::read(&graph)?;
        let (one, block) = (native::rows(&graph, &proof, 1)?, native::rows(&graph, &proof, 256)?);
        let rest = native::rows(&graph, &proof, 1_000 - 3 * 256)?;
        let answer = |rows: &Value<'_>| drop(hint::black_box(graph.answer(rows.clone(), Wanted::ALL)));
        let alone = best(20_000, || answer(&one));
        let thousand = best(200, || {
            (0..3).for_each(|_| answer(&block));
            answer(&rest);
        });
        let [read, alone, thousand] = [read, alone, thousand].map(|time| time.as_secs_f64() * 1e6);
        println!("{}: read {read:.1} µs, 1 row {alone:.3} µs, 1,000 rows {thousand:.1} µs", folder.display());
    }
    Ok(())
}
