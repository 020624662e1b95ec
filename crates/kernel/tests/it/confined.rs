//! Kernels that run code of others: what it can't do, and all that it still can.

use std::path::Path;

use contract::Stream;
use kernel::{Confined, Kernel, KernelSpec, Room};
use sandbox::Egress;
use tempfile::TempDir;

use crate::harness::{Bench, Done, spec};

fn confined(rooms: &Path) -> KernelSpec {
    let confined = Confined { rooms: rooms.to_owned(), read: Vec::new(), write: Vec::new(), egress: Egress::all() };
    KernelSpec { confined: Some(confined), ..spec() }
}

/// A run on a confined kernel, as an execution does it.
async fn run(cells: &[(&str, &str)]) -> (Done, Room, TempDir) {
    let rooms = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::start(&confined(rooms.path())).await.unwrap();
    let mut room = kernel.take_room().expect("a room");
    let mut bench = Bench::new(cells);
    let tree = room.take_in(&bench.request.import_root).unwrap();
    bench.request.directory = tree.join("sub");
    bench.request.import_root = tree;
    (bench.run_on(kernel).await, room, rooms)
}

async fn said(code: &str) -> String {
    let (done, ..) = run(&[("", code)]).await;
    assert!(done.report.outcome.is_success(), "{} {:?}", done.report.outcome, done.sink.texts(Stream::Stderr));
    done.sink.texts(Stream::Stdout).join("\n")
}

#[tokio::test]
async fn folders_that_a_run_may_reach_are_open_and_what_lies_beside_them_is_not() {
    if !has_landlock() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    for name in ["read", "write", "beside"] {
        std::fs::create_dir(data.path().join(name)).unwrap();
        std::fs::write(data.path().join(name).join("a"), name).unwrap();
    }
    let rooms = tempfile::tempdir().unwrap();
    let mut spec = confined(rooms.path());
    if let Some(confined) = &mut spec.confined {
        confined.read = vec![data.path().join("read")];
        confined.write = vec![data.path().join("write")];
    }
    let mut kernel = Kernel::start(&spec).await.unwrap();
    let room = kernel.take_room().expect("a room");
    let code = format!(
        "{ATTEMPT}
import os
at = lambda name: os.path.join({:?}, name)
print(attempt(lambda: open(at('read/a')).read()))
print(attempt(lambda: open(at('read/a'), 'w')))
print(attempt(lambda: open(at('write/a')).read()))
print(attempt(lambda: open(at('write/b'), 'w').write('b')))
print(attempt(lambda: open(at('beside/a')).read()))
print(attempt(lambda: os.rename(at('write/a'), at('beside/b'))))
os.symlink(at('beside'), at('write/link'))
print(attempt(lambda: open(at('write/link/a')).read()))",
        data.path().display().to_string()
    );
    let bench = Bench::new(&[("", &code)]);
    let done = bench.run_on(kernel).await;
    drop(room);
    let said = done.sink.texts(Stream::Stdout);
    let refused = "PermissionError";
    assert_eq!(said, ["done: read", refused, "done: write", "done: 1", refused, refused, refused]);
}

fn has_landlock() -> bool {
    sandbox::Offer::of_this_machine().landlock.is_some()
}

/// Python that tells what an attempt came to.
const ATTEMPT: &str = "
def attempt(what):
    try:
        return f'done: {what()}'
    except OSError as error:
        return type(error).__name__
";

#[tokio::test]
async fn secrets_databases_and_our_processes_are_out_of_reach() {
    if !has_landlock() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    for name in ["internal.secret", "mlsys.db"] {
        std::fs::write(home.path().join(name), "secret").unwrap();
    }
    let code = format!(
        "{ATTEMPT}
import os, signal
above = os.getppid() or 1
for path in ['{home}/internal.secret', '{home}/mlsys.db', '/proc/{pid}/environ', '/proc/{pid}/mem', f'/proc/{{above}}/environ']:
    print(attempt(lambda: open(path, 'rb').read(1)))
print(attempt(lambda: os.listdir('{home}')))
print(attempt(lambda: os.kill({pid}, 0)))
print(attempt(lambda: os.kill(above, signal.SIGKILL)))
print(sorted(name for name in os.environ if 'TOKEN' in name or 'SECRET' in name))",
        home = home.path().display(),
        pid = std::process::id(),
    );
    let said = said(&code).await;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 9, "{said}");
    // Where there are namespaces, our process is not even there.
    let refused = ["PermissionError", "FileNotFoundError", "ProcessLookupError"];
    assert!(lines[..8].iter().all(|line| refused.contains(line)), "{said}");
    assert_eq!(lines[8], "[]");
}

#[tokio::test]
async fn nothing_can_be_left_in_the_python_environment() {
    if !has_landlock() {
        return;
    }
    let code = format!(
        "{ATTEMPT}
import sysconfig
print(attempt(lambda: open(sysconfig.get_path('purelib') + '/left-by-a-test.pth', 'w')))"
    );
    assert_eq!(said(&code).await, "PermissionError");
}

#[tokio::test]
async fn what_is_outside_can_be_neither_written_nor_linked_into_the_run() {
    if !has_landlock() {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("internal.secret");
    std::fs::write(&secret, "secret").unwrap();
    let code = format!(
        "{ATTEMPT}
import os
print(attempt(lambda: open('{0}', 'w')))
print(attempt(lambda: os.link('{0}', 'stolen')))
print(attempt(lambda: os.rename('{0}', 'stolen')))
print(attempt(lambda: os.symlink('{0}', 'planted')))",
        secret.display()
    );
    let (done, room, _rooms) = run(&[("", &code)]).await;
    let said = done.sink.texts(Stream::Stdout);
    assert!(said[..3].iter().all(|line| line.ends_with("Error")), "{said:?}");
    assert_eq!(said[3], "done: None");
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "secret");
    drop(room);
    // The tree is back, with the link in it, which is not followed.
    let tree = done.folder.path().join("root");
    assert!(tree.join("sub/planted").is_symlink());
    assert!(sandbox::files::open_below(&tree, Path::new("sub/planted")).is_err());
}

#[tokio::test]
async fn a_process_that_left_its_parents_ends_with_its_run() {
    let mark = format!("1000{}", std::process::id());
    let code = format!(
        "
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execlp('sh', 'sh', '-c', 'echo 1 > escaped; sleep {mark}; :')
    os._exit(0)
while not os.path.exists('escaped'):
    time.sleep(0.01)"
    );
    said(&code).await;
    // Its own number is another outside.
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let started = processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
    let left: Vec<String> = started.filter(|words| words.contains(&mark)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn memory_of_a_process_that_left_its_parents_counts() {
    let rooms = tempfile::tempdir().unwrap();
    let kernel = Kernel::start(&KernelSpec { memory_limit: Some(400 << 20), ..confined(rooms.path()) }).await.unwrap();
    let code = "
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        held = b'x' * (600 << 20)
        time.sleep(1000)
    os._exit(0)
time.sleep(60)";
    let done = Bench::new(&[("", code)]).run_on(kernel).await;
    assert!(matches!(done.report.outcome, kernel::Outcome::OutOfMemory { .. }), "{}", done.report.outcome);
}

#[tokio::test]
async fn what_a_notebook_does_every_day_works() {
    let (done, ..) = run(&[
        ("", "import os, tempfile\nwith tempfile.NamedTemporaryFile() as file: file.write(b'x')\nopen('own', 'w').write('own')"),
        ("", "import subprocess, sys\nassert subprocess.check_output([sys.executable, '-c', 'print(1)']) == b'1\\n'"),
        ("", "%%bash\ncat <<END\nfrom bash\nEND\necho x | sort > own.txt"),
        ("", "!echo from the shell && pip --version"),
        ("", "!pip list | head -3"),
        (
            "",
            "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool: assert pool.map(abs, [-1, 2]) == [1, 2]",
        ),
        ("", "import threading\nthread = threading.Thread(target=print, args=('from a thread',))\nthread.start()\nthread.join()"),
        (
            "",
            "from sklearn.ensemble import RandomForestClassifier\nfrom sklearn.model_selection import cross_val_score\n\
             from sklearn.datasets import load_iris\nX, y = load_iris(return_X_y=True)\n\
             assert len(cross_val_score(RandomForestClassifier(n_estimators=3, n_jobs=-1), X, y, n_jobs=-1)) == 5",
        ),
        (
            "",
            "import importlib.util\nif importlib.util.find_spec('matplotlib'):\n    import matplotlib.pyplot as plt\n    \
             plt.plot([1, 2])\n    plt.savefig('plot.png')\n    assert os.path.getsize('plot.png')",
        ),
        (
            "",
            "import socket\nserver = socket.create_server(('127.0.0.1', 0))\n\
             socket.create_connection(server.getsockname()).close()",
        ),
    ])
    .await;
    let said = done.sink.texts(Stream::Stdout).join("\n");
    assert!(done.report.outcome.is_success(), "{}\n{said}\n{:?}", done.report.outcome, done.sink.texts(Stream::Stderr));
    for text in ["from bash", "from the shell", "from a thread", "pip "] {
        assert!(said.contains(text), "{text}: {said}");
    }
}

#[tokio::test]
async fn a_folder_that_is_handed_out_is_the_runs_own() {
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("metadata.json"), "another run's").unwrap();
    let code = format!("import os\nos.symlink({:?}, os.path.join(os.environ['HOME'], '../made'))", other.path());
    let (done, room, rooms) = run(&[("", &code)]).await;
    assert!(done.report.outcome.is_success(), "{}", done.report.outcome);
    let place = rooms.path().join("out/model");
    assert!(room.hand_out(&place).is_err());
    assert!(other.path().join("metadata.json").exists() && !place.exists());
}
