//! Secrets that a notebook asks for by name: it gets them, and nobody else sees them.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use contract::PipelineStatus;
use serde_json::json;
use testkit::{Notebook, Project};

use crate::mlsys;

const PASSWORD: &str = "hünter/2+geheim&17";
const KEY: &str = "-----BEGIN KEY-----\nbTNyZXNlY3JldCBvZiBh\n-----END KEY-----";

/// Everything that a notebook can do to show its secrets by mistake.
const SHOWS: &str = r#"
import base64, json, os, sys, urllib.parse
password, key = os.environ["WAREHOUSE"], os.environ["KEY"]
print("it has", len(password), "characters,", len(key.splitlines()), "lines")
print(password)
for part in (password[:7], password[7:]):
    sys.stdout.write(part); sys.stdout.flush()
print()
print(key)
print("as base64", base64.b64encode(b"user:" + password.encode()).decode())
print("in an address", urllib.parse.quote(password, safe=""), json.dumps(password))
print(password, file=sys.stderr)
print("x" * 3_000_000 + password)
display(password)
display({"text/html": f"<b>{password}</b>", "text/plain": key, "application/json": {password: [password]}}, raw=True)
raise ValueError("can't sign in with " + password)
"#;

fn secrets(arguments: &[&str], input: &str) -> String {
    let mut command: Command = mlsys().cli(&[&["secrets"], arguments].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("mlsys runs");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let answer = child.wait_with_output().expect("it ends");
    assert!(answer.status.success(), "{arguments:?}");
    String::from_utf8(answer.stdout).expect("text")
}

fn asking(model: &str, names: &str) -> Notebook {
    Notebook::valid(model).with("mlops:config", &format!("MODEL_NAME = '{model}'\nVERSION = '1'\nSECRETS = [{names}]"))
}

/// The files below a folder that have a text in them, as it is or as JSON writes it.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let written = serde_json::to_string(text).expect("JSON");
    let (plain, written) = (text.as_bytes(), written.trim_matches('"').as_bytes());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files_with(&path, text)),
            Ok(kind) if kind.is_file() => {
                let bytes = std::fs::read(&path).unwrap_or_default();
                let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
                if has(plain) || has(written) {
                    found.push(path.display().to_string());
                }
            }
            _ => {}
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_is_given_what_it_asks_for_and_what_it_shows_of_it_is_seen_nowhere() {
    let (mlsys, project) = (mlsys(), Project::new(mlsys(), "secretive"));
    // The first push makes the repository known: there is nothing to ask for yet.
    let without = asking("secretive", "'WAREHOUSE', 'KEY'");
    let pipeline = mlsys.ended(project.push_notebook("n.ipynb", without.json())).await;
    let reason = pipeline.reason.unwrap_or_default();
    assert!(reason.contains("mlsys secrets set KEY --repo local/secretive"), "{reason}");

    secrets(&["set", "WAREHOUSE", "--repo", "local/secretive"], &format!("{PASSWORD}\n"));
    secrets(&["set", "KEY", "--repo", "local/secretive"], KEY);
    let listed = secrets(&["list", "--repo", "local/secretive"], "");
    assert!(listed.contains("WAREHOUSE") && listed.contains("KEY") && !listed.contains(PASSWORD), "{listed}");

    let id = project.push_notebook("n.ipynb", without.before("mlops:export", SHOWS).json());
    let pipeline = mlsys.ended(id).await;
    assert_eq!(pipeline.status, PipelineStatus::Failed);
    let reason = pipeline.reason.clone().unwrap_or_default();
    assert!(reason.contains("ValueError: can't sign in with ***"), "{reason}");
    let log = mlsys.stored_log(id).await;
    let lines: Vec<String> = log.iter().map(|line| line.text.chars().take(80).collect()).collect();
    for expected in ["it has 18 characters, 3 lines", "***", "as base64 dXNlcjp***", "in an address *** \"***\"", "'***'"] {
        assert!(lines.iter().any(|line| line.starts_with(expected)), "{expected} is missing in {lines:#?}");
    }
    let told = [
        serde_json::to_string(&log).expect("JSON"),
        mlsys.get(&format!("/api/pipelines/{id}")).await.to_string(),
        mlsys.get(&format!("/api/pipelines/{id}/notebook")).await.to_string(),
        mlsys.answer(&format!("/api/pipelines/{id}/logs.txt")).await.text().await.expect("text"),
    ];
    for told in &told {
        for part in [PASSWORD, "nter%2F2", "nter/2", "bTNyZXNlY3JldCBvZiBh", "BEGIN KEY"] {
            assert!(!told.contains(part), "{part} is in {told}");
        }
    }
    // The executed notebook and the whole of what it put out are kept with the run.
    let run = pipeline.mlflow_run_id.expect("a run");
    let listed = mlsys.http().get(format!("{}/api/2.0/mlflow/artifacts/list?run_id={run}&path=outputs", mlsys.mlflow()));
    let listed: serde_json::Value = listed.send().await.expect("an answer").json().await.expect("JSON");
    assert!(listed["files"].as_array().is_some_and(|files| !files.is_empty()), "{listed}");
    for secret in [PASSWORD, "bTNyZXNlY3JldCBvZiBh"] {
        assert_eq!(files_with(mlsys.home(), secret), [""; 0]);
    }

    // A branch that the repository does not run is given none, whoever chooses it.
    project.git(&["push", "mlsys", "HEAD:refs/heads/elsewhere"]);
    let body = json!({
        "repo": project.full_name(), "ref": pipeline.commit_sha, "notebook_path": "n.ipynb", "branch": "elsewhere",
    });
    let (status, made) = mlsys.post(&mlsys.api("/api/pipelines"), &body).await;
    assert_eq!(status, 202, "{made}");
    let pipeline = mlsys.ended(serde_json::from_value(made["id"].clone()).expect("an id")).await;
    let reason = pipeline.reason.unwrap_or_default();
    assert!(reason.contains("given on the branches main,master of local/secretive only"), "{reason}");
}

#[test]
fn a_run_on_ones_own_machine_takes_them_from_ones_own_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, output) = (folder.path().join("n.ipynb"), folder.path().join("out.ipynb"));
    let prints = "import os\nprint('it has', len(os.environ['WAREHOUSE']), 'characters:', os.environ['WAREHOUSE'])";
    std::fs::write(&path, asking("own", "'WAREHOUSE'").before("mlops:data", prints).json()).expect("written");
    let run = |value: Option<&str>| {
        let mut command = mlsys().cli(&["run", "-o", &output.to_string_lossy(), &path.to_string_lossy()]);
        command.envs(value.map(|value| ("WAREHOUSE", value)));
        let answer = command.output().expect("mlsys runs");
        let said = [answer.stdout, answer.stderr].concat();
        (answer.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    for (value, says) in [(None, "the secret WAREHOUSE"), (Some("abc"), "WAREHOUSE: a secret has at least 4 characters")] {
        let (well, said) = run(value);
        assert!(!well && said.contains(says), "{said}");
    }
    let (well, said) = run(Some(PASSWORD));
    assert!(well && said.contains("it has 18 characters: ***") && !said.contains(PASSWORD), "{said}");
    let executed = std::fs::read_to_string(&output).expect("the executed notebook");
    assert!(executed.contains("characters: ***") && !executed.contains(PASSWORD));
}
