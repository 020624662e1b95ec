//! Control groups, version 2: how much memory a family may take, seen to by the system itself.
//!
//! A group may hold processes or share out memory among groups below it, not both. So where the group that we are in is ours
//! alone (systemd's `Delegate=yes`, a container's own group), we move into one below it, and each family gets another.
//! Whoever shares the group with others leaves it as it is.
#![cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no other system has them"))]

use std::{
    fs::{self, File},
    io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Where systems mount them.
const ROOT: &str = "/sys/fs/cgroup";
/// The group that we move into.
const OURS: &str = "mlsys";
/// What the families' groups are called, before a number.
const FAMILY: &str = "family-";
/// Who is in a group.
const PROCESSES: &str = "cgroup.procs";

/// Groups that could not be removed, because somebody in them had not ended yet.
static LEFT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A family's group. It is removed when nobody looks at it any more.
#[derive(Debug)]
pub(crate) struct Group {
    folder: PathBuf,
    processes: File,
}

/// Whether families have groups here. The first who asks sets them up.
pub(crate) fn are_possible() -> bool {
    parent().is_some()
}

impl Group {
    /// A new one; `None` where there are none.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        LEFT.lock().unwrap_or_else(PoisonError::into_inner).retain(|folder| fs::remove_dir(folder).is_err());
        let folder = parent()?.join(format!("{FAMILY}{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        let made = Self::make(&folder);
        made.inspect_err(|error| tracing::warn!(%error, "no control group could be made; memory is looked at instead")).ok()
    }

    fn make(folder: &Path) -> io::Result<Self> {
        fs::create_dir(folder)?;
        let processes = File::options().write(true).open(folder.join(PROCESSES));
        let made = processes.map(|processes| Self { folder: folder.to_owned(), processes });
        made.inspect_err(|_| drop(fs::remove_dir(folder)))
    }

    /// Whoever writes `0` to it joins.
    pub(crate) fn door(&self) -> BorrowedFd<'_> {
        self.processes.as_fd()
    }

    /// From now on, who takes more than this, in bytes, is killed with all others in it; `None`: nobody is.
    pub(crate) fn limit(&self, bytes: Option<u64>) -> io::Result<()> {
        fs::write(self.folder.join("memory.oom.group"), "1")?;
        // Without it there may be no swap.
        let _ = fs::write(self.folder.join("memory.swap.max"), "0");
        fs::write(self.folder.join("memory.max"), bytes.map_or("max".to_owned(), |bytes| bytes.to_string()))
    }

    /// Whether somebody in it was killed for taking too much.
    pub(crate) fn has_killed(&self) -> bool {
        let events = fs::read_to_string(self.folder.join("memory.events")).unwrap_or_default();
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse::<u64>().ok());
        kills.is_some_and(|kills| kills > 0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if fs::remove_dir(&self.folder).is_err() {
            LEFT.lock().unwrap_or_else(PoisonError::into_inner).push(self.folder.clone());
        }
    }
}

/// The group that the families' are made in.
fn parent() -> Option<&'static Path> {
    static PARENT: OnceLock<Option<PathBuf>> = OnceLock::new();
    PARENT.get_or_init(take_over).as_deref()
}

/// Makes room for groups in the one that we are in, if nobody else is.
fn take_over() -> Option<PathBuf> {
    let told = fs::read_to_string("/proc/self/cgroup").ok()?;
    let parent = Path::new(ROOT).join(told.lines().find_map(|line| line.strip_prefix("0::/"))?);
    let read = |file: &str| fs::read_to_string(parent.join(file)).ok();
    let alone = read(PROCESSES)?.lines().all(|process| process == std::process::id().to_string());
    if !alone || !read("cgroup.controllers")?.split_ascii_whitespace().any(|controller| controller == "memory") {
        return None;
    }
    let ours = parent.join(OURS);
    match fs::create_dir(&ours) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return None,
        _ => {}
    }
    let moved =
        fs::write(ours.join(PROCESSES), "0").and_then(|()| fs::write(parent.join("cgroup.subtree_control"), "+memory"));
    if moved.is_err() {
        let _ = fs::write(parent.join(PROCESSES), "0");
        let _ = fs::remove_dir(&ours);
        return None;
    }
    // Those of a process that was killed before us. Where somebody is still in one, it stays.
    for entry in fs::read_dir(&parent).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(FAMILY.as_bytes()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
    Some(parent)
}
