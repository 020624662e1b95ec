//! What operators expect of every process: memory, processor time, files. Read from `/proc` when asked for; where there is
//! none, nothing is said.

use std::{fmt::Write, fs};

/// The unit of times in `/proc`, per second: Linux shows user space 100 on every architecture we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Appends the process's lines.
pub(super) fn write(text: &mut String) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    let files = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
    let lines = [
        ("process_cpu_seconds_total", "counter", "Processor time used, in seconds.", cpu_seconds(&stat)),
        ("process_resident_memory_bytes", "gauge", "Resident memory, in bytes.", kibibytes(&status, "VmRSS:")),
        ("process_virtual_memory_bytes", "gauge", "Virtual memory, in bytes.", kibibytes(&status, "VmSize:")),
        ("process_open_fds", "gauge", "Open file descriptors.", files.map(|count| count.to_string())),
        ("process_max_fds", "gauge", "Most file descriptors that may be open.", most_files(&limits)),
        ("process_start_time_seconds", "gauge", "When the process started, in seconds since 1970.", started(&stat, &boot)),
    ];
    for (name, kind, help, value) in lines {
        if let Some(value) = value {
            // Writing to a string does not fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n");
        }
    }
}

/// A field of `/proc/self/stat` by its number in proc(5), from 3. The name in parentheses may hold anything.
fn field(stat: &str, number: usize) -> Option<f64> {
    stat.rsplit_once(") ")?.1.split(' ').nth(number.checked_sub(3)?)?.trim().parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<String> {
    Some(((field(stat, 14)? + field(stat, 15)?) / TICKS_PER_SECOND).to_string())
}

fn started(stat: &str, boot: &str) -> Option<String> {
    let booted: f64 = value(boot, "btime")?.parse().ok()?;
    Some((booted + field(stat, 22)? / TICKS_PER_SECOND).to_string())
}

fn kibibytes(status: &str, name: &str) -> Option<String> {
    let kibibytes: u64 = value(status, name)?.parse().ok()?;
    Some((kibibytes * 1024).to_string())
}

fn most_files(limits: &str) -> Option<String> {
    let soft = value(limits, "Max open files")?;
    Some(if soft == "unlimited" { "+Inf" } else { soft }.to_owned())
}

/// The first word after a name at the start of a line.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_whose_name_has_parentheses_and_spaces_is_read_right() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 3 0 1000 1 1";
        assert_eq!(cpu_seconds(stat).as_deref(), Some("2"));
        assert_eq!(started(stat, "cpu 1\nbtime 1700000000\n").as_deref(), Some("1700000010"));
        assert_eq!(cpu_seconds(""), None);
    }
}
