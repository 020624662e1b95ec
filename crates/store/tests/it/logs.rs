use contract::{LogFrame, LogLine, Phase, Stream};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use store::StoreError;

use crate::World;

pub fn line(seq: u64) -> LogLine {
    LogLine {
        seq,
        at: Timestamp::from_microsecond(1_800_000_000_123_456).unwrap(),
        phase: Phase::Execute,
        cell: seq.is_multiple_of(2).then_some(3),
        stream: Stream::Stdout,
        text: format!("line {seq} \u{1F6A2} \0 \" \\"),
        data: seq.is_multiple_of(3).then(|| json!({"text/plain": "x"})),
    }
}

fn lines(first: u64, count: u64) -> Vec<LogLine> {
    (first..first + count).map(line).collect()
}

async fn lines_that_do_not_continue_the_log_are_refused(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    assert_eq!(store.pipelines.last_seq(lease.pipeline_id).await.unwrap(), 0);
    store.pipelines.append_logs(&lease, 1, &[]).await.unwrap();
    store.pipelines.append_logs(&lease, 1, &lines(1, 3)).await.unwrap();
    for wrong in [1, 3, 5] {
        assert!(
            matches!(store.pipelines.append_logs(&lease, wrong, &lines(wrong, 2)).await, Err(StoreError::Conflict)),
            "{wrong}"
        );
    }
    assert!(matches!(store.pipelines.append_logs(&lease, 4, &lines(5, 2)).await, Err(StoreError::Conflict)));
    assert_eq!(store.pipelines.last_seq(lease.pipeline_id).await.unwrap(), 3);
    assert_eq!(store.pipelines.logs(lease.pipeline_id, 0, usize::MAX).await.unwrap(), lines(1, 3));
    assert_eq!(store.pipelines.logs(lease.pipeline_id, u64::MAX, usize::MAX).await.unwrap(), []);
}

async fn frames_are_the_lines_json_text_as_the_contract_has_it(world: World) {
    let (store, lease) = (&world.store, world.leased().await);
    for (first, count) in [(1, 3), (4, 1), (5, 40)] {
        store.pipelines.append_logs(&lease, first, &lines(first, count)).await.unwrap();
    }
    for (after, limit) in [(0, usize::MAX), (0, 2), (2, 3), (3, 1), (40, 100), (44, 5), (u64::MAX, 5), (7, 0)] {
        let expected: Vec<(u64, String)> = store
            .pipelines
            .logs(lease.pipeline_id, after, limit)
            .await
            .unwrap()
            .into_iter()
            .map(|line| (line.seq, serde_json::to_string(&LogFrame::Line(line)).unwrap()))
            .collect();
        assert_eq!(store.pipelines.log_frames(lease.pipeline_id, after, limit).await.unwrap(), expected, "{after} {limit}");
    }
}

on_both![lines_that_do_not_continue_the_log_are_refused, frames_are_the_lines_json_text_as_the_contract_has_it,];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn however_lines_were_batched_any_page_gives_each_line_once_and_in_order(
        chunks in prop::collection::vec(1..9u64, 0..8),
        pages in prop::collection::vec((0..70u64, 0..12usize), 6),
        step in 1..7usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::sqlite().await;
            let (store, lease) = (&world.store, world.leased().await);
            let mut last = 0;
            for count in chunks {
                store.pipelines.append_logs(&lease, last + 1, &lines(last + 1, count)).await.unwrap();
                last += count;
            }
            let all = lines(1, last);
            for (after, limit) in pages {
                let expected: Vec<_> = all.iter().filter(|line| line.seq > after).take(limit).cloned().collect();
                prop_assert_eq!(store.pipelines.logs(lease.pipeline_id, after, limit).await.unwrap(), expected);
            }
            let mut read: Vec<LogLine> = Vec::new();
            loop {
                let page = store.pipelines.logs(lease.pipeline_id, read.last().map_or(0, |line| line.seq), step).await.unwrap();
                if page.is_empty() {
                    break;
                }
                read.extend(page);
            }
            prop_assert_eq!(read, all);
            Ok(())
        })?;
    }
}
