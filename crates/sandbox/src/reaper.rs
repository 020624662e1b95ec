//! The process above the one that runs what others wrote.
//!
//! It is a fork of ours that never becomes another program. Whatever loses its parent below becomes its child, so it knows
//! all that is left, kills it when the main process has ended or the other end of its leash is closed, and only then ends
//! itself, as the main process did: with its exit code, or by its signal.
//!
//! Where the family has a list of processes of its own, its init stands beside the main process. Whatever loses its parent
//! becomes the init's child then, and when the init is killed, the system kills all that is in the list.
//!
//! It is forked from a process with threads, so nothing here may allocate, lock or ask the C library for more than a system
//! call. What it was forked with is given back at once: it holds no secret, and next to no memory.
#![expect(unsafe_code, reason = "between fork and exec there are only system calls")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a system call takes and gives words, whatever they stand for"
)]

use std::{ffi::CStr, mem::MaybeUninit, os::fd::RawFd};

use libc::{c_int, c_long, pid_t};

use crate::{forget::forget, namespaces::Namespaces};

/// How long processes may go on after the main process, to clean up, in milliseconds.
const GRACE: i64 = 500;
/// How often what is left is killed again, in milliseconds.
const ROUND: i64 = 10;
/// One of its children list files; there is one of each thread, and it has one thread.
const CHILDREN: &CStr = c"/proc/thread-self/children";
/// The init's stack, in bytes.
const STACK: usize = 64 << 10;
/// As many descriptors are closed one by one where the system can't close a range.
const DESCRIPTORS: u32 = 1 << 14;

/// What a reaper is told before its fork.
pub(crate) struct Orders<'a> {
    /// One end of the leash.
    pub leash: RawFd,
    /// Where the variables lie that this process was started with, secrets among them.
    pub variables: (usize, usize),
    /// Whether signals of ours reach nobody but those below: then one call kills them all, however quickly they multiply.
    pub alone: bool,
    /// What the family is to have of its own.
    pub namespaces: Option<&'a Namespaces>,
}

/// Forks: the child returns and becomes the main process; its parent is the reaper, and never returns.
///
/// # Safety
/// Only between fork and exec, where nothing else runs.
pub(crate) unsafe fn fork(orders: &Orders<'_>) -> std::io::Result<()> {
    // SAFETY: system calls on memory of this frame.
    unsafe {
        if libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 {
            return Err(std::io::Error::last_os_error());
        }
        let (mut heard, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        libc::sigfillset(heard.as_mut_ptr());
        let heard = heard.assume_init();
        libc::sigprocmask(libc::SIG_SETMASK, &raw const heard, before.as_mut_ptr());
        let init = match orders.namespaces {
            Some(namespaces) => {
                namespaces.enter()?;
                Some(start_init()?)
            }
            None => None,
        };
        // Whoever has a list of processes of its own sees nobody outside.
        let reaper = if init.is_some() { 0 } else { libc::getpid() };
        match fork_once()? {
            0 => {
                libc::setpgid(0, 0);
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // Whoever started us in the background may have had us ignore it, and so would what comes.
                libc::signal(libc::SIGINT, libc::SIG_DFL);
                if libc::getppid() != reaper {
                    libc::_exit(1);
                }
                libc::sigprocmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
                Ok(())
            }
            main => watch(orders, (main, init), &heard),
        }
    }
}

unsafe fn fork_once() -> std::io::Result<pid_t> {
    // SAFETY: the caller's.
    match unsafe { syscall(libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0, 0, 0]) } {
        error @ ..0 => Err(std::io::Error::from_raw_os_error(i32::try_from(-error).unwrap_or(libc::EAGAIN))),
        process => Ok(process as pid_t),
    }
}

/// Starts the init, in our own memory: a copy of it would take longer than all else.
unsafe fn start_init() -> std::io::Result<pid_t> {
    // SAFETY: the stack is the init's alone, and stays. It is shared memory, so that nobody forgets it.
    unsafe {
        let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        let stack = libc::mmap(std::ptr::null_mut(), STACK, rights, kind, -1, 0);
        if stack == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        match libc::clone(stand_by, stack.byte_add(STACK), libc::CLONE_VM | libc::SIGCHLD, std::ptr::null_mut()) {
            ..0 => Err(std::io::Error::last_os_error()),
            init => Ok(init),
        }
    }
}

/// The init: waits until the reaper says that the main process has ended, and then for all others. What it leaves is killed.
extern "C" fn stand_by(_: *mut libc::c_void) -> c_int {
    // SAFETY: system calls on memory of this frame. What they answer is not looked at where it would be in the reaper's memory.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // Its children need not be waited for one by one.
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        close(0, u32::MAX);
        let mut told = MaybeUninit::uninit();
        libc::sigemptyset(told.as_mut_ptr());
        libc::sigaddset(told.as_mut_ptr(), libc::SIGTERM);
        let (told, size) = (told.as_ptr(), size_of::<u64>());
        let nothing = std::ptr::null::<u8>();
        while libc::syscall(libc::SYS_rt_sigtimedwait, told, nothing, nothing, size) != libc::SIGTERM.into() {}
        while libc::syscall(libc::SYS_wait4, -1, nothing, 0, nothing) >= 0 {}
        libc::_exit(0)
    }
}

/// What is to become of those below.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Running,
    /// The main process has ended; when the rest has to have.
    Ending(i64),
    Killing,
}

unsafe fn watch(orders: &Orders<'_>, (main, init): (pid_t, Option<pid_t>), heard: &libc::sigset_t) -> ! {
    // SAFETY: system calls on memory of this frame; `forget` leaves this frame alone.
    unsafe {
        let told = [main, init.unwrap_or(0)];
        syscall(libc::SYS_write, [orders.leash.into(), told.as_ptr() as c_long, size_of_val(&told) as c_long, 0, 0]);
        close_all_but(orders.leash);
        let size = size_of::<u64>() as c_long;
        let signals = syscall(libc::SYS_signalfd4, [-1, std::ptr::from_ref(heard) as c_long, size, 0, 0]) as c_int;
        let (leash, alone) = (orders.leash, orders.alone);
        forget(orders.variables);
        let (mut state, mut status) = (State::Running, None);
        loop {
            // Signals first: a main process that ended on its own did so, though its leash is let go by now.
            match reap(main, &mut status) {
                Left::None => end(status),
                Left::Some if status.is_some() && state == State::Running => {
                    if let Some(init) = init {
                        libc::kill(init, libc::SIGTERM);
                    }
                    state = State::Ending(now() + GRACE);
                }
                Left::Some => {}
            }
            let wait = match state {
                State::Running => -1,
                State::Ending(at) if at > now() => at - now(),
                State::Ending(_) | State::Killing => {
                    state = State::Killing;
                    kill_all((main, init), alone);
                    ROUND
                }
            };
            let polled = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            // Once it is closed, it has no more to say.
            let mut sources = [polled(signals), polled(if state == State::Killing { -1 } else { leash })];
            poll(&mut sources, wait);
            if sources[1].revents != 0 {
                state = State::Killing;
            }
            if sources[0].revents != 0 {
                match next_signal(signals) {
                    libc::SIGTERM => state = State::Killing,
                    libc::SIGINT if status.is_none() => {
                        libc::kill(main, libc::SIGINT);
                    }
                    _ => {}
                }
            }
        }
    }
}

enum Left {
    None,
    Some,
}

unsafe fn reap(main: pid_t, status: &mut Option<c_int>) -> Left {
    loop {
        let mut ended: c_int = 0;
        // SAFETY: `ended` is of this frame.
        let answer = unsafe { syscall(libc::SYS_wait4, [-1, (&raw mut ended) as c_long, libc::WNOHANG.into(), 0, 0]) };
        if answer == c_long::from(main) {
            *status = Some(ended);
        } else if answer == -c_long::from(libc::ECHILD) {
            return Left::None;
        } else if answer <= 0 {
            return Left::Some;
        }
    }
}

/// Ends as the main process did.
unsafe fn end(status: Option<c_int>) -> ! {
    let status = status.unwrap_or(libc::SIGKILL);
    // SAFETY: system calls on memory of this frame.
    unsafe {
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            let mut only = MaybeUninit::uninit();
            libc::sigemptyset(only.as_mut_ptr());
            libc::sigaddset(only.as_mut_ptr(), signal);
            libc::signal(signal, libc::SIG_DFL);
            libc::kill(libc::getpid(), signal);
            libc::sigprocmask(libc::SIG_UNBLOCK, only.as_ptr(), std::ptr::null_mut());
        }
        libc::_exit(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 })
    }
}

unsafe fn kill_all((main, init): (pid_t, Option<pid_t>), alone: bool) {
    // SAFETY: system calls on memory of this frame. With `alone`, the system refuses every signal to the outside.
    unsafe {
        if let Some(init) = init {
            libc::kill(init, libc::SIGKILL);
            return;
        }
        if alone {
            libc::kill(-1, libc::SIGKILL);
            return;
        }
        // What they leave behind becomes ours, and is killed in the next round.
        libc::kill(-main, libc::SIGKILL);
        let file = syscall(libc::SYS_openat, [libc::AT_FDCWD.into(), CHILDREN.as_ptr() as c_long, 0, 0, 0]);
        let mut text = [0u8; 4096];
        loop {
            let read = syscall(libc::SYS_read, [file, text.as_mut_ptr() as c_long, 4096, 0, 0]);
            let Some(text) = usize::try_from(read).ok().filter(|read| *read > 0).and_then(|read| text.get(..read)) else {
                break;
            };
            let mut pid: pid_t = 0;
            for byte in text {
                if byte.is_ascii_digit() {
                    pid = pid.wrapping_mul(10).wrapping_add(pid_t::from(byte - b'0'));
                } else {
                    if pid > 1 {
                        libc::kill(pid, libc::SIGKILL);
                    }
                    pid = 0;
                }
            }
        }
        syscall(libc::SYS_close, [file, 0, 0, 0, 0]);
    }
}

unsafe fn close_all_but(kept: RawFd) {
    let kept = kept.cast_unsigned();
    // SAFETY: the caller's.
    unsafe {
        if kept > 0 {
            close(0, kept - 1);
        }
        close(kept + 1, u32::MAX);
    }
}

/// Closes descriptors, which nothing of this process may use any more.
unsafe fn close(from: u32, to: u32) {
    // SAFETY: the caller's.
    unsafe {
        if syscall(libc::SYS_close_range, [from.into(), to.into(), 0, 0, 0]) < 0 {
            for descriptor in from..=to.min(DESCRIPTORS) {
                syscall(libc::SYS_close, [descriptor.into(), 0, 0, 0, 0]);
            }
        }
    }
}

unsafe fn poll(sources: &mut [libc::pollfd; 2], milliseconds: i64) {
    let limit = libc::timespec { tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000 };
    let limit = if milliseconds < 0 { 0 } else { &raw const limit as c_long };
    // SAFETY: both lie in frames that outlast the call.
    unsafe { syscall(libc::SYS_ppoll, [sources.as_mut_ptr() as c_long, 2, limit, 0, 0]) };
}

unsafe fn next_signal(signals: c_int) -> c_int {
    let mut told = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
    let size = size_of::<libc::signalfd_siginfo>() as c_long;
    // SAFETY: the system fills what is of this frame, and zeros are a value of it.
    unsafe {
        syscall(libc::SYS_read, [signals.into(), told.as_mut_ptr() as c_long, size, 0, 0]);
        told.assume_init().ssi_signo.cast_signed()
    }
}

fn now() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is of this frame.
    unsafe { syscall(libc::SYS_clock_gettime, [libc::CLOCK_MONOTONIC.into(), (&raw mut time) as c_long, 0, 0, 0]) };
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// A system call; an error is its number below zero.
pub(crate) unsafe fn syscall(number: c_long, words: [c_long; 5]) -> c_long {
    // SAFETY: the caller's.
    let answer = unsafe { libc::syscall(number, words[0], words[1], words[2], words[3], words[4]) };
    if answer < 0 {
        // SAFETY: the thread's own.
        return -c_long::from(unsafe { *libc::__errno_location() });
    }
    answer
}
