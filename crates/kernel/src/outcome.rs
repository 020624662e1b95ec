//! How a run ended.

use std::{fmt, time::Duration};

use nix::sys::signal::Signal;

use crate::KernelError;

/// How the run of a notebook ended. Cells are named by their index, from 0, in the notebook that was given.
#[derive(Debug)]
pub enum Outcome {
    /// Every cell ran.
    Succeeded,
    /// The notebook ended itself, as with `sys.exit(0)`, which is no error.
    Exited {
        /// The cell.
        cell: usize,
    },
    /// A cell raised an exception.
    CellError {
        /// The cell.
        cell: usize,
        /// The exception's class.
        ename: String,
        /// Its message.
        evalue: String,
        /// The traceback as the kernel formats it, with terminal colours.
        traceback: Vec<String>,
    },
    /// A cell ran for longer than a cell may.
    CellTimeout {
        /// The cell.
        cell: usize,
        /// The limit.
        after: Duration,
    },
    /// The notebook ran for longer than a run may.
    RunTimeout {
        /// The cell that ran then.
        cell: usize,
        /// The limit.
        after: Duration,
    },
    /// The kernel and its children took more memory than they may, or than there is.
    OutOfMemory {
        /// The cell that ran then.
        cell: usize,
        /// The limit in bytes; `None` when the system killed it.
        limit: Option<u64>,
        /// The most memory seen, in bytes.
        peak: u64,
    },
    /// The kernel's process ended by itself.
    Died {
        /// The cell that ran then.
        cell: usize,
        /// How the process ended.
        exit: DeathCause,
        /// The most memory seen, in bytes.
        peak: Option<u64>,
    },
    /// The kernel ran a cell and did not tell how it ended.
    NoReply {
        /// The cell.
        cell: usize,
    },
    /// The run was cancelled.
    Cancelled {
        /// The cell that ran then, if one had started.
        cell: Option<usize>,
    },
    /// There was no working kernel.
    Broken(KernelError),
}

impl Outcome {
    /// Whether nothing went wrong.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Exited { .. })
    }

    /// The cell the outcome names, from 0.
    pub fn cell(&self) -> Option<usize> {
        match self {
            Self::CellError { cell, .. }
            | Self::CellTimeout { cell, .. }
            | Self::RunTimeout { cell, .. }
            | Self::OutOfMemory { cell, .. }
            | Self::Died { cell, .. }
            | Self::NoReply { cell }
            | Self::Exited { cell } => Some(*cell),
            Self::Cancelled { cell } => *cell,
            Self::Succeeded | Self::Broken(_) => None,
        }
    }

    /// A class name in the manner of Python's exceptions, for the notebook's error output.
    pub(crate) fn ename(&self) -> &str {
        match self {
            Self::Succeeded | Self::Exited { .. } => "",
            Self::CellError { ename, .. } => ename,
            Self::CellTimeout { .. } => "CellTimeout",
            Self::RunTimeout { .. } => "RunTimeout",
            Self::OutOfMemory { .. } => "OutOfMemory",
            Self::Died { .. } => "KernelDied",
            Self::NoReply { .. } => "NoReply",
            Self::Cancelled { .. } => "Cancelled",
            Self::Broken(_) => "KernelError",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("the notebook ran to its end"),
            Self::Exited { cell } => write!(f, "the notebook ended itself in cell {cell}"),
            Self::CellError { cell, ename, evalue, .. } => {
                let (mut message, hint) = (brief(evalue), hint(ename).unwrap_or_default());
                if !hint.is_empty() {
                    message.truncate(message.trim_end_matches('.').len());
                }
                write!(f, "cell {cell} raised {ename}{}{message}{hint}", if message.is_empty() { "" } else { ": " })
            }
            Self::CellTimeout { cell, after } => {
                write!(f, "cell {cell} ran for longer than {}; make it faster or raise TIMEOUT_SECONDS", Seconds(*after))
            }
            Self::RunTimeout { cell, after } => {
                let after = Seconds(*after);
                write!(
                    f,
                    "the notebook ran for longer than {after}, in cell {cell}; make it faster or raise TIMEOUT_SECONDS"
                )
            }
            Self::OutOfMemory { cell, limit: Some(limit), peak } => {
                let (limit, peak) = (Bytes(*limit), Bytes(*peak));
                write!(
                    f,
                    "cell {cell} took {peak} of memory, over the limit of {limit}; use less data or raise \
                     KERNEL_MEMORY_LIMIT_MB"
                )
            }
            Self::OutOfMemory { cell, limit: None, peak } => {
                let peak = Bytes(*peak);
                write!(
                    f,
                    "the system ran out of memory in cell {cell} and killed the kernel, which had {peak}; use less data"
                )
            }
            Self::Died { cell, exit, peak } => {
                write!(f, "the kernel died in cell {cell}: {exit}")?;
                peak.map_or(Ok(()), |peak| write!(f, "; it had taken {} of memory", Bytes(peak)))
            }
            Self::NoReply { cell } => {
                write!(
                    f,
                    "the kernel gave no answer to cell {cell}; does the notebook replace or close parts of the kernel?"
                )
            }
            Self::Cancelled { cell: Some(cell) } => write!(f, "cancelled in cell {cell}"),
            Self::Cancelled { cell: None } => f.write_str("cancelled before the first cell"),
            Self::Broken(error) => error.fmt(f),
        }
    }
}

/// What helps against an exception that means something else in a pipeline than on somebody's own machine.
fn hint(ename: &str) -> Option<&'static str> {
    match ename {
        "ModuleNotFoundError" => {
            Some("; name its package in requirements.txt, pyproject.toml or a `# /// script` block, or commit its file")
        }
        "FileNotFoundError" => Some("; commit the file, and name it by its path from the notebook's folder"),
        "StdinNotImplementedError" => Some("; nobody can answer in a pipeline, so make it a parameter"),
        _ => None,
    }
}

/// A reason is at most this long, in characters.
const BRIEF: usize = 300;

/// The first line of a message without terminal colours, and no more of it than people read at a glance. The log has it whole.
pub fn brief(message: &str) -> String {
    let message = plain(message);
    let message = message.trim();
    let line = message.lines().next().unwrap_or_default().trim_end();
    let Some((end, _)) = line.char_indices().nth(BRIEF) else {
        return if line.len() == message.len() { line.to_owned() } else { format!("{line} …") };
    };
    let line = &line[..end];
    let sentence = line.rfind(". ").filter(|at| *at > end / 2).map(|at| at + 1);
    let cut = sentence.or_else(|| line.rfind(' ').filter(|at| *at > end / 2)).unwrap_or(end);
    format!("{} …", line[..cut].trim_end())
}

/// A text without what a terminal takes for commands: colours, and other control characters but line ends.
fn plain(message: &str) -> String {
    let mut plain = String::with_capacity(message.len().min(4 * BRIEF));
    let mut characters = message.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '\u{1b}' && characters.next_if_eq(&'[').is_some() {
            characters.by_ref().find(|c| matches!(c, '@'..='~'));
        } else if c == '\n' || !c.is_control() {
            plain.push(c);
        }
    }
    plain
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeathCause {
    /// It ended itself with this code.
    ExitCode(i32),
    /// A signal killed it: name and number.
    Signal(String, i32),
}

impl DeathCause {
    pub(crate) fn signal(number: i32) -> Self {
        let name = Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned());
        Self::Signal(name, number)
    }
}

impl fmt::Display for DeathCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExitCode(code) => write!(f, "it exited with code {code}"),
            Self::Signal(name, number) => write!(f, "it was killed by {name} ({number})"),
        }
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.0 >> 20)
    }
}

#[cfg(test)]
mod tests {
    use super::brief;

    #[test]
    fn a_reason_is_a_line_of_bounded_length() {
        let words = "word ".repeat(200);
        let long = "x".repeat(3000);
        let arrays = format!("shapes differ: [[{}", "0.1 0.2\n".repeat(200));
        let sentences = format!("{}. Then more. {long}", "a b".repeat(60));
        for (message, expected) in [
            ("", ""),
            ("no good", "no good"),
            ("\u{1b}[1;31mred\u{1b}[0m alert\0\r\nmore", "red alert …"),
            ("\u{1b}[", ""),
            ("  first\nsecond", "first …"),
            ("\nAll the 15 fits failed.\nIt is very likely", "All the 15 fits failed. …"),
            (&words, &format!("{} …", words[..300].trim_end())),
            (&long, &format!("{} …", &long[..300])),
            (&arrays, "shapes differ: [[0.1 0.2 …"),
            (&sentences, &format!("{}. Then more. …", "a b".repeat(60))),
            (&"é".repeat(301), &format!("{} …", "é".repeat(300))),
        ] {
            assert_eq!(brief(message), expected);
        }
    }
}
