//! What a notebook's own code writes into the kernel's sockets costs its run, and never more.

use std::time::{Duration, Instant};

use kernel::{KernelError, Outcome};

use crate::harness::Bench;

/// Writes `BYTES` to every socket that the kernel has, as often as it takes them, and then waits.
const FORGE: &str = "
import os, stat, time
sockets = []
for name in os.listdir('/proc/self/fd'):
    try:
        if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
            sockets.append(int(name))
    except OSError:
        pass
assert sockets
for socket in sockets:
    try:
        for _ in range(TIMES):
            os.write(socket, BYTES)
    except OSError:
        pass
time.sleep(60)
";

async fn forged(bytes: &str, times: u32) -> (Outcome, Duration) {
    let source = FORGE.replace("BYTES", bytes).replace("TIMES", &times.to_string());
    let mut bench = Bench::new(&[("", &source)]);
    bench.request.run_timeout = Duration::from_secs(30);
    let start = Instant::now();
    let done = bench.run().await;
    (done.report.outcome, start.elapsed())
}

#[tokio::test]
async fn a_frame_that_announces_more_than_there_is_memory_ends_the_run_and_nothing_else() {
    for length in ["64 << 40", "(1 << 64) - 1", "1 << 32"] {
        let (outcome, took) = forged(&format!(r"b'\x02' + ({length}).to_bytes(8, 'big')"), 1).await;
        assert!(matches!(outcome, Outcome::Broken(KernelError::MessageTooLarge)), "{length}: {outcome}");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
    assert!(Bench::new(&[("", "1")]).run().await.report.outcome.is_success());
}

#[tokio::test]
async fn a_message_without_end_ends_the_run() {
    // Parts of nothing, each with another to come.
    let (outcome, _) = forged(r"b'\x01\x00' * 4096", 100).await;
    assert!(matches!(outcome, Outcome::Broken(KernelError::MessageTooLarge)), "{outcome}");
}

#[tokio::test]
async fn nonsense_on_the_sockets_ends_or_lets_the_run_go_on_and_nothing_else() {
    for bytes in [r"b'\xff' * 64", "os.urandom(4096)", r"b'\x04\x05READY'", r"b'\x00\x09<IDS|MSG>'"] {
        let (outcome, took) = forged(bytes, 3).await;
        assert!(!outcome.is_success(), "{bytes}: {outcome}");
        assert!(took < Duration::from_secs(40), "{took:?}");
    }
}

#[tokio::test]
async fn an_output_that_is_too_large_for_a_message_is_named_as_such() {
    let source = "from IPython.display import display\ndisplay({'text/plain': 'x' * 300_000_000}, raw=True)";
    let outcome = Bench::new(&[("", source)]).run().await.report.outcome;
    assert!(matches!(outcome, Outcome::Broken(KernelError::MessageTooLarge)), "{outcome}");
    assert!(outcome.to_string().contains("write large data to a file"), "{outcome}");
}
