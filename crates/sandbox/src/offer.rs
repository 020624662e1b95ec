//! What this machine offers to confine processes with.

use std::sync::OnceLock;

use crate::Mode;

/// What this machine offers.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// The version of Landlock's interface.
    pub landlock: Option<u32>,
    /// Whether system calls can be refused.
    pub seccomp: bool,
    /// Whether connections can be judged one by one.
    pub egress: bool,
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
        // Whatever has Landlock tells when nobody is left whose connections are to be judged.
        Self { landlock, seccomp, egress: landlock.is_some() && seccomp && crate::supervisor::is_possible() }
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
        let seccomp = if self.seccomp { " and seccomp" } else { "" };
        let signals = if version >= 6 { "" } else { ", signals to other processes of this user" };
        let network = if self.egress { "" } else { ", the network whatever SANDBOX_EGRESS says, sockets with a path" };
        let egress = if self.egress { ", each connection judged" } else { "" };
        format!("sandbox: Landlock {version}{seccomp}{egress}; open: /dev/shm, the list of processes{network}{signals}")
    }
}
