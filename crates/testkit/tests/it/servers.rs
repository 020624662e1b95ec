//! Real servers are killed, paused and started again with their data.

use std::{process::Command, time::Duration};

use testkit::{Fsync, Postgres, Program, Redis, family};

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
    let redis = Redis::start(Fsync::Always);
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
