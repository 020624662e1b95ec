//! ZMTP 3.0 over a Unix socket, as the side that connects: what Jupyter's sockets speak.
//! <https://rfc.zeromq.org/spec/23/>
//!
//! What the other side says is not trusted, since the notebook's own code can write to it: memory is taken as bytes come, never because
//! a header announces them, and a message that grows over [`MESSAGE_MAX`] is an error.

use std::{io, path::Path};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

/// The most that one message may have, in bytes, all its parts together.
pub(crate) const MESSAGE_MAX: usize = 256 << 20;
/// The most parts that one message may have; a kernel's has six, and one for each binary buffer.
const PARTS_MAX: usize = 1024;
/// Read at once, at least.
const CHUNK: usize = 64 << 10;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// Why a socket cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ZmtpError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it does not speak ZMTP 3: {0}")]
    Protocol(&'static str),
    #[error("it sent a message of more than {} MB or {PARTS_MAX} parts", MESSAGE_MAX >> 20)]
    TooLarge,
}

/// What a socket is to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Dealer,
    /// Gets all that is published.
    Subscriber,
}

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: UnixStream,
    incoming: Incoming,
}

impl Socket {
    /// Connects. `identity` is by what a router tells this socket from others.
    pub(crate) async fn connect(path: &Path, kind: Kind, identity: &str) -> Result<Self, ZmtpError> {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(&opening(kind, identity)).await?;
        let mut greeting = [0; 64];
        stream.read_exact(&mut greeting).await?;
        check_greeting(&greeting)?;
        let mut socket = Self { stream, incoming: Incoming::default() };
        loop {
            match socket.frame().await? {
                Frame::Command(body) if body.starts_with(b"\x05READY") => break,
                Frame::Command(body) if body.starts_with(b"\x05ERROR") => return Err(ZmtpError::Protocol("it refused us")),
                Frame::Command(_) => {}
                Frame::Part { .. } => return Err(ZmtpError::Protocol("a message before it was ready")),
            }
        }
        if kind == Kind::Subscriber {
            socket.send(&[b"\x01"]).await?;
        }
        Ok(socket)
    }

    /// Sends a message. Not cancel-safe: a socket on which this was dropped is of no further use.
    pub(crate) async fn send(&mut self, parts: &[&[u8]]) -> Result<(), ZmtpError> {
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 9).sum());
        for (number, part) in parts.iter().enumerate() {
            let more = if number + 1 < parts.len() { MORE } else { 0 };
            write_frame(&mut bytes, more, part);
        }
        Ok(self.stream.write_all(&bytes).await?)
    }

    /// The next message. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> Result<Vec<Bytes>, ZmtpError> {
        loop {
            // Commands, such as a ping, need no answer in this version.
            let Frame::Part { body, last } = self.frame().await? else { continue };
            self.incoming.parts.push(body);
            if last {
                self.incoming.taken = 0;
                return Ok(std::mem::take(&mut self.incoming.parts));
            }
        }
    }

    async fn frame(&mut self) -> Result<Frame, ZmtpError> {
        loop {
            if let Some(frame) = self.incoming.next()? {
                return Ok(frame);
            }
            self.incoming.make_room();
            if self.stream.read_buf(&mut self.incoming.bytes).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

enum Frame {
    Part { body: Bytes, last: bool },
    Command(Bytes),
}

/// What was read and not yet handed on.
#[derive(Debug, Default)]
struct Incoming {
    bytes: BytesMut,
    /// Of the message that is coming in.
    parts: Vec<Bytes>,
    /// How many bytes the message has so far.
    taken: usize,
}

impl Incoming {
    /// The next frame, where all of it is here.
    fn next(&mut self) -> Result<Option<Frame>, ZmtpError> {
        let Some((&flags, rest)) = self.bytes.split_first() else { return Ok(None) };
        let (head, length) = if flags & LONG == 0 {
            let Some(&length) = rest.first() else { return Ok(None) };
            (2, usize::from(length))
        } else {
            let Some(length) = rest.first_chunk::<8>() else { return Ok(None) };
            (9, usize::try_from(u64::from_be_bytes(*length)).map_err(|_| ZmtpError::TooLarge)?)
        };
        if length > MESSAGE_MAX - self.taken || self.parts.len() >= PARTS_MAX {
            return Err(ZmtpError::TooLarge);
        }
        if self.bytes.len() < head + length {
            return Ok(None);
        }
        self.bytes.advance(head);
        let body = self.bytes.split_to(length).freeze();
        if flags & COMMAND != 0 {
            return Ok(Some(Frame::Command(body)));
        }
        self.taken += length;
        Ok(Some(Frame::Part { body, last: flags & MORE == 0 }))
    }

    /// As much again as there is, so that a large frame is copied a few times at most.
    fn make_room(&mut self) {
        if self.bytes.capacity() - self.bytes.len() < CHUNK / 4 {
            self.bytes.reserve(self.bytes.len().max(CHUNK));
        }
    }
}

fn write_frame(bytes: &mut Vec<u8>, flags: u8, body: &[u8]) {
    if let Ok(length) = u8::try_from(body.len()) {
        bytes.extend([flags, length]);
    } else {
        bytes.push(flags | LONG);
        bytes.extend((body.len() as u64).to_be_bytes());
    }
    bytes.extend(body);
}

/// Our greeting (version 3.0, no security: the socket lies in a private folder) and that we are ready.
fn opening(kind: Kind, identity: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0];
    bytes.extend(b"NULL");
    bytes.resize(64, 0);
    let mut ready = b"\x05READY".to_vec();
    let kind = match kind {
        Kind::Dealer => "DEALER",
        Kind::Subscriber => "SUB",
    };
    for (name, value) in [("Socket-Type", kind), ("Identity", identity)] {
        ready.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        ready.extend(name.as_bytes());
        ready.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        ready.extend(value.as_bytes());
    }
    write_frame(&mut bytes, COMMAND, &ready);
    bytes
}

fn check_greeting(greeting: &[u8; 64]) -> Result<(), ZmtpError> {
    let [0xff, _, _, _, _, _, _, _, _, 0x7f, version, _, mechanism @ ..] = greeting else {
        return Err(ZmtpError::Protocol("not its greeting"));
    };
    if *version < 3 || !mechanism.starts_with(b"NULL\0") {
        return Err(ZmtpError::Protocol("an older version, or with security"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(mut incoming: Incoming, pieces: impl Iterator<Item = Vec<u8>>) -> Result<Vec<Vec<Bytes>>, ZmtpError> {
        let (mut messages, mut parts) = (Vec::new(), Vec::new());
        for piece in pieces {
            incoming.make_room();
            incoming.bytes.extend_from_slice(&piece);
            while let Some(frame) = incoming.next()? {
                let Frame::Part { body, last } = frame else { continue };
                parts.push(body);
                if last {
                    incoming.taken = 0;
                    messages.push(std::mem::take(&mut parts));
                }
            }
        }
        Ok(messages)
    }

    #[test]
    fn a_frame_that_announces_more_than_a_message_may_have_is_refused_and_takes_no_memory() {
        for length in [(64_u64 << 40), u64::MAX, MESSAGE_MAX as u64 + 1] {
            let mut incoming = Incoming::default();
            incoming.bytes.extend_from_slice(&[LONG]);
            incoming.bytes.extend_from_slice(&length.to_be_bytes());
            assert!(matches!(incoming.next(), Err(ZmtpError::TooLarge)), "{length}");
            assert!(incoming.bytes.capacity() < 2 * CHUNK);
        }
    }

    #[test]
    fn a_message_has_a_limit_over_all_its_parts() {
        let mut incoming = Incoming { taken: MESSAGE_MAX - 1, ..Incoming::default() };
        incoming.bytes.extend_from_slice(&[MORE, 2, 0, 0]);
        assert!(matches!(incoming.next(), Err(ZmtpError::TooLarge)));
        let endless = Incoming { parts: vec![Bytes::new(); PARTS_MAX], ..Incoming::default() };
        assert!(matches!(read(endless, [vec![MORE, 0]].into_iter()), Err(ZmtpError::TooLarge)));
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_wherever_they_are_cut(
            messages in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 1..5), 1..5),
            cut in 1_usize..700,
        ) {
            let mut bytes = Vec::new();
            for message in &messages {
                for (number, part) in message.iter().enumerate() {
                    write_frame(&mut bytes, if number + 1 < message.len() { MORE } else { 0 }, part);
                }
            }
            let read = read(Incoming::default(), bytes.chunks(cut).map(<[u8]>::to_vec)).expect("well-formed");
            prop_assert_eq!(read, messages);
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..2000), cut in 1_usize..100) {
            let _ = read(Incoming::default(), bytes.chunks(cut).map(<[u8]>::to_vec));
        }
    }
}
