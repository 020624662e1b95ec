//! Probes of a process that has no API.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};
use service::health;

use super::{Served, client};

#[tokio::test]
async fn a_process_is_ready_while_each_of_its_dependencies_is() {
    let away = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&away);
    let dependencies = move || {
        let away = asked.load(Ordering::Relaxed);
        async move {
            let queue = async { if away { Err("no route to host") } else { Ok(()) } };
            let store = async { if away { pending().await } else { Ok::<(), String>(()) } };
            let (queue, store) = tokio::join!(health::check("queue", queue), health::check("store", store));
            vec![queue, store]
        }
    };
    let served = Served::start(health::router(dependencies)).await;
    let get = async |path: &str| {
        let answer = client().get(format!("{}{path}", served.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(get("/health").await, (200, json!({ "status": "ok" })));
    assert_eq!(get("/ready").await, (200, json!({ "status": "ready", "dependencies": { "queue": "ok", "store": "ok" } })));
    away.store(true, Ordering::Relaxed);
    let unready = json!({ "queue": "no route to host", "store": "no answer in time" });
    assert_eq!(get("/ready").await, (503, json!({ "status": "unready", "dependencies": unready })));
    assert_eq!(get("/health").await.0, 200);
    let metrics = client().get(format!("{}/metrics", served.url)).send().await.unwrap();
    assert_eq!(metrics.status(), 200);
}
