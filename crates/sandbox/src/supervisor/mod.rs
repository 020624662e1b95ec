//! Connections that what others wrote asks for: judged outside of it, and made from outside.
//!
//! A filter hands each `connect` to a thread of ours (`seccomp_unotify(2)`). The thread copies the address, judges the copy,
//! and connects the caller's own socket (`pidfd_getfd(2)`) to the copy: whatever the caller changes meanwhile counts for
//! nothing.
#![expect(unsafe_code, reason = "system calls that have no safe form")]
#![expect(clippy::cast_possible_truncation, reason = "a system call takes and gives words, whatever they stand for")]

mod machine;
mod system;

use std::{
    collections::VecDeque,
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::{ffi::OsStrExt, thread::JoinHandleExt},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use libc::c_int;
use machine::Machine;
use nix::{fcntl::OFlag, sys::stat::Mode, unistd::Pid};

pub(crate) use system::{apply, receive};
use system::{notification_sizes, open_process, read_memory, socket_of, thread_group};

use crate::egress::{Egress, Names};

/// So many connections of one family are made at a time; others wait for their turn.
const AT_A_TIME: usize = 64;
/// How often those are interrupted who still wait when their family has ended.
const INTERRUPT: Duration = Duration::from_millis(20);
/// The longest address there is, in bytes: `sockaddr_storage`.
const ADDRESS: usize = 128;

/// Whether connections can be judged here: another process's socket and memory can be had by whoever started it.
pub(crate) fn is_possible() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    // From 2 on, only root may.
    // SAFETY: a system call without memory.
    if !matches!(scope.trim(), "" | "0" | "1") && unsafe { libc::geteuid() } != 0 {
        return false;
    }
    // Some containers refuse these calls.
    let (there, mut here) = (1_u8, [0]);
    let memory = read_memory(std::process::id(), std::ptr::from_ref(&there) as u64, &mut here);
    let socket = open_process(std::process::id()).and_then(|process| socket_of(&process, 0));
    notification_sizes().is_some() && memory.is_ok() && socket.is_ok()
}

/// Judges the connections of one family.
pub(crate) struct Supervisor {
    listener: OwnedFd,
    egress: Egress,
    /// Sockets in here are the family's own.
    folders: Vec<PathBuf>,
    /// What stands above the family.
    reaper: Pid,
    names: Names,
    calls: Mutex<Calls>,
}

/// What is asked for, and the threads that see to it.
#[derive(Default)]
struct Calls {
    waiting: VecDeque<Call>,
    threads: Vec<libc::pthread_t>,
}

/// A call that waits for our answer.
#[derive(Clone, Copy)]
struct Call {
    id: u64,
    thread: u32,
    descriptor: RawFd,
    address: u64,
    length: u64,
}

/// An address as the system takes it.
struct Address {
    bytes: [u8; ADDRESS],
    length: usize,
    /// The socket itself, where the address is a path that leads to it.
    _pinned: Option<OwnedFd>,
}

impl Supervisor {
    /// Begins; ends by itself when nobody is left who could ask.
    pub(crate) fn start(listener: OwnedFd, egress: Egress, folders: &[PathBuf], reaper: Pid) -> io::Result<()> {
        let folders = folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        system::hear_interruptions()?;
        let (names, calls) = (Names::default(), Mutex::default());
        let supervisor = Arc::new(Self { listener, egress, folders, reaper, names, calls });
        std::thread::Builder::new().name("egress".to_owned()).spawn(move || supervisor.serve())?;
        Ok(())
    }

    fn serve(self: Arc<Self>) {
        while self.wait_for_a_call() {
            match self.next_call() {
                Ok(Some(call)) => self.take(call),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "connections of a process can't be judged any more, and fail");
                    break;
                }
            }
        }
        // Nobody is left who waits for a connection, however long it would still take.
        self.calls().waiting.clear();
        loop {
            {
                // While this is locked, none of them ends.
                let calls = self.calls();
                if calls.threads.is_empty() {
                    return;
                }
                calls.threads.iter().for_each(|thread| system::interrupt(*thread));
            }
            std::thread::sleep(INTERRUPT);
        }
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a thread see to a call: a connection may take minutes, and others go on meanwhile.
    fn take(self: &Arc<Self>, call: Call) {
        let mut calls = self.calls();
        calls.waiting.push_back(call);
        if calls.threads.len() == AT_A_TIME {
            return;
        }
        let supervisor = Arc::clone(self);
        match std::thread::Builder::new().name("connect".to_owned()).spawn(move || supervisor.work()) {
            Ok(thread) => calls.threads.push(thread.as_pthread_t()),
            Err(error) => {
                // Another thread may come to it; if there is none, nobody does.
                if calls.threads.is_empty() {
                    calls.waiting.pop_back();
                    self.answer(call, Err(error));
                }
            }
        }
    }

    /// Sees to calls until none waits.
    fn work(&self) {
        loop {
            let call = {
                let mut calls = self.calls();
                let Some(call) = calls.waiting.pop_front() else {
                    // While this is locked, nobody interrupts a thread that has ended.
                    calls.threads.retain(|thread| *thread != system::this_thread());
                    return;
                };
                call
            };
            let made = self.look_at(call).and_then(|(socket, address)| connect(&socket, &address));
            self.answer(call, made);
        }
    }

    /// Whether there is one; otherwise all who could ask have ended.
    fn wait_for_a_call(&self) -> bool {
        let mut source = libc::pollfd { fd: self.listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        loop {
            // SAFETY: `source` is of this frame.
            let polled = unsafe { libc::poll(&raw mut source, 1, -1) };
            if polled > 0 {
                return source.revents & libc::POLLIN != 0;
            }
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return false;
            }
        }
    }

    fn next_call(&self) -> io::Result<Option<Call>> {
        let size = notification_sizes().map_or(0, |(asked, _)| asked).max(size_of::<libc::seccomp_notif>());
        let mut room = vec![0_u64; size.div_ceil(8)];
        // SAFETY: the room is as large as the system says, and zero as it demands.
        let answer =
            unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV as _, room.as_mut_ptr()) };
        if answer != 0 {
            let error = io::Error::last_os_error();
            // Whoever asked has ended meanwhile, or a signal came.
            let again = matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR));
            return if again { Ok(None) } else { Err(error) };
        }
        // SAFETY: the system has filled it.
        let told = unsafe { room.as_ptr().cast::<libc::seccomp_notif>().read_unaligned() };
        let [descriptor, address, length, ..] = told.data.args;
        Ok(Some(Call { id: told.id, thread: told.pid, descriptor: descriptor as RawFd, address, length }))
    }

    /// The socket, and the address that it may be connected to.
    fn look_at(&self, call: Call) -> io::Result<(OwnedFd, Address)> {
        let length = usize::try_from(call.length).ok().filter(|length| (2..=ADDRESS).contains(length));
        let length = length.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        let mut address = Address { bytes: [0; ADDRESS], length, _pinned: None };
        let process = open_process(thread_group(call.thread)?)?;
        read_memory(call.thread, call.address, &mut address.bytes[..length])?;
        let socket = socket_of(&process, call.descriptor)?;
        // While it is, the number of the process was no other's.
        self.ensure_waiting(call)?;
        let address = match address.family() {
            libc::AF_INET | libc::AF_INET6 => {
                let target = address.internet().ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
                let machine = Machine { supervisor: self, datagram: is_datagram(&socket)? };
                if !self.egress.admits(target, &machine) {
                    tracing::debug!(%target, "a connection was refused");
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                address
            }
            libc::AF_UNIX => self.own_socket(call.thread, address)?,
            // Ends a connection; asks the system about networks.
            libc::AF_UNSPEC | libc::AF_NETLINK => address,
            _ => return Err(io::ErrorKind::PermissionDenied.into()),
        };
        Ok((socket, address))
    }

    /// A socket with a path has to lie in one of the family's own folders; one with a name only has to be the family's.
    fn own_socket(&self, thread: u32, address: Address) -> io::Result<Address> {
        let refused = || io::Error::from(io::ErrorKind::PermissionDenied);
        let name = &address.bytes[2..address.length];
        if name.first().is_none_or(|first| *first == 0) {
            return if machine::is_name_of_family(self.reaper, name) { Ok(address) } else { Err(refused()) };
        }
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let path = Path::new(&format!("/proc/{thread}/cwd")).join(std::ffi::OsStr::from_bytes(name));
        // Once it is open, no link that is put in the way leads elsewhere. What is not there is told of its own folders only.
        let pinned = nix::fcntl::open(&path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(|error| {
            let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
            if folder.is_some_and(|folder| self.is_own(&folder)) { error.into() } else { refused() }
        })?;
        let pinned_path = format!("/proc/self/fd/{}", pinned.as_raw_fd());
        if !self.is_own(&fs::read_link(&pinned_path)?) {
            return Err(refused());
        }
        Ok(Address::unix(&pinned_path, pinned))
    }

    fn is_own(&self, path: &Path) -> bool {
        self.folders.iter().any(|folder| path.starts_with(folder))
    }

    fn ensure_waiting(&self, call: Call) -> io::Result<()> {
        // SAFETY: the number is of this frame.
        let answer =
            unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID as _, &raw const call.id) };
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    fn answer(&self, call: Call, result: io::Result<()>) {
        let error = result.err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EACCES));
        let size = notification_sizes().map_or(0, |(_, answer)| answer).max(size_of::<libc::seccomp_notif_resp>());
        let mut room = vec![0_u64; size.div_ceil(8)];
        // SAFETY: the room is as large as the system says. Whoever asked may have ended, and then nobody hears it.
        unsafe {
            let said = libc::seccomp_notif_resp { id: call.id, val: 0, error: -error, flags: 0 };
            room.as_mut_ptr().cast::<libc::seccomp_notif_resp>().write_unaligned(said);
            libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND as _, room.as_mut_ptr());
        }
    }
}

impl Address {
    fn family(&self) -> c_int {
        c_int::from(u16::from_ne_bytes([self.bytes[0], self.bytes[1]]))
    }

    /// `sockaddr_in` and `sockaddr_in6`.
    fn internet(&self) -> Option<SocketAddr> {
        let bytes = |from: usize, length: usize| self.bytes[..self.length].get(from..from + length);
        let port = u16::from_be_bytes(bytes(2, 2)?.try_into().ok()?);
        let ip = if self.family() == libc::AF_INET {
            IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes(4, 4)?).ok()?))
        } else {
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes(8, 16)?).ok()?))
        };
        Some(SocketAddr::new(ip, port))
    }

    /// `sockaddr_un` of a short path, with the zero at its end.
    fn unix(path: &str, pinned: OwnedFd) -> Self {
        let mut bytes = [0; ADDRESS];
        bytes[..2].copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
        bytes[2..2 + path.len()].copy_from_slice(path.as_bytes());
        Self { bytes, length: path.len() + 3, _pinned: Some(pinned) }
    }
}

fn connect(socket: &OwnedFd, address: &Address) -> io::Result<()> {
    let (bytes, length) = (address.bytes.as_ptr().cast(), address.length as libc::socklen_t);
    // SAFETY: the address outlasts the call.
    if unsafe { libc::connect(socket.as_raw_fd(), bytes, length) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // A signal had interrupted whoever asks, not us, and now they ask again.
    if error.raw_os_error() == Some(libc::EISCONN) && peer(socket).is_some_and(|peer| Some(peer) == address.internet()) {
        return Ok(());
    }
    Err(error)
}

fn peer(socket: &OwnedFd) -> Option<SocketAddr> {
    let mut address = Address { bytes: [0; ADDRESS], length: 0, _pinned: None };
    let mut length = ADDRESS as libc::socklen_t;
    // SAFETY: the room is of this frame, and as large as is said.
    let failed = unsafe { libc::getpeername(socket.as_raw_fd(), address.bytes.as_mut_ptr().cast(), &raw mut length) } != 0;
    address.length = length as usize;
    if failed { None } else { address.internet() }
}

fn is_datagram(socket: &OwnedFd) -> io::Result<bool> {
    let (mut kind, mut length) = (0, size_of::<c_int>() as libc::socklen_t);
    let (room, length) = ((&raw mut kind).cast(), &raw mut length);
    // SAFETY: the room is of this frame, and as large as is said.
    if unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TYPE, room, length) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(kind == libc::SOCK_DGRAM)
}
