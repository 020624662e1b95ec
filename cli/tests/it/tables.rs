//! `mlsys tables`, with a folder of its own.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::BINARY;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.0.path().join(name), content).expect("written");
        self.path(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.arg("tables").args(arguments).current_dir(self.0.path()).env("MLSYS_HOME", self.0.path().join("home"));
        command
    }

    /// What a command says that must succeed.
    fn says(&self, arguments: &[&str]) -> String {
        let answer = self.command(arguments).output().expect("mlsys runs");
        assert!(answer.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8(answer.stdout).expect("UTF-8")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(&[arguments, &["--json"]].concat())).expect("JSON")
    }

    /// What a command says that must fail.
    fn fails(&self, arguments: &[&str]) -> String {
        let answer = self.command(arguments).output().expect("mlsys runs");
        assert!(!answer.status.success() && answer.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(answer.stderr).expect("UTF-8")
    }
}

const PEOPLE: &str = "\u{feff}name,age,fare,member,born,seen,code\n\
    \"O'Neil, \"\"Al\"\"\",30,7.25,true,1994-02-28,2024-02-29T10:00:00+02:00,00123\n\
    Zoë,,,,,,\n";

#[test]
fn a_csv_file_becomes_a_table_that_is_listed_shown_and_written_out_again() {
    let place = Place::new();
    assert!(place.says(&["list"]).contains("no tables in"));
    let people = place.file("people.csv", PEOPLE);
    assert_eq!(place.says(&["import", &people, "local.tests.people"]), "local.tests.people: 2 rows imported, version 0\n");
    assert_eq!(place.json(&["import", &people, "`local.tests.people`"])["version"], 1);
    let list = place.json(&["list"]);
    assert_eq!((&list["items"][0]["table"], &list["items"][0]["rows"]), (&json!("local.tests.people"), &json!(4)));
    assert!(place.says(&["list"]).contains("local.tests.people"));
    let shown = place.json(&["show", "local.tests.people", "--rows", "2"]);
    let columns = shown["columns"].as_array().expect("columns").iter();
    let columns: Vec<_> = columns.map(|column| format!("{}: {}", column["name"], column["type"]).replace('"', "")).collect();
    let expected =
        ["name: string", "age: long", "fare: double", "member: boolean", "born: date", "seen: timestamp", "code: string"];
    assert_eq!(columns, expected);
    let first = json!({ "name": "O'Neil, \"Al\"", "age": 30, "fare": 7.25, "member": true, "born": "1994-02-28",
        "seen": "2024-02-29T08:00:00Z", "code": "00123" });
    assert_eq!(shown["sample"][0], first);
    assert_eq!(shown["sample"][1]["age"], Value::Null);
    assert!(place.says(&["show", "local.tests.people", "--at", "0"]).starts_with("local.tests.people: version 0, rows: 2,"));

    place.says(&["export", "local.tests.people", "out.csv", "--at", "0", "--columns", "code,name"]);
    let out = fs::read_to_string(place.path("out.csv")).expect("a file");
    assert_eq!(out, "code,name\n00123,\"O'Neil, \"\"Al\"\"\"\n,Zoë\n");
    assert!(place.fails(&["export", "local.tests.people", "out.csv"]).contains("--force replaces it"));
    place.says(&["export", "local.tests.people", "all.parquet"]);
    place.says(&["import", &place.path("all.parquet"), "local.tests.again", "--write_disposition", "WRITE_EMPTY"]);
    let again = place.json(&["show", "local.tests.again"]);
    assert_eq!(
        (&again["columns"], &again["sample"]),
        (&shown["columns"], &place.json(&["show", "local.tests.people"])["sample"])
    );
    place.says(&["import", &people, "local.tests.again", "--write-disposition", "WRITE_TRUNCATE", "--text", "age,born"]);
    let columns = &place.json(&["show", "local.tests.again"])["columns"];
    assert_eq!((&columns[1]["type"], &columns[4]["type"]), (&json!("string"), &json!("string")));
    // A file of texts that stands beside a table's rows has the table's types.
    let texts = place.file("texts.csv", "name,age\n1,2\n");
    place.says(&["import", &texts, "local.tests.again"]);
    assert_eq!(place.json(&["show", "local.tests.again", "--rows", "9"])["sample"][2]["age"], "2");
}

#[test]
fn what_cannot_be_done_says_why_and_changes_nothing() {
    let place = Place::new();
    let numbers = place.file("numbers.csv", "n,t\n1,a\n2,b\n");
    place.says(&["import", &numbers, "local.tests.numbers"]);
    for (file, content, reason) in [
        ("words.csv", "n,t\nx,a\n", "line 2, column \"n\": \"x\" is not of type long"),
        ("other.csv", "n,u\n1,a\n", "column \"u\": the table has no such column; it has \"n\", \"t\""),
        ("twice.csv", "n,N\n1,1\n", "column \"N\""),
        ("ragged.csv", "n,t\n1,a\n1\n", "line 3 has 1 values, the lines before it 2"),
        ("empty.csv", "", "its first line must name the columns"),
        ("nameless.csv", "n,\n1,2\n", "a column without a name"),
        ("no.parquet", "n,t\n1,a\n", "no.parquet: Parquet error"),
        ("numbers.txt", "n,t\n1,a\n", "say which it is with --format"),
    ] {
        let file = place.file(file, content);
        let said = place.fails(&["import", &file, "local.tests.numbers"]);
        assert!(said.contains(reason), "{file}: {said}");
    }
    for (arguments, reason) in [
        (&["import", "missing.csv", "local.tests.numbers"][..], "missing.csv: No such file"),
        (
            &["import", &numbers, "local.tests.numbers", "--write-disposition", "WRITE_EMPTY"],
            "WRITE_EMPTY writes only to an empty table",
        ),
        (&["import", &numbers, "local.tests.numbers", "--write-disposition", "append"], "none of WRITE_APPEND"),
        (&["import", &numbers, "tests.numbers"], "it must have three parts, project.dataset.table"),
        (&["import", &numbers, "local.tests.numbers", "--text", "x"], "has no such column"),
        (&["show", "local.tests.number"], "there is no table local.tests.number; there are: local.tests.numbers"),
        (&["show", "local.tests.numbers", "--at", "7"], "has no version 7; it has 0 to 0"),
        (&["export", "local.tests.numbers", "out.csv", "--columns", "x"], "there is no such column; there are \"n\", \"t\""),
        (&["export", "local.tests.numbers", "nowhere/out.csv"], "nowhere/out.csv: No such file"),
        (&["export", "local.tests.numbers", "out.xlsx"], "say which it is with --format"),
    ] {
        let said = place.fails(arguments);
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }
    assert_eq!(place.json(&["show", "local.tests.numbers"])["sample"], json!([{ "n": 1, "t": "a" }, { "n": 2, "t": "b" }]));
    let folder = place.0.path().join("home/warehouse/local/tests/numbers");
    assert_eq!(fs::read_dir(folder).expect("a folder").count(), 2, "its log and one file");
    assert!(!Path::new(&place.path("out.csv")).exists());
}

#[test]
fn an_import_that_is_killed_leaves_the_table_as_it_was_and_the_next_one_is_whole() {
    let place = Place::new();
    let lines: Vec<_> = (0..400_000).map(|at| format!("{at},text {at}")).collect();
    let file = place.file("long.csv", format!("n,t\n{}\n", lines.join("\n")));
    place.says(&["import", &place.file("short.csv", "n,t\n7,x\n"), "local.tests.long"]);
    for wait in [50, 400, 900] {
        let mut import = place.command(&["import", &file, "local.tests.long"]).spawn().expect("mlsys runs");
        std::thread::sleep(std::time::Duration::from_millis(wait));
        import.kill().expect("killed");
        let ended = import.wait().expect("its end");
        assert!(wait > 50 || !ended.success(), "killed long before its end");
        let rows = place.json(&["show", "local.tests.long"])["rows"].as_u64().expect("a number");
        assert!((rows - 1).is_multiple_of(400_000), "{rows}");
    }
    let before = place.json(&["show", "local.tests.long"])["rows"].as_u64().expect("a number");
    place.says(&["import", &file, "local.tests.long"]);
    assert_eq!(place.json(&["show", "local.tests.long"])["rows"], before + 400_000);
}
