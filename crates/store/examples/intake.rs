//! How many deliveries a second a database accepts, and how long each waits: `intake URL [SECONDS]`. Each delivery is
//! new and asks for one new pipeline, of one of fifty repositories. Use a database made for it: it fills it.

use std::{
    error::Error,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use store::{NewDelivery, NewPipeline, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: intake URL [SECONDS]")?;
    let seconds = arguments.next().map_or(Ok(5), |seconds| seconds.parse())?;
    let store = Store::open(&url).await?;
    let number = Arc::new(AtomicU64::new(1));
    for callers in [1, 16, 64, 16, 64] {
        let (begun, end) = (Instant::now(), Duration::from_secs(seconds));
        let tasks: Vec<_> = (0..callers).map(|_| tokio::spawn(call(store.clone(), number.clone(), begun + end))).collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        let rate = times.len() as u128 * 1000 / begun.elapsed().as_millis().max(1);
        times.sort();
        let at = |part: usize| times.get(times.len() * part / 1000).copied().unwrap_or_default().as_secs_f64() * 1000.0;
        writeln!(
            std::io::stdout(),
            "{callers:3} callers: {rate:7} accepted/s, p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms",
            at(500),
            at(990),
            at(999)
        )?;
    }
    Ok(())
}

/// Asks again as soon as it is answered; answers how long each took.
async fn call(store: Store, number: Arc<AtomicU64>, end: Instant) -> Result<Vec<Duration>, Box<dyn Error + Send + Sync>> {
    let mut times = Vec::new();
    // Later runs on the same database are of other commits.
    let run = uuid::Uuid::new_v4().simple().to_string();
    while Instant::now() < end {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let delivery_id = format!("{run}-{number}");
        let repo = format!("octocat/repository-{}", number % 50).parse()?;
        let pipeline = NewPipeline {
            repo,
            branch: "main".to_owned(),
            commit_sha: format!("{run}{number:08x}").parse()?,
            notebook_path: format!("notebooks/{run}/model-{number}.ipynb"),
            parameters: std::collections::BTreeMap::new(),
            delivery_id: None,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            manual: false,
        };
        let repo = pipeline.repo.clone();
        let delivery = NewDelivery { delivery_id: &delivery_id, event: "push", repo: Some(&repo) };
        let begun = Instant::now();
        store.intake.accept_delivery(delivery, vec![pipeline]).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}
