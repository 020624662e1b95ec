//! A WebSocket's client side as far as a benchmark needs it (RFC 6455): whole text frames in, pings answered.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{http::Connection, intake::key};

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// The mask of what a client sends; the server takes any.
const MASKED: u8 = 0x80;
const MASK: [u8; 4] = [0; 4];

/// An open WebSocket.
pub struct Frames {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// How much of the buffer was used.
    used: usize,
}

/// What a frame is, as far as it matters here.
pub enum Frame<'a> {
    /// A message.
    Text(&'a [u8]),
    /// Nothing to count.
    Other,
    /// The last one.
    Close,
}

impl Frames {
    /// Opens a WebSocket at `host:port` and a path.
    pub async fn open(address: &str, path: &str) -> io::Result<Self> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YmVuY2htYXJrLWxvYWQtMQ==\r\n{}\r\n",
            key()
        );
        let (stream, buffer) = Connection::open(address).await?.upgrade(request.as_bytes()).await?;
        Ok(Self { stream, buffer, used: 0 })
    }

    /// The next frame.
    pub async fn next(&mut self) -> io::Result<Frame<'_>> {
        let (first, from, to) = loop {
            if let Some((first, header, length)) = header(&self.buffer[self.used..])? {
                let from = self.used + header;
                if self.buffer.len() >= from + length {
                    break (first, from, from + length);
                }
            }
            self.buffer.drain(..self.used);
            self.used = 0;
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        self.used = to;
        if first == PING {
            // A control frame's length fits into its second byte.
            let pong = [&[PONG, MASKED | u8::try_from(to - from).unwrap_or(0)], &MASK[..], &self.buffer[from..to]].concat();
            self.stream.write_all(&pong).await?;
        }
        Ok(match first {
            TEXT => Frame::Text(&self.buffer[from..to]),
            CLOSE => Frame::Close,
            _ => Frame::Other,
        })
    }
}

/// A frame's first byte, how long its header is, and how long its payload is; none while the header is not whole.
fn header(bytes: &[u8]) -> io::Result<Option<(u8, usize, usize)>> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    if !matches!(first, TEXT | CLOSE | PING | PONG) || second & MASKED != 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a whole, unmasked text frame"));
    }
    Ok(match second {
        126 => rest.first_chunk().map(|length| (first, 4, usize::from(u16::from_be_bytes(*length)))),
        127 => {
            let length = rest.first_chunk().map(|length| usize::try_from(u64::from_be_bytes(*length)));
            length.transpose().map_err(io::Error::other)?.map(|length| (first, 10, length))
        }
        length => Some((first, 2, usize::from(length))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_lengths_are_read() {
        for (bytes, expected) in [
            (&[TEXT][..], None),
            (&[TEXT, 5], Some((TEXT, 2, 5))),
            (&[TEXT, 126, 1], None),
            (&[TEXT, 126, 1, 2], Some((TEXT, 4, 258))),
            (&[TEXT, 127, 0, 0, 0, 0, 0, 1, 0, 0], Some((TEXT, 10, 65536))),
        ] {
            assert_eq!(header(bytes).expect("legal"), expected, "{bytes:?}");
        }
        assert!(header(&[0x01, 5]).is_err(), "a piece of a message");
    }
}
