//! What holds of every hub.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use bus::{LogHub, News};
use bytes::Bytes;
use contract::{LogFrame, LogLine, Phase, PipelineId, Stream};
use tokio::time::{Duration, timeout};

use crate::{
    on_every_backend,
    world::{DEADLINE, World},
};

on_every_backend! {
    a_follower_gets_every_line_as_the_text_of_its_frame
    a_log_that_ended_ends_its_feeds_and_can_be_followed_again
    a_slow_follower_is_told_that_it_lags
    a_repeated_batch_harms_nothing
    fifty_followers_get_fifty_thousand_lines
}

pub fn lines(first: u64, count: u64) -> Vec<LogLine> {
    (first..first + count)
        .map(|seq| LogLine {
            seq,
            at: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            phase: Phase::Execute,
            cell: Some(3),
            stream: Stream::Stdout,
            text: format!("line {seq}: \"é\" \u{1b}[1m and some more text, as notebooks print it"),
            data: seq.is_multiple_of(7).then(|| serde_json::json!({"z": 1.5, "a": [null]})),
        })
        .collect()
}

/// A log's lines, as the store has them.
#[derive(Clone, Default)]
pub struct Stored(Arc<Mutex<(Vec<LogLine>, bool)>>);

impl Stored {
    pub fn add(&self, lines: &[LogLine]) {
        self.0.lock().unwrap().0.extend_from_slice(lines);
    }

    fn end(&self) {
        self.0.lock().unwrap().1 = true;
    }

    fn after(&self, sent: usize) -> (Vec<Bytes>, bool) {
        let stored = self.0.lock().unwrap();
        (stored.0[sent..].iter().map(text).collect(), stored.1)
    }
}

fn text(line: &LogLine) -> Bytes {
    serde_json::to_string(&LogFrame::Line(line.clone())).unwrap().into()
}

/// Follows a log to its end, as the backend does. Answers the frames, and how many of them came live.
async fn follow(hub: LogHub, id: PipelineId, stored: Stored) -> (Vec<Bytes>, usize) {
    let mut feed = hub.subscribe(id);
    let (mut sent, mut live) = (Vec::new(), 0);
    loop {
        let (missing, ended) = stored.after(sent.len());
        sent.extend(missing);
        if ended {
            return (sent, live);
        }
        loop {
            match timeout(Duration::from_secs(5), feed.next()).await {
                Ok(News::Batch(batch)) if batch.first_seq <= sent.len() as u64 + 1 => {
                    let known = sent.len() + 1 - usize::try_from(batch.first_seq).unwrap();
                    let before = sent.len();
                    sent.extend(batch.frames.iter().skip(known).cloned());
                    live += sent.len() - before;
                }
                Ok(News::Ended) => {
                    feed = hub.subscribe(id);
                    break;
                }
                Ok(News::Batch(_) | News::Lagged) | Err(_) => break,
            }
        }
    }
}

/// Waits for a feed's next batch and answers its first and last number.
pub async fn batch(feed: &mut bus::LogFeed) -> (u64, u64) {
    timeout(DEADLINE, async {
        loop {
            match feed.next().await {
                News::Batch(batch) => return (batch.first_seq, batch.last_seq),
                News::Lagged => {}
                News::Ended => panic!("the log did not end"),
            }
        }
    })
    .await
    .unwrap()
}

/// A feed that is up: batches published from now on reach it.
pub async fn feed(hub: &LogHub, id: PipelineId) -> bus::LogFeed {
    let mut feed = hub.subscribe(id);
    // A feed through Redis says so when it is up; one in memory is up at once.
    if let Ok(news) = timeout(Duration::from_millis(500), feed.next()).await {
        assert!(matches!(news, News::Lagged), "{news:?}");
    }
    feed
}

async fn a_follower_gets_every_line_as_the_text_of_its_frame(world: World) {
    let (id, other) = (PipelineId::generate(), PipelineId::generate());
    let publisher = world.other_hub();
    let mut follower = feed(&world.hub, id).await;
    publisher.publish(other, &lines(1, 3));
    publisher.publish(id, &[]);
    for (first, count) in [(1, 1), (2, 1000), (1002, 17)] {
        let lines = lines(first, count);
        publisher.publish(id, &lines);
        let News::Batch(batch) = timeout(DEADLINE, follower.next()).await.unwrap() else { panic!("no batch") };
        assert_eq!((batch.first_seq, batch.last_seq), (first, first + count - 1));
        assert_eq!(batch.frames, lines.iter().map(text).collect::<Vec<_>>());
    }
}

async fn a_log_that_ended_ends_its_feeds_and_can_be_followed_again(world: World) {
    let id = PipelineId::generate();
    let publisher = world.other_hub();
    for attempt in 0..2 {
        let (mut one, mut two) = (feed(&world.hub, id).await, world.hub.subscribe(id));
        publisher.publish(id, &lines(attempt * 10 + 1, 10));
        publisher.end(id);
        for follower in [&mut one, &mut two] {
            assert_eq!(batch(follower).await, (attempt * 10 + 1, attempt * 10 + 10));
            for _ in 0..2 {
                assert!(matches!(timeout(DEADLINE, follower.next()).await.unwrap(), News::Ended));
            }
        }
    }
}

async fn a_slow_follower_is_told_that_it_lags(world: World) {
    let id = PipelineId::generate();
    let publisher = world.other_hub();
    let (mut slow, mut quick) = (feed(&world.hub, id).await, world.hub.subscribe(id));
    for first in 1..=200 {
        publisher.publish(id, &lines(first, 1));
        assert_eq!(batch(&mut quick).await, (first, first));
    }
    assert!(matches!(timeout(DEADLINE, slow.next()).await.unwrap(), News::Lagged));
    let (first, _) = batch(&mut slow).await;
    assert!(first > 1);
}

async fn a_repeated_batch_harms_nothing(world: World) {
    let (id, stored) = (PipelineId::generate(), Stored::default());
    let publisher = world.other_hub();
    let follower = tokio::spawn(follow(world.hub.clone(), id, stored.clone()));
    for first in [1, 11, 21] {
        let lines = lines(first, 10);
        stored.add(&lines);
        for _ in 0..2 {
            publisher.publish(id, &lines);
        }
    }
    stored.end();
    publisher.end(id);
    let (frames, _) = timeout(DEADLINE, follower).await.unwrap().unwrap();
    assert_eq!(frames, lines(1, 30).iter().map(text).collect::<Vec<_>>());
}

async fn fifty_followers_get_fifty_thousand_lines(world: World) {
    let (id, stored) = (PipelineId::generate(), Stored::default());
    let publisher = world.other_hub();
    let _up = feed(&world.hub, id).await;
    let followers: Vec<_> = (0..50).map(|_| tokio::spawn(follow(world.hub.clone(), id, stored.clone()))).collect();
    let started = Instant::now();
    for first in (1..=50_000).step_by(500) {
        let lines = lines(first, 500);
        stored.add(&lines);
        publisher.publish(id, &lines);
        tokio::task::yield_now().await;
    }
    stored.end();
    publisher.end(id);
    let mut live = 0;
    let expected: Vec<_> = lines(1, 50_000).iter().map(text).collect();
    for follower in followers {
        let (frames, some) = timeout(DEADLINE, follower).await.unwrap().unwrap();
        assert!(frames == expected);
        live += some;
    }
    eprintln!("50 followers, 50,000 lines: {:?}, {} % live", started.elapsed(), live / 25_000);
}
