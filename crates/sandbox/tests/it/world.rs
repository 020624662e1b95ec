//! What is confined here: scripts, to a folder.

use std::{path::Path, process::Stdio};

use sandbox::{Confinement, Egress, Offer, spawn};
use tokio::{io::AsyncReadExt, process::Command};

/// Python that tells what an attempt came to.
const REFUSED: &str = "
import errno, os, socket, sys, threading
def refused(call):
    try:
        call()
        return 'done'
    except OSError as error:
        return errno.errorcode[error.errno]
";

/// What a program prints that is confined to a folder.
async fn run(folder: &Path, egress: Egress, program: &str, script: &str) -> String {
    super::settle();
    let mut command = Command::new(program);
    command.args(["-c", script]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let confinement = Confinement { write: vec![folder.to_owned()], egress, ..Confinement::default() };
    let mut family = spawn(command, Some(&confinement)).expect("started");
    let mut said = String::new();
    let (_, stdout, _) = family.pipes();
    stdout.expect("a pipe").read_to_string(&mut said).await.expect("read");
    family.wait().await.expect("ended");
    said.trim().to_owned()
}

pub async fn shell(folder: &Path, script: &str) -> String {
    run(folder, Egress::all(), "/bin/sh", script).await
}

/// The lines that Python prints; none where there is no Python that everybody may read.
pub async fn python(folder: &Path, egress: Egress, script: &str) -> Option<Vec<String>> {
    let python = system_python()?;
    let said = run(folder, egress, python, &format!("{REFUSED}{script}")).await;
    Some(said.lines().map(str::to_owned).collect())
}

pub fn system_python() -> Option<&'static str> {
    ["/usr/bin/python3", "/usr/local/bin/python3"].into_iter().find(|path| Path::new(path).exists())
}

pub fn has_landlock() -> bool {
    Offer::of_this_machine().landlock.is_some()
}
