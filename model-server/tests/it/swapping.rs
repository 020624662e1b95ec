//! Versions that change under load.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Place, assert_close, manifest};

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_versions_are_swapped_and_each_answer_is_of_the_version_it_names() {
    let place = Place::new();
    let server = place.serve().await;
    let versions = [place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await];
    let expected = ["titanic-1", "titanic-2"].map(|name| manifest(name)["expected_output"].clone());
    server.loads("titanic", &versions[0], 1, "dev").await;
    let body = json!({ "dataframe_split": manifest("titanic-1")["input_example"] }).to_string();
    let done = AtomicBool::new(false);

    let client = async || {
        let mut seen = [0_usize; 2];
        while !done.load(Ordering::Relaxed) {
            let answer: Value = server.answer("titanic", body.clone()).await;
            let version = usize::try_from(answer["model_version"].as_u64().unwrap()).unwrap();
            assert_eq!(answer["predictions"], expected[version - 1]["predictions"]);
            assert_close(&answer["probabilities"], &expected[version - 1]["probabilities"], 1e-5);
            seen[version - 1] += 1;
        }
        seen
    };
    let swaps = async {
        for swap in 1..=20 {
            let next = swap % 2;
            server.loads("titanic", &versions[next], next as u64 + 1, "dev").await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let (seen, ()) = tokio::join!(join_all((0..8).map(|_| client())), swaps);
    let seen = [0, 1].map(|version| seen.iter().map(|counts| counts[version]).sum::<usize>());
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}
