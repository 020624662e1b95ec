//! What this machine offers to confine processes with.

use std::sync::OnceLock;

use crate::Mode;

/// What this machine offers.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a machine has each of them or not, whatever else it has")]
pub struct Offer {
    /// The version of Landlock's interface.
    pub landlock: Option<u32>,
    /// Whether system calls can be refused.
    pub seccomp: bool,
    /// Whether what is confined can have a list of processes and shared memory of its own.
    pub namespaces: bool,
    /// Whether connections can be judged one by one.
    pub egress: bool,
    /// Whether the system sees to it that nobody takes more memory than their limit.
    pub memory: bool,
}

/// From this version on, Landlock keeps signals inside.
#[cfg(target_os = "linux")]
pub(crate) const SCOPES: u32 = 6;

impl Offer {
    /// Looks once.
    pub fn of_this_machine() -> &'static Self {
        static OFFER: OnceLock<Offer> = OnceLock::new();
        OFFER.get_or_init(Self::look)
    }

    #[cfg(target_os = "linux")]
    fn look() -> Self {
        let landlock = crate::landlock::version();
        let seccomp = std::path::Path::new("/proc/sys/kernel/seccomp").exists();
        // Without filters, one could make namespaces in there, and mount what one likes.
        let namespaces = seccomp && crate::namespaces::are_possible();
        // Whatever has Landlock tells when nobody is left whose connections are to be judged.
        let egress = landlock.is_some() && seccomp && crate::supervisor::is_possible();
        Self { landlock, seccomp, namespaces, egress, memory: crate::group::are_possible() }
    }

    #[cfg(not(target_os = "linux"))]
    fn look() -> Self {
        Self::default()
    }

    /// Whether signals stay inside.
    #[cfg(target_os = "linux")]
    pub(crate) fn keeps_signals(&self) -> bool {
        self.landlock.is_some_and(|version| version >= SCOPES)
    }

    /// Whether what is confined has namespaces of its own.
    #[cfg(target_os = "linux")]
    pub(crate) fn gives_namespaces(&self) -> bool {
        self.namespaces && crate::mode() != Mode::Landlock
    }

    /// What a mode comes to here, and what it leaves open.
    pub fn describe(&self, mode: Mode) -> String {
        if mode == Mode::Off {
            return "SANDBOX=off: notebooks, builds and models in Python can read and change whatever this user can"
                .to_owned();
        }
        let Some(version) = self.landlock else {
            let half = if self.seccomp { ", though some system calls are refused" } else { "" };
            return format!(
                "no sandbox here: notebooks, builds and models in Python can read and change whatever this user can{half} \
                 (Linux has Landlock from 5.13 on)"
            );
        };
        let mut parts = vec![format!("Landlock {version}")];
        let mut open = vec!["the times and modes of this user's files"];
        let mut say = |has: bool, part: &str, otherwise: &[&'static str]| {
            if has {
                parts.push(part.to_owned());
            } else {
                open.extend(otherwise);
            }
        };
        let namespaces = self.namespaces && mode != Mode::Landlock;
        say(namespaces, "namespaces", &["the list of processes", "/dev/shm", "System V's shared memory"]);
        say(self.seccomp, "seccomp", &["rare system calls"]);
        say(self.memory, "memory by control groups", &["memory for a tenth of a second"]);
        say(self.egress, "each connection judged", &["the network whatever SANDBOX_EGRESS says", "sockets with a path"]);
        say(namespaces || version >= 6, "signals kept inside", &["signals to other processes of this user"]);
        let missing = if namespaces { String::new() } else { format!("; no namespaces: {}", obstacle(mode)) };
        format!("sandbox: {}; open: {}{missing}", parts.join(", "), open.join(", "))
    }
}

/// Why there are no namespaces.
fn obstacle(mode: Mode) -> &'static str {
    if mode == Mode::Landlock {
        return "SANDBOX=landlock";
    }
    #[cfg(target_os = "linux")]
    return crate::namespaces::obstacle();
    #[cfg(not(target_os = "linux"))]
    return "this system has none";
}
