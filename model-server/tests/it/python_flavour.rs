//! Models in processes of their own, which may be slow, die, or print.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{DEADLINE, Place, Server, TOKEN, assert_close, manifest, outcome};

fn command(number: i32) -> String {
    json!({"inputs": [[number, 0]]}).to_string()
}

/// The process group that serves the model.
async fn process(server: &Server) -> i64 {
    let answer = server.answer("moody", json!({"inputs": [[-3, 0], [0, 0], [0, 0]]}).to_string()).await;
    assert_eq!(answer["predictions"][0], json!(0.0), "the process knows no secret");
    assert_eq!(answer["predictions"][1], json!(1.0), "it leads a group of its own");
    #[expect(clippy::cast_possible_truncation, reason = "a process number")]
    let id = answer["predictions"][2].as_f64().unwrap() as i64;
    id
}

fn is_alive(process: i64) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits until the model answers again.
async fn until_back(server: &Server) {
    let wait = async { while server.predict("moody", r#"{"inputs":[[1,2]]}"#).await.status() != 200 {} };
    tokio::time::timeout(DEADLINE, wait).await.unwrap();
}

#[tokio::test]
async fn a_model_without_an_onnx_form_is_served_by_its_own_library() {
    let place = Place::new();
    let server = place.serve_one("boosted").await;
    let manifest = manifest("boosted");
    let answer = server.answer("boosted", json!({ "dataframe_split": manifest["input_example"] }).to_string()).await;
    assert_eq!(answer["predictions"], manifest["expected_output"]["predictions"]);
    assert_eq!(answer["classes"], json!(["high", "low"]));
    assert_close(&answer["probabilities"], &manifest["expected_output"]["probabilities"], 1e-9);
    assert_eq!(server.answer("boosted", r#"[{"a":null,"b":7}]"#).await["predictions"], json!(["high"]));
    assert!(server.refusal("boosted", r#"[{"a":1,"b":"hunter2"}]"#).await.contains("\"b\""));
    server.stop().await;
}

#[tokio::test]
async fn answers_that_are_objects_are_json_in_every_protocol() {
    let place = Place::new();
    let server = place.serve_one("telling").await;
    let rows = json!({"inputs": [[1.0, 2.0], [3.0, 4.5]]});
    let told = |sum: f64, big: bool, parts: [f64; 2]| json!({"sum": sum, "big": big, "parts": parts, "none": null});
    let expected = [told(3.0, false, [1.0, 2.0]), told(7.5, true, [3.0, 4.5])];
    assert_eq!(server.answer("telling", rows.to_string()).await["predictions"], json!(expected));

    let response = server.post("/models/telling/invocations").json(&rows).send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["predictions"], json!(expected));

    let tensor = json!({"inputs": [{"name": "inputs", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 4.5]}]});
    let response = server.post("/v2/models/telling/infer").json(&tensor).send().await.unwrap();
    let output = response.json::<Value>().await.unwrap()["outputs"][0].clone();
    assert_eq!((output["datatype"].as_str(), &output["shape"]), (Some("BYTES"), &json!([2, 1])));
    let read = |at: usize| serde_json::from_str::<Value>(output["data"][at].as_str().unwrap()).unwrap();
    assert_eq!([read(0), read(1)], expected);
    let model: Value = server.get("/v2/models/telling").await.json().await.unwrap();
    assert_eq!(model["outputs"], json!([{"name": "predict", "datatype": "BYTES", "shape": [-1, 1]}]));
    server.stop().await;
}

#[tokio::test]
async fn a_transformation_answers_rows_of_named_numbers() {
    let place = Place::new();
    let server = place.serve_one("doubling").await;
    let answer = server.answer("doubling", json!({"inputs": [[1.0, 2.0]]}).to_string()).await;
    assert_eq!((&answer["predictions"], &answer["columns"]), (&json!([[2.0, 4.0]]), &json!(["twice x", "twice y"])));
    let model: Value = server.get("/models/doubling").await.json().await.unwrap();
    assert_eq!(model["items"][0]["task"], json!("transformation"));
    server.stop().await;
}

#[tokio::test]
async fn a_models_process_has_no_secrets_and_ends_with_its_server() {
    let place = Place::new();
    let server = place.serve_one("moody").await;
    let process = process(&server).await;
    assert!(is_alive(process));
    server.stop().await;
    assert!(!is_alive(process));
}

#[tokio::test]
async fn an_unloaded_models_process_ends() {
    let place = Place::new();
    let server = place.serve_one("moody").await;
    let process = process(&server).await;
    assert_eq!(server.unload("moody", "dev").await.status(), 204);
    let gone = async {
        while is_alive(process) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
}

#[tokio::test]
async fn a_process_that_dies_is_started_again() {
    let place = Place::new();
    let server = place.serve_one("moody").await;
    let before = process(&server).await;
    let refused = server.predict("moody", command(-1)).await;
    assert_eq!(refused.status(), 503);
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["code"], json!("model_restarting"));
    assert!(refused["detail"].as_str().unwrap().contains("exit status: 3"), "{refused}");
    until_back(&server).await;
    assert_ne!(process(&server).await, before);
    // Also when nobody is asking it anything.
    let idle = process(&server).await;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(idle).unwrap()), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
    until_back(&server).await;
    assert_ne!(process(&server).await, idle);
    server.stop().await;
}

#[tokio::test]
async fn a_prediction_that_takes_too_long_is_ended_with_its_process() {
    let mut place = Place::new();
    place.prediction_limit = Duration::from_secs(2);
    let server = place.serve_one("moody").await;
    let process = process(&server).await;
    assert_eq!(outcome(server.predict("moody", command(-2)).await).await, (504, "prediction_timeout".to_owned()));
    until_back(&server).await;
    assert!(!is_alive(process));
    server.stop().await;
}

#[tokio::test]
async fn more_requests_than_the_queue_holds_are_turned_away_at_once() {
    let mut place = Place::new();
    place.queue = 2;
    let server = place.serve_one("moody").await;
    // Each takes a second.
    let asked = join_all((0..6).map(|_| server.predict("moody", command(-4)))).await;
    let statuses: Vec<_> = asked.iter().map(|response| response.status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "{statuses:?}");
    let turned_away = asked.into_iter().find(|response| response.status() == 429).unwrap();
    assert_eq!(turned_away.headers()["retry-after"], "1");
    assert_eq!(outcome(turned_away).await, (429, "overloaded".to_owned()));
    let answer: Value = server.answer("moody", command(1)).await;
    assert_eq!(answer["predictions"], json!([1.0]));
    server.stop().await;
}

#[tokio::test]
async fn as_many_processes_as_there_are_processors_answer_who_waits() {
    let mut place = Place::new();
    place.threads = 3;
    let server = place.serve_one("moody").await;
    // Who is turned away asks again.
    let ask = async || loop {
        let response = server.predict("moody", command(-5)).await;
        if response.status() == 200 {
            return response.json::<Value>().await.unwrap();
        }
        assert_eq!(response.status(), 429);
    };
    let asked = join_all((0..9).map(|_| ask())).await;
    let processes: BTreeSet<String> = asked.iter().map(|answer| answer["predictions"][0].to_string()).collect();
    assert_eq!(processes.len(), 3, "{processes:?}");
    server.stop().await;
}

/// How many calls the one process of `slow` has had.
async fn calls(server: &Server) -> f64 {
    server.answer("slow", command(-4)).await["predictions"][0].as_f64().unwrap()
}

#[tokio::test]
async fn requests_that_wait_are_asked_together_and_a_bad_row_harms_only_its_sender() {
    let mut place = Place::new();
    place.threads = 1;
    place.prediction_limit = Duration::from_mins(1);
    let server = place.serve_one("slow").await;
    let before = calls(&server).await;
    let rows = |number: u32| json!({"inputs": [[number, 1], [number, 2]]}).to_string();
    let answers = join_all((0..20).map(|number| server.answer("slow", rows(number)))).await;
    for (number, answer) in (0_u32..).zip(&answers) {
        assert_eq!(answer["predictions"], json!([f64::from(number + 1), f64::from(number + 2)]));
    }
    let taken = calls(&server).await - before;
    assert!(taken < 20.0, "{taken} calls for 20 requests");

    for (bad, status) in [(-1, 400), (-2, 503)] {
        let asked =
            join_all((0..8).map(|number| server.predict("slow", command(if number == 5 { bad } else { number })))).await;
        for (number, response) in (0..).zip(asked) {
            assert_eq!(response.status(), if number == 5 { status } else { 200 }, "{number} beside {bad}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn one_that_takes_too_long_does_not_take_the_others_time() {
    let mut place = Place::new();
    place.threads = 2;
    place.prediction_limit = Duration::from_secs(20);
    let server = place.serve_one("slow").await;
    let asked = join_all((0..8).map(|number| server.predict("slow", command(if number == 3 { -3 } else { number })))).await;
    for (number, response) in (0..).zip(asked) {
        assert_eq!(response.status(), if number == 3 { 504 } else { 200 }, "{number}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_a_hostile_model_does_others_do_not_notice() {
    let mut place = Place::new();
    place.prediction_limit = Duration::from_secs(10);
    place.memory_limit = Some(512 << 20);
    let server = place.serve_one("hostile").await;
    let location = place.put("boosted", "boosted", 1).await;
    server.loads("boosted", &location, 1, "dev").await;
    let done = AtomicBool::new(false);
    let innocent = async {
        let mut answered = 0;
        while !done.load(Ordering::Relaxed) {
            let response = server.predict("boosted", r#"[{"a":null,"b":7}]"#).await;
            assert_eq!(response.status(), 200, "after {answered}");
            answered += 1;
        }
        answered
    };
    let hostile = async {
        for (act, status, reason) in [
            (-1, 503, "SIGSEGV"),
            (-2, 504, "took too long"),
            (-3, 503, "over the limit of 512 MiB"),
            (-4, 500, "PermissionError"),
            (-5, 503, "it broke the protocol"),
            (-6, 503, "exit status: 1"),
            (-7, 503, "SIGKILL"),
        ] {
            let response = server.predict("hostile", command(act)).await;
            let (said, text) = (response.status().as_u16(), response.text().await.unwrap());
            assert!(said == status && text.contains(reason), "{act}: {said} {text}");
            let back = async { while server.predict("hostile", r#"{"inputs":[[1,2]]}"#).await.status() != 200 {} };
            tokio::time::timeout(DEADLINE, back).await.unwrap();
        }
        assert_eq!(server.answer("hostile", command(-8)).await["predictions"][0], json!(0.0), "it reaches nobody");
        done.store(true, Ordering::Relaxed);
    };
    let (answered, ()) = tokio::join!(innocent, hostile);
    assert!(answered > 0);
    server.stop().await;
}

/// The processes of the models of a place.
fn processes(state: &Path) -> Vec<i32> {
    let programs = format!("{}/programs", state.display());
    let numbers = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_ours = |number: &i32| {
        let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&programs)
    };
    numbers.filter(is_ours).collect()
}

/// What a process takes of memory, with what it shares divided among those who share it, in MiB.
fn proportional(process: i32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "what is measured")]
async fn fifty_models_have_their_libraries_in_memory_once() {
    let place = Place::new();
    let server = place.serve().await;
    for number in 0..50 {
        let name = format!("boosted-{number}");
        let location = place.put_as("boosted", &name).await;
        server.loads(&name, &location, 1, "dev").await;
        assert_eq!(server.predict(&name, r#"[{"a":null,"b":7}]"#).await.status(), 200);
    }
    let processes = processes(&place.state());
    assert_eq!(processes.len(), 51);
    let taken: u64 = processes.iter().map(|process| proportional(*process)).sum();
    println!("50 models in Python take {taken} MiB together");
    assert!(taken < 2048, "{taken} MiB");
    server.stop().await;
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "what is measured")]
async fn no_process_of_a_model_outlives_its_server_however_that_ends() {
    for sandbox in ["auto", "landlock"] {
        let place = Place::new();
        let port = testkit::free_port();
        let (folder, url) = (place.state(), format!("http://127.0.0.1:{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        let settings = [
            ("MODEL_SERVER_LISTEN", format!("127.0.0.1:{port}")),
            ("MODEL_SERVER_STATE", folder.display().to_string()),
            ("MLSYS_ARTIFACTS", place.artifacts().display().to_string()),
            ("MLSYS_PYTHON", std::path::absolute(testkit::python()).unwrap().display().to_string()),
            ("MLSYS_HOME", folder.display().to_string()),
            ("INTERNAL_TOKEN", TOKEN.to_owned()),
            ("SANDBOX", sandbox.to_owned()),
        ];
        let program = testkit::Program::new("model-server", &folder, [testkit::binary("model-server")]).with(settings);
        let program = program.ready_when(DEADLINE, move || testkit::http_status(port, "/health").is_some());
        program.start();
        let client = reqwest::Client::new();
        for number in 0..12 {
            let name = format!("moody-{number}");
            let location = place.put_as("moody", &name).await;
            let request = json!({"version": 1, "uri": location.uri, "sha256": location.sha256, "environment": "dev"});
            let load = client.post(format!("{url}/internal/load/{name}")).bearer_auth(TOKEN).json(&request);
            let loaded = load.send().await.unwrap();
            assert_eq!(loaded.status(), 200, "{}\n{}", loaded.text().await.unwrap(), program.log());
            let sleep = client.post(format!("{url}/predict/{name}")).bearer_auth(TOKEN).body(command(-2)).send();
            tokio::spawn(sleep);
        }
        let before = processes(&folder);
        assert!(before.len() > 12, "{before:?}");
        program.kill();
        let begun = Instant::now();
        while !processes(&folder).is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?} are left", processes(&folder));
            std::thread::sleep(Duration::from_millis(5));
        }
        println!("{} processes were gone {:?} after their server, with SANDBOX={sandbox}", before.len(), begun.elapsed());
    }
}
