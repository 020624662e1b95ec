//! What `mlsys.toml` declares, by pushes: gates that hold beside a notebook's, and schedules as the file says.

use std::{process::Output, time::Duration};

use contract::PipelineStatus;
use forge::LocalGit;
use serde_json::{Value, json};
use testkit::{Mlsys, Notebook, Options, Project};
use tokio::time::{Instant, sleep};

use crate::{BINARY, mlsys};

fn run(mlsys: &Mlsys, arguments: &[&str]) -> Output {
    tokio::task::block_in_place(|| mlsys.cli(arguments).output().expect("mlsys runs"))
}

/// What a command says, and whether it went well.
fn said(mlsys: &Mlsys, arguments: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = run(mlsys, arguments);
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

/// The schedules that a project's files declare, by name.
async fn declared(mlsys: &Mlsys, project: &Project) -> Vec<Value> {
    let all = mlsys.all("/api/schedules").await;
    all.into_iter().filter(|schedule| schedule["source"]["repo"] == *project.full_name()).collect()
}

/// What came of a project's files, once those of its newest commit were read.
async fn read(mlsys: &Mlsys, project: &Project) -> Value {
    let head = project.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let limit = Instant::now() + Duration::from_mins(1);
    loop {
        let found = mlsys.get(&format!("/api/repos?repo={}", project.full_name())).await;
        if let Some(id) = found["items"][0]["id"].as_i64() {
            let declared = mlsys.get(&format!("/api/repos/{id}/declared")).await;
            if declared["commit_sha"] == *head {
                return declared["report"].clone();
            }
        }
        assert!(Instant::now() < limit, "not read: {found}\n{}", mlsys.logs());
        sleep(Duration::from_millis(100)).await;
    }
}

fn names(schedules: &[Value]) -> Vec<&str> {
    schedules.iter().map(|schedule| schedule["name"].as_str().expect("a name")).collect()
}

fn retraining(name: &str, cron: &str) -> String {
    format!("[[schedules]]\nname = \"{name}\"\nkind = \"retraining\"\nnotebook_path = \"n.ipynb\"\ncron = \"{cron}\"\n")
}

fn batch(name: &str, model: &str) -> String {
    format!(
        "[[schedules]]\nname = \"{name}\"\nkind = \"batch_prediction\"\nmodel_name = \"{model}\"\nenvironment = \"dev\"\n\
         input_table = \"local.declared.some\"\noutput_table = \"local.declared.scored\"\ncron = \"@yearly\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_makes_the_schedules_as_the_file_says_and_no_older_one_undoes_it() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "declares");
    let folder = project.path().display().to_string();
    // Its first push makes it known; then it may be allowed something.
    project.write("README.md", "").push();
    let (well, told) = said(mlsys, &["data", "allow", "local.declared", "--repo", "local/declares", "--write"]);
    assert!(well, "{told}");
    project
        .write("notebooks/n.ipynb", "{}")
        .write("notebooks/mlsys.toml", retraining("weekly-one", "0 6 * * 1") + &batch("yearly", "nobodys-yet"));
    let (well, told) = said(mlsys, &["schedules", "diff", &folder]);
    assert!(
        well && told.contains("+ weekly-one (notebooks/mlsys.toml): 0 6 * * 1 UTC") && told.contains("+ yearly"),
        "{told}"
    );
    assert_eq!(declared(mlsys, &project).await, Vec::<Value>::new(), "it was only shown");
    project.push();
    let report = read(mlsys, &project).await;
    assert_eq!(report["problems"], json!([]), "{report}");
    let made = declared(mlsys, &project).await;
    assert_eq!(names(&made), ["weekly-one", "yearly"]);
    let weekly = &made[0];
    let head = project.git(&["rev-parse", "HEAD"]).trim().to_owned();
    assert_eq!(weekly["source"], json!({ "repo": "local/declares", "path": "notebooks/mlsys.toml", "commit_sha": head }));
    assert_eq!((&weekly["work"]["notebook_path"], &weekly["work"]["branch"]), (&json!("notebooks/n.ipynb"), &json!("main")));
    let (well, told) = said(mlsys, &["schedules", "diff", &folder]);
    assert!(well && told.contains("would change no schedule"), "{told}");
    let (_, told) = said(mlsys, &["schedules", "show", "weekly-one"]);
    assert!(told.contains(&format!("declared by notebooks/mlsys.toml of local/declares, as of {}", &head[..7])), "{told}");

    // By hand it is paused and run, and no more than that.
    for arguments in [&["schedules", "change", "weekly-one", "--cron", "@daily"][..], &["schedules", "delete", "weekly-one"]]
    {
        let (well, told) = said(mlsys, arguments);
        assert!(!well && told.contains("notebooks/mlsys.toml of local/declares declares this schedule"), "{told}");
    }
    assert!(said(mlsys, &["schedules", "pause", "weekly-one"]).0);

    let first = head;
    project.write("notebooks/mlsys.toml", retraining("weekly-one", "0 7 * * 1") + &retraining("another", "@daily"));
    let (_, told) = said(mlsys, &["schedules", "diff", &folder]);
    for line in ["+ another", "~ weekly-one (notebooks/mlsys.toml): cron: 0 6 * * 1 → 0 7 * * 1", "- yearly"] {
        assert!(told.contains(line), "{told}");
    }
    project.push();
    let report = read(mlsys, &project).await;
    let done: Vec<_> =
        report["changes"].as_array().expect("a list").iter().map(|done| (&done["what"], &done["name"])).collect();
    let expected = [("changed", "weekly-one"), ("removed", "yearly"), ("created", "another")]
        .map(|(what, name)| (json!(what), json!(name)));
    assert_eq!(done, expected.iter().map(|(what, name)| (what, name)).collect::<Vec<_>>());
    let changed = declared(mlsys, &project).await;
    assert_eq!(names(&changed), ["another", "weekly-one"]);
    assert_eq!(
        (&changed[1]["id"], &changed[1]["cron"], &changed[1]["paused"]),
        (&weekly["id"], &json!("0 7 * * 1"), &json!(true))
    );
    assert_eq!(changed[1]["created_by"], format!("local/declares@{}", &first[..7]));
    let noted = mlsys.get("/api/audit?action=schedules&actor=local/declares&limit=100").await;
    let noted: Vec<_> = noted["items"].as_array().expect("a list").iter().map(|entry| &entry["object"]).collect();
    assert_eq!(noted.len(), 5, "two made, and one each made, changed and removed: {noted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_push_undoes_nothing_and_what_is_gone_takes_its_schedules_along() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "declares-late");
    let head = || project.git(&["rev-parse", "HEAD"]).trim().to_owned();
    project.write("notebooks/n.ipynb", "{}").write("notebooks/mlsys.toml", retraining("often", "0 6 * * 1")).push();
    read(mlsys, &project).await;
    let first = head();
    project.write("notebooks/mlsys.toml", retraining("often", "0 7 * * 1")).push();
    read(mlsys, &project).await;

    // The older push is told of once more, as another delivery; then the same as before, as a code host would.
    let remote = LocalGit { root: mlsys.home().join("git") };
    let update = format!("{} {first} refs/heads/main\n", "0".repeat(40));
    let late = remote.payloads("declares-late", &update, "ada").await.expect("a payload").remove(0);
    for _ in 0..2 {
        let signature = forge::sign(mlsys.local_secret().as_bytes(), &late.body);
        let call = mlsys.http().post(mlsys.api("/webhook/github")).header("x-github-event", "push");
        let call = call.header("x-github-delivery", &late.delivery_id).header("x-hub-signature-256", signature);
        let answer: Value = call
            .header("content-type", "application/json")
            .body(late.body.clone())
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        assert_eq!(answer["declares"], true, "{answer}");
    }
    // What comes after it was read after it.
    project.write(
        "more/mlsys.toml",
        "[[schedules]]\nname = \"third-one\"\nkind = \"retraining\"\nnotebook_path = \"deep/n.ipynb\"\ncron = \"@daily\"\n",
    );
    project.write("more/deep/n.ipynb", "{}").push();
    read(mlsys, &project).await;
    let after = declared(mlsys, &project).await;
    assert_eq!(names(&after), ["often", "third-one"]);
    assert_eq!(after[0]["cron"], "0 7 * * 1", "the older push changed nothing");

    // Without the files, and without the repository, nothing is left.
    std::fs::remove_file(project.path().join("notebooks/mlsys.toml")).expect("removed");
    project.push();
    read(mlsys, &project).await;
    assert_eq!(names(&declared(mlsys, &project).await), ["third-one"]);
    let found = mlsys.get("/api/repos?repo=local/declares-late").await;
    let id = found["items"][0]["id"].as_i64().expect("an id");
    assert!(
        mlsys
            .http()
            .delete(mlsys.api(&format!("/api/repos/{id}")))
            .bearer_auth(mlsys.token())
            .send()
            .await
            .expect("an answer")
            .status()
            .is_success()
    );
    let limit = Instant::now() + Duration::from_mins(1);
    while !declared(mlsys, &project).await.is_empty() {
        assert!(Instant::now() < limit, "{}", mlsys.logs());
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_done_is_told_and_everything_stays_as_it_is() {
    let mlsys = mlsys();
    let (owner, project) = (Project::new(mlsys, "has-a-model"), Project::new(mlsys, "would-declare"));
    mlsys.succeeded(owner.push_notebook("n.ipynb", Notebook::valid("anothers").json())).await;
    project.write("n.ipynb", "{}").write("mlsys.toml", retraining("stays", "@daily")).push();
    read(mlsys, &project).await;
    let create = ["schedules", "create", "retention", "--cron", "@yearly", "--name", "by-hand", "--paused"];
    assert!(said(mlsys, &create).0);
    for (text, words) in [
        (retraining("stays", "61 * * * *"), "mlsys.toml, line 5, column 8: \"61 * * * *\" is no cron pattern"),
        (batch("scored", "anothers"), "mlsys.toml, line 1, column 1: the model anothers belongs to local/has-a-model"),
        (retraining("by-hand", "@daily"), "another schedule is called by-hand: it was made by hand"),
        (
            retraining("twice", "@daily") + &retraining("twice", "@weekly"),
            "a schedule of mlsys.toml is called twice already",
        ),
        (retraining("stays", "@daily").replace("n.ipynb", "gone.ipynb"), "there is no gone.ipynb"),
    ] {
        project.write("mlsys.toml", &text);
        let (well, told) = said(mlsys, &["schedules", "diff", &project.path().display().to_string()]);
        assert!(!well && told.contains(words), "{told}");
        project.push();
        let report = read(mlsys, &project).await;
        let problem = &report["problems"][0];
        let told = format!(
            "{}, line {}, column {}: {}",
            problem["file"].as_str().unwrap_or_default(),
            problem["line"],
            problem["column"],
            problem["problem"].as_str().unwrap_or_default()
        );
        assert!(told.contains(words) && report["changes"] == json!([]), "{report}");
        let kept = declared(mlsys, &project).await;
        assert_eq!((kept.len(), &kept[0]["name"], &kept[0]["cron"]), (1, &json!("stays"), &json!("@daily")), "{kept:?}");
    }
    // What its notebooks may reach is all that its files do.
    let data = |words: &[&str]| {
        assert!(said(mlsys, &[&["data"], words, &["--repo", "local/would-declare"]].concat()).0, "{words:?}");
    };
    data(&["allow", "local.declared"]);
    project.write("mlsys.toml", batch("scored", "nobodys")).push();
    let report = read(mlsys, &project).await;
    assert!(
        report["problems"][0]["problem"].as_str().is_some_and(|told| told.contains("local.declared.scored")),
        "{report}"
    );
    data(&["allow", "local.declared", "--write"]);
    let limit = Instant::now() + Duration::from_mins(1);
    loop {
        let names: Vec<_> = declared(mlsys, &project).await.into_iter().map(|schedule| schedule["name"].clone()).collect();
        if names == [json!("scored")] {
            break;
        }
        assert!(Instant::now() < limit, "its files are read again when its settings change: {names:?}");
        sleep(Duration::from_millis(100)).await;
    }
    // What it may no more, its firings can't either.
    data(&["forbid", "local.declared"]);
    let (well, told) = said(mlsys, &["schedules", "run", "scored", "--wait", "--json"]);
    assert!(!well && told.contains("mlsys.toml declares it, and may not"), "{told}");
    assert!(said(mlsys, &["schedules", "delete", "by-hand"]).0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_demands_more_than_a_notebook_and_validate_tells_what() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "demanding");
    let notebook = Notebook::valid("demanding").with("mlops:evaluation", "accuracy = 0.9\nf1 = 0.5");
    let config = "MODEL_NAME = 'demanding'\nVERSION = '1'\nGATES = ['accuracy > 0.5']";
    project.write("mlsys.toml", "[gates]\n\"*\" = [\"f1 > 0.99\"]\n");
    project.write("notebooks/mlsys.toml", "[gates]\ndemanding = [\"f1 >= 0.6\"]\nother = [\"f1 > 5\"]\n");
    let path = project.path().join("notebooks/n.ipynb").display().to_string();
    project.write("notebooks/n.ipynb", notebook.clone().with("mlops:config", config).json());
    let (well, told) = said(mlsys, &["validate", &path]);
    assert!(well && told.contains("notebooks/mlsys.toml demands: f1 >= 0.6"), "{told}");
    let ids = project.push();
    let held = mlsys.ended(ids[0]).await;
    assert_eq!((held.status, held.deployed), (PipelineStatus::Succeeded, false));
    assert!(held.reason.as_deref().is_some_and(|reason| reason.contains("f1 >= 0.6")), "{:?}", held.reason);
    let detail = mlsys.get(&format!("/api/pipelines/{}", held.id)).await;
    let gates: Vec<_> = detail["gates"]
        .as_array()
        .expect("gates")
        .iter()
        .map(|gate| (&gate["gate"], &gate["passed"], &gate["file"]))
        .collect();
    let (own, theirs) = (
        (json!("accuracy > 0.5"), json!(true), Value::Null),
        (json!("f1 >= 0.6"), json!(false), json!("notebooks/mlsys.toml")),
    );
    assert_eq!(gates, [(&own.0, &own.1, &own.2), (&theirs.0, &theirs.1, &theirs.2)]);

    // What can't be read lets nothing through.
    project.write("notebooks/mlsys.toml", "[gates]\ndemanding = [\"f1 >=\"]\n");
    let (well, told) = said(mlsys, &["validate", &path]);
    assert!(!well && told.contains("notebooks/mlsys.toml, line 2, column 14: gate \"f1 >=\""), "{told}");
    let (well, told) =
        said(mlsys, &["validate", "--json", &project.path().join("notebooks/mlsys.toml").display().to_string()]);
    assert!(!well && told.contains("\"line\": 2"), "{told}");
    assert!(said(mlsys, &["validate", &project.path().join("mlsys.toml").display().to_string()]).0);
    let failed = mlsys.ended(project.push_notebook("notebooks/n.ipynb", notebook.cell("", "1").json())).await;
    assert_eq!(failed.status, PipelineStatus::Failed);
    let log = mlsys.stored_log(failed.id).await;
    assert!(log.iter().any(|line| line.text.contains("notebooks/mlsys.toml, line 2, column 14")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pushed_is_done_after_a_kill() {
    let mut mlsys = Mlsys::start(BINARY, Options::default());
    let project = Project::new(&mlsys, "killed-declaring");
    for (number, name) in ["first", "second", "third"].into_iter().enumerate() {
        project.write("n.ipynb", "{}").write("mlsys.toml", retraining(name, "@daily")).push();
        mlsys.kill();
        mlsys.resume();
        read(&mlsys, &project).await;
        let names: Vec<_> = declared(&mlsys, &project).await.into_iter().map(|schedule| schedule["name"].clone()).collect();
        assert_eq!(names, [json!(name)]);
        let noted = mlsys.get("/api/audit?action=schedules&actor=local/killed-declaring&limit=100").await;
        assert_eq!(noted["items"].as_array().map(Vec::len), Some(2 * number + 1), "each once: {noted}");
    }
}
