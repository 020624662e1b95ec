//! `docs/tutorial.md`, command by command.

use std::{fmt::Write as _, fs, process::Command};

use testkit::{Mlsys, Options, workspace_root};

use crate::BINARY;

/// The commands of the tutorial, in their order, but for those of another terminal.
fn commands(text: &str) -> Vec<&str> {
    let blocks = text.split("\n```sh\n").skip(1);
    blocks.flat_map(|block| block.split_once("\n```").map_or("", |(commands, _)| commands).lines()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_of_the_tutorial_does_what_it_should() {
    let text = fs::read_to_string(workspace_root().join("docs/tutorial.md")).expect("the tutorial");
    let commands = commands(&text);
    assert!(commands.len() > 15 && !commands.contains(&"mlsys up"), "{commands:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let mut script = "set -eu\nmlsys() { \"$MLSYS_BINARY\" \"$@\"; }\n".to_owned();
    for command in commands {
        // What failed is the last that was named.
        let _ = writeln!(script, "echo {} >&2\n{command}", shell_words(command));
    }
    // Of its own: a reader has no other models and tables.
    let mlsys = Mlsys::start(BINARY, Options::default());
    let cli = mlsys.cli(&[]);
    let environment = cli.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).envs(environment).current_dir(folder.path());
    bash.env("MLSYS", workspace_root()).env("MLSYS_BINARY", cli.get_program());
    for (name, value) in [("AUTHOR_NAME", "A Reader"), ("AUTHOR_EMAIL", "reader@localhost")] {
        bash.env(format!("GIT_{name}"), value).env(format!("GIT_{}", name.replace("AUTHOR", "COMMITTER")), value);
    }
    let answer = tokio::task::block_in_place(|| bash.output().expect("bash runs"));
    let (said, complained) = (String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
    assert!(answer.status.success(), "{said}\n{complained}");
    assert!(said.contains("local.titanic.predictions: version 0"), "{said}");
    let predictions = fs::read_to_string(folder.path().join("titanic/predictions.csv")).expect("they were exported");
    let passengers = fs::read_to_string(folder.path().join("titanic/titanic.csv")).expect("its data");
    assert_eq!(predictions.lines().count(), passengers.lines().count());
    assert!(predictions.starts_with("PassengerId,Prediction,PredictionTimestamp,ModelName,ModelVersion"), "{predictions}");
}

/// A command as one word of the shell.
fn shell_words(command: &str) -> String {
    format!("'{}'", command.replace('\'', "'\\''"))
}
