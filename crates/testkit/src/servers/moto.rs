//! A server that speaks S3: moto's, installed once under `target/`.

use std::{ops::Deref, sync::OnceLock, time::Duration};

use tempfile::TempDir;

use crate::{Program, free_port, http_status};

/// What is installed; another version gets a folder of its own.
const PACKAGES: [&str; 3] = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];
const VERSION: &str = "5.2.5";
/// Its server, started so that of several conditional writes at once one wins, as S3 says: moto looks whether an object is
/// there and puts it in two steps, and serves each request in a thread.
const SERVER: &str = "
import threading
from moto import server
from moto.s3.responses import S3Response

lock, put_object = threading.Lock(), S3Response.put_object

def one_at_a_time(self):
    with lock:
        return put_object(self)

S3Response.put_object = one_at_a_time
server.main()
";

/// An S3 server that keeps everything in memory. Start, kill, pause: see [`Program`].
pub struct Moto {
    program: Program,
    port: u16,
    _folder: TempDir,
}

impl Moto {
    /// Starts one on a free port that accepts every key.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one that knows no key at all, and refuses all as AWS does.
    pub fn locked() -> Self {
        Self::with(&[("INITIAL_NO_AUTH_ACTION_COUNT", "0")])
    }

    /// The one that the tests of a process share, each with a bucket of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn with(environment: &[(&str, &str)]) -> Self {
        let (folder, port) = (crate::folder("mlsys-moto-"), free_port());
        let python = super::python_with(&format!("moto-{VERSION}"), &PACKAGES).display().to_string();
        let command = [&*python, "-c", SERVER, "-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned);
        let program = Program::new("moto", folder.path(), command).with(environment.iter().copied());
        let program =
            program.ready_when(Duration::from_mins(1), move || http_status(port, "/moto-api/data.json") == Some(200));
        program.start();
        Self { program, port, _folder: folder }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Deref for Moto {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.program
    }
}
