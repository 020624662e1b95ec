//! Memory: how much a family may take, and how little of ours it holds.

use std::{process::Stdio, time::Duration};

use sandbox::{Confinement, Family, Watch, spawn};
use tokio::process::Command;

use crate::world::system_python;

fn start(program: &str, script: &str) -> Family {
    let mut command = Command::new(program);
    command.args(["-c", script]).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    spawn(command, Some(&Confinement::default())).expect("started")
}

#[tokio::test]
async fn what_takes_more_than_its_limit_is_killed_and_what_has_left_its_parents_counts() {
    let Some(python) = system_python() else { return };
    let fill = "
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        held = b'x' * (300 << 20)
        time.sleep(1000)
    os._exit(0)
time.sleep(1000)";
    let mut family = start(python, fill);
    let watch = Watch::start(&family, Some(200 << 20));
    tokio::time::timeout(Duration::from_mins(1), family.wait()).await.expect("it is killed").expect("ended");
    assert!(watch.is_over_limit() && watch.peak().is_some_and(|peak| peak > 200 << 20), "{watch:?}");
}

#[tokio::test]
async fn what_lies_in_shared_memory_counts_once() {
    let Some(python) = system_python().filter(|_| crate::has_namespaces()) else { return };
    // In a file that nobody has mapped; in one that two have.
    let write = "import time; open('/dev/shm/held', 'wb').write(b'x' * (150 << 20)); time.sleep(1000)";
    let share = "
import mmap, os, time
file = os.open('/dev/shm/held', os.O_RDWR | os.O_CREAT)
os.ftruncate(file, 150 << 20)
held = mmap.mmap(file, 150 << 20)
os.fork()
for page in range(0, 150 << 20, 4096):
    held[page] = 1
time.sleep(1)";
    let mut family = start(python, write);
    let watch = Watch::start(&family, Some(100 << 20));
    tokio::time::timeout(Duration::from_mins(1), family.wait()).await.expect("it is killed").expect("ended");
    assert!(watch.is_over_limit(), "{watch:?}");
    let mut family = start(python, share);
    let watch = Watch::start(&family, Some(250 << 20));
    assert!(family.wait().await.expect("ended").success(), "{watch:?}");
    assert!(watch.peak().is_some_and(|peak| peak > 150 << 20), "{watch:?}");
}

#[tokio::test]
async fn what_stays_within_its_limit_is_not_and_only_its_own_counts() {
    let mut family = start("/bin/sh", "sleep 0.5; exit 3");
    let watch = Watch::start(&family, Some(64 << 20));
    assert_eq!(family.wait().await.expect("ended").code(), Some(3));
    let peak = watch.peak().expect("counted");
    assert!(!watch.is_over_limit() && peak < 16 << 20, "{peak}");
}

#[tokio::test]
async fn what_stands_above_a_family_holds_next_to_no_memory_of_ours() {
    let held = vec![1_u8; 256 << 20];
    let family = start("/bin/sh", "sleep 1000");
    let children = format!("/proc/{0}/task/{0}/children", family.pid());
    let children = std::fs::read_to_string(children).expect("read");
    let others = children.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok());
    let above: Vec<i32> = others.filter(|pid| *pid != family.main().as_raw()).chain([family.pid().as_raw()]).collect();
    assert_eq!(above.len(), if crate::has_namespaces() { 2 } else { 1 });
    for pid in above {
        let anonymous = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("read");
            let line =
                status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB")).expect("told");
            line.parse::<u64>().expect("a number")
        };
        let end = std::time::Instant::now() + Duration::from_secs(10);
        while anonymous() > 4 << 10 && std::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let kept = anonymous();
        assert!(kept <= 4 << 10, "{kept} KiB while {} bytes are held here", held.len());
    }
}

#[tokio::test]
async fn where_the_system_sees_to_it_nobody_has_more_than_their_limit_for_a_moment_either() {
    let Some(python) = system_python().filter(|_| sandbox::Offer::of_this_machine().memory) else { return };
    // Much, in less time than passes between two looks; by one of two, of whom neither is left.
    let take = "
import os, time
if os.fork() == 0:
    held = b'x' * (1 << 30)
time.sleep(1000)";
    let mut family = start(python, take);
    let watch = Watch::start(&family, Some(100 << 20));
    tokio::time::timeout(Duration::from_mins(1), family.wait()).await.expect("it is killed").expect("ended");
    assert!(watch.is_over_limit(), "{watch:?}");
    // A little more than what counts is mapped: programs and libraries that others have, too.
    assert!(watch.peak().is_some_and(|peak| (100 << 20..120 << 20).contains(&peak)), "{watch:?}");
}
