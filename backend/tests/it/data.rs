//! Which tables and files notebooks may reach: allowed, listed and forbidden again.

use axum::http::Method;
use serde_json::json;

use crate::World;

#[tokio::test]
async fn data_is_allowed_listed_and_forbidden_again_and_bad_names_are_told() {
    let world = World::new().await;
    let repo = world.repo("octocat/titanic").await;
    let path = format!("/api/repos/{repo}/data");
    let put = async |place: &str, access: &str| {
        let answer = world.send(Method::PUT, &format!("{path}/{place}"), &json!({ "access": access })).await;
        if answer.status == 204 { (204, String::new()) } else { answer.code() }
    };
    assert_eq!(world.json(&path).await["items"], json!([]));
    for (place, access) in [("local.titanic", "read"), ("local.titanic", "write"), ("gs:%2F%2Fshop", "read")] {
        assert_eq!(put(place, access).await.0, 204, "{place}");
    }
    let listed = world.json(&path).await;
    let of = |at: usize| (listed["items"][at]["place"].clone(), listed["items"][at]["access"].clone());
    assert_eq!(of(0), (json!("gs://shop"), json!("read")));
    assert_eq!(of(1), (json!("local.titanic"), json!("write")));
    for bad in ["local", "local.titanic.train", "..", "gs:%2F%2F", "local.%2Fetc", "gs:%2F%2Fshop%2Ffolder"] {
        assert_eq!(put(bad, "read").await, (400, "bad_data".to_owned()), "{bad}");
    }
    assert_eq!(put("local.titanic", "own").await.0, 422);
    for (place, status) in [("local.titanic", 204), ("local.titanic", 404), ("nonsense", 404)] {
        assert_eq!(world.ask(Method::DELETE, &format!("{path}/{place}"), &[], "").await.status, status);
    }
    let audit = world.get("/api/audit").await;
    for said in ["its notebooks may write local.titanic", "its notebooks may reach local.titanic no more"] {
        assert!(audit.text().contains(said), "{said}: {}", audit.text());
    }
}

#[tokio::test]
async fn a_repository_reaches_so_many_places_and_no_more() {
    let world = World::new().await;
    let repo = world.repo("octocat/titanic").await;
    let put = async |number: u64| {
        let path = format!("/api/repos/{repo}/data/local.d{number}");
        world.send(Method::PUT, &path, &json!({ "access": "read" })).await
    };
    for number in 0..contract::PLACES_PER_REPO {
        assert_eq!(put(number).await.status, 204);
    }
    assert_eq!(put(contract::PLACES_PER_REPO).await.code(), (409, "too_much_data".to_owned()));
    assert_eq!(put(0).await.status, 204);
}
