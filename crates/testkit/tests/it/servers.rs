//! Real servers are killed, paused and started again with their data.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use testkit::{Postgres, Program, Redis, family};

/// What `psql` answers.
fn psql(postgres: &Postgres, sql: &str) -> String {
    let answer =
        Command::new("psql").args([&postgres.url(), "-Atc", sql]).output().expect("psql (apt install postgresql-client)");
    format!("{}{}", String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr)).trim().to_owned()
}

#[test]
fn postgres_keeps_its_data_when_killed_and_sleeps_when_paused() {
    let postgres = Postgres::start();
    psql(&postgres, "CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (7)");
    postgres.kill();
    assert!(!postgres.is_running());
    postgres.start();
    assert_eq!(psql(&postgres, "SELECT n FROM t"), "7");
    postgres.pause();
    assert!(!postgres.is_ready());
    postgres.wake();
    postgres.wait_ready();
    assert_eq!(postgres.stop(), Some(0));
}

#[test]
fn redis_keeps_its_data_when_killed_and_loses_it_when_told() {
    let redis = Redis::start();
    let ask = |command: &str| {
        let answer = Command::new("redis-cli").args(["-u", &redis.url()]).args(command.split(' ')).output();
        String::from_utf8(answer.expect("redis-cli (apt install redis-tools)").stdout).expect("UTF-8").trim().to_owned()
    };
    ask("SET key value");
    redis.kill();
    redis.start();
    assert_eq!(ask("GET key"), "value");
    redis.flush_all();
    assert_eq!(ask("GET key"), "");
    ask("SET key value");
    redis.restart_empty();
    assert_eq!(ask("GET key"), "");
    redis.pause();
    assert!(redis.is_running() && !redis.is_ready());
    redis.kill();
}

#[test]
fn a_program_ends_with_the_process_that_started_it_and_not_with_its_thread() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        let program = Program::new("sleeper", folder.path(), ["sleep", "600"]).ready_when(Duration::from_secs(5), || true);
        program.start();
        program
    };
    let program = std::thread::scope(|scope| scope.spawn(start).join().expect("started"));
    assert!(program.is_running());
    let (parent, _) = family::parent(i32::try_from(program.pid().expect("a process")).expect("fits")).expect("it runs");
    assert_eq!(u32::try_from(parent), Ok(std::process::id()));
    assert_eq!(program.stop(), None, "it ends by the signal");
}

#[test]
#[ignore = "run by the next test, as a process of its own"]
fn victim() {
    let redis = Redis::start();
    let folder = redis.log_file().parent().expect("a folder").display();
    writeln!(std::io::stdout(), "folder {folder}").expect("written");
    std::thread::sleep(Duration::from_mins(1));
}

#[test]
fn a_servers_folder_goes_with_a_process_that_is_killed() {
    let mut victim = Command::new(std::env::current_exe().expect("a file"));
    victim.args(["servers::victim", "--exact", "--ignored", "--nocapture"]).stdout(Stdio::piped());
    let mut victim = victim.spawn().expect("it starts");
    let mut lines = BufReader::new(victim.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let folder = lines.find_map(|line| Some(PathBuf::from(line.split_once("folder ")?.1))).expect("a folder");
    assert!(folder.is_dir(), "{}", folder.display());
    victim.kill().expect("killed");
    victim.wait().expect("gone");
    let deadline = Instant::now() + Duration::from_secs(30);
    while folder.exists() {
        assert!(Instant::now() < deadline, "{} is still there", folder.display());
        std::thread::sleep(Duration::from_millis(50));
    }
}
