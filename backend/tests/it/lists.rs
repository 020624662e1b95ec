//! Lists: pages of every size, filters, and places that were made up.

use axum::http::Method;
use contract::Flavour;
use serde_json::{Value, json};
use store::{Description, NewVersion};

use crate::World;

/// The items of all pages, and how many each page had.
async fn all(world: &World, path: &str) -> (Vec<Value>, Vec<usize>) {
    let (mut items, mut sizes, mut next) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = world.json(&format!("{path}{next}")).await;
        let found = page["items"].as_array().unwrap().clone();
        sizes.push(found.len());
        items.extend(found);
        let Some(after) = page["next"].as_str() else { return (items, sizes) };
        next = format!("&after={after}");
    }
}

/// Seven of each: repositories, pipelines, models, and versions of one model.
async fn seven() -> World {
    let world = World::new().await;
    for number in 0..7 {
        world.repo(&format!("octocat/titanic-{number}")).await;
        let lease = world.leased(&format!("n{number}.ipynb")).await;
        for model in [format!("model-{number}"), "titanic".to_owned()] {
            let version = NewVersion {
                model: model.parse().unwrap(),
                version: number + 1,
                flavour: Flavour::Onnx,
                uri: format!("file:///models/{model}/v{number}"),
                sha256: "ab".repeat(32),
            };
            world.store.serving.record_version(&lease, version).await.unwrap();
        }
    }
    world
}

#[tokio::test]
async fn pages_of_every_size_have_every_item_once_and_in_order() {
    let world = seven().await;
    for (path, key, count) in [
        ("/api/repos", "full_name", 7),
        ("/api/pipelines", "notebook_path", 7),
        ("/api/models", "name", 8),
        ("/api/models/titanic/versions", "version", 7),
    ] {
        let whole = world.json(path).await;
        assert_eq!((whole["items"].as_array().unwrap().len(), &whole["next"]), (count, &Value::Null), "{path}");
        let keys = |items: &[Value]| items.iter().map(|item| item[key].clone()).collect::<Vec<_>>();
        let wanted = keys(whole["items"].as_array().unwrap());
        for (limit, most) in [(0, 1), (1, 1), (2, 2), (count - 1, count - 1), (count, count), (1000, count)] {
            let (items, sizes) = all(&world, &format!("{path}?limit={limit}")).await;
            assert_eq!(keys(&items), wanted, "{path} by {limit}");
            assert!(sizes.iter().all(|&size| size <= most && size > 0), "{path} by {limit}: {sizes:?}");
        }
    }
}

#[tokio::test]
async fn a_page_that_was_made_up_is_refused_or_empty() {
    let world = seven().await;
    for (path, after, status) in [
        ("/api/pipelines", "garbage", 400),
        ("/api/pipelines", "", 400),
        ("/api/pipelines", "00000000-0000-0000-0000-000000000000", 200),
        ("/api/models", "Not%20A%20Name", 400),
        ("/api/models", "zzz", 200),
        ("/api/repos", "zzz/zzz", 200),
        ("/api/models/titanic/versions", "garbage", 400),
        ("/api/models/titanic/versions", "-1", 400),
        ("/api/models/titanic/versions", "0", 200),
        ("/api/models/titanic/versions", "18446744073709551615", 200),
        ("/api/models/titanic/versions", "18446744073709551616", 400),
        ("/api/models/titanic/history", "garbage", 400),
        ("/api/models/titanic/history", "18446744073709551615", 200),
    ] {
        let answer = world.get(&format!("{path}?after={after}")).await;
        assert_eq!(answer.status, status, "{path} after {after}: {}", answer.text());
    }
    for path in
        ["/api/repos", "/api/pipelines", "/api/models", "/api/models/titanic/versions", "/api/models/titanic/history"]
    {
        for limit in ["-1", "many", "", "1.5", "99999999999999999999", "%00"] {
            let answer = world.get(&format!("{path}?limit={limit}")).await;
            assert_eq!(answer.code(), (400, "bad_request".to_owned()), "{path} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_list_is_never_longer_than_500() {
    let world = World::new().await;
    for number in 0..501 {
        world.pipeline(&format!("n{number}.ipynb")).await;
    }
    for (query, count) in [("", 50), ("?limit=500", 500), ("?limit=501", 500), ("?limit=18446744073709551615", 500)] {
        let page = world.json(&format!("/api/pipelines{query}")).await;
        assert_eq!((page["items"].as_array().unwrap().len(), page["next"].is_string()), (count, true), "{query}");
    }
}

#[tokio::test]
async fn pipelines_are_filtered_by_what_they_are() {
    let world = World::new().await;
    let mut others = Vec::new();
    for (repo, branch, notebook) in [
        ("octocat/titanic", "main", "a.ipynb"),
        ("octocat/titanic", "release/1", "b.ipynb"),
        ("local/titanic", "main", "c.ipynb"),
    ] {
        let new =
            store::NewPipeline { repo: repo.parse().unwrap(), branch: branch.to_owned(), ..crate::world::pushed(notebook) };
        others.push(world.store.intake.create_pipeline(new).await.unwrap());
    }
    let lease = world.store.pipelines.take_lease(others[0], "worker", crate::world::TTL).await.unwrap().unwrap();
    let known = Description { model_name: Some("titanic".parse().unwrap()), ..Description::default() };
    world.store.pipelines.describe(&lease, known).await.unwrap();
    world.store.pipelines.request_cancel(others[2]).await.unwrap();
    for (query, notebooks) in [
        ("", "c b a"),
        ("repo=octocat/titanic", "b a"),
        ("repo=octocat%2Ftitanic&branch=main", "a"),
        ("branch=release/1", "b"),
        ("branch=", ""),
        ("branch=no+such+branch%25", ""),
        ("status=cancelled", "c"),
        ("status=running", "a"),
        ("status=queued", "b"),
        ("model=titanic", "a"),
        ("model=other", ""),
        ("model=titanic&status=queued", ""),
        ("repo=octocat/nothing", ""),
        ("unknown=filter", "c b a"),
    ] {
        let (items, _) = all(&world, &format!("/api/pipelines?limit=1&{query}")).await;
        let found: Vec<_> =
            items.iter().map(|item| item["notebook_path"].as_str().unwrap().trim_end_matches(".ipynb")).collect();
        assert_eq!(found.join(" "), notebooks, "{query}");
    }
    for (query, code) in [
        ("status=finished", "bad_status"),
        ("status=", "bad_status"),
        ("status=QUEUED", "bad_status"),
        ("repo=titanic", "bad_identifier"),
        ("repo=", "bad_identifier"),
        ("repo=a/b/c", "bad_identifier"),
        ("repo=../..", "bad_identifier"),
        ("model=Not+A+Name", "bad_identifier"),
        ("model=", "bad_identifier"),
        ("repo=octocat/titanic&repo=local/titanic", "bad_request"),
    ] {
        assert_eq!(world.get(&format!("/api/pipelines?{query}")).await.code(), (400, code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn statistics_count_the_days_that_were_asked_for() {
    let world = World::new().await;
    for _ in 0..3 {
        let id = world.pipeline("counted.ipynb").await;
        world.send(Method::POST, &format!("/api/pipelines/{id}/cancel"), &json!({})).await;
    }
    for (query, count) in
        [("", 14), ("?days=3", 3), ("?days=0", 1), ("?days=1", 1), ("?days=366", 366), ("?days=65535", 366)]
    {
        let answer = world.json(&format!("/api/statistics{query}")).await;
        let days = answer["days"].as_array().unwrap();
        assert_eq!(days.len(), count, "{query}");
        assert!(days.is_sorted_by_key(|day| day["day"].as_str()), "{answer}");
        // The day may have changed just now.
        let cancelled: u64 = days.iter().rev().take(2).filter_map(|day| day["cancelled"].as_u64()).sum();
        assert!(cancelled == 3 || count == 1, "{answer}");
    }
    for days in ["-1", "65536", "many"] {
        assert_eq!(world.get(&format!("/api/statistics?days={days}")).await.code(), (400, "bad_request".to_owned()));
    }
}
