//! Kernels that die, each named for what it was.

use std::process::{Command, Stdio};

use contract::Stream;
use kernel::{DeathCause, Kernel, KernelSpec, Outcome};

use crate::harness::{Bench, eventually, is_running, python, spec};

#[tokio::test]
async fn an_exit_code_is_named() {
    let done = Bench::new(&[("", "1"), ("", "print('before', flush=True); import os; os._exit(3)")]).run().await;
    let Outcome::Died { cell: 1, exit: DeathCause::ExitCode(3), .. } = done.report.outcome else {
        panic!("{}", done.report.outcome)
    };
    assert!(done.report.outcome.to_string().contains("died in cell 1: it exited with code 3"), "{}", done.report.outcome);
    assert_eq!(done.sink.texts(Stream::Stdout), ["before"]);
}

#[tokio::test]
async fn a_signal_is_named() {
    let done = Bench::new(&[("", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")]).run().await;
    let Outcome::Died { cell: 0, exit: DeathCause::Signal(name, 9), .. } = &done.report.outcome else {
        panic!("{}", done.report.outcome)
    };
    assert_eq!(name, "SIGKILL");
}

#[tokio::test]
async fn a_crash_in_native_code_leaves_its_trace_in_the_log() {
    let done = Bench::new(&[("", "import ctypes; ctypes.string_at(0)")]).run().await;
    assert!(
        matches!(&done.report.outcome, Outcome::Died { exit: DeathCause::Signal(_, 11), .. }),
        "{}",
        done.report.outcome
    );
    let system = done.sink.texts(Stream::System).join("\n");
    assert!(system.contains("Segmentation fault"), "{system}");
}

#[tokio::test]
async fn memory_over_the_limit_is_named_with_cell_limit_and_peak() {
    let limit = 400 << 20;
    let kernel = Kernel::start(&KernelSpec { memory_limit: Some(limit), ..spec() }).await.unwrap();
    let fill = "kept = []\nwhile True: kept.append(bytearray(b'x' * (8 << 20)))";
    let done = Bench::new(&[("", "x = 1"), ("", fill)]).run_on(kernel).await;
    let Outcome::OutOfMemory { cell: 1, limit: Some(named), peak } = done.report.outcome else {
        panic!("{}", done.report.outcome)
    };
    assert_eq!(named, limit);
    assert!(peak > limit);
    assert!(done.report.peak_memory.unwrap() >= peak);
    assert_eq!(done.status(3), "failed");
}

#[tokio::test]
async fn memory_of_children_counts_too() {
    let kernel = Kernel::start(&KernelSpec { memory_limit: Some(400 << 20), ..spec() }).await.unwrap();
    let code = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; x = b\"x\" * (500 << 20); time.sleep(60)'])";
    let done = Bench::new(&[("", code)]).run_on(kernel).await;
    assert!(matches!(done.report.outcome, Outcome::OutOfMemory { cell: 0, .. }), "{}", done.report.outcome);
}

#[tokio::test]
async fn forked_children_that_share_memory_are_not_counted_twice() {
    let kernel = Kernel::start(&KernelSpec { memory_limit: Some(500 << 20), ..spec() }).await.unwrap();
    let code = "import os, time\nx = b'x' * (250 << 20)\nfor _ in range(3):\n    if os.fork() == 0:\n        time.sleep(60)\ntime.sleep(1)";
    let done = Bench::new(&[("", code)]).run_on(kernel).await;
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
}

#[tokio::test]
async fn children_of_a_cell_are_gone_after_the_run() {
    let code = "import subprocess, os\nfor own in (False, True):\n    \
                print(subprocess.Popen(['sleep', '300'], start_new_session=own).pid)\nprint(os.getpid())";
    let done = Bench::new(&[("", code)]).run().await;
    let pids = done.sink.texts(Stream::Stdout);
    assert_eq!(pids.len(), 3);
    eventually("all processes gone", || !pids.iter().any(|pid| is_running(pid))).await;
}

#[tokio::test]
async fn a_kernel_does_not_outlive_a_killed_parent() {
    // Stands for our process: holds a kernel's leash, as `Process` does, and is killed.
    let folder = tempfile::tempdir().unwrap();
    let read = |name| std::fs::read_to_string(format!("{}/src/launcher/{name}.py", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let launcher = folder.path().join("launcher.py");
    std::fs::write(&launcher, ["main", "streams", "mlflow_run", "packages", "numbers"].map(read).concat() + "\nmain()\n")
        .unwrap();
    let info = serde_json::json!({"transport": "ipc", "ip": folder.path().join("s"), "shell_port": 1, "iopub_port": 2,
        "stdin_port": 3, "control_port": 4, "hb_port": 5, "key": "k", "signature_scheme": "hmac-sha256"});
    std::fs::write(folder.path().join("kernel.json"), info.to_string()).unwrap();
    let holder = "import subprocess, sys, time\n\
                  kernel = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)\n\
                  kernel.stdout.read(1); print(kernel.pid, flush=True); time.sleep(300)";
    let mut parent = Command::new(python())
        .args(["-c", holder])
        .arg(python())
        .args([launcher.as_os_str(), folder.path().join("kernel.json").as_os_str()])
        .env("IPYTHONDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(parent.stdout.take().unwrap()), &mut pid).unwrap();
    assert!(is_running(pid.trim()), "the kernel started");
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the kernel is gone", || !is_running(pid.trim())).await;
}

#[tokio::test]
async fn a_dropped_kernel_is_gone() {
    let kernel = crate::harness::kernel().await;
    let me = std::process::id().to_string();
    let children = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let lists = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok());
        lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    assert!(is_running(&me) && !children().is_empty());
    let before = children();
    drop(kernel);
    eventually("one child less", || before.iter().any(|pid| !is_running(pid))).await;
}

#[tokio::test]
async fn a_kernel_that_ends_well_closes_files_and_runs_exit_handlers() {
    let code = "import atexit, gzip\nkept = open('kept.txt', 'w'); n = kept.write('written')\nz = gzip.open('kept.gz', 'wb'); n = z.write(b'zipped')\n\
                @atexit.register\ndef bye():\n    open('bye.txt', 'w').write('bye')";
    let check = "import gzip; print(open('kept.txt').read(), gzip.open('kept.gz').read(), open('bye.txt').read())";
    let first = Bench::new(&[("", code)]).run().await;
    let mut second = Bench::new(&[("", check)]);
    second.request.directory = first.folder.path().join("root/sub");
    assert_eq!(second.run().await.text(0), "written b'zipped' bye\n");
}
