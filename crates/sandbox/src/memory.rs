//! How much memory a process with all below it takes, and an end for those that take too much.

use std::{
    collections::HashSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use nix::{
    sys::{
        signal::{Signal, kill},
        statvfs::statvfs,
    },
    unistd::Pid,
};
use tokio::{task::JoinHandle, time::MissedTickBehavior};

use crate::{Family, group::Group};

const INTERVAL: Duration = Duration::from_millis(100);
/// Linux pages as `/proc` counts them.
const PAGE: u64 = 4096;

/// Samples how much memory a family, or one process of it, takes until it is dropped, and kills it over its limit. Where the
/// family has a control group, the system does the latter, before it has taken more.
#[derive(Debug)]
pub struct Watch {
    watched: Watched,
    main: Pid,
    seen: Arc<Seen>,
    /// Who ends those that take too much, where that is not us.
    group: Option<Arc<Group>>,
    oom_kills_before: u64,
    sampler: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    /// None is the greatest number there is.
    limit: AtomicU64,
    peak: AtomicU64,
    over_limit: AtomicBool,
}

impl Watch {
    /// Begins. The limit is in bytes, for all of the family together.
    pub fn start(family: &Family, limit: Option<u64>) -> Self {
        let watched = Watched::Family((family.pid(), family.main(), family.init()));
        let group = family.group().filter(|group| group.limit(limit).is_ok());
        Self::over((watched, family.main()), limit, group)
    }

    /// Begins, for one process that starts no others.
    pub fn process(pid: Pid, limit: Option<u64>) -> Self {
        let started = Member::read(pid.as_raw()).map_or(0, |member| member.started);
        Self::over((Watched::Process { pid, started }, pid), limit, None)
    }

    fn over((watched, main): (Watched, Pid), limit: Option<u64>, group: Option<Arc<Group>>) -> Self {
        let seen = Arc::new(Seen { limit: limit.unwrap_or(u64::MAX).into(), ..Seen::default() });
        let sampler = tokio::spawn(sample(watched, group.is_some(), Arc::clone(&seen)));
        Self { watched, main, seen, group, oom_kills_before: oom_kills(), sampler }
    }

    /// What tells how much memory it takes now.
    pub fn footprint(&self) -> Footprint {
        Footprint(self.watched)
    }

    /// The most memory seen so far, in bytes. The main process's own high-water mark counts too while it lives.
    pub fn peak(&self) -> Option<u64> {
        let peak = self.seen.peak.load(Ordering::Relaxed).max(status(self.main, "VmHWM:").unwrap_or(0));
        // What the system ends, it ends between two samples.
        let limit = self.limit().filter(|_| self.is_over_limit()).unwrap_or(0);
        Some(peak.max(limit)).filter(|peak| *peak > 0)
    }

    /// Whether it was killed for being over its limit.
    pub fn is_over_limit(&self) -> bool {
        self.seen.over_limit.load(Ordering::Relaxed) || self.group.as_ref().is_some_and(|group| group.has_killed())
    }

    /// The limit that [`is_over_limit`](Self::is_over_limit) speaks of, in bytes.
    pub fn limit(&self) -> Option<u64> {
        Some(self.seen.limit.load(Ordering::Relaxed)).filter(|limit| *limit < u64::MAX)
    }

    /// Sets another limit, in bytes, from now on.
    pub fn set_limit(&self, limit: Option<u64>) {
        self.seen.limit.store(limit.unwrap_or(u64::MAX), Ordering::Relaxed);
        if let Some(Err(error)) = self.group.as_ref().map(|group| group.limit(limit)) {
            tracing::warn!(%error, "a limit of memory could not be changed");
        }
    }

    /// Whether the system has killed a process for want of memory since the start.
    pub fn system_ran_out(&self) -> bool {
        oom_kills() > self.oom_kills_before
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.sampler.abort();
    }
}

/// Tells how much memory a family or process takes, for as long as it lives; then, nothing.
#[derive(Debug, Clone, Copy)]
pub struct Footprint(Watched);

impl Footprint {
    /// The memory in bytes; pages that are shared with other processes count in part. Blocks for some milliseconds.
    pub fn bytes(self) -> u64 {
        let (members, files) = match self.0 {
            Watched::Family(heads) => members(heads),
            Watched::Process { pid, started } => {
                (Member::read(pid.as_raw()).filter(|member| member.started == started).into_iter().collect(), 0)
            }
        };
        files + members.iter().map(|member| proportional(member.pid).unwrap_or(member.resident)).sum::<u64>()
    }
}

/// A limit on memory as it is set, in megabytes, made bytes. Unset, it is three quarters of what this machine, or the control
/// group that we are in, has.
pub fn memory_limit(megabytes: Option<u64>) -> Option<u64> {
    megabytes.map(|megabytes| megabytes.saturating_mul(1 << 20)).or_else(three_quarters)
}

fn three_quarters() -> Option<u64> {
    let machine = kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")?;
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = groups.iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok());
    Some(limits.chain([machine]).min()? / 4 * 3)
}

/// The reaper, the main process, and the init where there is one.
type Heads = (Pid, Pid, Option<Pid>);

/// Whose memory is counted.
#[derive(Debug, Clone, Copy)]
enum Watched {
    Family(Heads),
    /// `started` tells it from a later one of the same number.
    Process {
        pid: Pid,
        started: u64,
    },
}

impl Watched {
    /// In bytes.
    fn taken(self, limit: u64) -> u64 {
        match self {
            Self::Family(heads) => taken(heads, limit),
            Self::Process { pid, started } => {
                let member = Member::read(pid.as_raw()).filter(|member| member.started == started);
                let resident = member.map_or(0, |member| member.resident);
                // What was there before it was forked is not its own alone.
                if resident > limit { proportional(pid.as_raw()).unwrap_or(resident) } else { resident }
            }
        }
    }

    fn kill(self) {
        // A family's reaper has the others killed, and ends.
        let _ = match self {
            Self::Family((reaper, ..)) => kill(reaper, Signal::SIGTERM),
            Self::Process { pid, .. } => kill(pid, Signal::SIGKILL),
        };
    }
}

async fn sample(watched: Watched, held: bool, seen: Arc<Seen>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let limit = seen.limit.load(Ordering::Relaxed);
        let Ok(memory) = tokio::task::spawn_blocking(move || watched.taken(limit)).await else { return };
        seen.peak.fetch_max(memory, Ordering::Relaxed);
        // It may have been raised meanwhile.
        if !held && memory > seen.limit.load(Ordering::Relaxed) {
            seen.over_limit.store(true, Ordering::Relaxed);
            watched.kill();
            return;
        }
    }
}

/// The memory of a family in bytes, without what is ours. Where a sum over several processes is over the limit, the pages
/// they share count once.
fn taken(heads: Heads, limit: u64) -> u64 {
    let (members, files) = members(heads);
    let resident = files + members.iter().map(|member| member.resident).sum::<u64>();
    if members.len() < 2 || resident <= limit {
        return resident;
    }
    files + members.iter().map(|member| proportional(member.pid).unwrap_or(member.resident)).sum::<u64>()
}

/// The processes of a family, without what is ours, and what lies in its files in bytes.
fn members((reaper, main, init): Heads) -> (Vec<Member>, u64) {
    let members = below(reaper).into_iter().filter(|pid| init.is_none_or(|init| init.as_raw() != *pid));
    let members: Vec<Member> = members.filter_map(Member::read).collect();
    let files = init.map_or(0, |_| only_in_files(main, &members));
    (members, files)
}

/// How much of a family's own `/dev/shm` no process has mapped, in bytes, at least.
fn only_in_files(main: Pid, members: &[Member]) -> u64 {
    let Ok(found) = statvfs(format!("/proc/{main}/root/dev/shm").as_str()) else { return 0 };
    let used = found.blocks().saturating_sub(found.blocks_free()).saturating_mul(found.fragment_size());
    let mapped = |member: &Member| status(Pid::from_raw(member.pid), "RssShmem:").unwrap_or(0);
    if used == 0 { 0 } else { used.saturating_sub(members.iter().map(mapped).sum()) }
}

/// All processes below one, as they are now.
pub(crate) fn below(top: Pid) -> Vec<i32> {
    let mut members = vec![top.as_raw()];
    let mut at = 0;
    while let Some(member) = members.get(at).copied() {
        for thread in fs::read_dir(format!("/proc/{member}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            members.extend(children.split_ascii_whitespace().filter_map(|child| child.parse::<i32>().ok()));
        }
        at += 1;
    }
    members.remove(0);
    members
}

/// A process with all its descendants, as they are now, and whoever is of its group, though nothing stands above them any more.
#[derive(Debug)]
pub(crate) struct Tree(Vec<Member>);

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
    pub(crate) fn of(root: Pid) -> Self {
        let root = root.as_raw();
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
        Self(all.into_iter().filter(|member| inside.contains(&member.pid)).collect())
    }

    /// Kills the members that still live.
    pub(crate) fn kill_survivors(&self) {
        for member in &self.0 {
            if Member::read(member.pid).is_some_and(|now| now.started == member.started) {
                let _ = kill(Pid::from_raw(member.pid), Signal::SIGKILL);
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

/// What `proc_pid_status(5)` says of a process's memory, in bytes.
fn status(pid: Pid, name: &str) -> Option<u64> {
    kibibytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, name)
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
