//! Schedules by the command line and the API: tables scored and notebooks run, now, in the past, and when their time has come.

use std::{collections::BTreeSet, fs, process::Output, time::Duration};

use serde_json::{Value, json};
use testkit::{Mlsys, Notebook, Project};
use tokio::time::{Instant, sleep};

use crate::mlsys;

fn run(mlsys: &Mlsys, arguments: &[&str]) -> Output {
    tokio::task::block_in_place(|| mlsys.cli(arguments).output().expect("mlsys runs"))
}

fn json_of(mlsys: &Mlsys, arguments: &[&str]) -> Value {
    let answer = run(mlsys, &[&["schedules"], arguments, &["--json"]].concat());
    assert!(answer.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
    serde_json::from_slice(&answer.stdout).expect("JSON")
}

fn says(mlsys: &Mlsys, arguments: &[&str]) -> String {
    let answer = run(mlsys, &[&["schedules"], arguments].concat());
    assert!(answer.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).expect("UTF-8")
}

fn fails(mlsys: &Mlsys, arguments: &[&str]) -> String {
    let answer = run(mlsys, &[&["schedules"], arguments].concat());
    assert!(!answer.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&answer.stdout));
    String::from_utf8(answer.stderr).expect("UTF-8")
}

/// The firings of a schedule, once none of them waits or runs and there are so many.
async fn ended(mlsys: &Mlsys, name: &str, count: usize) -> Vec<Value> {
    let limit = Instant::now() + Duration::from_mins(2);
    loop {
        let firings = json_of(mlsys, &["firings", name, "--limit", "500"])["items"].as_array().expect("a list").clone();
        let is_over = |firing: &Value| firing["finished_at"].is_string();
        if firings.len() == count && firings.iter().all(is_over) {
            return firings;
        }
        assert!(Instant::now() < limit, "{firings:?}\n{}", mlsys.logs());
        sleep(Duration::from_millis(250)).await;
    }
}

fn import(mlsys: &Mlsys, table: &str, csv: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("in.csv");
    fs::write(&file, csv).expect("written");
    let answer = run(mlsys, &["tables", "import", &file.display().to_string(), table]);
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_scored_now_and_for_the_past_once_each() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "flowers-at-night");
    let notebook = Notebook::valid("flowers-at-night")
        .with("mlops:preprocessing", "X = X.iloc[:, :2].set_axis(['length', 'width'], axis=1)");
    assert!(mlsys.succeeded(project.push_notebook("model.ipynb", notebook.json())).await.deployed);
    import(mlsys, "local.night.some", "id,length,width\na,5.1,3.5\nb,6.0,3.0\n");
    let create = |more: &[&'static str]| {
        let what = ["create", "batch", "--model", "flowers-at-night", "--input", "local.night.some"];
        [&what[..], &["--output", "local.night.scored", "--id-columns", "id"], more].concat()
    };

    for (more, expected) in [
        (&["--cron", "0 2 * *"][..], "five fields"),
        (&["--cron", "0 25 * * *"], "cron pattern"),
        (&["--cron", "0 0 30 2 *"], "no day"),
        (&["--cron", "0 2 * * *", "--time-zone", "Middle/Earth"], "IANA"),
        (&["--cron", "0 2 * * *", "--overlap", "replace", "--misfire", "all"], "contradict"),
        (&["--cron", "0 2 * * *", "--name", "a b"], "letters"),
    ] {
        let said = fails(mlsys, &create(more));
        assert!(said.contains(expected), "{more:?}: {said}");
    }
    let missing = ["create", "batch", "--model", "flowers-at-night", "--input", "local.night.none"];
    let said = fails(mlsys, &[&missing[..], &["--output", "local.night.out", "--cron", "@daily"]].concat());
    assert!(said.contains("no table local.night.none"), "{said}");

    let made = json_of(mlsys, &create(&["--cron", "0 * * * *", "--time-zone", "Europe/Berlin", "--paused"]));
    let name = "flowers-at-night-predictions-dev";
    assert_eq!((&made["name"], &made["paused"], &made["next_firings"]), (&json!(name), &json!(true), &json!([])));
    let said = fails(mlsys, &create(&["--cron", "@daily"]));
    assert!(said.contains("another schedule is called"), "{said}");
    assert!(
        fails(mlsys, &["show", "flowers-at-night-predictions-de"]).contains("did you mean flowers-at-night-predictions-dev")
    );

    json_of(mlsys, &["run", name]);
    let now = ended(mlsys, name, 1).await;
    assert_eq!((&now[0]["cause"], &now[0]["status"]), (&json!("manual"), &json!("succeeded")), "{now:?}");
    let batch = mlsys.get(&format!("/api/batch-predictions/{}", now[0]["batch_id"].as_str().expect("an id"))).await;
    assert_eq!((&batch["rows_done"], &batch["created_by"]), (&json!(2), &json!(format!("schedule {name}"))));

    let hour = |ago: i64| {
        let now = jiff::Timestamp::now().as_second();
        jiff::Timestamp::from_second(now - now % 3600 - ago * 3600).expect("a moment").to_string()
    };
    let (from, to) = (hour(30), hour(24));
    let past = ["backfill", name, "--from", &from, "--to", &to];
    let preview = json_of(mlsys, &[&past[..], &["--dry-run"]].concat());
    assert_eq!((&preview["firings"], &preview["first"]), (&json!(6), &json!(from)), "{preview}");
    assert_eq!(json_of(mlsys, &past)["firings"], 6);
    assert_eq!(json_of(mlsys, &past)["firings"], 0, "they are asked for");
    let all = ended(mlsys, name, 7).await;
    assert!(all.iter().all(|firing| firing["status"] == "succeeded"), "{all:?}");
    assert_eq!(json_of(mlsys, &past)["firings"], 0, "they were");
    for (from, expected) in [(24 * 80, "shorter range"), (24 * 100, "within the last 90 days")] {
        let said = fails(mlsys, &["backfill", name, "--from", &hour(from), "--to", &hour(1)]);
        assert!(said.contains(expected), "{said}");
    }

    let table = mlsys.get("/api/tables/local.night.scored/sample?rows=1000").await;
    let columns = table["columns"].as_array().expect("names");
    let at = columns.iter().position(|column| column == "ScheduledFor").expect("a column");
    let rows = table["rows"].as_array().expect("rows");
    let moments: BTreeSet<_> = rows.iter().map(|row| row[at].to_string()).collect();
    assert_eq!((rows.len(), moments.len()), (14, 7), "two rows for each moment: {table}");

    let resumed = json_of(mlsys, &["resume", name]);
    assert_eq!(resumed["next_firings"].as_array().map(Vec::len), Some(10), "{resumed}");
    let changed = json_of(mlsys, &["change", name, "--cron", "30 2 * * *", "--overlap", "queue"]);
    assert_eq!((&changed["overlap"], &changed["misfire"]), (&json!("queue"), &json!("once")));
    assert!(changed["next_firings"][0].as_str().is_some_and(|next| next.ends_with(":30:00Z")), "{changed}");
    assert!(says(mlsys, &["show", name]).contains("At 02:30"));
    assert!(says(mlsys, &["list"]).contains(name));
    assert!(says(mlsys, &["next", "30 2 * * *", "--time-zone", "Asia/Kathmandu"]).contains("02:30 +05:45"));
    let noted = mlsys.get("/api/audit?action=schedules&limit=100").await;
    let about = format!("schedule {name}");
    let noted = noted["items"].as_array().expect("entries").iter().filter(|entry| entry["object"] == *about).count();
    assert!(noted >= 8, "made, refused, run, filled, resumed, changed: {noted}");
    says(mlsys, &["delete", name]);
    assert!(fails(mlsys, &["show", name]).contains("no schedule"));
    assert_eq!(mlsys.get("/api/tables/local.night.scored").await["rows"], 14, "what it did stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_told_of_its_firing_and_the_next_one_comes_all_the_same() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "flowers-once");
    let notebook = Notebook::valid("flowers-once")
        .with("mlops:preprocessing", "X = X.iloc[:, :2].set_axis(['length', 'width'], axis=1)");
    assert!(mlsys.succeeded(project.push_notebook("model.ipynb", notebook.json())).await.deployed);
    import(mlsys, "local.once.some", "length,width\n5.1,3.5\n");
    let create =
        ["create", "batch", "--model", "flowers-once", "--input", "local.once.some", "--output", "local.once.scored"];
    let when = ["--write-disposition", "WRITE_EMPTY", "--cron", "0 0 1 1 *", "--name", "once"];
    json_of(mlsys, &[&create[..], &when].concat());
    for _ in 0..3 {
        json_of(mlsys, &["run", "once"]);
    }
    let firings = ended(mlsys, "once", 3).await;
    let of = |status: &str| firings.iter().filter(|firing| firing["status"] == status).collect::<Vec<_>>();
    assert_eq!((of("succeeded").len(), of("failed").len()), (1, 2), "{firings:?}");
    assert!(of("failed").iter().all(|firing| firing["reason"].as_str().is_some_and(|reason| reason.contains("has rows"))));
    assert_eq!(mlsys.get("/api/tables/local.once.scored").await["rows"], 1);
    says(mlsys, &["delete", "once"]);

    // What ended badly is made up for anew, by what is there then.
    import(mlsys, "local.once.gap", "length,width\n5.1,3.5\n5.2,\n");
    let into = ["create", "batch", "--model", "flowers-once", "--input", "local.once.gap", "--output", "local.once.filled"];
    json_of(mlsys, &[&into[..], &["--stop-on-reject", "--cron", "0 0 * * *", "--name", "filled"]].concat());
    let day = |ago: i64| {
        let now = jiff::Timestamp::now().as_second();
        jiff::Timestamp::from_second(now - now % 86400 - ago * 86400).expect("a moment").to_string()
    };
    let (from, to) = (day(9), day(8));
    let past = ["backfill", "filled", "--from", &from, "--to", &to];
    assert_eq!(json_of(mlsys, &past)["firings"], 1);
    let failed = ended(mlsys, "filled", 1).await;
    assert!(failed[0]["reason"].as_str().is_some_and(|reason| reason.contains("can't be scored")), "{failed:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("in.csv").display().to_string();
    fs::write(&file, "length,width\n5.1,3.5\n").expect("written");
    let anew = ["tables", "import", &file, "local.once.gap", "--write-disposition", "WRITE_TRUNCATE"];
    assert!(run(mlsys, &anew).status.success());
    assert_eq!(json_of(mlsys, &past)["firings"], 1);
    let filled = ended(mlsys, "filled", 1).await;
    assert_eq!((&filled[0]["status"], &filled[0]["id"]), (&json!("succeeded"), &failed[0]["id"]), "{filled:?}");
    assert_ne!(filled[0]["batch_id"], failed[0]["batch_id"]);
    says(mlsys, &["delete", "filled"]);

    // A table that was there before any schedule has no column for its moments, and goes on without.
    let start = ["batch", "start", "--model", "flowers-once", "--input", "local.once.some", "--output", "local.once.before"];
    assert!(run(mlsys, &start).status.success());
    let into = ["create", "batch", "--model", "flowers-once", "--input", "local.once.some", "--output", "local.once.before"];
    json_of(mlsys, &[&into[..], &["--cron", "@yearly", "--name", "before"]].concat());
    assert_eq!(json_of(mlsys, &["run", "before", "--wait"])["status"], "succeeded");
    let table = mlsys.get("/api/tables/local.once.before").await;
    assert_eq!(table["rows"], 2, "{table}");
    assert!(!table["columns"].to_string().contains("ScheduledFor"), "{table}");
    says(mlsys, &["delete", "before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_is_run_as_it_is_at_the_head_of_its_branch() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "retrained");
    let notebook = |version: &str| {
        Notebook::valid("retrained")
            .cell("parameters", "depth = 1")
            .cell("", &format!("print('{version}', depth, scheduled_for)"))
    };
    project.write("scheduled.py", "scheduled_for = None");
    let first = notebook("first").json().replace("depth = 1", "depth = 1\\nscheduled_for = None");
    assert!(mlsys.succeeded(project.push_notebook("train.ipynb", first)).await.deployed);
    let repo = project.full_name();
    let create = ["create", "retraining", "--repo", &repo, "--notebook"];
    let said = fails(mlsys, &[&create[..], &["train.ipynb", "--branch", "none", "--cron", "@weekly"]].concat());
    assert!(said.contains("no branch none"), "{said}");
    assert!(fails(mlsys, &[&create[..], &["train.py", "--cron", "@weekly"]].concat()).contains(".ipynb"));
    let made = json_of(mlsys, &[&create[..], &["train.ipynb", "--cron", "@weekly", "--parameter", "depth=7"]].concat());
    let name = made["name"].as_str().expect("a name");
    let second = notebook("second").json().replace("depth = 1", "depth = 1\\nscheduled_for = None");
    let pushed = mlsys.succeeded(project.push_notebook("train.ipynb", second)).await;
    json_of(mlsys, &["run", name]);
    let firings = ended(mlsys, name, 1).await;
    assert_eq!(firings[0]["status"], "succeeded", "{firings:?}");
    let pipeline = mlsys.pipeline(firings[0]["pipeline_id"].as_str().expect("an id").parse().expect("an id")).await;
    assert_eq!((&pipeline.commit_sha, pipeline.deployed), (&pushed.commit_sha, true));
    let moment = firings[0]["scheduled_for"].as_str().expect("a moment");
    let log = mlsys.stored_log(pipeline.id).await;
    assert!(log.iter().any(|line| line.text.contains(&format!("second 7 {moment}"))), "{log:?}");
    says(mlsys, &["delete", name]);
}
