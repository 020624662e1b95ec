//! Versions that change under load.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    backend_double::{BackendDouble, list, model, shared},
    harness::{Place, assert_close, manifest},
};

/// How often versions are swapped, each time a model is loaded; and then, how often their shares are changed.
const SWAPS: u64 = 30;
const SHARES: u64 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_versions_and_shares_change_and_each_answer_is_of_the_version_it_names() {
    let mut place = Place::new();
    let backend = BackendDouble::saying(list(0, [])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    let versions = [place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await];
    let expected = ["titanic-1", "titanic-2"].map(|name| manifest(name)["expected_output"].clone());
    assert_eq!(server.load_as("titanic", (&versions[0], 1), 1).await.status(), 200);
    let body = json!({ "dataframe_split": manifest("titanic-1")["input_example"] }).to_string();
    let done = AtomicBool::new(false);

    let client = async |number: usize| {
        let mut seen = [0_usize; 2];
        while !done.load(Ordering::Relaxed) {
            let key = if number.is_multiple_of(2) { format!("client-{number}") } else { String::new() };
            let asked = server.post("/predict/titanic").header("x-routing-key", key).body(body.clone());
            let response = asked.send().await.unwrap();
            let (status, named) = (response.status(), response.headers().get("x-model-version").cloned());
            let text = response.text().await.unwrap();
            assert_eq!(status, 200, "{text}");
            let answer: Value = serde_json::from_str(&text).unwrap();
            let version = answer["model_version"].as_u64().unwrap();
            assert_eq!(named.unwrap(), version.to_string());
            let version = usize::try_from(version).unwrap() - 1;
            assert_eq!(answer["predictions"], expected[version]["predictions"]);
            assert_close(&answer["probabilities"], &expected[version]["probabilities"], 1e-5);
            seen[version] += 1;
        }
        seen
    };
    let changes = async {
        for change in 2..=SWAPS {
            let next = if change % 2 == 0 { (&versions[1], 2) } else { (&versions[0], 1) };
            assert_eq!(server.load_as("titanic", next, change).await.status(), 200);
        }
        let both = [(&versions[0], 1), (&versions[1], 2)].map(|version| model("titanic", "dev", version, SWAPS + 1));
        backend.list(list(SWAPS + 1, both.map(|model| shared(50, model))));
        let (first, second) = (SWAPS + 1, SWAPS + 1);
        backend.until(&[&format!("titanic dev 1 {first} ready"), &format!("titanic dev 2 {second} ready")]).await;
        for change in 1..=SHARES {
            let weight = u32::try_from(change * 37 % 101).unwrap();
            let shares = [(1, 100 - weight, 0), (2, weight, 0)];
            let answer = server.share("titanic", &shares, SWAPS + 1 + change).await;
            assert_eq!(answer.status(), 204, "{}", answer.text().await.unwrap());
        }
        done.store(true, Ordering::Relaxed);
    };
    let (seen, ()) = tokio::join!(join_all((0..64).map(client)), changes);
    let seen = [0, 1].map(|version| seen.iter().map(|counts| counts[version]).sum::<usize>());
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    server.stop().await;
}
