//! `SANDBOX=off`, in a process of its own: the mode is the whole process's.

use std::{
    io::Write,
    process::Stdio,
    sync::{Arc, Mutex},
};

use sandbox::{Confinement, Mode, begin, spawn};
use tokio::process::Command;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("unpoisoned").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn off_confines_nothing_and_warns() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).init();
    begin(Mode::Off).expect("nothing is required");
    let said = String::from_utf8(log.0.lock().expect("unpoisoned").clone()).expect("text");
    assert!(said.contains("WARN") && said.contains("SANDBOX=off"), "{said}");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo x > new"]).current_dir(elsewhere.path()).stdin(Stdio::null());
    let mut family = spawn(command, Some(&Confinement::default())).expect("started");
    assert!(family.wait().await.expect("ended").success());
    assert!(elsewhere.path().join("new").exists());
}
