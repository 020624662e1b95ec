//! A model never sits in memory.

use std::{fs, process::Command};

use artifacts::Store;
use contract::Environment;

use crate::place::{FILES, Place, package, titanic};

/// The process that is measured: which store it works on.
const STORE: &str = "MLSYS_TEST_STORE";
const SIZE: u32 = 160 << 20;
/// What a put or a fetch may take beside what the process has anyway, in KiB: some ten parts of 8 MiB are on their way at a
/// time, and the whole is much more.
const ALLOWED: u64 = 112 << 10;

#[tokio::test]
async fn a_big_file_is_put_and_fetched_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..SIZE).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let from = package(&folder.path().join("package"), &[("model.pkl", &large)]);
    drop(large);
    for place in [Place::folder(""), Place::s3("").await, Place::gcs("")] {
        // A process of its own: this one runs other tests, too.
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "memory::measured", "--nocapture", "--ignored"]).env(STORE, &place.address);
        child.env("PACKAGE", &from).envs(place.access.iter().map(|(name, value)| (name, value)));
        let answer = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(answer.status.success(), "{}: {text}{}", place.address, String::from_utf8_lossy(&answer.stderr));
        let grown: u64 = text.split_once("grown by ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
        assert!(grown < ALLOWED, "{}: {grown} KiB", place.address);
    }
}

#[tokio::test]
#[ignore = "what the test above measures"]
async fn measured() {
    let names =
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP", "STORAGE_EMULATOR_HOST"];
    let access: Vec<_> = names.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?))).collect();
    let address = std::env::var(STORE).unwrap();
    let store = Store::open(&address, access.iter().map(|(name, value)| (*name, value.as_str()))).unwrap();
    let (from, into) = (std::env::var("PACKAGE").unwrap(), tempfile::tempdir().unwrap());
    let before = peak();
    let put = store.put_version(&Environment::dev(), &titanic(), 1, from.as_ref(), FILES).await.unwrap();
    store.fetch_version(&put.uri, &put.sha256, &into.path().join("v1")).await.unwrap();
    assert_eq!(fs::metadata(into.path().join("v1/model.pkl")).unwrap().len(), u64::from(SIZE));
    #[expect(clippy::print_stdout, reason = "how the other process hears of it")]
    {
        println!("grown by {} KiB", peak() - before);
    }
}

/// The most memory that this process had, in KiB. Source: proc(5).
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
