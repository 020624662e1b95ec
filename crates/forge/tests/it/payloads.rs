//! The payloads that announce a push to the local git remote.

use std::{fs, io::Write, process::Stdio};

use forge::GitRef;

use crate::{
    project::{Project, paths, read},
    webhook::examples_folder,
};

#[tokio::test]
async fn a_new_branch_lists_its_commits_and_asks_for_the_complete_answer() {
    let project = Project::new().await;
    project.write("notebooks/a.ipynb", "1");
    project.commit("first");
    project.write("data/x y.csv", "1");
    let head = project.commit("second: größer\n\nand why");
    let push = project.push(&["main"]).await;
    assert_eq!(push.repo.to_string(), "local/titanic");
    assert_eq!(push.git_ref, GitRef::Branch("main".to_owned()));
    assert!(push.created && push.before.is_null() && !push.deleted && !push.forced && push.files_incomplete);
    assert_eq!((push.after.as_str(), push.head.as_ref().unwrap().as_str()), (&*head, &*head));
    assert_eq!(push.files.added_or_modified, paths(["data/x y.csv", "notebooks/a.ipynb"]));
    assert_eq!((push.pusher.as_deref(), push.message.as_deref()), (Some("ada"), Some("second: größer\n\nand why")));
}

#[tokio::test]
async fn a_further_push_lists_what_its_commits_did_whatever_the_paths_look_like() {
    let project = Project::new().await;
    let strange = ["ä ö/ü.ipynb", "tab\tand\"quote\".ipynb", "new\nline.ipynb", "A", "\u{1}"];
    for path in ["kept", "renamed from.ipynb", "removed"].into_iter().chain(strange) {
        project.write(path, &format!("content of {path}\n").repeat(20));
    }
    project.commit("first");
    project.push_recorded(&["main"]);
    project.git(&["mv", "renamed from.ipynb", "renamed to.ipynb"]);
    project.git(&["rm", "--quiet", "removed"]);
    for path in strange {
        project.write(path, "changed");
    }
    project.commit("second");
    project.write("brief", "1");
    project.commit("third");
    fs::remove_file(project.clone.join("brief")).unwrap();
    project.commit("fourth");
    let push = project.push(&["main"]).await;
    assert!(!push.created && !push.forced && !push.files_incomplete);
    assert_eq!(push.files.added_or_modified, paths(strange.into_iter().chain(["renamed to.ipynb"])));
    assert_eq!(push.files.removed, paths(["brief", "removed", "renamed from.ipynb"]));
}

#[tokio::test]
async fn a_merge_lists_the_merged_commits_and_its_own_changes() {
    let project = Project::new().await;
    project.write("a", "1");
    project.commit("first");
    project.push_recorded(&["main"]);
    project.git(&["checkout", "--quiet", "-b", "side"]);
    project.write("side.ipynb", "1");
    project.commit("side");
    project.git(&["checkout", "--quiet", "main"]);
    project.write("main.ipynb", "1");
    project.commit("main");
    project.git(&["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    project.write("merge.ipynb", "resolved");
    project.commit("merge");
    let push = project.push(&["main"]).await;
    assert_eq!(push.files.added_or_modified, paths(["main.ipynb", "merge.ipynb", "side.ipynb"]));
    assert!(!push.files_incomplete);
}

#[tokio::test]
async fn a_forced_push_and_a_deletion_say_so() {
    let project = Project::new().await;
    project.commit("first");
    project.commit("second");
    project.push_recorded(&["main", "main:other"]);
    project.git(&["commit", "--quiet", "--amend", "--allow-empty", "-m", "second, again"]);
    let push = project.push(&["--force", "main"]).await;
    assert!(push.forced && push.files_incomplete && !push.created);
    assert_eq!(push.message.as_deref(), Some("second, again"));

    let push = project.push(&["--delete", "other"]).await;
    assert!(push.deleted && push.after.is_null() && !push.files_incomplete);
    assert_eq!((push.head, push.message), (None, None));
}

#[tokio::test]
async fn an_annotated_tag_points_at_its_commit() {
    let project = Project::new().await;
    let head = project.commit("first");
    project.push_recorded(&["main"]);
    project.git(&["tag", "-a", "v1", "-m", "one"]);
    let push = project.push(&["v1"]).await;
    assert_eq!(push.git_ref, GitRef::Tag("v1".to_owned()));
    assert_eq!(push.head.unwrap().as_str(), head);
    assert_ne!(push.after.as_str(), head);
}

#[tokio::test]
async fn three_thousand_commits_are_cut_to_the_newest_and_marked_incomplete() {
    let project = Project::new().await;
    project.commit("first");
    project.push_recorded(&["main"]);
    let commits = (0..3000).map(|number| {
        let (time, from) = (1_700_000_000 + number, if number == 0 { "from refs/heads/main^0\n" } else { "" });
        format!(
            "commit refs/heads/main\ncommitter A <a@b> {time} +0000\ndata 1\nm\n{from}M 644 inline f{number}\ndata 1\n1\n"
        )
    });
    project.fast_import(&commits.collect::<String>());
    let push = project.push(&["main"]).await;
    assert!(push.files_incomplete);
    assert_eq!(push.files.added_or_modified.len(), 2048);
    assert!(push.files.added_or_modified.contains("f2999"));
}

#[tokio::test]
async fn a_push_too_large_to_deliver_lists_no_files_and_is_marked_incomplete() {
    let project = Project::new().await;
    project.commit("first");
    project.push_recorded(&["main"]);
    let folder = "a long folder name ".repeat(10);
    let commit = "commit refs/heads/main\ncommitter A <a@b> 1700000000 +0000\ndata 1\nm\nfrom refs/heads/main^0\n";
    let files = (0..70_000).map(|number| format!("M 644 inline {folder}/{}/{number}\ndata 1\n1\n", number / 500));
    project.fast_import(&(commit.to_owned() + &files.collect::<String>()));
    let outgoing = project.outgoing(&["main"]).await;
    assert!(outgoing[0].body.len() < 1 << 20);
    let push = read(&outgoing[0]);
    assert!(push.files_incomplete && push.files.added_or_modified.is_empty());
    assert!(push.head.is_some());
}

#[tokio::test]
async fn the_same_ref_update_is_the_same_delivery_and_another_is_another() {
    let project = Project::new().await;
    project.commit("first");
    let first = project.outgoing(&["main", "main:other"]).await;
    let updates = |sha: &str| {
        let zeros = "0".repeat(40);
        format!("{zeros} {sha} refs/heads/main\n\n{zeros} {sha} refs/heads/other\n")
    };
    let again = project.local.payloads(Project::NAME, &updates(&project.head()), "ada").await.unwrap();
    assert_eq!(first, again);
    assert_ne!(first[0].delivery_id, first[1].delivery_id);
    assert_eq!(first[0].delivery_id.len(), 36);
    for line in ["x", "a b refs/heads/main", &updates("deadbeef"), &format!("{0} {0} main", project.head())] {
        assert!(project.local.payloads(Project::NAME, line, "ada").await.is_err(), "{line:?}");
    }
}

#[tokio::test]
async fn every_payload_follows_the_published_schema() {
    let project = Project::new().await;
    project.write("a", "1");
    project.commit("first");
    let mut bodies = project.outgoing(&["main", "main:other"]).await;
    project.write("b", "1");
    project.commit("second");
    project.git(&["tag", "-a", "v1", "-m", "one"]);
    bodies.extend(project.outgoing(&["main", "v1", ":other"]).await);
    assert_eq!(bodies.len(), 5);
    let bodies: Vec<serde_json::Value> =
        bodies.iter().map(|outgoing| serde_json::from_slice(&outgoing.body).unwrap()).collect();

    let mut node = std::process::Command::new("node")
        .args(["-e", VALIDATE])
        .current_dir(examples_folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(serde_json::to_string(&bodies).unwrap().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert_eq!((String::from_utf8_lossy(&output.stdout).as_ref(), output.status.success()), ("5 valid", true));
}

/// Prints what of the payloads on standard input does not follow the push schema.
const VALIDATE: &str = r##"
const Ajv = require("ajv"), formats = require("ajv-formats");
const { definitions } = require("@octokit/webhooks-schemas");
const ajv = new Ajv({ strict: false, allErrors: true });
formats(ajv);
ajv.addFormat("uri-template", true);
const valid = ajv.compile({ definitions, $ref: "#/definitions/push$event" });
const payloads = JSON.parse(require("fs").readFileSync(0));
const errors = payloads.flatMap(payload => valid(payload) ? [] : valid.errors.map(error => error.instancePath + " " + error.message));
process.stdout.write(errors.length ? errors.join("\n") : payloads.length + " valid");
"##;
