//! Folders, sockets, signals, system calls.

use std::{path::Path, process::Stdio};

use sandbox::{Confinement, Egress, spawn};
use tokio::{io::AsyncReadExt, process::Command};

/// What a script prints, confined to a folder.
async fn run(folder: &Path, egress: &Egress, program: &str, script: &str) -> String {
    let mut command = Command::new(program);
    command.args(["-c", script]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let confinement = Confinement { write: vec![folder.to_owned()], egress: egress.clone(), ..Confinement::default() };
    let mut family = spawn(command, Some(&confinement)).expect("started");
    let mut said = String::new();
    let (_, stdout, _) = family.pipes();
    stdout.expect("a pipe").read_to_string(&mut said).await.expect("read");
    family.wait().await.expect("ended");
    said.trim().to_owned()
}

fn has_landlock() -> bool {
    sandbox::Offer::of_this_machine().landlock.is_some()
}

#[tokio::test]
async fn only_its_own_folder_can_be_written_and_others_not_even_read() {
    if !has_landlock() {
        return;
    }
    let (own, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    std::fs::write(other.path().join("secret"), "secret").expect("written");
    let script = format!(
        "mkdir a b && echo own > a/own && ln a/own a/two && mv a/own b/own && mv a/two own && cat own; cat {other}/secret; echo x > {other}/new; ln {other}/secret stolen; echo x > /usr/x; \
         ls /etc > list && echo listed; cat /proc/$PPID/environ; echo end",
        other = other.path().display()
    );
    assert_eq!(run(own.path(), &Egress::all(), "/bin/sh", &script).await, "own\nlisted\nend");
    assert!(!other.path().join("new").exists());
}

#[tokio::test]
async fn processes_outside_get_no_signal() {
    if sandbox::Offer::of_this_machine().landlock.is_none_or(|version| version < 6) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script =
        format!("kill -0 {} && echo outside; kill -0 $PPID && echo reaper; kill -0 $$ && echo own", std::process::id());
    assert_eq!(run(folder.path(), &Egress::all(), "/bin/sh", &script).await, "own");
}

const PYTHON: &str = "
import ctypes, errno, os, socket, threading
libc = ctypes.CDLL(None, use_errno=True)
def refused(call):
    try:
        return call() == -1 and errno.errorcode[ctypes.get_errno()]
    except OSError as error:
        return errno.errorcode[error.errno]
print(refused(lambda: libc.ptrace(16, os.getppid(), 0, 0)))
print(refused(lambda: libc.unshare(0x10000000)))
print(refused(lambda: libc.mount(b'none', b'.', b'tmpfs', 0, None)))
print(refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()))
print(refused(lambda: socket.socket(socket.AF_UNIX).close()))
thread = threading.Thread(target=print, args=('thread',))
thread.start()
thread.join()
";

#[tokio::test]
async fn calls_into_other_processes_and_the_system_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = run(folder.path(), &Egress::all(), "/usr/bin/python3", PYTHON).await;
    // Where there is no Python, nothing is said.
    if !said.is_empty() {
        assert_eq!(said, "EPERM\nEPERM\nEPERM\nEPERM\nFalse\nthread");
    }
}

#[tokio::test]
async fn what_reaches_past_the_walls_by_other_calls_is_refused_too() {
    let script = "
import errno, os, resource, socket
def refused(call):
    try:
        call()
        return 'done'
    except OSError as error:
        return errno.errorcode[error.errno]
print(refused(lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))))
print(refused(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
print(refused(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_RAW)))
print(refused(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)))
open('own', 'w').close()
print(refused(lambda: os.chmod('own', 0o4755)), refused(lambda: os.chmod('own', 0o2755)), refused(lambda: os.chmod('own', 0o755)))
print(refused(lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))), refused(lambda: socket.socketpair()))";
    let folder = tempfile::tempdir().expect("a folder");
    let said = run(folder.path(), &Egress::all(), "/usr/bin/python3", script).await;
    if !said.is_empty() {
        assert_eq!(said, "EPERM\nEPERM\nEPERM\nEPERM\nEPERM EPERM done\ndone done");
    }
}

#[tokio::test]
async fn files_that_we_have_open_are_not_handed_on() {
    use std::os::fd::AsRawFd;

    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    std::fs::write(other.path().join("secret"), "secret").expect("written");
    let mode = nix::sys::stat::Mode::empty();
    // As whoever started us may have opened it: without a word on what becomes of it.
    let open = nix::fcntl::open(&other.path().join("secret"), nix::fcntl::OFlag::O_RDONLY, mode).expect("opened");
    let script = format!("test -e /proc/self/fd/{} && echo open; echo end", open.as_raw_fd());
    assert_eq!(run(folder.path(), &Egress::all(), "/bin/sh", &script).await, "end");
}
