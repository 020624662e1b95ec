//! What one member of a family gives up for itself, so that it and the others can't reach each other.
//!
//! A family is confined when it starts. Where its main process forks others that must not know of each other, each of them
//! restricts itself further, to what is its own: Landlock's rules and filters of system calls add up, and are never taken back.

use std::{io, os::fd::OwnedFd};

use nix::unistd::Pid;

use crate::{Confinement, Mode};

/// What a member restricts itself with, before anything of others runs in it: `landlock_restrict_self(2)`, `seccomp(2)`.
#[derive(Debug, Default)]
pub struct Seal {
    /// Landlock's ruleset, where there is Landlock. It knows the `/proc` of those who made it only.
    pub rules: Option<OwnedFd>,
    /// A program of `struct sock_filter`, or nothing: the member starts no process, signals nobody, makes no socket, and shares no
    /// memory.
    pub filter: Vec<u8>,
}

impl Seal {
    /// For a member, by its number as it sees it itself. Of the confinement, folders count.
    ///
    /// # Errors
    /// When the system refuses.
    #[cfg(target_os = "linux")]
    pub fn new(confinement: &Confinement, number: i32) -> io::Result<Self> {
        if crate::mode() == Mode::Off {
            return Ok(Self::default());
        }
        let filter = if crate::Offer::of_this_machine().seccomp { crate::seccomp::member(number)? } else { Vec::new() };
        Ok(Self { rules: crate::landlock::member_rules(confinement)?, filter })
    }

    /// Nothing is confined here.
    ///
    /// # Errors
    /// None.
    #[cfg(not(target_os = "linux"))]
    pub fn new(_: &Confinement, _: i32) -> io::Result<Self> {
        Ok(Self::default())
    }
}

/// The number by which we know a child of a family's main process, which calls it by one of its own list. Blocks.
pub fn child_of(main: Pid, number: i32) -> Option<Pid> {
    if cfg!(not(target_os = "linux")) {
        return Some(Pid::from_raw(number));
    }
    let children = std::fs::read_to_string(format!("/proc/{main}/task/{main}/children")).ok()?;
    // The youngest come last.
    children.split_ascii_whitespace().rev().find_map(|pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
        let own = numbers.split_ascii_whitespace().next_back()?.parse::<i32>().ok()?;
        (own == number).then(|| pid.parse().ok()).flatten().map(Pid::from_raw)
    })
}
