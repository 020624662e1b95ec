//! A list of processes, shared memory and System V's objects of a family's own.
//!
//! Who may connect to nobody has a network of its own as well, with nothing in it but its own servers. Others stay in the
//! machine's: a connection is made outside, by the family's own socket, and that is of one network.
#![expect(unsafe_code, reason = "between fork and exec there are only system calls")]

use std::{
    ffi::{CStr, CString},
    fs, io,
    os::{fd::AsRawFd, unix::net::UnixStream},
};

use crate::reaper::{self, Orders};

/// Where what is the family's own lies, beside the kind of it.
const PROCESSES: (&CStr, &CStr) = (c"/proc", c"proc");
const SHARED_MEMORY: (&CStr, &CStr) = (c"/dev/shm", c"tmpfs");

/// All that is needed between fork and exec, where nothing can be allocated.
pub(crate) struct Namespaces {
    /// Files that say who we are in the new namespace, and what to write to them: in there, our user is itself and no other
    /// is known.
    identity: [(&'static CStr, CString); 3],
    /// Whether the network is the family's own.
    network: bool,
}

impl Namespaces {
    pub(crate) fn new(network: bool) -> io::Result<Self> {
        // SAFETY: system calls without memory.
        let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
        let text = |id: u32| CString::new(format!("{id} {id} 1")).map_err(io::Error::other);
        let identity = [
            // Otherwise nobody but root may name a group.
            (c"/proc/self/setgroups", c"deny".to_owned()),
            (c"/proc/self/gid_map", text(group)?),
            (c"/proc/self/uid_map", text(user)?),
        ];
        Ok(Self { identity, network })
    }

    /// Between fork and exec, where there is one thread: what is forked from here on has a list of processes of its own, and
    /// the first of them is its init. Afterwards we may do nothing more than before outside, and everything in there.
    pub(crate) fn enter(&self) -> io::Result<()> {
        let network = if self.network { libc::CLONE_NEWNET } else { 0 };
        // SAFETY: system calls without memory.
        unsafe {
            check(libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | network))?;
            // As long as we are not, our own files under `/proc` are root's.
            check(libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0))?;
        }
        let written = self.identity.iter().try_for_each(|(path, text)| write(path, text));
        // SAFETY: a system call without memory.
        unsafe { check(libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0))? };
        written?;
        if self.network { begin_loopback() } else { Ok(()) }
    }
}

/// Between fork and exec, in the process that is to be confined: what it sees of `/proc` and `/dev/shm` is its own.
/// `allow` is told their paths once they are.
pub(crate) fn furnish(allow: impl Fn(&CStr, bool) -> io::Result<()>) -> io::Result<()> {
    // SAFETY: a system call without memory.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    mount(PROCESSES, libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC, c"")?;
    mount(SHARED_MEMORY, libc::MS_NOSUID | libc::MS_NODEV, c"mode=1777")?;
    allow(PROCESSES.0, false)?;
    allow(SHARED_MEMORY.0, true)
}

/// Whether a family can have them here, by trying it: systems refuse at different steps, each in its own way.
pub(crate) fn are_possible() -> bool {
    let (Ok(namespaces), Ok((_ours, theirs))) = (Namespaces::new(true), UnixStream::pair()) else { return false };
    // SAFETY: the child makes only system calls, on what was made before, and becomes no other program.
    unsafe {
        let child = libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0);
        if child == 0 {
            let namespaces = Some(&namespaces);
            let orders = Orders { leash: theirs.as_raw_fd(), variables: (0, 0), alone: false, namespaces };
            let tried = reaper::fork(&orders).and_then(|()| furnish(|_, _| Ok(())));
            libc::_exit(i32::from(tried.is_err()))
        }
        let (Ok(child), mut status) = (i32::try_from(child), 0) else { return false };
        while child > 0 && libc::waitpid(child, &raw mut status, 0) < 0 {
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return false;
            }
        }
        child > 0 && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }
}

/// What most likely stands in the way where they are not possible.
pub(crate) fn obstacle() -> &'static str {
    let is = |name: &str, value: &str| fs::read_to_string(format!("/proc/sys/{name}")).is_ok_and(|now| now.trim() == value);
    if is("kernel/apparmor_restrict_unprivileged_userns", "1") {
        "kernel.apparmor_restrict_unprivileged_userns=1"
    } else if is("kernel/unprivileged_userns_clone", "0") {
        "kernel.unprivileged_userns_clone=0"
    } else if is("user/max_user_namespaces", "0") {
        "user.max_user_namespaces=0"
    } else {
        "refused by the system, as in most containers"
    }
}

/// A new network's own interface is there, and not in use yet.
fn begin_loopback() -> io::Result<()> {
    // SAFETY: zeros are a value of it; the name is shorter than its room; the request outlasts the calls.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        check(socket)?;
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[..2].copy_from_slice(&[b'l'.cast_signed(), b'o'.cast_signed()]);
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or_default();
        let begun = check(libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request));
        libc::close(socket);
        begun
    }
}

fn write(path: &CStr, text: &CStr) -> io::Result<()> {
    // SAFETY: both texts outlast the calls.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(file)?;
        let written = libc::write(file, text.as_ptr().cast(), text.count_bytes());
        let error = if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
        libc::close(file);
        error
    }
}

fn mount((place, kind): (&CStr, &CStr), flags: libc::c_ulong, options: &CStr) -> io::Result<()> {
    // SAFETY: the texts outlast the call.
    check(unsafe { libc::mount(kind.as_ptr(), place.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast()) })
}

fn check(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
