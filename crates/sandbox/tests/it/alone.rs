//! What is a family's own where there are namespaces.

use std::{path::Path, process::Command};

use sandbox::Egress;

use crate::world::{python, shell, system_python};

#[tokio::test]
async fn the_list_of_processes_is_its_own() {
    if !crate::has_namespaces() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = "cd /proc && echo [0-9]*; echo $$ $PPID; cd - > /dev/null; cat /proc/1/environ /proc/1/maps; ls /proc/1/cwd/; cat /proc/1/fd/0; kill -0 1";
    assert_eq!(shell(folder.path(), script).await, "1 2\n2 0");
}

#[tokio::test]
async fn shared_memory_is_its_own_and_goes_with_it() {
    if !crate::has_namespaces() || !Path::new("/dev/shm").exists() {
        return;
    }
    let (folder, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir_in("/dev/shm").expect("a folder"));
    let name = outside.path().file_name().and_then(|name| name.to_str()).expect("a name");
    let script = format!("ls /dev/shm; echo own > /dev/shm/own-{name} && cat /dev/shm/own-{name} && echo x > /dev/shm/../x");
    assert_eq!(shell(folder.path(), &script).await, "own");
    assert!(!outside.path().with_file_name(format!("own-{name}")).exists());
}

#[tokio::test]
async fn objects_of_system_v_are_its_own() {
    let Some(outside) = system_python().filter(|_| crate::has_namespaces()) else { return };
    let key = 1 + i32::try_from(std::process::id()).expect("a number");
    let call = |code: &str| format!("import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n{code}");
    let made = call(&format!("print(libc.shmget({key}, 4096, 0o1666))"));
    let made = Command::new(outside).args(["-c", &made]).output().expect("it runs");
    let number: i32 = String::from_utf8_lossy(&made.stdout).trim().parse().expect("a number");
    assert!(number >= 0, "it is there");
    let folder = tempfile::tempdir().expect("a folder");
    let script = call(&format!("print(libc.shmget({key}, 4096, 0), libc.shmget({key}, 4096, 0o1600) >= 0)"));
    let said = python(folder.path(), Egress::all(), &script).await;
    let removed = call(&format!("libc.shmctl({number}, 0, None)"));
    assert!(Command::new(outside).args(["-c", &removed]).status().expect("it runs").success());
    assert_eq!(said.expect("Python"), ["-1 True"]);
}
