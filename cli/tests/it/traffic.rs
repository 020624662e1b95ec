//! Versions that are tried beside the deployed one, by the command line, with a real model-server.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use testkit::Project;

use crate::{changes::constant, mlsys};

/// Longer than rules take to be looked at.
const SETTLES: Duration = Duration::from_mins(1);

/// A model whose version N predicts N, of which the second serves in dev.
struct Model(&'static str);

impl Model {
    async fn new(name: &'static str) -> Self {
        let project = Project::new(mlsys(), name);
        for number in 1..=2 {
            let id = project.push_notebook("model.ipynb", constant(name, number).json());
            assert!(mlsys().succeeded(id).await.deployed);
        }
        Self(name)
    }

    /// `mlsys traffic …` of dev: whether it went well, and what it said.
    fn run(&self, command: &str, more: &[&str]) -> (bool, String) {
        let mut arguments = vec!["traffic", command, self.0];
        if command != "show" {
            arguments.extend(["--env", "dev"]);
        }
        arguments.extend(more);
        let answer = tokio::task::block_in_place(|| mlsys().cli(&arguments).output().expect("mlsys runs"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (answer.status.success(), text(&answer.stdout) + &text(&answer.stderr))
    }

    /// A command that goes well, and the place that it tells as JSON.
    fn place(&self, command: &str, more: &[&str]) -> Value {
        let (well, said) = self.run(command, &[more, &["--json"]].concat());
        assert!(well, "{said}");
        serde_json::from_str(&said).expect("JSON")
    }

    /// The place as it is.
    fn now(&self) -> Value {
        self.place("show", &[])["places"][0].clone()
    }

    /// The status, and which version said what.
    async fn ask(&self, query: &str) -> (u16, Option<u64>) {
        let url = mlsys().api(&format!("/api/models/{}/predict{query}", self.0));
        let (status, answer) = mlsys().post(&url, &json!({ "inputs": [[1.0, 2.0]] })).await;
        let version = answer["model_version"].as_u64();
        if status == 200 {
            let number = version.and_then(|version| u32::try_from(version).ok()).map(f64::from);
            assert_eq!(answer["predictions"][0].as_f64(), number, "{answer}");
        }
        (status, version)
    }

    /// How many of a hundred requests each version answers.
    async fn hundred(&self) -> BTreeMap<u64, u32> {
        let mut answered = BTreeMap::new();
        for _ in 0..100 {
            let (status, version) = self.ask("?env=dev").await;
            assert_eq!(status, 200, "no request fails");
            *answered.entry(version.expect("a version")).or_default() += 1;
        }
        answered
    }

    /// Asks until the place is as it should be.
    async fn until(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            loop {
                for _ in 0..20 {
                    assert_eq!(self.ask("?env=dev").await.0, 200, "no request fails");
                }
                let now = self.now();
                if is_so(&now) {
                    return now;
                }
            }
        };
        tokio::time::timeout(SETTLES, asking).await.unwrap_or_else(|_| panic!("stays {}", self.now()))
    }

    /// Asks until the versions answer such shares, which the servers follow within a second or two.
    async fn shares(&self, wanted: &[(u64, u32)]) {
        let close = |answered: &BTreeMap<u64, u32>| {
            answered.len() == wanted.len()
                && wanted.iter().all(|(version, share)| answered.get(version).is_some_and(|one| one.abs_diff(*share) <= 3))
        };
        let asking = async { while !close(&self.hundred().await) {} };
        tokio::time::timeout(SETTLES, asking).await.unwrap_or_else(|_| panic!("not {wanted:?}: {}", self.now()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_answers_its_share_is_promoted_rolled_back_and_withdrawn() {
    let model = Model::new("shared-out").await;
    let place = model.place("set", &["--version", "1", "--weight", "20"]);
    assert_eq!(place["current"], json!({ "version": 2, "weight": 80 }));
    assert_eq!((&place["candidate"]["version"], &place["candidate"]["weight"]), (&json!(1), &json!(20)));
    model.shares(&[(1, 20), (2, 80)]).await;
    assert_eq!(model.ask("?version=1").await, (200, Some(1)));
    let (well, table) = model.run("show", &[]);
    assert!(well && table.contains("candidate") && table.contains("80 %"), "{table}");

    // What is not given stays as it is.
    let place = model.place("set", &["--version", "1", "--shadow", "50"]);
    assert_eq!((&place["candidate"]["weight"], &place["candidate"]["shadow"]), (&json!(20), &json!(50)));
    model.place("set", &["--version", "1", "--weight", "100"]);
    model.shares(&[(1, 100)]).await;
    // On standby it answers those that name it.
    model.place("set", &["--version", "1", "--weight", "0"]);
    model.shares(&[(2, 100)]).await;
    assert_eq!(model.ask("?version=1").await, (200, Some(1)));

    let place = model.place("promote", &[]);
    assert_eq!(place["current"], json!({ "version": 1, "weight": 100 }));
    assert_eq!(place["candidate"]["verdict"]["outcome"], "promoted");
    model.shares(&[(1, 100)]).await;
    assert_eq!(model.ask("?version=2").await, (200, Some(2)), "it stays loaded for the way back");
    let (well, said) = model.run("promote", &[]);
    assert!(!well && said.contains("no version is tried"), "{said}");
    let url = mlsys().api("/api/models/shared-out/rollback");
    assert_eq!(mlsys().post(&url, &json!({ "environment": "dev" })).await.0, 200);
    model.shares(&[(2, 100)]).await;
    assert_eq!(model.now()["candidate"], Value::Null, "any other change ends it");

    model.place("set", &["--version", "1", "--weight", "50"]);
    model.shares(&[(1, 50), (2, 50)]).await;
    let (well, said) = model.run("withdraw", &[]);
    assert!(well && said.contains("Version 2 of shared-out answers 100 % in dev"), "{said}");
    model.shares(&[(2, 100)]).await;
    let (well, said) = model.run("withdraw", &[]);
    assert!(!well && said.contains("no version is tried in dev"), "{said}");
    let (well, said) = model.run("set", &["--version", "2"]);
    assert!(!well && said.contains("version 2 is deployed to dev already"), "{said}");
    let (well, said) = model.run("set", &["--version", "7"]);
    assert!(!well && said.contains("no version 7"), "{said}");

    let listed = tokio::task::block_in_place(|| mlsys().cli(&["models", "shared-out"]).output().expect("mlsys runs"));
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.lines().any(|line| line.starts_with("shared-out") && line.contains("v2")), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_take_a_version_back_or_on_by_themselves() {
    let model = Model::new("ruled").await;
    let (well, said) = model.run("set", &["--version", "1", "--weight", "50", "--rule", "min_requests=0"]);
    assert!(!well && said.contains("min_requests must be at least 1"), "{said}");
    // No version is so quick.
    let rules = ["--rule", "min_requests=5", "--rule", "max_latency_ratio=0.000001"];
    let set = ["--version", "1", "--weight", "50"];
    model.place("set", &[&set[..], &rules].concat());
    let over = model.until(|now| now["candidate"]["verdict"]["outcome"] == "withdrawn").await;
    assert!(over["candidate"]["verdict"]["reason"].as_str().is_some_and(|why| why.contains("ms")), "{over}");
    assert_eq!(over["current"], json!({ "version": 2, "weight": 100 }));
    model.shares(&[(2, 100)]).await;

    // Every version keeps to these.
    let rules = ["--rule", "min_requests=5", "--rule", "max_latency_ratio=1000000", "--rule", "on_pass=promote"];
    model.place("set", &[&set[..], &rules].concat());
    let over = model.until(|now| now["candidate"]["verdict"]["outcome"] == "promoted").await;
    assert_eq!((&over["current"], &over["candidate"]["version"]), (&json!({ "version": 1, "weight": 100 }), &json!(2)));
    model.shares(&[(1, 100)]).await;
    let audit = mlsys().get("/api/audit?action=traffic&limit=100").await;
    let by_rules = |entry: &&Value| entry["object"] == "ruled" && entry["actor_kind"] == "rules";
    let told: Vec<_> = audit["items"].as_array().expect("items").iter().filter(by_rules).collect();
    let says = |text: &str| told.iter().any(|entry| entry["after"].as_str().is_some_and(|after| after.contains(text)));
    assert!(told.len() == 2 && says("is promoted") && says("is withdrawn"), "{told:?}");
}
