//! Pushes of one notebook on one branch: one at a time, and the newest wins.

use contract::{PipelineRecord, PipelineStatus};
use testkit::{Books, Entry, Notebook, Outcome, Size};

use crate::stage;

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_quick_pushes_the_newest_wins_and_no_two_run_at_once() {
    let stage = stage(&Size { workers: 3, ..Size::default() }).await;
    let repository = stage.repository("team/ordered").await;
    let books = Books::default();
    for number in 0..10 {
        let push = repository.push("main", &[("n.ipynb", &Notebook::tiny("ordered", &number.to_string()).json())]);
        let answer = Some(stage.deliver(&push).await);
        books.note(Entry { push, model: "ordered".to_owned(), outcome: Outcome::Deploys, answer });
    }
    let ids: Vec<_> = books.entries().iter().filter_map(|entry| Some(entry.answer.as_ref()?.pipelines[0])).collect();
    let newest = stage.api().succeeded(ids[9]).await;
    assert!(newest.deployed, "{:?}", newest.reason);
    let mut all: Vec<PipelineRecord> = Vec::new();
    for id in ids {
        all.push(stage.api().ended(id).await);
    }
    for pipeline in &all {
        let superseded = pipeline.reason.as_deref().is_some_and(|reason| reason.contains("superseded"));
        let right =
            pipeline.status == PipelineStatus::Succeeded || (pipeline.status == PipelineStatus::Cancelled && superseded);
        assert!(right, "{pipeline:#?}");
    }
    assert!(all.iter().any(|pipeline| pipeline.status == PipelineStatus::Cancelled), "queued ones are superseded");
    let mut times: Vec<_> = all.iter().filter_map(|pipeline| Some((pipeline.started_at?, pipeline.finished_at?))).collect();
    times.sort_unstable();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "two ran at once: {times:?}");
    books.check(&stage).await;
}
