//! Compares graphs with their proofs: for each folder on standard input that holds `model.native` and `proof.native`, one line
//! on standard output, `ok ROWS DIFFERENCE` or `no REASON`.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::{fs, io, path::Path, time::Duration};

fn main() -> io::Result<()> {
    for folder in io::stdin().lines() {
        let folder = folder?;
        let folder = Path::new(&folder);
        let (graph, proof) = (fs::read(folder.join("model.native"))?, fs::read(folder.join("proof.native"))?);
        let verified = native::verify(&graph, &proof, native::TOLERANCE, Duration::from_mins(1));
        match verified {
            Ok(verified) => println!("ok {} {:e}", verified.rows, verified.difference),
            Err(reason) => println!("no {}", reason.replace('\n', " ")),
        }
    }
    Ok(())
}
