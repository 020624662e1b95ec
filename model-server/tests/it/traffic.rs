//! Shares of a place's requests that are changed by a call.

use std::collections::BTreeMap;

use contract::Problem;
use futures_util::{StreamExt, stream};
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    backend_double::{BackendDouble, list, model, shared},
    harness::{Place, Server, manifest, outcome, problem},
};

fn body() -> String {
    json!({ "dataframe_split": manifest("titanic-1")["input_example"] }).to_string()
}

async fn version(server: &Server, target: &str) -> u64 {
    server.answer(target, body()).await["model_version"].as_u64().unwrap()
}

/// A server with versions 1 and 2 of a model in dev, with generations 1 and 2 of a list that has seen change 2.
async fn two(place: &mut Place, weights: (u32, u32)) -> (BackendDouble, Server) {
    let (first, second) = (place.put("titanic-1", "titanic", 1).await, place.put("titanic-2", "titanic", 2).await);
    let (first, second) = (model("titanic", "dev", (&first, 1), 1), model("titanic", "dev", (&second, 2), 2));
    let backend = BackendDouble::saying(list(2, [shared(weights.0, first), shared(weights.1, second)])).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["titanic dev 1 1 ready", "titanic dev 2 2 ready"]).await;
    // Both are ready a moment before they share.
    while version(&server, "titanic?version=1").await != 1 || version(&server, "titanic?version=2").await != 2 {}
    (backend, server)
}

/// How many of a thousand requests version 2 answers; eight ask at a time.
async fn of_a_thousand(server: &Server) -> usize {
    let asked = stream::iter(0..1000).map(|_| version(server, "titanic")).buffer_unordered(8);
    let versions: Vec<_> = asked.collect().await;
    versions.iter().filter(|version| **version == 2).count()
}

async fn refused(response: Response) -> (u16, String, String) {
    let Problem { status, code, detail, .. } = problem(response).await;
    (status, code, detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_change_at_once_and_keep_to_their_weights() {
    let mut place = Place::new();
    let (backend, server) = two(&mut place, (100, 0)).await;
    for (generation, weight) in [(3, 30), (4, 0), (5, 100), (6, 5)] {
        let answer = server.share("titanic", &[(1, 100 - weight, 0), (2, weight, 0)], generation).await;
        assert_eq!(answer.status(), 204);
        let (counted, wanted) = (of_a_thousand(&server).await, weight as usize * 10);
        assert!(counted.abs_diff(wanted) <= 10, "{counted} instead of {wanted}");
    }
    // Who isn't named goes.
    assert_eq!(server.share("titanic", &[(2, 1, 0)], 7).await.status(), 204);
    assert_eq!(version(&server, "titanic").await, 2);
    assert_eq!(outcome(server.predict("titanic?version=1", body()).await).await, (404, "version_not_found".to_owned()));
    let models: Value = server.get("/models/titanic").await.json().await.unwrap();
    assert_eq!(models["items"].as_array().unwrap().len(), 1);
    assert_eq!(std::fs::read_dir(place.state().join("models/titanic")).unwrap().count(), 1, "nor are its files kept");
    backend.until(&["titanic dev 2 7 ready"]).await;
    server.stop().await;
}

#[tokio::test]
async fn shares_that_are_stale_or_make_no_sense_are_refused_and_change_nothing() {
    let mut place = Place::new();
    let (backend, server) = two(&mut place, (100, 0)).await;
    assert_eq!(server.share("titanic", &[(1, 0, 0), (2, 100, 0)], 5).await.status(), 204);
    assert_eq!(server.share("titanic", &[(1, 0, 0), (2, 100, 0)], 5).await.status(), 204, "the same again is no change");
    for generation in [5, 4, 0] {
        let refused = outcome(server.share("titanic", &[(1, 100, 0)], generation).await).await;
        assert_eq!(refused, (409, "stale_generation".to_owned()), "{generation}");
    }
    for (shares, status, code, says) in [
        (&[(1, 50, 0), (3, 50, 0)][..], 409, "version_not_loaded", "version 3"),
        (&[(1, 0, 0), (2, 0, 100)], 400, "bad_request", "weight"),
        (&[], 400, "bad_request", "weight"),
        (&[(1, 50, 0), (1, 50, 0)], 400, "bad_request", "once"),
        (&[(1, 50, 0), (2, 50, 101)], 400, "bad_request", "100"),
    ] {
        let (was, word, detail) = refused(server.share("titanic", shares, 9).await).await;
        assert_eq!((was, word.as_str(), detail.contains(says)), (status, code, true), "{shares:?}: {detail}");
    }
    assert_eq!(outcome(server.share("absent", &[(1, 100, 0)], 9).await).await, (404, "model_not_found".to_owned()));
    let request = json!({"environment": "dev", "generation": 9, "shares": []});
    let stranger = server.stranger.put(format!("{}/internal/traffic/titanic", server.url)).json(&request);
    assert_eq!(stranger.send().await.unwrap().status(), 401);
    for _ in 0..10 {
        assert_eq!(version(&server, "titanic").await, 2);
    }
    backend.until(&["titanic dev 1 5 ready", "titanic dev 2 5 ready"]).await;
    server.stop().await;
}

#[tokio::test]
async fn an_older_list_does_not_undo_shares_and_a_newer_one_does() {
    let mut place = Place::new();
    let (backend, server) = two(&mut place, (100, 0)).await;
    let said = backend.said();
    assert_eq!(server.share("titanic", &[(1, 0, 0), (2, 100, 0)], 5).await.status(), 204);
    for change in [3, 4] {
        backend.list(contract::Desired { change, ..said.clone() });
        backend.rounds(3).await;
        assert_eq!(version(&server, "titanic").await, 2, "{change}");
    }
    // A list that has seen the change has the last word, whichever generations it names versions by.
    backend.list(contract::Desired { change: 6, ..said });
    backend.until(&["titanic dev 1 1 ready", "titanic dev 2 2 ready"]).await;
    let back = async { while version(&server, "titanic").await != 1 {} };
    tokio::time::timeout(crate::harness::DEADLINE, back).await.unwrap();
    let late = outcome(server.share("titanic", &[(1, 0, 0), (2, 100, 0)], 6).await).await;
    assert_eq!(late, (409, "stale_generation".to_owned()));
    assert_eq!(server.share("titanic", &[(1, 0, 0), (2, 100, 0)], 7).await.status(), 204);
    assert_eq!(version(&server, "titanic").await, 2);
    server.stop().await;
}

#[tokio::test]
async fn shares_survive_a_restart_with_the_number_of_their_change() {
    let mut place = Place::new();
    let (_backend, server) = two(&mut place, (100, 0)).await;
    assert_eq!(server.share("titanic", &[(1, 0, 0), (2, 100, 0)], 5).await.status(), 204);
    server.stop().await;
    place.backend_url = None;
    let server = place.serve().await;
    assert_eq!(server.until("/ready", 200).await["models"], 2);
    for _ in 0..10 {
        assert_eq!(version(&server, "titanic").await, 2);
    }
    assert_eq!(version(&server, "titanic?version=1").await, 1);
    let stale = outcome(server.share("titanic", &[(1, 100, 0)], 4).await).await;
    assert_eq!(stale, (409, "stale_generation".to_owned()));
    assert_eq!(server.share("titanic", &[(1, 100, 0), (2, 0, 0)], 6).await.status(), 204);
    assert_eq!(version(&server, "titanic").await, 1);
    server.stop().await;
}

#[tokio::test]
async fn shares_change_while_a_model_of_the_same_name_is_loading() {
    let mut place = Place::gated();
    let moody = [place.put("moody", "moody", 1).await, place.put("moody", "moody", 2).await];
    let both = [model("moody", "dev", (&moody[0], 1), 1), shared(0, model("moody", "dev", (&moody[1], 2), 2))];
    let backend = BackendDouble::saying(list(2, both)).await;
    place.backend_url = Some(backend.url.clone());
    let server = place.serve().await;
    backend.until(&["moody dev 1 1 ready", "moody dev 2 2 ready"]).await;
    let third = place.put("moody", "moody", 3).await;
    place.close_gate();
    let request =
        contract::LoadRequest { environment: "staging".parse().unwrap(), ..model("moody", "dev", (&third, 3), 3).load };
    let load = server.post("/internal/load/moody").json(&request).send();
    let watch = async {
        backend.until(&["moody dev 1 1 ready", "moody dev 2 2 ready", "moody staging 3 3 loading"]).await;
        assert_eq!(server.share("moody", &[(1, 0, 0), (2, 100, 0)], 4).await.status(), 204);
        let answer = server.answer("moody?env=dev", r#"{"inputs":[[1,2]]}"#).await;
        assert_eq!(answer["model_version"], 2);
        place.open_gate();
    };
    let (loaded, ()) = tokio::join!(load, watch);
    assert_eq!(loaded.unwrap().status(), 200);
    assert_eq!(server.answer("moody", r#"{"inputs":[[1,2]]}"#).await["model_version"], 3);
    server.stop().await;
}

/// Which version answers each of 200 keys.
async fn owners(server: &Server) -> BTreeMap<u64, u64> {
    let asked = stream::iter(0..200).map(async |key: u64| {
        let asked = server.post("/predict/titanic").header("x-routing-key", format!("customer-{key}"));
        let answer: Value = asked.body(body()).send().await.unwrap().json().await.unwrap();
        (key, answer["model_version"].as_u64().unwrap())
    });
    asked.buffer_unordered(8).collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_goes_to_the_same_version_on_every_server_and_few_move_when_shares_change() {
    let (mut place, mut other) = (Place::new(), Place::new());
    let ((_one, server), (_two, elsewhere)) = (two(&mut place, (95, 5)).await, two(&mut other, (95, 5)).await);
    let shares = async |server: &Server, weight: u32, generation| {
        let answer = server.share("titanic", &[(1, 100 - weight, 0), (2, weight, 0)], generation).await;
        assert_eq!(answer.status(), 204);
    };
    shares(&server, 5, 3).await;
    shares(&elsewhere, 5, 3).await;
    let before = owners(&server).await;
    assert_eq!(owners(&server).await, before);
    assert_eq!(owners(&elsewhere).await, before, "on another server");
    shares(&server, 30, 4).await;
    let after = owners(&server).await;
    let moved: Vec<_> = before.iter().filter(|(key, version)| after[key] != **version).collect();
    assert!((30..=75).contains(&moved.len()), "{}", moved.len());
    assert!(moved.iter().all(|(_, version)| **version == 1), "they go to the version that grows");
    server.stop().await;
    place.backend_url = None;
    let server = place.serve().await;
    server.until("/ready", 200).await;
    assert_eq!(owners(&server).await, after, "after a restart");
    // By the query as by the header.
    for key in [0, 1, 2, 3] {
        assert_eq!(version(&server, &format!("titanic?routing_key=customer-{key}")).await, after[&key]);
    }
    server.stop().await;
    elsewhere.stop().await;
}
