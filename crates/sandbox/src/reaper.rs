//! The process above the one that runs what others wrote.
//!
//! It is a fork of ours that never becomes another program. Whatever loses its parent below becomes its child, so it knows
//! all that is left, kills it when the main process has ended or the other end of its leash is closed, and only then ends
//! itself, as the main process did: with its exit code, or by its signal.
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

/// How long processes may go on after the main process, to clean up, in milliseconds.
const GRACE: i64 = 500;
/// How often what is left is killed again, in milliseconds.
const ROUND: i64 = 10;
/// One of its children list files; there is one of each thread, and it has one thread.
const CHILDREN: &CStr = c"/proc/thread-self/children";
/// What is kept around a place that is still in use, in bytes.
const FRAMES: usize = 64 << 10;
/// No smaller than any page.
const PAGE: usize = 64 << 10;
/// As many descriptors are closed one by one where the system can't close a range.
const DESCRIPTORS: u32 = 1 << 14;

/// What a reaper is told before its fork.
pub(crate) struct Orders<'a> {
    /// One end of the leash.
    pub leash: RawFd,
    /// Memory of this process that the reaper does without, as start and length.
    pub memory: &'a [(usize, usize)],
    /// Where the variables lie that this process was started with, secrets among them.
    pub variables: (usize, usize),
    /// Whether signals of ours reach nobody but those below: then one call kills them all, however quickly they multiply.
    pub alone: bool,
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
        let reaper = libc::getpid();
        match syscall(libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0, 0, 0]) {
            error @ ..0 => Err(std::io::Error::from_raw_os_error(i32::try_from(-error).unwrap_or(libc::EAGAIN))),
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
            main => watch(orders, main as pid_t, &heard),
        }
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

unsafe fn watch(orders: &Orders<'_>, main: pid_t, heard: &libc::sigset_t) -> ! {
    // SAFETY: system calls on memory of this frame; `forget` leaves this frame alone.
    unsafe {
        let told = main.to_ne_bytes();
        syscall(libc::SYS_write, [orders.leash.into(), told.as_ptr() as c_long, 4, 0, 0]);
        close_all_but(orders.leash);
        let size = size_of::<u64>() as c_long;
        let signals = syscall(libc::SYS_signalfd4, [-1, std::ptr::from_ref(heard) as c_long, size, 0, 0]) as c_int;
        let (leash, alone) = (orders.leash, orders.alone);
        if orders.variables.0 != 0 {
            std::ptr::write_bytes(orders.variables.0 as *mut u8, 0, orders.variables.1);
        }
        forget(orders.memory);
        let (mut state, mut status) = (State::Running, None);
        loop {
            // Signals first: a main process that ended on its own did so, though its leash is let go by now.
            match reap(main, &mut status) {
                Left::None => end(status),
                Left::Some if status.is_some() && state == State::Running => state = State::Ending(now() + GRACE),
                Left::Some => {}
            }
            let wait = match state {
                State::Running => -1,
                State::Ending(at) if at > now() => at - now(),
                State::Ending(_) | State::Killing => {
                    state = State::Killing;
                    kill_all(main, alone);
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

unsafe fn kill_all(main: pid_t, alone: bool) {
    // SAFETY: system calls on memory of this frame. With `alone`, the system refuses every signal to the outside.
    unsafe {
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

/// Gives memory back, but for what is around this frame, the thread's own data and the list itself.
unsafe fn forget(memory: &[(usize, usize)]) {
    let around = |address: usize, before: usize, after: usize| {
        let start = address.saturating_sub(before) / PAGE * PAGE;
        (start, (address + after).div_ceil(PAGE) * PAGE)
    };
    let here = std::ptr::from_ref(&memory) as usize;
    // SAFETY: the address only.
    let own = unsafe { libc::__errno_location() } as usize;
    let mut kept = [
        around(here, FRAMES, FRAMES),
        around(own, FRAMES, FRAMES),
        around(memory.as_ptr() as usize, 0, size_of_val(memory)),
    ];
    kept.sort_unstable();
    for (start, length) in memory {
        let (mut from, end) = (*start, start + length);
        for (low, high) in kept {
            if low < end && high > from {
                give_back(from, low.max(from));
                from = high.min(end);
            }
        }
        give_back(from, end);
    }
}

fn give_back(from: usize, to: usize) {
    if to > from {
        let length = to - from;
        // SAFETY: mapped without a file when it was listed, and nothing in there is needed any more.
        unsafe { syscall(libc::SYS_madvise, [from as c_long, length as c_long, libc::MADV_DONTNEED.into(), 0, 0]) };
    }
}

unsafe fn close_all_but(kept: RawFd) {
    let kept = kept.cast_unsigned();
    let close = |from: u32, to: u32| {
        // SAFETY: nothing of this process uses a descriptor any more but the one that is kept.
        let closed = unsafe { syscall(libc::SYS_close_range, [from.into(), to.into(), 0, 0, 0]) };
        if closed < 0 {
            for descriptor in from..=to.min(DESCRIPTORS) {
                // SAFETY: as above.
                unsafe { syscall(libc::SYS_close, [descriptor.into(), 0, 0, 0, 0]) };
            }
        }
    };
    if kept > 0 {
        close(0, kept - 1);
    }
    close(kept + 1, u32::MAX);
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
unsafe fn syscall(number: c_long, words: [c_long; 5]) -> c_long {
    // SAFETY: the caller's.
    let answer = unsafe { libc::syscall(number, words[0], words[1], words[2], words[3], words[4]) };
    if answer < 0 {
        // SAFETY: the thread's own.
        return -c_long::from(unsafe { *libc::__errno_location() });
    }
    answer
}
