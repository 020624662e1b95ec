//! Logs through a Redis that comes and goes.

use std::time::{Duration, Instant};

use bus::News;
use contract::PipelineId;
use tokio::time::timeout;

use crate::{
    logs::{batch, feed, lines},
    world::{DEADLINE, World},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_is_told_to_read_the_store_during_an_outage_and_goes_on_after_it() {
    let world = World::redis().await;
    let id = PipelineId::generate();
    let publisher = world.other_hub();
    let mut follower = feed(&world.hub, id).await;
    publisher.publish(id, &lines(1, 5));
    assert_eq!(batch(&mut follower).await, (1, 5));
    for hang in [true, false] {
        if hang {
            world.server().pause();
        } else {
            world.server().kill();
        }
        for _ in 0..2 {
            let news = timeout(Duration::from_secs(8), follower.next()).await.unwrap();
            assert!(matches!(news, News::Lagged), "{news:?}");
            let started = Instant::now();
            publisher.publish(id, &lines(6, 5));
            assert!(started.elapsed() < Duration::from_millis(200));
        }
        if hang {
            world.server().wake();
        } else {
            world.restart();
        }
        let mut seq = if hang { 100 } else { 1000 };
        let started = Instant::now();
        loop {
            seq += 1;
            publisher.publish(id, &lines(seq, 1));
            if let Ok(News::Batch(batch)) = timeout(Duration::from_millis(100), follower.next()).await
                && batch.first_seq > if hang { 100 } else { 1000 }
            {
                break;
            }
            assert!(started.elapsed() < DEADLINE, "the follower gets nothing any more");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_logs_are_followed_at_once() {
    let world = World::redis().await;
    let publisher = world.other_hub();
    let mut feeds = Vec::new();
    for _ in 0..200 {
        let id = PipelineId::generate();
        feeds.push((id, world.hub.subscribe(id)));
    }
    for (_, feed) in &mut feeds {
        assert!(matches!(timeout(DEADLINE, feed.next()).await.unwrap(), News::Lagged));
    }
    for (id, _) in &feeds {
        publisher.publish(*id, &lines(1, 2));
    }
    for (_, feed) in &mut feeds {
        assert_eq!(batch(feed).await, (1, 2));
    }
    drop(feeds);
    let started = Instant::now();
    while world.ask::<String>(&["CLIENT", "LIST"]).await.unwrap().lines().count() > 10 {
        assert!(started.elapsed() < DEADLINE, "readers outlive their followers");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_one_stream_whose_cursor_is_the_line_number_and_which_expires() {
    let world = World::redis().await;
    let id = PipelineId::generate();
    let mut follower = feed(&world.hub, id).await;
    world.hub.publish(id, &lines(1, 5));
    world.hub.publish(id, &lines(6, 3));
    world.hub.end(id);
    while !matches!(timeout(DEADLINE, follower.next()).await.unwrap(), News::Ended) {}
    let key = format!("mlsys:logs:{id}");
    let entries: redis::streams::StreamRangeReply = world.ask(&["XRANGE", &key, "-", "+"]).await.unwrap();
    let ids: Vec<_> = entries.ids.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["5-0", "8-0", "8-1"]);
    let ttl: i64 = world.ask(&["TTL", &key]).await.unwrap();
    assert!((86_000..=86_400).contains(&ttl), "{ttl}");
}
