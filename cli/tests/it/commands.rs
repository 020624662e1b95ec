//! The command line, as a person uses it.

use testkit::{Notebook, Project};

use crate::mlsys;

fn said(command: &mut std::process::Command) -> (bool, String, String) {
    let answer = command.output().expect("mlsys runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (answer.status.success(), text(&answer.stdout), text(&answer.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_listed_followed_and_predicts() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "by-hand");
    let id = project.push_notebook("n.ipynb", Notebook::valid("by-hand").json());
    let (well, log, _) = said(&mut mlsys.cli(&["logs", "-f", &id.to_string()]));
    assert!(well && log.contains("registered by-hand version 1"), "{log}");
    let (well, list, _) = said(&mut mlsys.cli(&["pipelines", "--repo", "local/by-hand"]));
    assert!(well && list.contains(&id.to_string()) && list.contains("succeeded"), "{list}");
    let rows = r#"{"inputs": {"sepal length (cm)": [5.1], "sepal width (cm)": [3.5], "petal length (cm)": [1.4], "petal width (cm)": [0.2]}}"#;
    let (well, answer, error) = said(&mut mlsys.cli(&["predict", "by-hand", rows]));
    assert!(well, "{error}");
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["predictions"], serde_json::json!([0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_is_known_by_itself_and_makes_keys_that_let_others_in_until_they_are_revoked() {
    let mlsys = mlsys();
    let (well, address, _) = said(&mut mlsys.cli(&["login"]));
    assert!(well && address.starts_with(&mlsys.api("/sign-in#token=")), "{address}");
    assert!(mlsys.sign_in().starts_with(&mlsys.api("/sign-in#token=")), "{}", mlsys.sign_in());
    let (well, key, error) = said(&mut mlsys.cli(&["keys", "create", "elsewhere", "--role", "viewer"]));
    assert!(well && key.starts_with("mlsys_"), "{error}");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let ask = |key: &str| {
        let mut command = mlsys.cli(&["pipelines", "--json"]);
        command.env("MLSYS_HOME", elsewhere.path()).env("XDG_CONFIG_HOME", elsewhere.path());
        command.env("MLSYS_URL", mlsys.api("")).env("MLSYS_API_KEY", key);
        said(&mut command)
    };
    assert!(ask(key.trim()).0);
    let (well, _, error) = ask("");
    assert!(!well && error.contains("mlsys login"), "{error}");
    let (_, list, _) = said(&mut mlsys.cli(&["keys", "list", "--json"]));
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    let made = list["items"].as_array().expect("items").iter().find(|one| one["name"] == "elsewhere").expect("listed");
    assert!(said(&mut mlsys.cli(&["keys", "revoke", made["id"].as_str().expect("an id")])).0);
    assert!(!ask(key.trim()).0);
    let home = std::fs::metadata(mlsys.home().join("home.token")).expect("a token");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&home.permissions()) & 0o777, 0o600);
}

#[test]
fn validate_lists_what_is_wrong_and_fails() {
    let mlsys = mlsys();
    let folder = tempfile::tempdir().expect("a folder");
    let (good, bad) = (folder.path().join("good.ipynb"), folder.path().join("bad.ipynb"));
    std::fs::write(&good, Notebook::valid("good").json()).expect("written");
    std::fs::write(&bad, Notebook::valid("Bad Name").json()).expect("written");
    assert!(said(&mut mlsys.cli(&["validate", &good.to_string_lossy()])).0);
    let (well, text, _) = said(&mut mlsys.cli(&["validate", "--json", &bad.to_string_lossy()]));
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(!well);
    assert_eq!(report["items"][0]["violations"][0]["cell"], 0);
}

#[test]
fn run_executes_a_notebook_without_a_server() {
    let mlsys = mlsys();
    let folder = tempfile::tempdir().expect("a folder");
    let (notebook, output) = (folder.path().join("n.ipynb"), folder.path().join("out.ipynb"));
    let logging = Notebook::valid("alone").before("mlops:export", "import mlflow; mlflow.log_metric('auc', 0.75)");
    std::fs::write(&notebook, logging.json()).expect("written");
    let arguments =
        ["run", "--json", "--package", "-p", "seed=7", "-o", &output.to_string_lossy(), &notebook.to_string_lossy()];
    let (well, text, error) = said(&mut mlsys.cli(&arguments));
    assert!(well, "{text}{error}");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["metrics"]["auc"], 0.75);
    assert!(report["metrics"]["accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.9));
    let executed = std::fs::read_to_string(output).expect("the executed notebook");
    assert!(executed.contains("injected-parameters"));
}

#[test]
fn doctor_finds_this_machine_fit() {
    let (well, text, _) = said(&mut mlsys().cli(&["doctor", "--json"]));
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(
        well || report["items"].as_array().is_some_and(|items| items
            .iter()
            .all(|item| item["ok"] == true || item["name"].as_str().is_some_and(|name| name.ends_with("port")))),
        "{text}"
    );
}

#[test]
fn a_taken_port_and_a_taken_home_are_clear_errors() {
    let mlsys = mlsys();
    let (well, _, error) = said(&mut mlsys.cli(&["up", "--port", "0"]));
    assert!(!well && error.contains("running already"), "{error}");
    let home = tempfile::tempdir().expect("a home");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let (well, _, error) = said(mlsys.cli(&["up", "--port", &port]).env("MLSYS_HOME", home.path()));
    assert!(!well && error.contains("--port") && error.contains(&port), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_shown_as_they_are_in_force_and_secrets_nowhere() {
    let mlsys = mlsys();
    let answer = mlsys.get("/api/settings").await;
    let settings = answer["settings"].as_array().expect("a list");
    let setting = |name: &str| settings.iter().find(|one| one["name"] == name).expect(name).clone();
    let shown = |name: &str| [setting(name)["value"].clone(), setting(name)["from"].clone()];
    assert_eq!(answer["mode"], "embedded");
    assert_eq!(shown("MLSYS_PORT"), ["0", "environment"], "as the command line says");
    assert_eq!(shown("RUN_TIMEOUT_SECONDS"), ["3600", "default"]);
    assert_eq!(shown("GITHUB_TOKEN"), ["••••", "environment"]);
    for secret in ["a-token", &mlsys.webhook_secret(), &mlsys.local_secret()] {
        assert!(!answer.to_string().contains(secret) && !mlsys.log().contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apis_description_can_be_had_without_a_server() {
    let mlsys = mlsys();
    let served = mlsys.answer("/openapi.json").await;
    let (well, printed, _) = said(&mut mlsys.cli(&["openapi"]));
    assert!(well && served.text().await.expect("text") == printed);
}
