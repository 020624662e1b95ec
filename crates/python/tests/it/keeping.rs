//! Which environments are kept, who holds them, and how they go.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use python::{Environments, PythonEnvironment, Removal};
use tempfile::TempDir;

const ID: &str = "0123456789abcdef01234567";
const OTHER: &str = "76543210fedcba9876543210";

/// A folder with these environments, of some kilobytes each.
fn with(ids: &[&str]) -> (TempDir, Environments) {
    let folder = tempfile::tempdir().expect("a folder");
    for id in ids {
        fs::create_dir_all(folder.path().join(id).join("bin")).expect("a folder");
        fs::write(folder.path().join(id).join("bin/python"), vec![b'x'; 10_000]).expect("written");
    }
    let environments = Environments::new(folder.path().to_owned(), "uv".into(), "python".into());
    (folder, environments)
}

fn hold(folder: &TempDir, id: &str) -> Option<PythonEnvironment> {
    PythonEnvironment::hold(folder.path(), id).expect("readable")
}

fn age(folder: &Path, id: &str, age: Duration) {
    let marker = fs::File::options().write(true).open(folder.join(id).join("mlsys.used")).expect("a marker");
    marker.set_modified(SystemTime::now() - age).expect("marked");
}

#[test]
fn what_somebody_holds_stays_and_goes_when_the_last_one_has_let_it_go() {
    let (folder, environments) = with(&[ID, OTHER]);
    let (first, second) = (hold(&folder, ID).expect("there"), hold(&folder, ID).expect("many may hold it"));
    assert_eq!(first.python, folder.path().join(ID).join("bin/python"));
    assert_eq!(environments.remove(ID).expect("tried"), Removal::InUse);
    drop(first);
    assert_eq!(environments.remove(ID).expect("tried"), Removal::InUse);
    drop(second);
    assert_eq!(environments.remove(ID).expect("removed"), Removal::Removed);
    assert_eq!(environments.remove(ID).expect("tried"), Removal::Absent);
    assert!(hold(&folder, ID).is_none() && hold(&folder, OTHER).is_some(), "no other went with it");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing half-removed is left");
}

#[test]
fn another_process_that_is_killed_holds_it_no_longer() {
    let (folder, environments) = with(&[ID]);
    drop(hold(&folder, ID));
    let marker = folder.path().join(ID).join("mlsys.used");
    let script =
        "import fcntl, sys\nheld = open(sys.argv[1])\nfcntl.flock(held, fcntl.LOCK_SH)\nprint('held', flush=True)\ninput()";
    let mut other = Command::new("python3")
        .args(["-c", script])
        .arg(&marker)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut line = String::new();
    let said = other.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(said), &mut line).expect("a line");
    assert_eq!(line, "held\n");
    assert_eq!(environments.remove(ID).expect("tried"), Removal::InUse);
    other.kill().expect("killed");
    other.wait().expect("gone");
    assert_eq!(environments.remove(ID).expect("removed"), Removal::Removed);
}

#[test]
fn the_last_use_is_when_it_was_let_go() {
    let (folder, environments) = with(&[ID]);
    let held = hold(&folder, ID).expect("there");
    age(folder.path(), ID, Duration::from_hours(50));
    let last_used = |environments: &Environments| environments.kept().expect("listed")[0].last_used;
    let unused = || SystemTime::now().duration_since(last_used(&environments)).unwrap_or_default();
    assert!(unused() > Duration::from_hours(49));
    drop(held);
    assert!(unused() < Duration::from_hours(1), "a run may take for days");
}

#[test]
fn only_environments_are_listed_and_removed() {
    let (folder, environments) = with(&[ID]);
    for name in ["notes", ".tmpAbc", "0123456789ABCDEF0123456g", "0123456789abcdef0123456"] {
        fs::create_dir_all(folder.path().join(name).join("bin")).expect("a folder");
        fs::write(folder.path().join(name).join("bin/python"), "").expect("written");
        assert_eq!(environments.remove(name).expect("tried"), Removal::Absent);
        assert!(hold(&folder, name).is_none() && folder.path().join(name).exists());
    }
    for outside in ["../elsewhere", "", ".", "/etc"] {
        assert_eq!(environments.remove(outside).expect("tried"), Removal::Absent);
    }
    let kept = environments.kept().expect("listed");
    assert_eq!(kept.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [ID]);
    assert!(kept[0].bytes >= 10_000, "{}", kept[0].bytes);
}

#[test]
fn what_a_removal_that_was_killed_left_goes_with_the_next() {
    let (folder, environments) = with(&[ID]);
    fs::create_dir_all(folder.path().join(".removed-abc/environment/bin")).expect("a folder");
    assert_eq!(environments.kept().expect("listed").len(), 1);
    assert_eq!(environments.remove(ID).expect("removed"), Removal::Removed);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_folder_that_is_not_there_holds_none() {
    let environments = Environments::new("/nowhere/at/all".into(), "uv".into(), "python".into());
    assert!(environments.kept().expect("listed").is_empty());
    assert_eq!(environments.remove(ID).expect("tried"), Removal::Absent);
}
