//! Folders, sockets, signals, system calls.

use sandbox::{Egress, Offer};

use crate::world::{has_landlock, python, shell};

#[tokio::test]
async fn only_its_own_folder_can_be_written_and_others_not_even_read() {
    if !has_landlock() {
        return;
    }
    let (own, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    std::fs::write(other.path().join("secret"), "secret").expect("written");
    let script = format!(
        "mkdir a b && echo own > a/own && ln a/own a/two && mv a/own b/own && mv a/two own && cat own; cat {other}/secret; echo x > {other}/new; ln {other}/secret stolen; echo x > /usr/x; \
         ls /etc > list && echo listed; cat /proc/$PPID/environ /proc/1/environ; echo end",
        other = other.path().display()
    );
    assert_eq!(shell(own.path(), &script).await, "own\nlisted\nend");
    assert!(!other.path().join("new").exists());
}

#[tokio::test]
async fn of_the_systems_settings_what_is_public_can_be_read_and_nothing_else() {
    if !has_landlock() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = "
        for file in /etc/shadow /etc/gshadow /etc/sudoers /etc/ssl/private/*; do test -e $file && cat $file; done
        cat /etc/passwd > users && echo users
        for file in /etc/ssl/certs/*; do test -f $file && { cat $file > certificate || echo $file; }; done";
    assert_eq!(shell(folder.path(), script).await, "users");
    let certificates = std::fs::read_dir("/etc/ssl/certs").is_ok_and(|folder| folder.count() > 0);
    assert_eq!(folder.path().join("certificate").exists(), certificates);
}

#[tokio::test]
async fn processes_outside_get_no_signal() {
    if Offer::of_this_machine().landlock.is_none_or(|version| version < 6) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!(
        "kill -0 {} && echo outside; test $PPID -gt 0 && kill -0 $PPID && echo reaper; kill -0 1 && echo init; \
         kill -0 $$ && echo own",
        std::process::id()
    );
    assert_eq!(shell(folder.path(), &script).await, "own");
}

#[tokio::test]
async fn calls_into_other_processes_and_the_system_are_refused() {
    let script = "
import ctypes, resource
libc = ctypes.CDLL(None, use_errno=True)
def call(call):
    def checked():
        if call() == -1:
            raise OSError(ctypes.get_errno(), '')
    return refused(checked)
print(call(lambda: libc.ptrace(16, 1, 0, 0)))
print(call(lambda: libc.unshare(0x10000000)))
print(call(lambda: libc.setns(0, 0)))
print(call(lambda: libc.mount(b'none', b'.', b'tmpfs', 0, None)))
print(call(lambda: libc.umount2(b'/proc', 2)))
print(refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)))
print(refused(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
print(refused(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_RAW)))
print(refused(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)))
print(refused(lambda: resource.prlimit(1, resource.RLIMIT_CPU, (1, 1))))
open('own', 'w').close()
print(refused(lambda: os.chmod('own', 0o4755)))
print(refused(lambda: os.chmod('own', 0o2755)))
print(refused(lambda: os.chmod('own', 0o755)), refused(lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))))
print(refused(lambda: socket.socketpair()), refused(lambda: socket.socket(socket.AF_UNIX)))
thread = threading.Thread(target=print, args=('thread',))
thread.start()
thread.join()";
    let folder = tempfile::tempdir().expect("a folder");
    let Some(said) = python(folder.path(), Egress::all(), script).await else { return };
    assert_eq!(said.len(), 15, "{said:?}");
    assert!(said[..12].iter().all(|line| line == "EPERM"), "{said:?}");
    assert_eq!(said[12..], ["done done", "done done", "thread"]);
}

#[tokio::test]
async fn it_is_who_we_are_and_may_do_no_more() {
    use std::os::unix::fs::MetadataExt;

    let script = "
open('own', 'w').close()
print(os.getuid(), os.getgid(), os.stat('own').st_uid, os.stat('own').st_gid)
told = dict(line.split(':', 1) for line in open('/proc/self/status'))
for name in ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']:
    print(int(told[name], 16) & ~(1 << 1 | 1 << 10))";
    let folder = tempfile::tempdir().expect("a folder");
    let we = folder.path().metadata().expect("there");
    let Some(said) = python(folder.path(), Egress::all(), script).await else { return };
    assert_eq!(said[0], format!("{0} {1} {0} {1}", we.uid(), we.gid()));
    // What an ordinary user could be given at most is none of its own, but where it is in a namespace.
    let bounded = we.uid() == 0 || crate::has_namespaces();
    assert!(said[1..].iter().enumerate().all(|(at, said)| said == "0" || at == 3 && !bounded), "{said:?}");
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
    assert_eq!(shell(folder.path(), &script).await, "end");
}
