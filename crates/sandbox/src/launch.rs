//! Starting a process: confined, and with a reaper above it.
#![expect(unsafe_code, reason = "a process is prepared between its fork and its exec")]

use std::{io, process::ExitStatus, sync::Arc, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::{Confinement, group::Group, memory::Tree};

/// A process with all its descendants. Dropping it kills them.
#[derive(Debug)]
pub struct Family {
    child: Child,
    pid: Pid,
    main: Pid,
    /// The init, where the family has a list of processes of its own.
    init: Option<Pid>,
    /// The reaper kills all when this end is closed, however we end.
    #[cfg(target_os = "linux")]
    _leash: std::os::unix::net::UnixStream,
    /// What keeps its memory within its limit, where the system does that.
    group: Option<Arc<Group>>,
}

/// Starts a command at the head of a process group, with what is below it bound to it. With no confinement, it may do what
/// we may.
///
/// # Errors
/// When it can't be started, or not be confined.
pub fn spawn(command: Command, confinement: Option<&Confinement>) -> io::Result<Family> {
    let confinement = confinement.filter(|_| crate::mode() != crate::Mode::Off);
    start(command, confinement)
}

impl Family {
    /// The process that stands for all in the system's table; signals to it are for the main process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The main process itself.
    pub fn main(&self) -> Pid {
        self.main
    }

    /// The init of a family with a list of processes of its own: ours, and no part of it.
    pub(crate) fn init(&self) -> Option<Pid> {
        self.init
    }

    /// The group that it is in.
    pub(crate) fn group(&self) -> Option<Arc<Group>> {
        self.group.clone()
    }

    /// The pipes, where there are some.
    pub fn pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits until the main process and all below it have ended. Cancel-safe.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Interrupts the main process.
    pub fn interrupt(&self) {
        self.signal(Signal::SIGINT);
    }

    /// Kills all of it.
    pub fn kill(&self) {
        self.signal(if cfg!(target_os = "linux") { Signal::SIGTERM } else { Signal::SIGKILL });
    }

    /// Waits for the end of all, and kills what does not end in time.
    pub async fn reap(&mut self, patience: Duration) {
        let tree = Tree::of(self.pid);
        if tokio::time::timeout(patience, self.wait()).await.is_err() {
            self.kill();
            let _ = self.wait().await;
        }
        // Nobody, unless somebody killed what stood above them.
        tree.kill_survivors();
    }

    fn signal(&self, signal: Signal) {
        // Once it has been waited for, the number may be another's.
        if self.child.id().is_some() {
            let whom = if cfg!(target_os = "linux") || signal == Signal::SIGINT {
                self.pid
            } else {
                Pid::from_raw(-self.pid.as_raw())
            };
            let _ = kill(whom, signal);
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.kill();
    }
}

fn number(child: &Child) -> io::Result<Pid> {
    let number = child.id().and_then(|id| i32::try_from(id).ok());
    number.map(Pid::from_raw).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
}

#[cfg(not(target_os = "linux"))]
fn start(mut command: Command, _: Option<&Confinement>) -> io::Result<Family> {
    let child = command.process_group(0).kill_on_drop(true).spawn()?;
    let pid = number(&child)?;
    Ok(Family { child, pid, main: pid, init: None, group: None })
}

#[cfg(target_os = "linux")]
fn start(mut command: Command, confinement: Option<&Confinement>) -> io::Result<Family> {
    use std::{
        io::Read,
        os::{fd::AsRawFd, unix::net::UnixStream},
    };

    let (mut ours, theirs) = UnixStream::pair()?;
    let judged = confinement.filter(|_| Offer::of_this_machine().egress);
    let link = judged.map(|_| UnixStream::pair()).transpose()?;
    let group = Group::new();
    let descriptors = Descriptors {
        leash: theirs.as_raw_fd(),
        link: link.as_ref().map(|(_, theirs)| theirs.as_raw_fd()),
        group: group.as_ref().map(|group| group.door().as_raw_fd()),
    };
    let prepared = Prepared::new(confinement, descriptors)?;
    // SAFETY: only system calls, on what was prepared before; the descriptors and what `prepared` owns outlast the start.
    unsafe { command.process_group(0).pre_exec(move || prepared.apply()) };
    let child = command.spawn()?;
    drop((theirs, command));
    let pid = number(&child)?;
    // Once they are started, the reaper says which numbers they have.
    let mut told = [[0; 4]; 2];
    ours.read_exact(told.as_flattened_mut())?;
    let [main, init] = told.map(|number| Pid::from_raw(i32::from_ne_bytes(number)));
    let family = Family {
        child,
        pid,
        main,
        init: Some(init).filter(|init| init.as_raw() != 0),
        _leash: ours,
        group: group.map(Arc::new),
    };
    if let Some((Confinement { egress, write, .. }, (link, _))) = judged.zip(link) {
        Supervisor::start(supervisor::receive(&link)?, egress.clone(), write, pid)?;
    }
    Ok(family)
}

#[cfg(target_os = "linux")]
use {
    crate::{
        Offer,
        supervisor::{self, Supervisor},
    },
    linux::{Descriptors, Prepared},
};

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        ffi::CStr,
        io,
        os::fd::{AsRawFd, OwnedFd, RawFd},
    };

    use seccompiler::BpfProgram;

    use crate::{
        Confinement, Limits, landlock,
        namespaces::{Namespaces, furnish},
        offer::Offer,
        reaper::{self, Orders},
        seccomp, supervisor,
    };

    /// All that is needed between fork and exec, where nothing can be allocated.
    pub(super) struct Prepared {
        descriptors: Descriptors,
        variables: (usize, usize),
        signals: Option<OwnedFd>,
        namespaces: Option<Namespaces>,
        inside: Option<Inside>,
    }

    /// They outlast the start.
    pub(super) struct Descriptors {
        pub(super) leash: RawFd,
        /// Where whoever judges connections waits.
        pub(super) link: Option<RawFd>,
        /// Where one joins the group that holds the memory.
        pub(super) group: Option<RawFd>,
    }

    struct Inside {
        rules: Option<OwnedFd>,
        filters: &'static [BpfProgram],
        limits: Limits,
    }

    impl Prepared {
        pub(super) fn new(confinement: Option<&Confinement>, descriptors: Descriptors) -> io::Result<Self> {
            let inside = confinement.map(|confinement| {
                let filters = if Offer::of_this_machine().seccomp {
                    seccomp::filters(&confinement.egress, descriptors.link.is_some())?
                } else {
                    &[]
                };
                Ok::<_, io::Error>(Inside { rules: landlock::rules(confinement)?, filters, limits: confinement.limits })
            });
            let inside = inside.transpose()?;
            let apart = confinement.filter(|_| Offer::of_this_machine().gives_namespaces());
            let namespaces = apart.map(|confinement| Namespaces::new(confinement.egress.is_none())).transpose()?;
            // What is not confined may need the rights that are given up for it; whoever has an init needs no more to be killed.
            let signals = if inside.is_some() && namespaces.is_none() { landlock::signal_rules()? } else { None };
            Ok(Self { descriptors, variables: variables(), signals, namespaces, inside })
        }

        /// Between fork and exec.
        pub(super) fn apply(&self) -> io::Result<()> {
            let alone = self.signals.as_ref().map(restrict).transpose()?.is_some() && !reaches_outside();
            let namespaces = self.namespaces.as_ref();
            let Descriptors { leash, link, group } = self.descriptors;
            let orders = Orders { leash, variables: self.variables, alone, namespaces };
            // SAFETY: this is between fork and exec.
            unsafe { reaper::fork(&orders)? };
            group.map_or(Ok(()), join)?;
            let rules = self.inside.as_ref().and_then(|inside| inside.rules.as_ref());
            let allow = |path: &CStr, write| rules.map_or(Ok(()), |rules| landlock::allow_now(rules, path, write));
            namespaces.map_or(Ok(()), |_| furnish(allow))?;
            self.inside.as_ref().map_or(Ok(()), Inside::apply)?;
            link.map_or(Ok(()), supervisor::apply)
        }
    }

    impl Inside {
        fn apply(&self) -> io::Result<()> {
            let Limits { processes, file_size, open_files } = self.limits;
            leave_descriptors();
            give_up_capabilities();
            limit(libc::RLIMIT_CORE, 0)?;
            limit(libc::RLIMIT_NPROC, processes)?;
            limit(libc::RLIMIT_FSIZE, file_size)?;
            limit(libc::RLIMIT_NOFILE, open_files)?;
            if let Some(rules) = &self.rules {
                restrict(rules)?;
            }
            for filter in self.filters {
                seccompiler::apply_filter(filter).map_err(|_| io::Error::from_raw_os_error(libc::EPERM))?;
            }
            Ok(())
        }
    }

    /// What we start from here on is in the group as well; what stands above us is not.
    fn join(group: RawFd) -> io::Result<()> {
        // SAFETY: the text outlasts the call.
        let written = unsafe { libc::write(group, c"0".as_ptr().cast(), 1) };
        if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn restrict(rules: &OwnedFd) -> io::Result<()> {
        // SAFETY: system calls without memory.
        let failed = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) != 0
        };
        if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Whether a signal would reach our parent, who is outside.
    fn reaches_outside() -> bool {
        // SAFETY: system calls without memory; signal 0 only asks.
        unsafe { libc::kill(libc::getppid(), 0) == 0 }
    }

    /// Leaves root what it needs for its own files. The rest opens ways around what is refused: reading other processes, for one,
    /// or changing whose a file is.
    fn give_up_capabilities() {
        // DAC_OVERRIDE, NET_BIND_SERVICE.
        const KEPT: [libc::c_ulong; 2] = [1, 10];
        for capability in (0..64).filter(|capability| !KEPT.contains(capability)) {
            // SAFETY: a system call without memory. Whoever may not give one up, or knows none of this number, has none.
            unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        }
    }

    /// Keeps whatever we were started with open from the program to come, but for its standard streams. Systems that can't have no
    /// Landlock either.
    fn leave_descriptors() {
        // SAFETY: a system call without memory; descriptors stay open until the program begins.
        unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    }

    /// Lowers a limit; never raises one.
    fn limit(what: libc::__rlimit_resource_t, most: u64) -> io::Result<()> {
        // SAFETY: the structure is of this frame.
        let failed = unsafe {
            let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::getrlimit(what, &raw mut now) != 0 || {
                let hard = now.rlim_max.min(most);
                let lower = libc::rlimit { rlim_cur: now.rlim_cur.min(hard), rlim_max: hard };
                libc::setrlimit(what, &raw const lower) != 0
            }
        };
        if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Where the variables lie that this process was started with, as start and length.
    fn variables() -> (usize, usize) {
        let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // `env_start` and `env_end` of `proc_pid_stat(5)`, counted from the end of the command, which may hold anything.
        let fields = told.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace();
        let mut ends = fields.skip(47).take(2).filter_map(|field| field.parse::<usize>().ok());
        let (start, end) = (ends.next().unwrap_or(0), ends.next().unwrap_or(0));
        (start, end.saturating_sub(start))
    }
}
