//! Tables and files that notebooks reach by the package `mlsys`: what their repository may, and nothing else.

use contract::PipelineStatus;
use serde_json::{Value, json};
use testkit::{Notebook, Project};

use crate::mlsys;

/// Tries to do things, and prints what came of each.
const TRIES: &str = r#"
from mlsys.bq import bq_get, bq_put
from mlsys.gcs import gcs_get, gcs_list_blobs, gcs_put
def tell(name, what):
    try:
        print(name, "gave", what())
    except Exception as error:
        print(name, "raised", type(error).__name__, str(error).splitlines()[0])
"#;

fn says(arguments: &[&str]) -> String {
    let answer = mlsys().cli(arguments).output().expect("mlsys runs");
    assert!(answer.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).expect("text")
}

fn trying(model: &str, code: &str) -> String {
    Notebook::valid(model).before("mlops:export", &format!("{TRIES}{code}")).json()
}

/// What a pushed notebook printed, and how it ended.
async fn printed(project: &Project, notebook: String) -> (Vec<String>, Value) {
    let id = project.push_notebook("n.ipynb", notebook);
    let pipeline = mlsys().ended(id).await;
    assert_eq!(pipeline.status, PipelineStatus::Succeeded, "{:?}", pipeline.reason);
    let lines = mlsys().stored_log(id).await.into_iter().map(|line| line.text).collect();
    let version = pipeline.registry_version.expect("a version");
    let path = format!("/api/models/{}/versions/{version}", pipeline.model_name.expect("a model"));
    (lines, mlsys().get(&path).await)
}

fn assert_said(lines: &[String], expected: &[&str]) {
    for expected in expected {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected:?} is missing in {lines:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notebook_reaches_what_its_repository_may_and_nothing_else_and_what_it_read_is_known_of_its_version() {
    let project = Project::new(mlsys(), "reader");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("numbers.csv");
    std::fs::write(&file, "number,word\n1,one\n2,two\n3,\n").expect("written");
    for table in ["local.reader.numbers", "local.elsewhere.numbers"] {
        says(&["tables", "import", &file.to_string_lossy(), table]);
    }
    let code = r#"
tell("own", lambda: bq_get("SELECT * FROM local.reader.numbers"))
tell("put", lambda: bq_put(bq_get("SELECT 1 AS x"), "local.reader.made"))
tell("file", lambda: gcs_put("reader-files", "a.txt", "x"))
"#;
    let (lines, version) = printed(&project, trying("reader", code)).await;
    assert_said(
        &lines,
        &[
            "own raised NotAllowed this notebook may not read local.reader.numbers: an admin allows it by: mlsys data allow local.reader",
            "put raised NotAllowed",
            "file raised NotAllowed",
        ],
    );
    assert_eq!(
        version["reads"],
        json!([{ "query": "SELECT 1 AS x", "tables": [], "rows": 1, "at": version["reads"][0]["at"] }])
    );

    says(&["data", "allow", "local.reader", "--repo", "local/reader"]);
    says(&["data", "allow", "gs://reader-files", "--repo", "local/reader", "--write"]);
    let listed = says(&["data", "list", "--repo", "local/reader"]);
    assert!(listed.contains("gs://reader-files  write") && listed.contains("local.reader"), "{listed}");
    let code = r#"
import os
tell("own", lambda: bq_get("SELECT SUM(number) AS sum FROM local.reader.numbers")["sum"].tolist())
tell("put", lambda: bq_put(bq_get("SELECT * FROM local.reader.numbers"), "local.reader.numbers"))
tell("other", lambda: bq_get("SELECT * FROM local.elsewhere.numbers"))
tell("nothing", lambda: bq_get("SELECT * FROM local.reader.nothing"))
tell("file", lambda: gcs_put("reader-files", "folder/a.txt", "x"))
tell("files", lambda: (gcs_list_blobs("reader-files"), gcs_get("reader-files", "folder/a.txt")))
tell("warehouse", lambda: os.listdir(os.environ["MLSYS_WAREHOUSE"]))
tell("around", lambda: open(os.environ["MLSYS_WAREHOUSE"] + "/local/reader/../elsewhere/numbers/_delta_log/00000000000000000000.json").read())
tell("link", lambda: os.symlink("/etc", os.environ["MLSYS_WAREHOUSE"] + "/local/reader/link"))
"#;
    let (lines, version) = printed(&project, trying("reader", code)).await;
    assert_said(
        &lines,
        &[
            "the notebook may write files in gs://reader-files, read tables of local.reader",
            "own gave [6]",
            "put raised NotAllowed this notebook may not write local.reader.numbers",
            "other raised NotAllowed",
            "nothing raised NotFound",
            "file gave None",
            "files gave (['folder/a.txt'], b'x')",
            "warehouse raised PermissionError",
            "around raised PermissionError",
            "link raised PermissionError",
        ],
    );
    let reads = version["reads"].as_array().expect("a list");
    let read = reads.iter().find(|read| read["tables"] != json!([])).expect("a table was read");
    assert_eq!(read["query"], "SELECT SUM(number) AS sum FROM local.reader.numbers");
    assert_eq!((&read["tables"], &read["rows"]), (&json!([{ "table": "local.reader.numbers", "version": "0" }]), &json!(1)));

    // What may be written, mlsys itself reads; and what is forbidden again is out of reach again.
    says(&["data", "allow", "local.reader", "--repo", "local/reader", "--write"]);
    says(&["data", "forbid", "gs://reader-files", "--repo", "local/reader"]);
    let code = r#"
tell("put", lambda: bq_put(bq_get("SELECT number * 2 AS number, word FROM local.reader.numbers"), "local.reader.twice"))
tell("file", lambda: gcs_get("reader-files", "folder/a.txt"))
"#;
    let (lines, _) = printed(&project, trying("reader", code)).await;
    assert_said(&lines, &["put gave None", "file raised NotAllowed"]);
    let shown: Value = serde_json::from_str(&says(&["tables", "show", "local.reader.twice", "--json"])).expect("JSON");
    assert_eq!(shown["rows"], 3, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_the_repository_does_not_run_reaches_nothing() {
    let project = Project::new(mlsys(), "strange-branch");
    let code = r#"tell("own", lambda: bq_get("SELECT * FROM local.strange_branch.numbers"))"#;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("numbers.csv");
    std::fs::write(&file, "number\n1\n").expect("written");
    says(&["tables", "import", &file.to_string_lossy(), "local.strange_branch.numbers"]);
    printed(&project, trying("strange-branch", code)).await;
    says(&["data", "allow", "local.strange_branch", "--repo", "local/strange-branch"]);
    project.git(&["push", "mlsys", "HEAD:refs/heads/elsewhere"]);
    let commit = project.git(&["rev-parse", "HEAD"]);
    let body = json!({
        "repo": project.full_name(), "ref": commit.trim(), "notebook_path": "n.ipynb", "branch": "elsewhere",
    });
    let (status, made) = mlsys().post(&mlsys().api("/api/pipelines"), &body).await;
    assert_eq!(status, 202, "{made}");
    let id = serde_json::from_value(made["id"].clone()).expect("an id");
    mlsys().ended(id).await;
    let lines: Vec<String> = mlsys().stored_log(id).await.into_iter().map(|line| line.text).collect();
    assert_said(&lines, &["no tables and files may be reached from elsewhere", "own raised NotAllowed"]);
}

#[test]
fn a_run_on_ones_own_machine_reaches_ones_own_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let notebook = folder.path().join("n.ipynb");
    let code = "from mlsys.bq import bq_get, bq_put\nimport pandas\nbq_put(pandas.DataFrame({'a': [1, 2]}), 'local.own_run.a')\n\
        print('rows:', len(bq_get('SELECT * FROM local.own_run.a')))";
    std::fs::write(&notebook, Notebook::valid("own-run").before("mlops:export", code).json()).expect("written");
    let output = folder.path().join("out.ipynb");
    let said = says(&["run", "-o", &output.to_string_lossy(), &notebook.to_string_lossy()]);
    assert!(said.contains("rows: 2"), "{said}");
    assert!(says(&["tables", "list"]).contains("local.own_run.a"));
}
