//! The reaper.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use sandbox::{Confinement, Family, spawn};
use tokio::process::Command;

fn shell(script: &str, folder: &Path, confined: bool) -> Family {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    let confinement = Confinement { write: vec![folder.to_owned()], ..Confinement::default() };
    spawn(command, confined.then_some(&confinement)).expect("started")
}

/// Waits for the number of a process that the script writes down.
async fn written(file: &Path) -> i32 {
    for _ in 0..1000 {
        if let Some(pid) = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()) {
            return pid;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nothing was written");
}

fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| !fields.trim_start().starts_with('Z'))
}

/// A process that has left its parent, its group and its session.
const ESCAPED: &str = "(setsid sh -c 'echo $$ > escaped; exec sleep 1000' & ) & ";

#[tokio::test]
async fn what_has_left_its_parents_dies_with_the_main_process() {
    for confined in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let script = format!("{ESCAPED} while ! [ -s escaped ]; do sleep 0.01; done; exit 7");
        let mut family = shell(&script, folder.path(), confined);
        assert_eq!(family.wait().await.expect("ended").code(), Some(7));
        assert!(!lives(written(&folder.path().join("escaped")).await));
    }
}

#[tokio::test]
async fn all_of_a_family_dies_when_it_is_killed_or_dropped() {
    for (confined, dropped) in [(false, false), (true, false), (false, true), (true, true)] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut family = shell(&format!("{ESCAPED} sleep 1000"), folder.path(), confined);
        let escaped = written(&folder.path().join("escaped")).await;
        assert!(lives(escaped));
        if dropped {
            drop(family);
        } else {
            family.kill();
            family.wait().await.expect("ended");
        }
        let end = Instant::now() + Duration::from_secs(10);
        while lives(escaped) && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!lives(escaped));
    }
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
    written(&folder.path().join("ready")).await;
    family.interrupt();
    let ended = tokio::time::timeout(Duration::from_secs(20), family.wait()).await.expect("in time");
    assert_eq!(ended.expect("ended").code(), Some(9));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let error = spawn(Command::new("/nowhere/program"), None).expect_err("not there");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_reaper_holds_next_to_no_memory() {
    let held = vec![1_u8; 256 << 20];
    let folder = tempfile::tempdir().expect("a folder");
    let family = shell("echo 1 > ready; sleep 1000", folder.path(), true);
    written(&folder.path().join("ready")).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", family.pid())).expect("read");
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("told");
    let kibibytes: u64 = anonymous.split_ascii_whitespace().next().expect("a number").parse().expect("a number");
    // What other tests' threads map while it is started stays.
    assert!(kibibytes < 32 << 10, "{kibibytes} KiB while {} bytes are held here", held.len());
}
