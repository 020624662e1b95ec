//! A real Redis.

use std::{
    io::{Read, Write},
    ops::Deref,
    time::Duration,
};

use tempfile::TempDir;

use crate::{Program, free_port, program::connect};

/// A Redis with an append-only file. Start, kill, pause: see [`Program`].
pub struct Redis {
    program: Program,
    port: u16,
    folder: TempDir,
}

impl Redis {
    /// Starts one on a free port. Its process may die and keeps what it acknowledged; the machine does not.
    pub fn start() -> Self {
        let (folder, port) = (crate::folder("mlsys-redis-"), free_port());
        let binary = super::installed("redis-server", &[], "redis-server").into_os_string();
        let settings = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "no", "--port"];
        let command = [binary].into_iter().chain(settings.map(Into::into)).chain([port.to_string().into()]);
        let program = Program::new("redis", folder.path(), command).with_its_family();
        let program = program.ready_when(Duration::from_secs(30), move || ask(port, "PING").as_deref() == Some("+PONG"));
        program.start();
        Self { program, port, folder }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Deletes everything it knows, while it runs.
    pub fn flush_all(&self) {
        assert_eq!(ask(self.port, "FLUSHALL").as_deref(), Some("+OK"), "Redis is emptied");
    }

    /// Kills it and starts it again with nothing of what it knew.
    pub fn restart_empty(&self) {
        self.kill();
        for entry in std::fs::read_dir(self.folder.path()).expect("a folder").filter_map(Result::ok) {
            if entry.path().is_dir() {
                std::fs::remove_dir_all(entry.path()).expect("removed");
            }
        }
        self.program.start();
    }
}

impl Deref for Redis {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.program
    }
}

/// The first line of the answer to a command without arguments; none while Redis does not answer.
fn ask(port: u16, command: &str) -> Option<String> {
    let mut socket = connect(port)?;
    write!(socket, "{command}\r\n").ok()?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while socket.read(&mut byte).ok()? == 1 && byte != *b"\n" {
        answer.push(byte[0]);
    }
    Some(String::from_utf8(answer).ok()?.trim_end().to_owned())
}
