//! What it costs to start a process confined: `cargo run --release -p sandbox --example cost`.
#![expect(clippy::print_stdout, reason = "its result")]

use std::time::{Duration, Instant};

use sandbox::{Confinement, spawn};
use tokio::process::Command;

const RUNS: u32 = 200;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let folder = std::env::temp_dir();
    let confinement = Confinement { write: vec![folder], ..Confinement::default() };
    let mut plain = Duration::ZERO;
    for _ in 0..RUNS {
        let begun = Instant::now();
        Command::new("/bin/true").spawn()?.wait().await?;
        plain += begun.elapsed();
    }
    println!("alone: {:?} each", plain / RUNS);
    for (name, confinement) in [("with a reaper", None), ("confined, with a reaper", Some(&confinement))] {
        let mut taken = Duration::ZERO;
        for _ in 0..RUNS {
            let begun = Instant::now();
            spawn(Command::new("/bin/true"), confinement)?.wait().await?;
            taken += begun.elapsed();
        }
        println!("{name}: {:?} each", taken / RUNS);
    }
    Ok(())
}
