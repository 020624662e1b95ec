//! Many followers of one log, who count its lines. A line counts when its text ends with `line ` and its number, in five
//! digits from 00001, and is the end of a JSON object: `…line 00042"}`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::timeout_at};

use crate::{
    frames::{Frame, Frames},
    http::number,
    say,
};

/// What to follow.
#[derive(clap::Args)]
pub struct Options {
    /// The server, as host:port
    #[arg(long)]
    address: String,
    /// The WebSocket's path
    #[arg(long)]
    path: String,
    /// How many follow
    #[arg(long, default_value_t = 50)]
    followers: usize,
    /// How many lines there will be
    #[arg(long, default_value_t = 50_000)]
    lines: usize,
    /// How long to wait for the first line, in seconds
    #[arg(long, default_value_t = 120)]
    patience: u64,
    /// How long after its last line a follower takes the rest to be lost, in seconds
    #[arg(long, default_value_t = 15)]
    silence: u64,
}

/// What one follower saw.
struct Seen {
    lines: usize,
    /// Numbers that never came, or too late.
    lost: usize,
    /// Lines that came again, or too late.
    repeated: usize,
    first: Option<Instant>,
    last: Instant,
}

/// Follows, and says what came.
pub async fn run(options: Options) -> Result<Value> {
    let mut opened = JoinSet::new();
    for _ in 0..options.followers {
        let (address, path) = (options.address.clone(), options.path.clone());
        opened.spawn(async move { Frames::open(&address, &path).await });
    }
    let mut followers = JoinSet::new();
    for frames in opened.join_all().await {
        let frames = frames.context("a follower could not connect")?;
        followers.spawn(follow(frames, options.lines, options.patience, options.silence));
    }
    say("connected");
    let seen = followers.join_all().await;
    let first = seen.iter().filter_map(|one| one.first).min().context("no line came")?;
    let last = seen.iter().map(|one| one.last).max().unwrap_or(first);
    let count = |of: fn(&Seen) -> usize| seen.iter().map(of).sum::<usize>();
    let (lines, seconds) = (count(|one| one.lines), (last - first).as_secs_f64());
    Ok(json!({
        "rate": ratio(lines, seconds),
        "seconds": seconds,
        "lines": lines,
        "lost": count(|one| one.lost),
        "repeated": count(|one| one.repeated),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "far fewer lines than that")]
fn ratio(lines: usize, seconds: f64) -> f64 {
    lines as f64 / seconds
}

/// Reads until the last line came, the server closed, or nothing has come for too long.
async fn follow(mut frames: Frames, lines: usize, patience: u64, silence: u64) -> Seen {
    let (patience, silence) = (Duration::from_secs(patience), Duration::from_secs(silence));
    let mut seen = Seen { lines: 0, lost: 0, repeated: 0, first: None, last: Instant::now() };
    let mut expected = 1;
    while expected <= lines {
        let deadline = seen.last + if seen.first.is_some() { silence } else { patience };
        // Whatever ends a follower early, the lines that it lacks are counted.
        let Ok(Ok(frame)) = timeout_at(deadline.into(), frames.next()).await else { break };
        let line = match frame {
            Frame::Text(text) => line(text),
            Frame::Other => None,
            Frame::Close => break,
        };
        let Some(line) = line else { continue };
        seen.last = Instant::now();
        seen.first.get_or_insert(seen.last);
        if line < expected {
            seen.repeated += 1;
        } else {
            seen.lines += 1;
            seen.lost += line - expected;
            expected = line + 1;
        }
    }
    seen.lost += (lines + 1).saturating_sub(expected);
    seen
}

/// The number of a line that counts.
fn line(text: &[u8]) -> Option<usize> {
    let (before, digits) = text.strip_suffix(b"\"}")?.split_last_chunk::<5>()?;
    before.ends_with(b"line ").then_some(())?;
    number(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_from_the_rest_by_their_end() {
        for (text, expected) in [
            (&br#"{"seq":50,"text":"xx line 00042"}"#[..], Some(42)),
            (br#"{"seq":50,"text":"a kernel was ready"}"#, None),
            (br#"{"end":"succeeded"}"#, None),
            (b"", None),
        ] {
            assert_eq!(line(text), expected);
        }
    }
}
