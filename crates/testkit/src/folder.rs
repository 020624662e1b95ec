//! Folders for tests that go with the process, however it ends: a static is never dropped, and a killed process drops nothing.

use std::{
    fs::Permissions,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    process::{ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use tempfile::TempDir;

/// Reads names of folders until whoever says them is gone, and removes them when their servers had time to end.
const JANITOR: &str = r#"
trap '' HUP INT TERM
while IFS= read -r folder; do set -- "$@" "$folder"; done
[ $# = 0 ] || { sleep 1; rm -rf "$@"; }
"#;

/// An empty folder, which other users may enter: servers run as users of their own.
pub fn folder(prefix: &str) -> TempDir {
    static NAMES: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    let open = Permissions::from_mode(0o755);
    let folder = tempfile::Builder::new().prefix(prefix).permissions(open).tempdir().expect("a folder");
    let names = NAMES.get_or_init(|| {
        let mut janitor = Command::new("sh");
        janitor.args(["-c", JANITOR]).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Mutex::new(janitor.spawn().expect("a shell").stdin.take().expect("piped"))
    });
    let line = [folder.path().as_os_str().as_bytes(), b"\n"].concat();
    names.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line).expect("the janitor listens");
    folder
}
