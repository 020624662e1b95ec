//! Free ports.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

/// Below the ports that outgoing connections get, so that nobody takes a server's port while the server is down.
const FIRST: u32 = 12_000;
const COUNT: u32 = 20_000;

/// A port of 127.0.0.1 that nobody listens on, and that no test that is going on has been given before.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let number = FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(number).expect("below 65536");
        if reserve(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free")
}

/// Keeps a port from other processes for as long as this one lives: its server may start much later, or be down for a while.
fn reserve(port: u16) -> bool {
    static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join("mlsys-test-ports");
    let file = std::fs::create_dir_all(&folder).and_then(|()| File::create(folder.join(port.to_string())));
    let file = file.expect("a file for each port");
    let free = file.try_lock().is_ok();
    if free {
        RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(file);
    }
    free
}
