//! A pipeline's notebook: whole, short, by cell, its parameters; and only when it has changed.

use axum::http::Method;
use serde_json::{Value, json};
use testkit::Notebook;

use crate::{Answer, World};

async fn with_notebook(content: &str) -> (World, String) {
    let world = World::new().await;
    let lease = world.leased("n.ipynb").await;
    world.store.pipelines.save_notebook(&lease, content.as_bytes()).await.unwrap();
    (world, format!("/api/pipelines/{}", lease.pipeline_id))
}

#[tokio::test]
async fn a_notebook_is_answered_only_when_it_has_changed() {
    let text = Notebook::valid("seen-once").json();
    let (world, path) = with_notebook(&text).await;
    let ask = async |query: &str, known: Option<&str>| -> Answer {
        let headers: Vec<_> = known.into_iter().map(|known| ("if-none-match", known)).collect();
        world.ask(Method::GET, &format!("{path}/notebook{query}"), &headers, "").await
    };
    let first = ask("", None).await;
    let etag = first.header("etag").to_owned();
    assert_eq!((first.status, first.text(), first.header("cache-control")), (200, &*text, "no-cache"));
    for known in [etag.clone(), format!("W/{etag}"), format!("\"another\", {etag}"), "*".to_owned()] {
        let again = ask("", Some(&known)).await;
        assert_eq!((again.status, again.header("etag"), again.text()), (304, &*etag, ""), "{known}");
    }
    for other in ["\"another\"", "", "garbage, more"] {
        assert_eq!((ask("", Some(other)).await.status, ask("", Some(other)).await.text()), (200, &*text));
    }
    let short = ask("?abridged=true", Some(&etag)).await;
    assert_eq!((short.status, short.text()), (200, &*text), "nothing in it is long, but it might be");
    assert_eq!(ask("?abridged=true", Some(short.header("etag"))).await.status, 304);
    assert_eq!(ask("?abridged=maybe", None).await.code(), (400, "bad_request".to_owned()));
}

#[tokio::test]
async fn a_cell_that_printed_much_comes_short_and_can_be_had_whole() {
    let printed =
        |times: usize| -> String { (0..times).map(|number| ["tick tick ", &number.to_string(), "\n"].concat()).collect() };
    let cell = |id: &str, times| {
        let output = json!({ "output_type": "stream", "name": "stdout", "text": printed(times) });
        json!({ "id": id, "cell_type": "code", "execution_count": 1, "metadata": {}, "source": "", "outputs": [output] })
    };
    let cells = [cell("a", 3), cell("long", 5000), cell("z", 1)];
    let whole = json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 });
    let (world, path) = with_notebook(&whole.to_string()).await;
    assert_eq!(world.json(&format!("{path}/notebook")).await, whole);
    let short = world.json(&format!("{path}/notebook?abridged=true")).await;
    let first = short["cells"][1]["outputs"][0]["text"].as_str().unwrap();
    assert!(printed(5000).starts_with(first) && first.len() == 32 << 10, "{} bytes", first.len());
    assert!(
        short["cells"][1]["metadata"]["mlsys"]["abridged"].as_u64() > Some(printed(5000).len() as u64),
        "its whole size"
    );
    assert_eq!((&short["cells"][0], &short["cells"][2]), (&cells[0], &cells[2]), "only what is long is cut");
    assert_eq!(world.json(&format!("{path}/notebook/cells/long")).await, cells[1]);
    for unknown in ["none", "%00", "..%2f..", "1"] {
        assert_eq!(world.get(&format!("{path}/notebook/cells/{unknown}")).await.code(), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn a_notebooks_parameters_are_its_own_defaults() {
    let text = Notebook::valid("told").cell("parameters", "alpha = 0.5  # how much\nnames = ['a']").json();
    let (world, path) = with_notebook(&text).await;
    let alpha = json!({ "name": "alpha", "type": "float", "default": 0.5, "source": "0.5", "help": "how much" });
    let names = json!({ "name": "names", "type": "list", "default": ["a"], "source": "['a']", "help": null });
    assert_eq!(world.json(&format!("{path}/parameters")).await, json!({ "items": [alpha, names], "next": null }));
    let (world, path) = with_notebook(&Notebook::valid("plain").json()).await;
    assert_eq!(world.json(&format!("{path}/parameters")).await, json!({ "items": [], "next": null }));
}

#[tokio::test]
async fn a_notebook_that_breaks_the_contract_can_be_seen() {
    let broken = Notebook::valid("broken").with("mlops:training", "x = = 1").cell("parameters", "alpha = 1");
    let (world, path) = with_notebook(&broken.json()).await;
    let notebook = world.json(&format!("{path}/notebook")).await;
    let sources: Vec<_> = notebook["cells"].as_array().unwrap().iter().map(|cell| &cell["source"]).collect();
    assert!(sources.contains(&&json!("x = = 1")), "{sources:?}");
    assert_eq!(world.json(&format!("{path}/parameters")).await["items"][0]["name"], "alpha");
}

#[tokio::test]
async fn a_notebook_that_was_not_read_yet_is_not_there() {
    let world = World::new().await;
    let id = world.pipeline("n.ipynb").await;
    for path in ["notebook", "notebook?abridged=true", "notebook/cells/a", "parameters"] {
        let answer = world.get(&format!("/api/pipelines/{id}/{path}")).await;
        assert_eq!(answer.code(), (404, "not_found".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn whatever_was_kept_as_a_notebook_is_answered_without_harm() {
    for text in
        ["{}", "{\"cells\": 7}", "{\"cells\": [1, null, {\"outputs\": {}}]}", "[]", "{\"cells\": [{\"id\": 5}]}", "x"]
    {
        let (world, path) = with_notebook(text).await;
        for query in ["notebook", "notebook?abridged=true"] {
            let answer = world.get(&format!("{path}/{query}")).await;
            assert_eq!((answer.status, answer.text()), (200, text));
        }
        let items: Value = world.json(&format!("{path}/parameters")).await;
        assert_eq!(items["items"], json!([]), "{text}");
        assert_eq!(world.get(&format!("{path}/notebook/cells/5")).await.status, 404, "{text}");
    }
}
