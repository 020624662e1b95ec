//! A real Redis of a test's own.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::world::DEADLINE;

/// A `redis-server` on a free port, killed on drop. Its data outlives a restart.
pub struct RedisServer {
    port: u16,
    process: Child,
    directory: tempfile::TempDir,
}

impl RedisServer {
    pub async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let process = spawn(port, &directory);
        let server = Self { port, process, directory };
        server.up().await;
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub async fn restart(&mut self) {
        self.process = spawn(self.port, &self.directory);
        self.up().await;
    }

    /// Sends `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.process.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Runs one command.
    pub async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    async fn up(&self) {
        let started = Instant::now();
        while self.ask::<String>(&["PING"]).await.is_err() {
            assert!(started.elapsed() < DEADLINE, "redis-server does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spawn(port: u16, directory: &tempfile::TempDir) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
    command.args(["--dir", directory.path().to_str().unwrap()]).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().expect("these tests need a real redis-server: apt install redis-server")
}
