//! Signatures and payloads, against GitHub's own published examples.

use std::{fs, path::PathBuf};

use forge::{Delivery, GitRef, Push, SignatureError, parse, sign, verify};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::project::paths;

/// A change to a push's body.
type Change = Box<dyn FnOnce(&mut Value)>;

/// The folder with `@octokit/webhooks-examples` and `@octokit/webhooks-schemas`.
pub fn examples_folder() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/webhooks-examples"));
    assert!(
        folder.join("node_modules/@octokit").is_dir(),
        "GitHub's example payloads are missing: `make target/webhooks-examples/node_modules/.package-lock.json` fetches them"
    );
    folder
}

#[test]
fn the_published_signature_verifies_and_no_other_does() {
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let (secret, body) = (b"It's a Secret to Everybody", b"Hello, World!");
    assert_eq!(verify(secret, body, Some(SIGNATURE)), Ok(()));
    assert_eq!(sign(secret, body), SIGNATURE);
    assert_eq!(verify(secret, body, None), Err(SignatureError::Missing));
    assert_eq!(verify(b"another", body, Some(SIGNATURE)), Err(SignatureError::Mismatch));
    assert_eq!(verify(secret, b"Hello, World?", Some(SIGNATURE)), Err(SignatureError::Mismatch));
    let digits = &SIGNATURE["sha256=".len()..];
    for malformed in [
        "",
        "sha256=",
        digits,
        &SIGNATURE[..70],
        &SIGNATURE[..69],
        &format!("{SIGNATURE}00"),
        &format!("sha1={digits}"),
        &format!("sha256={}zz", &digits[..62]),
    ] {
        assert_eq!(verify(secret, body, Some(malformed)), Err(SignatureError::Malformed), "{malformed:?}");
    }
}

#[test]
fn every_published_example_parses_as_json_and_as_a_form() {
    let index = examples_folder().join("node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let index: Vec<Value> = serde_json::from_slice(&fs::read(index).unwrap()).unwrap();
    let mut count = 0;
    for event in &index {
        let name = event["name"].as_str().unwrap();
        for example in event["examples"].as_array().unwrap() {
            let body = serde_json::to_vec(example).unwrap();
            let delivery = parse(name, Some("application/json"), &body).unwrap_or_else(|error| panic!("{name}: {error}"));
            let form: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("payload", &example.to_string()).finish();
            let form_type = Some("application/X-WWW-Form-Urlencoded; charset=utf-8");
            assert_eq!(parse(name, form_type, form.as_bytes()).unwrap(), delivery, "{name}");
            let repo = match (name, delivery) {
                ("push", Delivery::Push(push)) => Some(push.repo),
                ("ping", Delivery::Ping { repo, .. }) => repo,
                (_, Delivery::Other { event, repo }) if event == name => repo,
                (_, delivery) => panic!("{name} parsed as {delivery:?}"),
            };
            assert_eq!(repo.map_or(Value::Null, |repo| json!(repo)), example["repository"]["full_name"], "{name}");
            count += 1;
        }
    }
    assert_eq!(count, 329);
}

fn push(change: impl FnOnce(&mut Value)) -> Push {
    let commit = |id: &str, lists: Value| json!({ "id": id.repeat(40), "message": "why", "added": lists[0], "removed": lists[1], "modified": lists[2] });
    let mut body = json!({
        "ref": "refs/heads/feature/x", "before": "a".repeat(40), "after": "c".repeat(40), "base_ref": null,
        "created": false, "deleted": false, "forced": false,
        "repository": { "full_name": "octocat/hello", "id": 1 }, "pusher": { "name": "octocat" },
        "commits": [commit("b", json!([["new", "brief"], ["back"], ["kept"]])), commit("c", json!([["back"], ["brief"], []]))],
        "head_commit": commit("c", json!([["back"], ["brief"], []])),
    });
    change(&mut body);
    match parse("push", None, body.to_string().as_bytes()).unwrap() {
        Delivery::Push(push) => push,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_last_change_of_a_path_wins() {
    let push = push(|_| ());
    assert_eq!(push.files.added_or_modified, paths(["back", "kept", "new"]));
    assert_eq!(push.files.removed, paths(["brief"]));
    assert_eq!(push.git_ref, GitRef::Branch("feature/x".to_owned()));
    assert!(!push.files_incomplete);
}

#[test]
fn a_branch_created_at_a_known_commit_has_the_files_of_its_head() {
    let push = push(|body| {
        body["created"] = json!(true);
        body["before"] = json!("0".repeat(40));
        body["commits"] = json!([]);
    });
    assert_eq!(push.files.added_or_modified, paths(["back"]));
    assert!(push.files_incomplete);
}

#[test]
fn file_lists_that_may_lack_something_are_marked() {
    let long: Vec<String> = (0..3000).map(|number| number.to_string()).collect();
    let doubtful: [(&str, Change); 7] = [
        ("only the head", Box::new(|body| body["commits"] = Value::Null)),
        ("forced", Box::new(|body| body["forced"] = json!(true))),
        ("created", Box::new(|body| body["created"] = json!(true))),
        ("null before", Box::new(|body| body["before"] = json!("0".repeat(40)))),
        ("2048 commits", Box::new(|body| body["commits"] = json!(vec![body["commits"][0].clone(); 2048]))),
        ("3000 paths", Box::new(move |body| body["commits"][0]["modified"] = json!(long))),
        (
            "no paths at all",
            Box::new(|body| {
                body["commits"] = json!([{ "id": "c".repeat(40), "added": [], "removed": [], "modified": [] }]);
                body["head_commit"] = body["commits"][0].clone();
            }),
        ),
    ];
    for (what, change) in doubtful {
        assert!(push(change).files_incomplete, "{what}");
    }
    let deleted = push(|body| {
        body["after"] = json!("0".repeat(40));
        body["commits"] = json!([]);
        body["head_commit"] = Value::Null;
    });
    assert!(deleted.deleted && !deleted.files_incomplete);
}

#[test]
fn a_push_needs_a_ref_a_commit_and_a_repository_and_no_more() {
    let least = json!({ "ref": "refs/heads/main", "after": "b".repeat(40), "repository": { "full_name": "a/b" } });
    let read = |body: &Value| parse("push", None, body.to_string().as_bytes());
    let Delivery::Push(push) = read(&least).unwrap() else { panic!("a push") };
    assert!(push.before.is_null() && push.files_incomplete && !push.created && !push.deleted && !push.forced);
    assert_eq!((push.head, push.pusher, push.message), (None, None, None));
    for field in ["ref", "after", "repository"] {
        let mut body = least.clone();
        body.as_object_mut().unwrap().remove(field);
        assert!(read(&body).is_err(), "{field}");
        body[field] = json!({});
        assert!(read(&body).is_err(), "{field}");
    }
    let in_order =
        json!(["refs/heads/main", null, "b".repeat(40), false, false, false, { "full_name": "a/b" }, null, null, null]);
    for body in [in_order, json!([]), Value::Null, json!("x")] {
        assert!(read(&body).is_err(), "{body}");
    }
}

#[test]
fn what_a_push_says_unreadably_it_does_not_say() {
    for vague in [Value::Null, json!(7), json!("x")] {
        let push = push(|body| {
            for field in ["before", "created", "deleted", "forced", "pusher"] {
                body[field] = vague.clone();
            }
            body["commits"][0]["id"] = vague.clone();
            body["head_commit"]["id"] = vague.clone();
            body["commits"][1]["added"] = Value::Null;
        });
        assert!(push.before.is_null() && !push.created && !push.deleted && !push.forced && !push.files_incomplete);
        assert_eq!((push.head, push.pusher, push.message.as_deref()), (None, None, Some("why")));
        assert_eq!(push.files.removed, paths(["brief"]));
    }
}

#[test]
fn a_ping_needs_nothing() {
    let ping = |body: &str| match parse("ping", None, body.as_bytes()) {
        Ok(Delivery::Ping { hook_id, repo }) => Some((hook_id, repo.map(|repo| repo.to_string()))),
        _ => None,
    };
    assert_eq!(ping(r#"{"zen":"z"}"#), Some((None, None)));
    assert_eq!(ping(r#"{"hook_id":"x","repository":{"full_name":"../x"}}"#), Some((None, None)));
    assert_eq!(ping(r#"{"hook_id":7,"repository":{"full_name":"a/b"}}"#), Some((Some(7), Some("a/b".to_owned()))));
    for body in ["", "[]", "1", "null", "{"] {
        assert_eq!(ping(body), None, "{body:?}");
    }
}

#[test]
fn an_unreadable_body_is_refused_in_a_sentence() {
    let sentence = |event, content_type, body: &str| parse(event, content_type, body.as_bytes()).unwrap_err().to_string();
    let form = Some("application/x-www-form-urlencoded");
    assert_eq!(sentence("push", form, "other=1"), "the form has no field named payload");
    assert!(sentence("push", None, "{").starts_with("the payload cannot be read: "));
    assert!(sentence("star", None, "payload=%7B%7D").starts_with("the payload cannot be read: "));
    let climbing = json!({ "ref": "refs/heads/main", "before": "a".repeat(40), "after": "b".repeat(40), "repository": { "full_name": "../x" } });
    assert!(sentence("push", None, &climbing.to_string()).contains("must be owner/name"));
}

#[test]
fn an_event_of_no_interest_may_hold_anything() {
    for body in
        ["{}", "[]", "null", "1", r#"{"repository":null}"#, r#"{"repository":{"full_name":7}}"#, r#"{"repository":"x"}"#]
    {
        let delivery = parse("star", None, body.as_bytes()).unwrap();
        assert_eq!(delivery, Delivery::Other { event: "star".to_owned(), repo: None }, "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_makes_parsing_panic(event in "push|ping|star", form: bool, body: Vec<u8>) {
        let _ = parse(&event, form.then_some("application/x-www-form-urlencoded"), &body);
    }

    #[test]
    fn no_damage_to_a_real_push_makes_parsing_panic(at: prop::sample::Index, byte: u8, cut: bool) {
        let mut body = json!({
            "ref": "refs/heads/main", "before": "a".repeat(40), "after": "b".repeat(40), "repository": { "full_name": "a/b" },
            "commits": [{ "id": "b".repeat(40), "message": "\u{1f600}\n", "added": ["é\t"], "removed": [], "modified": [] }],
        }).to_string().into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        if cut {
            body.truncate(at);
        }
        let _ = parse("push", None, &body);
    }

    #[test]
    fn no_header_makes_verifying_panic_or_succeed(header: String, digits in "[0-9a-fA-F]{0,130}") {
        prop_assert!(verify(b"secret", b"body", Some(&header)).is_err());
        let signature = format!("sha256={digits}");
        prop_assert!(verify(b"secret", b"body", Some(&signature)).is_err());
    }
}
