//! How much memory the kernel's process tree takes, and whether the system killed it for that.

use std::{
    collections::HashSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use nix::{sys::signal::Signal, unistd::Pid};
use tokio::{task::JoinHandle, time::MissedTickBehavior};

use crate::process::{Process, signal_one};

const INTERVAL: Duration = Duration::from_millis(100);
/// Linux pages as `/proc` counts them.
const PAGE: u64 = 4096;

/// Samples a process tree until it is dropped, and kills it over its limit.
#[derive(Debug)]
pub(crate) struct Watch {
    main: Pid,
    limit: Option<u64>,
    seen: Arc<Seen>,
    oom_kills_before: u64,
    sampler: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    peak: AtomicU64,
    over_limit: AtomicBool,
}

impl Watch {
    pub(crate) fn start(process: &Process, limit: Option<u64>) -> Self {
        let (pid, main) = (process.pid(), process.main());
        let seen = Arc::new(Seen::default());
        let sampler = tokio::spawn(sample(pid, limit, Arc::clone(&seen)));
        Self { main, limit, seen, oom_kills_before: oom_kills(), sampler }
    }

    /// The most memory seen so far, in bytes. The kernel's own high-water mark counts too while it lives.
    pub(crate) fn peak(&self) -> Option<u64> {
        let peak = self.seen.peak.load(Ordering::Relaxed).max(high_water(self.main).unwrap_or(0));
        (peak > 0).then_some(peak)
    }

    /// Whether the tree was killed here for being over its limit.
    pub(crate) fn is_over_limit(&self) -> bool {
        self.seen.over_limit.load(Ordering::Relaxed)
    }

    /// The limit that [`is_over_limit`](Self::is_over_limit) speaks of, in bytes.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Whether the system has killed a process for want of memory since the start.
    pub(crate) fn system_ran_out(&self) -> bool {
        oom_kills() > self.oom_kills_before
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.sampler.abort();
    }
}

async fn sample(pid: Pid, limit: Option<u64>, seen: Arc<Seen>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let measured = tokio::task::spawn_blocking(move || Tree::of(pid.as_raw()).memory(limit)).await;
        let Ok(memory) = measured else { return };
        seen.peak.fetch_max(memory, Ordering::Relaxed);
        if limit.is_some_and(|limit| memory > limit) {
            seen.over_limit.store(true, Ordering::Relaxed);
            Tree::of(pid.as_raw()).kill();
            return;
        }
    }
}

/// A process with all its descendants, as they are now. It only stands above the rest, and has no memory of its own.
#[derive(Debug)]
pub(crate) struct Tree {
    root: i32,
    members: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    pid: i32,
    parent: i32,
    group: i32,
    /// Tells the process from a later one of the same number.
    started: u64,
    resident: u64,
}

impl Tree {
    pub(crate) fn of(root: i32) -> Self {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let all: Vec<Member> = pids.filter_map(Member::read).collect();
        let mut inside: HashSet<i32> =
            all.iter().filter(|member| member.pid == root || member.group == root).map(|member| member.pid).collect();
        let mut before = 0;
        while inside.len() > before {
            before = inside.len();
            inside.extend(
                all.iter().filter(|member| inside.contains(&member.parent)).map(|member| member.pid).collect::<Vec<_>>(),
            );
        }
        Self { root, members: all.into_iter().filter(|member| inside.contains(&member.pid)).collect() }
    }

    /// Resident memory in bytes. Where a sum over several processes is over the limit, the pages they share count once.
    fn memory(&self, limit: Option<u64>) -> u64 {
        let counted: Vec<&Member> = self.members.iter().filter(|member| member.pid != self.root).collect();
        let resident = counted.iter().map(|member| member.resident).sum();
        if counted.len() < 2 || limit.is_none_or(|limit| resident <= limit) {
            return resident;
        }
        counted.iter().map(|member| proportional(member.pid).unwrap_or(member.resident)).sum()
    }

    /// Has the process at its top kill the others and end.
    fn kill(&self) {
        if self.members.iter().any(|member| member.pid == self.root) {
            signal_one(Pid::from_raw(self.root), Signal::SIGTERM);
        }
    }

    /// Kills the members that still live.
    pub(crate) fn kill_survivors(&self) {
        for member in &self.members {
            if Member::read(member.pid).is_some_and(|now| now.started == member.started) {
                signal_one(Pid::from_raw(member.pid), Signal::SIGKILL);
            }
        }
    }
}

impl Member {
    /// Format: `proc_pid_stat(5)`. The command in parentheses may hold anything, so fields count from its end.
    fn read(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
            resident: fields.get(21)?.parse::<u64>().ok()? * PAGE,
        })
    }
}

/// A process's memory with shared pages divided among those who share them, in bytes.
fn proportional(pid: i32) -> Option<u64> {
    kibibytes(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?, "Pss:")
}

/// The most memory a process has had, in bytes.
fn high_water(pid: Pid) -> Option<u64> {
    kibibytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:")
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? << 10)
}

/// How often the system has killed for want of memory: the whole machine, and our control group where it has a limit.
fn oom_kills() -> u64 {
    let count = |path: &str| {
        let text = fs::read_to_string(path).ok()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse::<u64>().ok())
    };
    let group = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
    count("/proc/vmstat").unwrap_or(0) + count(&format!("/sys/fs/cgroup{group}/memory.events")).unwrap_or(0)
}
