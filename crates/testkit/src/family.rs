//! Processes and their descendants. Source: proc(5).

use nix::{sys::signal::Signal, unistd::Pid};

/// The parent of a process, and the process's name; none when it is gone.
pub fn parent(pid: i32) -> Option<(i32, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may itself hold any character.
    let (head, rest) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    Some((rest.split_whitespace().nth(1)?.parse().ok()?, name))
}

/// All descendants of a process.
pub fn of(pid: u32) -> Vec<Pid> {
    let numbers =
        std::fs::read_dir("/proc").expect("a /proc").filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let parents: Vec<(i32, i32)> = numbers.filter_map(|pid: i32| Some((pid, parent(pid)?.0))).collect();
    let mut family = vec![i32::try_from(pid).expect("a process id")];
    let mut at = 0;
    while at < family.len() {
        let of = family[at];
        family.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        at += 1;
    }
    family.into_iter().skip(1).map(Pid::from_raw).collect()
}

/// Whether a process is gone, or waits for nothing but that its parent learns of its end.
pub(crate) fn is_gone(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| {
        stat.rsplit_once(')').is_some_and(|(_, rest)| matches!(rest.trim_start().as_bytes().first(), Some(b'Z' | b'X')))
    })
}

/// Sends a signal to a process that may be gone already.
pub(crate) fn signal(pid: Pid, signal: Signal) {
    let _ = nix::sys::signal::kill(pid, signal);
}
