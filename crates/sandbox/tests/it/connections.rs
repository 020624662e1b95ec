//! Whom a confined process can connect to.

use std::{
    net::TcpListener,
    os::{linux::net::SocketAddrExt, unix::net::UnixListener},
    path::Path,
};

use sandbox::{Egress, Offer};

use crate::world::{python, system_python};

/// Python that tells what connecting comes to.
const TRY: &str = "
def attempt(family, address, blocking=True):
    with socket.socket(family) as client:
        client.setblocking(blocking)
        error = client.connect_ex(address)
        return errno.errorcode.get(error, 'done')
def tcp(host, port, blocking=True):
    return attempt(socket.AF_INET6 if ':' in host else socket.AF_INET, (host, port), blocking)
";

async fn run(folder: &Path, egress: Egress, script: &str) -> Vec<String> {
    python(folder, egress, &format!("{TRY}{script}")).await.expect("Python")
}

fn judges() -> bool {
    Offer::of_this_machine().egress && system_python().is_some()
}

#[tokio::test]
async fn servers_of_this_machine_are_refused_and_its_own_are_not() {
    if !judges() {
        return;
    }
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let six = TcpListener::bind("[::1]:0").ok();
    let port = server.local_addr().expect("an address").port();
    let port6 = six.as_ref().map_or(port, |six| six.local_addr().expect("an address").port());
    let script = format!(
        "
for host in ['127.0.0.1', '127.0.0.2', '0.0.0.0', '::ffff:127.0.0.1']:
    print(tcp(host, {port}), tcp(host, {port}, False))
print(tcp('::1', {port6}))
own = socket.create_server(('127.0.0.1', 0))
print(tcp('127.0.0.1', own.getsockname()[1]))
import subprocess
code = f'import socket; socket.create_connection((\"127.0.0.1\", {{own.getsockname()[1]}})); print(\"child\")'
print(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout.strip())
one, other = [], []
thread = threading.Thread(target=lambda: one.append(tcp('127.0.0.1', own.getsockname()[1])))
thread.start(); thread.join()
print(one[0])"
    );
    let folder = tempfile::tempdir().expect("a folder");
    for egress in [Egress::all(), Egress::none()] {
        let said = run(folder.path(), egress, &script).await;
        assert_eq!(said.len(), 8, "{said:?}");
        assert!(said[..4].iter().all(|line| line == "EACCES EACCES"), "{said:?}");
        assert_eq!(said[4..], ["EACCES", "done", "child", "done"]);
    }
    let named: Egress = format!("127.0.0.1:{port}").parse().expect("a place");
    let said = run(folder.path(), named, &script).await;
    assert_eq!(said[0], "done EINPROGRESS");
    assert_eq!(said[1], "EACCES EACCES");
}

#[tokio::test]
async fn who_may_connect_to_nobody_has_a_network_of_its_own() {
    if !crate::has_namespaces() || !judges() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // The machine's has this server's name, which can't be taken twice; and may have other interfaces.
    let name = std::os::unix::net::SocketAddr::from_abstract_name("mlsys test, taken").expect("a name");
    let _server = UnixListener::bind_addr(&name).expect("a server");
    let script = "
own = socket.socket(socket.AF_UNIX)
print([name for _, name in socket.if_nameindex()], refused(lambda: own.bind(b'\\0mlsys test, taken')))";
    assert_eq!(run(folder.path(), Egress::none(), script).await, ["['lo'] done"]);
    let said = run(folder.path(), Egress::all(), script).await;
    assert!(said[0].ends_with("EADDRINUSE"), "{said:?}");
}

#[tokio::test]
async fn the_metadata_service_of_a_cloud_is_refused_at_once() {
    if !judges() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = "print(tcp('169.254.169.254', 80), tcp('169.254.170.2', 80), tcp('100.100.100.200', 80))";
    assert_eq!(run(folder.path(), Egress::all(), script).await, ["EACCES EACCES EACCES"]);
}

#[tokio::test]
async fn datagrams_and_sending_instead_of_connecting_are_no_way_around() {
    if !judges() {
        return;
    }
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    server.set_nonblocking(true).expect("set");
    let script = format!(
        "
FASTOPEN = 0x20000000
def fast(send):
    with socket.socket() as client:
        return refused(lambda: send(client))
print(fast(lambda client: client.sendto(b'x', FASTOPEN, ('127.0.0.1', {port}))))
print(fast(lambda client: client.sendmsg([b'x'], [], FASTOPEN, ('127.0.0.1', {port}))))
print(refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
print(refused(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)))
print(refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)))
print(refused(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)))"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let said = run(folder.path(), Egress::none(), &script).await;
    assert_eq!(said.len(), 6, "{said:?}");
    assert!(said.iter().all(|line| line == "EPERM"), "{said:?}");
    assert!(server.accept().is_err(), "nobody came through");
    let said = run(folder.path(), Egress::all(), &script).await;
    assert_eq!(said[..4], ["EPERM", "EPERM", "done", "done"], "{said:?}");
}

#[tokio::test]
async fn sockets_with_a_path_are_reached_in_its_own_folders_only() {
    if !judges() {
        return;
    }
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let outside = other.path().join("server");
    let _server = UnixListener::bind(&outside).expect("a server");
    let hidden = std::os::unix::net::SocketAddr::from_abstract_name(outside.display().to_string()).expect("a name");
    let _hidden = UnixListener::bind_addr(&hidden).expect("a server");
    let script = format!(
        "
own = socket.socket(socket.AF_UNIX)
own.bind('own')
own.listen()
os.symlink('{outside}', 'link')
os.symlink('{folder}', 'around')
hidden = socket.socket(socket.AF_UNIX)
hidden.bind('\\0own of {name}')
hidden.listen()
for path in ['own', './own', os.path.abspath('own'), 'around/own', '\\0own of {name}', 'nothing']:
    print(attempt(socket.AF_UNIX, path))
for path in ['{outside}', 'link', '../nothing', '/nowhere/x', '\\0{name}', '\\0nothing']:
    print(attempt(socket.AF_UNIX, path))
pair = socket.socketpair()
pair[0].send(b'x')
print(pair[1].recv(1))",
        outside = outside.display(),
        name = outside.display(),
        folder = folder.path().display()
    );
    let said = run(folder.path(), Egress::all(), &script).await;
    let own = ["done", "done", "done", "done", "done", "ENOENT"];
    let others = ["EACCES"; 6];
    assert_eq!(said, [&own[..], &others, &["b'x'"]].concat());
}

#[tokio::test]
async fn a_connection_is_made_to_the_address_that_was_judged() {
    if !judges() {
        return;
    }
    let open = TcpListener::bind("127.0.0.1:0").expect("a port");
    let shut = TcpListener::bind("127.0.0.1:0").expect("a port");
    shut.set_nonblocking(true).expect("set");
    let ports = [&open, &shut].map(|server| server.local_addr().expect("an address").port());
    let [port, other] = ports;
    std::thread::spawn(move || open.incoming().for_each(drop));
    // The address is changed without end by a second thread, while the first connects.
    let script = format!(
        "
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
both = [struct.pack('=H', socket.AF_INET) + struct.pack('!H', port) + bytes([127, 0, 0, 1]) + bytes(8) for port in ({port}, {other})]
address = ctypes.create_string_buffer(both[0], 16)
going = True
def change():
    while going:
        ctypes.memmove(address, both[1], 16)
        ctypes.memmove(address, both[0], 16)
thread = threading.Thread(target=change)
thread.start()
done = 0
for _ in range(2000):
    with socket.socket() as client:
        done += libc.connect(client.fileno(), address, 16) == 0
going = False
thread.join()
print(done > 0)"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let named: Egress = format!("127.0.0.1:{port}").parse().expect("a place");
    assert_eq!(run(folder.path(), named, &script).await, ["True"]);
    assert!(shut.accept().is_err(), "somebody came through");
}

/// Threads of this process that make connections.
fn connecting() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").expect("threads").flatten();
    let names = threads.map(|thread| std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default());
    names.filter(|name| name.trim() == "connect").count()
}

#[tokio::test]
async fn many_connections_that_wait_hold_up_no_others_and_end_with_their_family() {
    if !judges() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // The server is full after the first, so whoever comes later waits; and it stays open in a message that nobody reads.
    let script = "
full = socket.socket(socket.AF_UNIX)
full.bind('full')
full.listen(0)
own = socket.create_server(('127.0.0.1', 0))
def wait():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect('full')
for _ in range(20):
    threading.Thread(target=wait, daemon=True).start()
CONNECT = {'x86_64': '42'}.get(os.uname().machine, '203')
def connects(thread):
    try:
        return open(f'/proc/self/task/{thread}/syscall').read().startswith(CONNECT + ' ')
    except OSError:
        return False  # it has ended
while sum(map(connects, os.listdir('/proc/self/task'))) < 19:
    pass
print(tcp('127.0.0.1', own.getsockname()[1]))
one, other = socket.socketpair()
socket.send_fds(one, [b'x'], [full.fileno(), other.fileno()])
sys.stdout.flush()
os._exit(0)";
    assert_eq!(run(folder.path(), Egress::all(), script).await, ["done"]);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while connecting() > 0 && std::time::Instant::now() < end {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(connecting(), 0);
}
