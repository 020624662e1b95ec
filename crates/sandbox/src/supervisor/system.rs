//! The system calls of judging, and the filter that asks for it.

use std::{
    fs, io,
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
};

use libc::{c_int, c_long};

/// Filters are told here what to do with a call.
const PROGRAM: [libc::sock_filter; 5] = {
    const fn step(code: u32, value: u32, then: u8, otherwise: u8) -> libc::sock_filter {
        libc::sock_filter { code: code as u16, jt: then, jf: otherwise, k: value }
    }
    /// The same calls under the numbers of a second interface, which some systems have.
    const SECOND_INTERFACE: u32 = if cfg!(target_arch = "x86_64") { 0x4000_0000 } else { 0 };
    [
        // The number of the call. Another machine's calls end the process: see `seccomp`.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, !SECOND_INTERFACE, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_connect as u32, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ]
};

/// Between fork and exec: has each `connect` from here on judged by whoever holds the other end of `link`.
pub(crate) fn apply(link: RawFd) -> io::Result<()> {
    let program = libc::sock_fprog { len: PROGRAM.len() as u16, filter: PROGRAM.as_ptr().cast_mut() };
    // SAFETY: the program is a constant, and the message and what it points at are of this frame.
    unsafe {
        let listener = libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        );
        if listener < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut byte = [0_u8];
        let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
        let mut control = [0_u64; 8];
        let mut message: libc::msghdr = MaybeUninit::zeroed().assume_init();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(size_of::<c_int>() as u32) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<c_int>() as u32) as _;
        libc::CMSG_DATA(header).cast::<c_int>().write_unaligned(listener as c_int);
        if libc::sendmsg(link, &raw const message, libc::MSG_NOSIGNAL) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The listener that [`apply`] sent.
pub(crate) fn receive(link: &UnixStream) -> io::Result<OwnedFd> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

    let mut byte = [0_u8];
    let mut parts = [io::IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!(RawFd);
    let message = recvmsg::<()>(link.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let received = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmRights(descriptors) => descriptors.first().copied(),
        _ => None,
    });
    // SAFETY: the system has just made it for us.
    received.map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) }).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
}

/// How long the system's notifications and our answers are, in bytes; none where it has none.
pub(super) fn notification_sizes() -> Option<(usize, usize)> {
    let mut sizes = libc::seccomp_notif_sizes { seccomp_notif: 0, seccomp_notif_resp: 0, seccomp_data: 0 };
    // SAFETY: `sizes` is of this frame.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_NOTIF_SIZES, 0, &raw mut sizes) };
    (answer == 0).then(|| (sizes.seccomp_notif.into(), sizes.seccomp_notif_resp.into()))
}

fn descriptor(answer: c_long) -> io::Result<OwnedFd> {
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system has just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(answer as RawFd) })
}

pub(super) fn open_process(process: u32) -> io::Result<OwnedFd> {
    // SAFETY: a system call without memory.
    descriptor(unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) })
}

pub(super) fn socket_of(process: &OwnedFd, number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: a system call without memory.
    descriptor(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) })
}

pub(super) fn read_memory(thread: u32, address: u64, into: &mut [u8]) -> io::Result<()> {
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec { iov_base: address as *mut _, iov_len: into.len() };
    // SAFETY: the system checks the other process's address, and ours is of the length that is said.
    let read = unsafe { libc::process_vm_readv(thread.cast_signed(), &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(read) {
        Ok(read) if read == into.len() => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// The process that a thread belongs to.
pub(super) fn thread_group(thread: u32) -> io::Result<u32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status"))?;
    let group = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
    group.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Interrupts a system call of ours that waits, such as `connect`. Nothing else happens: it is ignored otherwise.
const INTERRUPTION: c_int = libc::SIGURG;

/// Has [`interrupt`] end what waits in a thread, in this process.
pub(super) fn hear_interruptions() -> io::Result<()> {
    extern "C" fn nothing(_: c_int) {}
    // SAFETY: the handler does nothing, and a call that it interrupts is not begun again.
    let failed = unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = nothing as extern "C" fn(c_int) as libc::sighandler_t;
        libc::sigaction(INTERRUPTION, &raw const action, std::ptr::null_mut()) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Interrupts a thread, which must not have ended.
pub(super) fn interrupt(thread: libc::pthread_t) {
    // SAFETY: the caller's.
    unsafe { libc::pthread_kill(thread, INTERRUPTION) };
}

/// The thread that asks.
pub(super) fn this_thread() -> libc::pthread_t {
    // SAFETY: a call without memory.
    unsafe { libc::pthread_self() }
}
