//! GitHub's answers about a real repository.

use serde_json::Value;
use testkit::{Api, GitHub};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_can_be_read_as_at_github() {
    let github = GitHub::start();
    let repository = github.repository("team/models");
    let first = repository.push("main", &[("a.ipynb", "one\n"), ("notes/b.txt", "text")]);
    let second = repository.push("main", &[("a.ipynb", "two")]);
    assert_eq!(first.notebooks, ["a.ipynb"]);
    let body: Value = serde_json::from_slice(&second.body).expect("JSON");
    assert_eq!(body["before"], first.commit.as_str());
    assert_eq!(body["commits"][0]["modified"][0], "a.ipynb");

    let api = Api::new(github.url(), Vec::new());
    let compared = api.get(&format!("/repos/team/models/compare/{}...{}", first.commit, second.commit)).await;
    assert_eq!(compared["files"][0]["filename"], "a.ipynb");
    let tree = api.get(&format!("/repos/team/models/git/trees/{}?recursive=1", first.commit)).await;
    assert_eq!(tree["tree"].as_array().map(Vec::len), Some(3), "{tree}");
    let archive = api.http().get(api.api(&format!("/repos/team/models/tarball/{}", second.commit))).send().await;
    let archive = archive.expect("an answer").error_for_status().expect("found").bytes().await.expect("a body");
    assert_eq!(archive[..2], [0x1f, 0x8b], "it is gzipped");
    let missing = api.try_get("/repos/team/other").await;
    assert!(missing.is_err_and(|error| error.contains("404")));
}
