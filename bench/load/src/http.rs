//! HTTP/1.1 as far as a benchmark needs it: kept-alive connections, answers with a length.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const LENGTH: &[u8] = b"\r\ncontent-length: ";
const END: &[u8] = b"\r\n\r\n";

/// A connection, and what was read from it and not used yet.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to `host:port`.
    pub async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 << 10) })
    }

    /// Sends a request and reads its whole answer; the status.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        let (status, _, end) = self.whole(request).await?;
        self.buffer.drain(..end);
        Ok(status)
    }

    /// The same; the status and the body.
    pub async fn fetch(&mut self, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let (status, head, end) = self.whole(request).await?;
        let body = self.buffer.drain(..end).skip(head).collect();
        Ok((status, body))
    }

    /// Sends a request and reads its whole answer: its status, and where its head and its body end.
    async fn whole(&mut self, request: &[u8]) -> io::Result<(u16, usize, usize)> {
        let (status, head) = self.ask(request).await?;
        let end = head + content_length(&self.buffer[..head])?;
        while self.buffer.len() < end {
            self.read().await?;
        }
        Ok((status, head, end))
    }

    /// Sends a request that changes the protocol; the stream, and what came behind the answer.
    pub async fn upgrade(mut self, request: &[u8]) -> io::Result<(TcpStream, Vec<u8>)> {
        let (status, head) = self.ask(request).await?;
        if status != 101 {
            return Err(malformed(format!("the answer was {status}, not 101")));
        }
        self.buffer.drain(..head);
        Ok((self.stream, self.buffer))
    }

    /// Sends a request and reads to the end of the answer's head: its status, and how long the head is.
    async fn ask(&mut self, request: &[u8]) -> io::Result<(u16, usize)> {
        self.stream.write_all(request).await?;
        let head = loop {
            self.read().await?;
            if let Some(at) = self.buffer.windows(END.len()).position(|bytes| bytes == END) {
                break at + END.len();
            }
        };
        let status = self.buffer.get(9..12).and_then(number).ok_or_else(|| malformed("no status".to_owned()))?;
        let status = u16::try_from(status).map_err(|error| malformed(error.to_string()))?;
        Ok((status, head))
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let at = head.windows(LENGTH.len()).position(|bytes| bytes.eq_ignore_ascii_case(LENGTH));
    let value = at.and_then(|at| head[at + LENGTH.len()..].split(|&byte| byte == b'\r').next());
    value.and_then(number).ok_or_else(|| malformed("an answer without a length".to_owned()))
}

/// A decimal number.
pub fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn malformed(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_found_however_its_name_is_written() {
        for head in
            ["HTTP/1.1 202 Accepted\r\nContent-Length: 17\r\nx: y\r\n\r\n", "HTTP/1.1 202 A\r\ncontent-length: 17\r\n\r\n"]
        {
            assert_eq!(content_length(head.as_bytes()).ok(), Some(17));
        }
        assert!(content_length(b"HTTP/1.1 202 A\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
