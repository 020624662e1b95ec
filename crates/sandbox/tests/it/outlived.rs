//! The reaper.

use std::{
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use sandbox::{Confinement, Family, spawn};
use tokio::process::Command;

fn shell(script: &str, folder: &Path, confined: bool) -> Family {
    crate::settle();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    let confinement = Confinement { write: vec![folder.to_owned()], ..Confinement::default() };
    spawn(command, confined.then_some(&confinement)).expect("started")
}

/// Waits until a condition holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A number that no other process is started with: whoever is asked for its own number may tell one that only it knows.
fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1000);
    format!("{}{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Whether a process lives that was started with a mark.
fn lives(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    let started = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    started.map(|words| String::from_utf8_lossy(&words).into_owned()).any(|words| words.contains(mark))
}

/// A process that has left its parent, its group and its session.
fn escaped(mark: &str) -> String {
    format!("(setsid sh -c 'echo 1 > escaped; exec sleep {mark}' & ) & ")
}

/// One process after the other, each gone before it could be killed.
fn restless(mark: &str) -> String {
    format!("(setsid sh -c 'again() {{ again & }}; echo {mark} > escaped; again' & ) & ")
}

#[tokio::test]
async fn what_has_left_its_parents_dies_with_the_main_process() {
    for (confined, leave) in [(false, escaped as fn(&str) -> String), (true, escaped), (true, restless)] {
        let (folder, mark) = (tempfile::tempdir().expect("a folder"), mark());
        let script = format!("{} while ! [ -s escaped ]; do sleep 0.01; done; exit 7", leave(&mark));
        let mut family = shell(&script, folder.path(), confined);
        assert_eq!(family.wait().await.expect("ended").code(), Some(7));
        assert!(!lives(&mark));
    }
}

#[tokio::test]
async fn all_of_a_family_dies_when_it_is_killed_or_dropped() {
    for (confined, dropped) in [(false, false), (true, false), (false, true), (true, true)] {
        let leave: fn(&str) -> String = if confined { restless } else { escaped };
        let (folder, mark) = (tempfile::tempdir().expect("a folder"), mark());
        let mut family = shell(&format!("{} sleep 1000", leave(&mark)), folder.path(), confined);
        until("it has escaped", || folder.path().join("escaped").exists()).await;
        assert!(lives(&mark));
        if dropped {
            drop(family);
        } else {
            family.kill();
            family.wait().await.expect("ended");
            assert!(!lives(&mark));
        }
        until("all have ended", || !lives(&mark)).await;
    }
}

#[tokio::test]
async fn a_reaper_that_is_killed_takes_all_with_it() {
    if !crate::has_namespaces() {
        return;
    }
    let (folder, mark) = (tempfile::tempdir().expect("a folder"), mark());
    let mut family = shell(&format!("{} sleep 1000", restless(&mark)), folder.path(), true);
    until("it has escaped", || folder.path().join("escaped").exists()).await;
    nix::sys::signal::kill(family.pid(), nix::sys::signal::Signal::SIGKILL).expect("it is ours");
    family.wait().await.expect("ended");
    until("all have ended", || !lives(&mark)).await;
}

#[tokio::test]
async fn the_end_of_the_main_process_is_told_as_it_was() {
    use std::os::unix::process::ExitStatusExt;

    let folder = tempfile::tempdir().expect("a folder");
    for (script, code, signal) in [
        ("exit 0", Some(0), None),
        ("exit 3", Some(3), None),
        ("kill -SEGV $$", None, Some(11)),
        ("kill -KILL $$", None, Some(9)),
        ("kill -TERM $$", None, Some(15)),
    ] {
        for confined in [false, true] {
            let status = shell(script, folder.path(), confined).wait().await.expect("ended");
            assert_eq!((status.code(), status.signal()), (code, signal), "{script}");
        }
    }
}

#[tokio::test]
async fn an_interrupt_reaches_the_main_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "trap 'exit 9' INT; echo 1 > ready; while :; do sleep 0.01; done";
    let mut family = shell(script, folder.path(), true);
    until("it is ready", || folder.path().join("ready").exists()).await;
    family.interrupt();
    let ended = tokio::time::timeout(Duration::from_secs(20), family.wait()).await.expect("in time");
    assert_eq!(ended.expect("ended").code(), Some(9));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    for confinement in [None, Some(&Confinement::default())] {
        let error = spawn(Command::new("/nowhere/program"), confinement).expect_err("not there");
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
}
