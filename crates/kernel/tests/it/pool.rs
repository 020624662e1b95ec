//! Kernels started ahead.

use std::time::{Duration, Instant};

use contract::Stream;
use kernel::{KernelSpec, Outcome, Pool};
use tokio_util::sync::CancellationToken;

use crate::harness::{Bench, spec};

async fn filled(pool: &Pool, size: usize) {
    let end = Instant::now() + Duration::from_mins(1);
    while pool.ready().await < size {
        assert!(Instant::now() < end, "the pool never fills");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the measurement is for people")]
async fn a_pool_hands_out_kernels_with_modules_imported_and_fills_up_again() {
    let preload = vec!["decimal_not_installed".to_owned(), "pandas".to_owned()];
    let pool = Pool::start(KernelSpec { preload, ..spec() }, 1, CancellationToken::new());
    filled(&pool, 1).await;
    let cells = [("", "import sys; print('pandas' in sys.modules, 'pandas' in dir())"); 20];
    let start = Instant::now();
    let done = Bench::new(&cells).run_on(pool.take().await.unwrap()).await;
    println!("warm: cells {:?}, all {:?}", done.report.time_in_cells, start.elapsed());
    assert!(matches!(done.report.outcome, Outcome::Succeeded), "{}", done.report.outcome);
    assert_eq!(done.sink.texts(Stream::Stdout)[0], "True False");
    filled(&pool, 1).await;
    pool.shutdown().await;
    assert_eq!(pool.ready().await, 0);
}

#[tokio::test]
async fn an_empty_pool_starts_a_kernel_at_once() {
    let pool = Pool::start(spec(), 0, CancellationToken::new());
    let done = Bench::new(&[("", "print(1)")]).run_on(pool.take().await.unwrap()).await;
    assert_eq!(done.text(0), "1\n");
}
