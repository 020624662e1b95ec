//! What a server keeps on its machine, and what it keeps others from removing.

use std::{fs, os::unix::fs::symlink, path::Path};

use model_server::{Config, ModelServer};
use python::{Environments, Removal};

use crate::harness::{DEADLINE, Place, Server, outcome, python};

const ENVIRONMENT: &str = "0123456789abcdef01234567";

/// An environment that is the platform's.
fn environment(place: &Place) -> Environments {
    let folder = place.environments().join(ENVIRONMENT);
    fs::create_dir_all(&folder).unwrap();
    let platform = std::path::absolute(python()).unwrap();
    symlink(platform.parent().unwrap(), folder.join("bin")).unwrap();
    symlink(platform.parent().unwrap().with_file_name("lib"), folder.join("lib")).unwrap();
    fs::copy(platform.parent().unwrap().with_file_name("pyvenv.cfg"), folder.join("pyvenv.cfg")).unwrap();
    Environments::new(place.environments(), "uv".into(), platform)
}

async fn until_ready(server: &Server) {
    let ready = async { while server.get("/ready").await.status() != 200 {} };
    tokio::time::timeout(DEADLINE, ready).await.unwrap();
}

/// Names in a folder, hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_python_environment_of_a_model_stays_for_as_long_as_it_is_served() {
    let place = Place::new();
    let environments = environment(&place);
    let server = place.serve().await;
    let location = place.put_in("boosted", "held", Some(ENVIRONMENT)).await;
    server.loads("held", &location, 1, "dev").await;
    assert_eq!(environments.remove(ENVIRONMENT).unwrap(), Removal::InUse);
    server.stop().await;
    let server = place.serve().await;
    until_ready(&server).await;
    assert_eq!(environments.remove(ENVIRONMENT).unwrap(), Removal::InUse, "also after a restart");
    assert_eq!(server.unload("held", "dev").await.status(), 204);
    // The last request in hand may hold it a moment longer.
    let removed = async {
        while environments.remove(ENVIRONMENT).unwrap() == Removal::InUse {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, removed).await.unwrap();
    assert!(!place.environments().join(ENVIRONMENT).exists());
    let missed = outcome(server.load("held", &location, 1, "dev").await).await;
    assert_eq!(missed.1, "environment_missing");
    server.stop().await;
}

#[tokio::test]
async fn copies_of_what_is_not_deployed_are_gone_after_a_start() {
    let place = Place::new();
    let server = place.serve_one("boosted").await;
    server.stop().await;
    let models = place.state().join("models");
    let kept = names(&models.join("boosted"));
    assert_eq!(kept.len(), 1);
    // A process that was killed leaves these.
    for folder in ["ghost/v1-0123456789ab", "boosted/v7-0123456789ab", "boosted/.incoming-abc"] {
        fs::create_dir_all(models.join(folder)).unwrap();
        fs::write(models.join(folder).join("model.pkl"), "large").unwrap();
    }
    fs::create_dir_all(models.join("Not A Model")).unwrap();
    let server = place.serve().await;
    until_ready(&server).await;
    assert_eq!(
        (names(&models), names(&models.join("boosted"))),
        (vec!["Not A Model".to_owned(), "boosted".to_owned()], kept)
    );
    server.unload("boosted", "dev").await;
    assert_eq!(names(&models), ["Not A Model"], "an empty folder is no use");
    server.stop().await;
}

#[tokio::test]
async fn what_is_kept_lies_where_no_model_may_read_it() {
    let place = Place::new();
    let config = place.config("127.0.0.1:0".parse().unwrap()).await;
    let open = Config { state_directory: "/usr/share/mlsys/model-server".into(), ..config };
    let said = ModelServer::start(open).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(
        said.starts_with("MODEL_SERVER_STATE is /usr/share/mlsys/model-server") && said.contains("all of /usr"),
        "{said}"
    );
}
