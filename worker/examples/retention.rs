//! How long pushes wait while retention works: `retention URL`, on a database that has much to remove. Settings are read
//! from the environment, as a worker does; first counts, then removes, while a push comes every five milliseconds.

use std::{
    error::Error,
    io::Write,
    time::{Duration, Instant},
};

use service::{Check, Settings};
use store::{NewDelivery, NewPipeline, Store};
use tokio_util::sync::CancellationToken;
use worker::tasks::retention::{RetentionSettings, sweep};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let url = std::env::args().nth(1).ok_or("usage: retention URL")?;
    let mut check = Check::default();
    let settings = RetentionSettings::read(&Settings::load(".env")?, &mut check);
    check.finish()?;
    let store = Store::open(&url).await?;
    for apply in [false, true, true] {
        let enough = CancellationToken::new();
        let pushes = tokio::spawn(push(store.clone(), enough.clone()));
        let begun = Instant::now();
        let removed = sweep(&store, &settings, apply, |_| {}).await?;
        let took = begun.elapsed();
        enough.cancel();
        let mut times = pushes.await??;
        times.sort();
        let at = |part: usize| times.get(times.len() * part / 1000).copied().unwrap_or_default().as_secs_f64() * 1000.0;
        let worst = times.last().copied().unwrap_or_default();
        writeln!(
            std::io::stdout(),
            "apply {apply}: {removed:?} in {took:.1?}; {} pushes: p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, worst {worst:.1?}",
            times.len(),
            at(500),
            at(990),
            at(999)
        )?;
    }
    store.close().await;
    Ok(())
}

/// Pushes until it is enough; answers how long each took.
async fn push(store: Store, enough: CancellationToken) -> Result<Vec<Duration>, Box<dyn Error + Send + Sync>> {
    let (mut times, run) = (Vec::new(), uuid::Uuid::new_v4().simple().to_string());
    for number in 0_u64.. {
        if enough.is_cancelled() {
            break;
        }
        let delivery_id = format!("{run}-{number}");
        let pipeline = NewPipeline {
            repo: format!("octocat/repository-{}", number % 50).parse()?,
            branch: "main".to_owned(),
            commit_sha: format!("{run}{number:08x}").parse()?,
            notebook_path: "new.ipynb".to_owned(),
            parameters: std::collections::BTreeMap::new(),
            delivery_id: None,
            traceparent: None,
            manual: false,
        };
        let delivery = NewDelivery { delivery_id: &delivery_id, event: "push", repo: None };
        let begun = Instant::now();
        store.intake.accept_delivery(delivery, vec![pipeline]).await?;
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(times)
}
