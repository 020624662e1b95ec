//! Which files a push changed: one suite, both hosts.

use std::time::Duration;

use forge::{FileChanges, Push};

use crate::{
    hosts::both_hosts,
    project::{Project, paths},
};

const LIMIT: Duration = Duration::from_secs(30);

/// Both hosts, whatever the payload said, must answer this.
async fn expect<'a>(
    project: &Project,
    push: &Push,
    added_or_modified: impl IntoIterator<Item = &'a str>,
    removed: impl IntoIterator<Item = &'a str>,
) {
    let expected = FileChanges { added_or_modified: paths(added_or_modified), removed: paths(removed) };
    let silent = Push { files: FileChanges::default(), ..push.clone() };
    let (hosts, _github) = both_hosts(project);
    for host in hosts {
        assert_eq!(host.changed_files(&silent, LIMIT).await.unwrap(), expected, "{host:?}");
    }
}

#[tokio::test]
async fn the_first_push_changes_every_file() {
    let project = Project::new().await;
    for path in ["a b/é.ipynb", "x/y/z", "w"] {
        project.write(path, "1");
    }
    project.commit("first");
    expect(&project, &project.push(&["main"]).await, ["a b/é.ipynb", "w", "x/y/z"], []).await;
}

#[tokio::test]
async fn a_further_push_changes_what_differs_with_a_rename_as_removed_and_added() {
    let project = Project::new().await;
    for path in ["kept", "modified é.ipynb", "removed", "renamed from"] {
        project.write(path, &format!("the content of {path}\n").repeat(20));
    }
    project.commit("first");
    project.push_recorded(&["main"]);
    project.git(&["mv", "renamed from", "renamed to"]);
    project.git(&["rm", "--quiet", "removed"]);
    project.write("modified é.ipynb", "2");
    project.commit("second");
    project.write("brief", "1");
    project.commit("third");
    project.git(&["rm", "--quiet", "brief"]);
    project.commit("fourth");
    let push = project.push(&["main"]).await;
    expect(&project, &push, ["modified é.ipynb", "renamed to"], ["removed", "renamed from"]).await;
}

#[tokio::test]
async fn a_new_branch_changes_what_it_has_done_since_it_left_the_default_branch() {
    let project = Project::new().await;
    project.write("old", "1");
    project.commit("first");
    project.push_recorded(&["main"]);
    project.git(&["checkout", "--quiet", "-b", "feature/x"]);
    project.write("of the branch", "1");
    project.commit("branch");
    project.git(&["checkout", "--quiet", "main"]);
    project.write("of main", "1");
    project.commit("main");
    project.push_recorded(&["main"]);
    let push = project.push(&["feature/x"]).await;
    expect(&project, &push, ["of the branch"], []).await;

    let unsaid = Push { created: false, ..push };
    assert!(unsaid.before.is_null());
    expect(&project, &unsaid, ["of the branch"], []).await;
}

#[tokio::test]
async fn a_new_branch_without_common_history_changes_every_file() {
    let project = Project::new().await;
    project.write("old", "1");
    project.commit("first");
    project.push_recorded(&["main"]);
    project.git(&["checkout", "--quiet", "--orphan", "other"]);
    project.write("new", "1");
    project.commit("other");
    expect(&project, &project.push(&["other"]).await, ["new", "old"], []).await;
}

#[tokio::test]
async fn a_forced_push_changes_what_differs_from_before_even_what_it_took_back() {
    let project = Project::new().await;
    project.write("base", "1");
    project.commit("first");
    project.write("taken back", "1");
    project.write("changed", "1");
    project.commit("second");
    let forgotten = project.push(&["main"]).await;
    project.git(&["reset", "--quiet", "--hard", "HEAD~"]);
    project.write("changed", "2");
    project.commit("second, again");
    let push = project.push(&["--force", "main"]).await;
    assert_eq!(push.before, forgotten.after);
    expect(&project, &push, ["changed"], ["taken back"]).await;

    let before_is_gone = Push { before: "1".repeat(40).parse().unwrap(), ..push };
    expect(&project, &before_is_gone, ["base", "changed"], []).await;
}

#[tokio::test]
async fn more_files_than_a_comparison_lists_are_all_found() {
    let project = Project::new().await;
    project.write("removed", "1");
    project.commit("first");
    project.push_recorded(&["main"]);
    let many: Vec<String> = (0..350).map(|number| format!("many/{number}")).collect();
    for path in &many {
        project.write(path, path);
    }
    project.git(&["rm", "--quiet", "removed"]);
    project.commit("second");
    expect(&project, &project.push(&["main"]).await, many.iter().map(String::as_str), ["removed"]).await;
}

#[tokio::test]
async fn a_merge_changes_what_it_brings_to_the_branch() {
    let project = Project::new().await;
    project.commit("first");
    project.git(&["checkout", "--quiet", "-b", "side"]);
    project.write("side", "1");
    project.commit("side");
    project.git(&["checkout", "--quiet", "main"]);
    project.write("main", "1");
    project.commit("main");
    project.push_recorded(&["main"]);
    project.git(&["merge", "--quiet", "--no-ff", "side"]);
    expect(&project, &project.push(&["main"]).await, ["side"], []).await;
}

#[tokio::test]
async fn a_deletion_changes_nothing() {
    let project = Project::new().await;
    project.write("a", "1");
    project.commit("first");
    project.push_recorded(&["main", "main:other"]);
    expect(&project, &project.push(&["--delete", "other"]).await, [], []).await;
}
