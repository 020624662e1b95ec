//! What a process that was forked from ours, and stays one, does without: all memory but the little that it needs.
#![expect(unsafe_code, reason = "between fork and exec there are only system calls")]
#![expect(clippy::cast_possible_wrap, reason = "a system call takes and gives words, whatever they stand for")]

use std::ffi::CStr;

use libc::c_long;

use crate::reaper::syscall;

/// What memory a process has, a line each.
const MEMORY: &CStr = c"/proc/self/maps";
/// So much of that is read at a time.
const CHUNK: usize = 4096;
/// What is kept around a place that is still in use, in bytes.
const FRAMES: usize = 64 << 10;
/// No smaller than any page.
const PAGE: usize = 64 << 10;

/// Gives back all memory that belongs to no file, but for what is around this frame and the thread's own data; wipes the
/// variables that the process was started with, which lie in one piece.
///
/// # Safety
/// Only where nothing else runs, and nobody needs anything of what lies further away than [`FRAMES`].
pub(crate) unsafe fn forget((variables, length): (usize, usize)) {
    let around = |address: usize| {
        let start = address.saturating_sub(FRAMES) / PAGE * PAGE;
        (start, (address + FRAMES).div_ceil(PAGE) * PAGE)
    };
    let mut chunk = [0u8; CHUNK];
    let here = chunk.as_ptr() as usize;
    // SAFETY: system calls on memory of this frame, and an address; nobody else reads the variables any more.
    unsafe {
        if variables != 0 {
            std::ptr::write_bytes(variables as *mut u8, 0, length);
        }
        let mut kept = [around(here), around(libc::__errno_location() as usize)];
        kept.sort_unstable();
        let file = syscall(libc::SYS_openat, [libc::AT_FDCWD.into(), MEMORY.as_ptr() as c_long, 0, 0, 0]);
        let mut line = Line::default();
        loop {
            let read = syscall(libc::SYS_read, [file, chunk.as_mut_ptr() as c_long, CHUNK as c_long, 0, 0]);
            let Some(read) = usize::try_from(read).ok().filter(|read| *read > 0) else { break };
            for byte in chunk.iter().take(read) {
                let Some((mut from, end)) = line.take(*byte) else { continue };
                for (low, high) in kept {
                    if low < end && high > from {
                        give_back(from, low.max(from));
                        from = high.min(end);
                    }
                }
                give_back(from, end);
            }
        }
        syscall(libc::SYS_close, [file, 0, 0, 0, 0]);
    }
}

/// A line of `proc_pid_maps(5)`, read byte by byte: `55d0-55e0 rw-p 00000000 00:00 0   [heap]`.
#[derive(Default)]
struct Line {
    /// Which word is read, from zero, and whether the space before the next one is.
    word: usize,
    between: bool,
    /// Where the memory starts and ends, and which of these is read.
    ends: (usize, usize),
    at_end: bool,
    /// How many of the rights are there that it has to have: to be read, to be written, to be private.
    rights: usize,
    /// Whether it is a file's.
    named: bool,
}

impl Line {
    /// At the end of a line, the memory that it tells of, if that may be written and belongs to no file.
    fn take(&mut self, byte: u8) -> Option<(usize, usize)> {
        if byte == b'\n' {
            let line = std::mem::take(self);
            return (line.rights == 3 && !line.named && line.ends.0 < line.ends.1).then_some(line.ends);
        }
        if byte == b' ' {
            self.between = true;
            return None;
        }
        if std::mem::take(&mut self.between) {
            self.word += 1;
            // `[heap]`, `[stack]` and the like are nobody else's.
            self.named |= self.word == 5 && byte != b'[';
        }
        match (self.word, byte) {
            (0, b'-') => self.at_end = true,
            (0, digit) => {
                let end = if self.at_end { &mut self.ends.1 } else { &mut self.ends.0 };
                *end = *end << 4 | char::from(digit).to_digit(16).unwrap_or(0) as usize;
            }
            (1, b'r' | b'w' | b'p') => self.rights += 1,
            _ => {}
        }
        None
    }
}

fn give_back(from: usize, to: usize) {
    if to > from {
        let length = to - from;
        // SAFETY: mapped without a file, and nothing in there is needed any more.
        unsafe { syscall(libc::SYS_madvise, [from as c_long, length as c_long, libc::MADV_DONTNEED.into(), 0, 0]) };
    }
}
