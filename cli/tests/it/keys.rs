//! Keys, as the model-server of a running mlsys takes them.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Mlsys, Notebook, Project};

use crate::mlsys;

/// How long the model-server may take to hear of a change, on a busy machine.
const HEARD_WITHIN: Duration = Duration::from_mins(1);

fn made(mlsys: &Mlsys, arguments: &[&str]) -> Value {
    let arguments = [&["keys", "create", "keyed", "--json", "--role"], arguments].concat();
    let answer = mlsys.cli(&arguments).output().expect("mlsys runs");
    serde_json::from_slice(&answer.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&answer.stderr)))
}

async fn status(mlsys: &Mlsys, path: &str, key: &str) -> u16 {
    let call = mlsys.http().get(mlsys.model_server(path)).bearer_auth(key);
    call.send().await.expect("an answer").status().as_u16()
}

async fn until(mlsys: &Mlsys, path: &str, key: &str, wanted: u16) {
    let wait = async {
        while status(mlsys, path, key).await != wanted {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(HEARD_WITHIN, wait).await.is_ok(), "{path} is never answered with {wanted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_server_knows_the_keys_of_the_api_until_they_are_revoked() {
    let mlsys = mlsys();
    let project = Project::new(mlsys, "keyed");
    assert!(mlsys.succeeded(project.push_notebook("n.ipynb", Notebook::valid("keyed").json())).await.deployed);
    let own = made(mlsys, &["predictor", "--model", "keyed"]);
    let others = made(mlsys, &["predictor", "--model", "another"]);
    let repos = made(mlsys, &["viewer", "--repo", "local/keyed"]);
    let key = |made: &Value| made["key"].as_str().expect("a key").to_owned();
    let path = "/models/keyed";
    let nobody = mlsys.http().get(mlsys.model_server(path)).send().await.expect("an answer");
    assert_eq!(nobody.status(), 401);
    until(mlsys, path, &key(&own), 200).await;
    until(mlsys, path, &key(&others), 403).await;
    until(mlsys, path, &key(&repos), 200).await;
    assert_eq!(status(mlsys, path, "mlsys_made_up").await, 401);
    let home = std::fs::read_to_string(mlsys.home().join("home.token")).expect("a token");
    assert_eq!(status(mlsys, path, home.trim()).await, 200);

    // By the API, which passes it on, a viewer may not ask where a key is needed; and dev needs none.
    let predict = async |path: &str, key: &str| {
        let call = mlsys.http().post(mlsys.api(path)).bearer_auth(key).json(&json!([]));
        call.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(predict("/models/keyed/predict?env=prod", &key(&repos)).await, 403);
    assert_eq!(predict("/models/keyed/predict?env=prod", &key(&own)).await, 404);

    let revoked = mlsys.cli(&["keys", "revoke", own["id"].as_str().expect("an id")]).status().expect("mlsys runs");
    assert!(revoked.success());
    until(mlsys, path, &key(&own), 401).await;
    assert_eq!(status(mlsys, path, &key(&repos)).await, 200);
}
