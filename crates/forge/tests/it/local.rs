//! The local git remote's repositories and their hook.

use std::{fs, process::Command};

use forge::ForgeError;

use crate::project::{Project, git, write_script};

#[tokio::test]
async fn a_push_runs_the_hook_command_with_its_arguments_the_repository_and_the_updated_refs() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("seen");
    let script = format!("{{ printf '%s|' \"$@\"; echo; cat; }} > '{}'", record.display());
    let script = write_script(&folder.path().join("it's $HOME `date`"), &script);
    let project = Project::new().await;
    project.local.ensure_project(Project::NAME, &[script.to_str().unwrap(), "a b", "$(c)"]).await.unwrap();
    let head = project.commit("first");
    project.git(&["push", "--quiet", "origin", "main"]);
    let expected = format!("a b|$(c)|{}|\n{} {head} refs/heads/main\n", project.bare.display(), "0".repeat(40));
    assert_eq!(fs::read_to_string(record).unwrap(), expected);
}

#[tokio::test]
async fn making_a_project_again_keeps_its_history_and_takes_the_new_hook_command() {
    let project = Project::new().await;
    let head = project.commit("first");
    project.push_recorded(&["main"]);
    let hook = project.bare.join("hooks/post-receive");
    let before = fs::metadata(&hook).unwrap().modified().unwrap();
    let script = fs::read_to_string(&hook).unwrap();

    assert_eq!(project.local.ensure_project(Project::NAME, &["/bin/true"]).await.unwrap(), project.bare);
    assert_ne!(fs::read_to_string(&hook).unwrap(), script);
    assert_eq!(git(&project.bare, &["rev-parse", "main"]), head);

    let changed = fs::metadata(&hook).unwrap().modified().unwrap();
    project.local.ensure_project(Project::NAME, &["/bin/true"]).await.unwrap();
    assert_eq!(fs::metadata(&hook).unwrap().modified().unwrap(), changed, "an unchanged hook is left alone");
    assert!(changed >= before);
}

#[tokio::test]
async fn a_project_name_cannot_leave_the_remotes_folder() {
    let project = Project::new().await;
    for name in ["", "..", "../x", "a/b", "a b", "x\ny"] {
        assert!(matches!(project.local.ensure_project(name, &["/bin/true"]).await, Err(ForgeError::Git(_))), "{name:?}");
        assert!(project.local.payloads(name, "", "ada").await.is_err(), "{name:?}");
    }
    assert!(matches!(project.local.payloads("unknown", "", "ada").await, Err(ForgeError::NotFound(_))));
}

#[test]
fn the_variables_that_git_gives_a_hook_do_not_lead_to_another_repository() {
    // A process cannot safely change its own environment: another one runs a test of pushes with it changed.
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "payloads::a_forced_push_and_a_deletion_say_so"])
        .envs([("GIT_DIR", "/nowhere"), ("GIT_QUARANTINE_PATH", "/nowhere")])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && output.contains("1 passed"), "{output}");
}
