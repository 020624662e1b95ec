//! All models' files move to another store, and what was deployed before is served from there.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{Gcs, Mlsys, Moto, Notebook, Options, Project};

use crate::BINARY;

/// Runs `mlsys artifacts move`; whether it ended well, and what it said.
fn moved(mlsys: &Mlsys, arguments: &[&str]) -> (bool, String) {
    let answer = mlsys.cli(&[&["artifacts", "move"], arguments].concat()).output().expect("mlsys runs");
    let said = [answer.stdout, answer.stderr].concat();
    (answer.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// How many objects a bucket has.
async fn objects(mlsys: &Mlsys, bucket: String) -> usize {
    let list = mlsys.http().get(format!("{bucket}?list-type=2")).send().await.expect("an answer");
    list.text().await.expect("text").matches("<Key>").count()
}

/// Waits until the model is served in dev and answers; which version does.
async fn serves(mlsys: &Mlsys) -> Value {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let (status, answer) =
            mlsys.post(&mlsys.model_server("/predict/nomad?env=dev"), &json!({ "inputs": [[1.0, 2.0]] })).await;
        if status == 200 {
            return answer["model_version"].clone();
        }
        assert!(Instant::now() < deadline, "{answer}\n{}", mlsys.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deployed_is_served_wherever_the_files_went_and_a_move_that_was_killed_goes_on() {
    let (moto, gcs) = (Moto::shared(), Gcs::start());
    gcs.create_bucket("nomad");
    let environment = [
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", &moto.url()),
        ("AWS_ALLOW_HTTP", "true"),
        ("STORAGE_EMULATOR_HOST", &gcs.url()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let mut mlsys = Mlsys::start(BINARY, Options { environment });
    mlsys.http().put(format!("{}/nomad", moto.url())).send().await.expect("a bucket");
    let project = Project::new(&mlsys, "nomad");
    for label in ["1", "2", "3"] {
        let id = project.push_notebook("n.ipynb", Notebook::tiny("nomad", label).json());
        assert!(mlsys.succeeded(id).await.deployed);
    }
    let (_, promoted) =
        mlsys.post(&mlsys.api("/api/models/nomad/promote"), &json!({ "version": 3, "from": "dev", "to": "staging" })).await;
    let s3 = "s3://nomad/all/models";
    let (well, said) = moved(&mlsys, &["--to", s3]);
    assert!(!well && said.contains("running already"), "{said}");
    mlsys.stop();

    let (well, said) = moved(&mlsys, &["--to", s3, "--dry-run"]);
    assert!(well && said.contains("packages to move: 4,"), "{said} {promoted}");
    assert_eq!(objects(&mlsys, format!("{}/nomad", moto.url())).await, 0);
    let mut cut_off =
        mlsys.cli(&["artifacts", "move", "--to", s3]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    let deadline = Instant::now() + Duration::from_mins(1);
    while objects(&mlsys, format!("{}/nomad", moto.url())).await < 3 {
        assert!(Instant::now() < deadline, "nothing is copied");
    }
    cut_off.kill().expect("killed");
    cut_off.wait().expect("gone");
    let (well, said) = moved(&mlsys, &["--to", s3]);
    assert!(well && said.contains(&format!("MLSYS_ARTIFACTS={s3}")), "{said}");

    std::fs::remove_dir_all(mlsys.home().join("artifacts")).expect("the old files");
    // Each environment with a bucket of its own, then a folder, and back to where it was.
    for environment in ["dev", "staging", "prod"] {
        gcs.create_bucket(&format!("nomad-{environment}"));
    }
    let (gs, folder) = ("gs://nomad-{env}/models", mlsys.home().join("back").display().to_string());
    mlsys.set("MLSYS_ARTIFACTS", s3);
    for to in [gs, &folder, s3] {
        let (well, said) = moved(&mlsys, &["--to", to]);
        assert!(well && said.contains(&format!("MLSYS_ARTIFACTS={to}")), "{said}");
        let (well, said) = moved(&mlsys, &["--to", to]);
        assert!(well && said.contains("packages moved: 0,") && said.contains("address: 0\n"), "once more: {said}");
        mlsys.set("MLSYS_ARTIFACTS", to);
    }
    std::fs::remove_dir_all(folder).expect("the old files");
    std::fs::remove_dir_all(mlsys.home().join("model-server/models")).expect("the model-server's copies");
    mlsys.resume();
    assert_eq!(serves(&mlsys).await, 3);
    let (status, back) = mlsys.post(&mlsys.api("/api/models/nomad/rollback"), &json!({ "environment": "dev" })).await;
    assert_eq!((status, serves(&mlsys).await), (200, json!(2)), "{back}");
    let id = project.push_notebook("n.ipynb", Notebook::tiny("nomad", "4").json());
    assert!(mlsys.succeeded(id).await.deployed, "what comes new is put there, too");
    mlsys.stop();

    let [there, elsewhere] = ["there", "elsewhere"].map(|name| mlsys.home().join(name).display().to_string());
    assert!(moved(&mlsys, &["--to", &there]).0);
    mlsys.set("MLSYS_ARTIFACTS", &there);
    std::fs::remove_file(format!("{there}/mlsys-models-dev/nomad/v1/model.pkl")).expect("a file");
    let (well, said) = moved(&mlsys, &["--to", &elsewhere]);
    assert!(!well && said.contains("nomad/v1") && said.contains("--skip-broken"), "{said}");
    let (well, said) = moved(&mlsys, &["--to", &elsewhere, "--skip-broken"]);
    assert!(well, "{said}");
}
